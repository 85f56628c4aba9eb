import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from jaxvqa import DIMENSIONS, UserError
from jaxvqa.datasets.cache import load_rated
from jaxvqa.main import main
from jaxvqa.synthetic import scenes
from jaxvqa.synthetic.degradations import AESTHETIC, TECHNICAL, compression_crf, degrade, expose, perceived
from jaxvqa.synthetic.maxwell import FIVE_POINTS, choose_source, rate_clip, render, render_clip
from jaxvqa.synthetic.scenes import PHOTOGRAPHS, RENDERED, Camera, picture
from jaxvqa.synthetic.transcode import encode
from jaxvqa.video.decode import open_video, read_frames

CLIPS = 10


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "synthetic_maxwell"
    render(folder, CLIPS, seed=3, workers=2)
    return folder


@pytest.fixture(scope="module")
def facts(rendered):
    return json.loads((rendered / "synthetic.json").read_text())


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_seed_decides_every_byte_and_the_number_of_workers_none(rendered, tmp_path):
    render(tmp_path / "again", CLIPS, seed=3, workers=1)
    once, again = content(rendered), content(tmp_path / "again")
    assert once.keys() == again.keys()
    assert [name for name in once if once[name] != again[name]] == []
    render_clip(tmp_path, seed=4, number=0)
    assert (tmp_path / "0000.mp4").read_bytes() != (rendered / "videos" / "0000.mp4").read_bytes()


def test_it_is_a_database_that_says_it_is_synthetic(rendered, facts, capfd):
    assert "SYNTHETIC" in facts["what"]
    for split, number in (("train", 8), ("validation", 2)):
        videos = load_rated(f"synthetic_maxwell:{split}", rendered.parent)
        assert videos.synthetic
        assert videos.labels.shape == (number, 16)
        clips = [clip for clip in facts["clips"] if clip["split"] == split]
        assert videos.names == [clip["name"] for clip in clips]
        labels = [[clip["labels"][dimension.code] for dimension in DIMENSIONS] for clip in clips]
        np.testing.assert_allclose(videos.labels, labels, atol=1e-6)
    assert capfd.readouterr().err == ""


def test_files_hold_what_is_said_of_them(rendered, facts):
    for clip in facts["clips"]:
        video = open_video(rendered / "videos" / clip["name"])
        assert (video.frames, video.height, video.width) == (clip["frames"], clip["height"], clip["width"])
        frames = [frame for _, frame in read_frames(video, np.arange(video.frames))]
        assert len(frames) == clip["frames"]
        assert min(clip["height"], clip["width"]) >= 240


def test_no_source_is_in_both_splits():
    sources = {"train": set(), "validation": set()}
    for split, found in sources.items():
        for number in range(300):
            found.add(choose_source(split, np.random.default_rng(number)))
    photographs = {split: found & PHOTOGRAPHS.keys() for split, found in sources.items()}
    assert not photographs["train"] & photographs["validation"]
    assert photographs["train"] | photographs["validation"] == PHOTOGRAPHS.keys()
    assert photographs["validation"] == set(scenes.photographs("validation"))
    assert len(photographs["validation"]) == 4


def test_labels_are_mean_votes(facts):
    for clip in facts["clips"]:
        for code, label in clip["labels"].items():
            low, high = (1, 5) if code in FIVE_POINTS else (-1, 1)
            assert low <= label <= high
            assert abs(35 * label - round(35 * label)) < 1e-9


def test_each_strength_lowers_its_own_label_and_the_overall_one():
    none = dict.fromkeys(AESTHETIC + TECHNICAL, 0.0)
    assert set(perceived(none).values()) == {0.0}
    for code in none:
        means = []
        for strength in (0.0, 0.5, 1.0):
            votes = [rate_clip({**none, code: strength}, np.random.default_rng(i)) for i in range(20)]
            means.append({name: np.mean([vote[name] for vote in votes]) for name in votes[0]})
        for name in (code, "O", f"{code[0]}-all"):
            assert means[0][name] > means[1][name] > means[2][name], (code, name)
        assert perceived({**none, code: 1.0})[code] == 1


@pytest.fixture(scope="module")
def clip():
    return film("coffee", 24, 240, 320, 0.0, Camera(), 0)


def film(source, frames, height, width, clutter, camera, seed):
    generator = np.random.default_rng(seed)
    scene = [picture(source, height, width, generator)] * frames
    return scenes.film(scene, height, width, clutter, camera, generator)


