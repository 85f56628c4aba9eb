import json

import numpy as np
import pytest

from jaxvqa import DIMENSIONS, UserError
from jaxvqa.datasets.cache import load_rated
from jaxvqa.geometry import MOMENTS
from jaxvqa.synthetic import scenes
from jaxvqa.synthetic.degradations import AESTHETIC, TECHNICAL, perceived
from jaxvqa.synthetic.maxwell import FIVE_POINTS, choose_source, rate_clip, render, render_clip
from jaxvqa.synthetic.scenes import PHOTOGRAPHS, Camera, picture
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
        assert (
            len(frames) == clip["frames"] > MOMENTS
        )  # by the published rule, the aesthetic encoder would see one frame of less
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