def detail(clip):
    """Mean difference of neighbours, level and upright."""
    return np.abs(np.diff(clip.astype(float), axis=1)).mean() + np.abs(np.diff(clip.astype(float), axis=2)).mean()


def changes(clip):
    return np.abs(np.diff(clip.astype(float), axis=0)).mean()


def colour(clip):
    return np.ptp(clip.astype(float), axis=3).mean()


def still(clip):
    return np.mean([np.array_equal(a, b) for a, b in pairwise(clip)])


@pytest.mark.parametrize(
    ("code", "measure", "sign"),
    [
        ("A-1", detail, -1),
        ("A-3", colour, -1),
        ("A-4", np.std, -1),
        ("T-1", detail, -1),
        ("T-2", detail, -1),
        ("T-3", changes, 1),
        ("T-4", detail, -1),
        ("T-5", changes, 1),
        ("T-8", still, 1),
    ],
)
def test_degradations_do_what_they_say(clip, code, measure, sign):
    none = dict.fromkeys(AESTHETIC + TECHNICAL, 0.0)
    assert np.array_equal(degrade(clip, none, np.random.default_rng(0)), clip)
    values = []
    for strength in (0.0, 0.3, 0.6, 1.0):
        degraded = degrade(clip, {**none, code: strength}, np.random.default_rng(1))
        assert degraded.shape == clip.shape
        assert degraded.dtype == np.uint8
        values.append(measure(degraded))
    assert (np.diff(values) * sign > 0).all(), values


def test_exposure_goes_both_ways(clip):
    dark, bright = (expose(clip, 0.6, bright) for bright in (False, True))
    assert dark.mean() < clip.mean() < bright.mean()


@pytest.mark.parametrize("camera", [Camera(shake=1), Camera(wander=1)])
def test_an_unsteady_camera_is_seen(camera):
    steady, unsteady = (
        np.mean([changes(film("coffee", 48, 240, 320, 0.0, c, i)) for i in range(3)]) for c in (Camera(), camera)
    )
    assert unsteady > 1.2 * steady


@pytest.mark.parametrize("source", [*RENDERED, *PHOTOGRAPHS])
def test_every_source_fills_the_frame(source):
    for height, width in ((426, 240), (270, 480)):
        camera = Camera(shake=1, wander=1, tilt=1)
        clip = film(source, 3, height, width, 1.0, camera, 5)
        black = (clip == 0).all(axis=3)
        assert not black[:, [0, 0, -1, -1], [0, -1, 0, -1]].all(), "a corner outside of the picture"
        assert clip.std() > 8


def test_compression_is_the_encoders(clip, tmp_path):
    sizes = []
    for strength in (0.0, 0.5, 1.0):
        path = tmp_path / f"{strength}.mp4"
        encode(path, clip, 25, compression_crf(strength))
        sizes.append(path.stat().st_size)
    assert sizes[0] > 2 * sizes[1] > 3 * sizes[2]


def test_what_is_there_is_not_overwritten(rendered):
    with pytest.raises(UserError, match="already exists"):
        render(rendered, CLIPS)
    with pytest.raises(UserError, match="too few"):
        render(rendered.parent / "few", 3)


def test_a_failure_leaves_nothing(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jaxvqa.synthetic.maxwell.write_labels", full)
    with pytest.raises(OSError, match="No space"):
        render(tmp_path / "x" / "y", CLIPS)
    assert not list((tmp_path / "x").iterdir())


def test_command(tmp_path, capfd):
    config = Path(__file__).parents[1] / "configs" / "synthetic.py"
    output = tmp_path / "data" / "synthetic_maxwell"
    assert main(["jaxvqa", f"--config={config}", f"--config.output={output}", "--config.clips=10"]) == 0
    assert len(list((output / "videos").iterdir())) == 10
    assert not list(output.parent.glob(".synthetic*"))
    assert main(["jaxvqa", f"--config={config}", f"--config.output={output}"]) == 2
    assert "already exists" in capfd.readouterr().err


def test_full_disk_is_one_sentence_and_leaves_nothing(small_disk, capfd):
    config = Path(__file__).parents[1] / "configs" / "synthetic.py"
    disk = small_disk("100k")
    assert main(["jaxvqa", f"--config={config}", f"--config.output={disk / 'clips'}", "--config.clips=10"]) == 1
    assert re.fullmatch(
        r"jaxvqa: .*\.mp4: No space left on device; what was finished is kept\.\n", capfd.readouterr().err
    )
    assert not list(disk.iterdir())
