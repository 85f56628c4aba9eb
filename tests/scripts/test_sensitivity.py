"""How well scores follow encodes and flaws: files are spoilt as the script says, and its figures are right."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from clips import moving_clip, write_photographs

import jaxvqa
from jaxvqa.video.decode import open_video, read_frames


@pytest.fixture(scope="module")
def sensitivity():
    path = Path(__file__).parents[2] / "scripts" / "sensitivity.py"
    spec = importlib.util.spec_from_file_location("sensitivity", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def clip(sensitivity, tmp_path_factory):
    """A slow camera over a photograph."""
    folder = tmp_path_factory.mktemp("photographs") / "photos"
    write_photographs(folder, 1, 360)
    return sensitivity.film(next(folder.iterdir())).frames[:12]


def frames_of(path, count):
    return np.stack([frame for _, frame in read_frames(open_video(path), np.arange(count))]).astype(float)


def test_figures_of_what_follows_and_what_does_not(sensitivity):
    vmaf = np.array([[95.0, 80, 78, 40], [90, 60, 50, 20]])
    assert sensitivity.ladder_figures([vmaf, vmaf - 1], [vmaf, vmaf - 1]) == pytest.approx([1, 1, 1])
    assert sensitivity.ladder_figures([vmaf], [-vmaf]) == pytest.approx([-1, -1, 0])
    near = vmaf.copy()
    near[0, 1:3] = [78, 80]  # two that are not 6 apart change places
    assert sensitivity.ladder_figures([vmaf], [near])[2] == 1
    assert sensitivity.ladder_figures([vmaf], [near])[1] < 1
    assert sensitivity.ladder_figures([vmaf, vmaf], [vmaf, vmaf - 300])[0] < 0.8  # one scene lies below the other

    falling = -np.arange(7.0) + np.array([[0.0], [0.5]])
    within, together, pairs = sensitivity.flaw_figures(list(falling))
    assert (within, pairs) == (pytest.approx(1), 1)
    assert 0.97 < together < 1
    assert sensitivity.flaw_figures(list(-falling))[::2] == [pytest.approx(-1), 0]
    assert sensitivity.flaw_figures([falling[0], np.zeros(7)])[0] == pytest.approx(0.5)


def test_a_photograph_is_filmed_by_a_camera_that_moves(clip):
    assert (np.abs(np.diff(clip.astype(int), axis=0)).mean(axis=(1, 2, 3)) > 0.5).all()


def test_every_flaw_changes_the_clip_and_more_of_it_more(sensitivity, clip, tmp_path):
    def version(code, strength):
        path = tmp_path / f"{code}-{strength}.mkv"
        sensitivity.write(clip, path, *sensitivity.flaw(code, strength, *clip.shape[1:3]))
        return frames_of(path, open_video(path).frames)

    clean = version("T-1", 0.0)
    assert np.abs(clean - clip).mean() < 3
    for code in sensitivity.TECHNICAL:
        if code == "T-5":  # is cut out of the frames
            moves = [np.abs(np.diff(version(code, strength), axis=0)).mean() for strength in (0.2, 1.0)]
            assert 1.5 * np.abs(np.diff(clean, axis=0)).mean() < 1.5 * moves[0] < moves[1]
            continue
        little, much = (version(code, strength) for strength in (0.4, 1.0))
        if code == "T-8":
            held = [(np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3)) < 0.5).mean() for frames in (little, much)]
            assert 0.5 < held[0] < held[1]
            continue
        assert 0.2 < np.abs(little - clean).mean() < np.abs(much - clean).mean(), code


def test_ladders_fall_in_vmaf_and_are_scored_as_files(sensitivity, clip, tmp_path, monkeypatch):
    monkeypatch.setattr(sensitivity, "LADDERS", {"x264": (sensitivity.LADDERS["x264"][0], (18, 34, 50))})
    heights = []

    def score(path):
        heights.append(open_video(path).height)
        return np.arange(16) - float(len(heights))

    found = sensitivity.make_ladders(clip, score, tmp_path)
    assert found["vmaf"].shape == (2, 3)
    assert (np.diff(found["vmaf"]) < -6).all()
    assert found["vmaf"][0, 0] > max(90, found["vmaf"][1, 0])
    assert heights == 3 * [clip.shape[1]] + 3 * [clip.shape[1] // 2]
    assert found["score"][..., 0].ravel().tolist() == [-1, -2, -3, -4, -5, -6]
    assert np.isfinite(found["NIQE"]).all()  # of so small a picture, it says no more
    for name in set(sensitivity.measures()) - {"NIQE"}:
        assert found[name][0, 0] > found[name][0, 2], name

    del heights[:]
    assert sensitivity.make_sizes(clip, score, tmp_path).tolist() == [-1, -2, -3, -4]
    assert heights == [312, 208, 104, 52]

    del heights[:]
    shaken = []
    sensitivity.make_grain(clip, lambda path: shaken.append(noise_of(path)) or score(path), tmp_path)
    assert heights == 5 * [234] + 5 * [116]
    assert (np.diff(np.reshape(shaken, (2, 5)), axis=1) > 0.2).all()


def noise_of(path):
    """How much neighboring pixels of a file differ."""
    return np.abs(np.diff(frames_of(path, 1), axis=-2)).mean()


def test_noise_that_raises_overall_is_reported(sensitivity, capsys):
    grain = [np.array([[60.0, 58, 65, 50, 40], [30, 29, 28, 20, 10]]), np.array([[60.0] * 5, [30, 30.5, 30, 30, 42]])]
    assert sensitivity.print_grain(grain)[0][0] == [60, 58, 65, 50, 40]
    out = capsys.readouterr().out
    assert "noise at 0.75 of the size: raises overall in 1 of 2 scenes, by 2.5 on average, 5.0 at most" in out
    assert "noise at 0.375 of the size: raises overall in 1 of 2 scenes, by 6.0 on average, 12.0 at most" in out


def test_probability_of_the_better_encode_is_that_of_scenes(sensitivity, capsys):
    """Scores that are VMAF and noise of a deviation: differences have its square root of two times."""
    generator = np.random.default_rng(0)
    ladders = []
    for _ in range(8):
        truth = generator.uniform(20, 100, (6, 6))
        scores = np.zeros((6, 6, 16))
        scores[..., 0] = truth + generator.normal(0, 3, truth.shape)
        ladders.append({"vmaf": truth, "score": scores})
    found = sensitivity.print_preference(ladders)
    assert found["deviation"] == pytest.approx(3 * 2**0.5, abs=0.7)
    for low, high, _, right in found["said"]:
        assert low - 0.03 <= right <= high + 0.03
    assert "right in" in capsys.readouterr().out


@pytest.mark.parametrize("installed", [True, False])
def test_without_brisque_its_line_is_left_out(sensitivity, installed, monkeypatch, capsys):
    monkeypatch.setattr(sensitivity.importlib.util, "find_spec", lambda name: installed or None)
    names = ["score", "NIQE", *["BRISQUE"] * installed, "Laplacian"]
    assert [*sensitivity.measures()] == names[1:]
    rows = np.array([[90.0, 60, 30]])
    ladder = dict.fromkeys(["vmaf", *names[1:]], rows) | {"score": rows[..., None].repeat(16, axis=-1)}
    assert [*sensitivity.print_ladders([ladder])] == names
    assert ("pip install -e '.[measure]'" in capsys.readouterr().out) is not installed


def test_each_flaw_is_held_against_its_own_dimension(sensitivity):
    codes = [dimension.code for dimension in jaxvqa.DIMENSIONS]
    flaws = np.zeros((8, 7, 16))
    for number, code in enumerate(sensitivity.TECHNICAL):
        flaws[number, :, codes.index(code)] = -np.arange(7)
    figures = sensitivity.print_flaws([flaws, flaws])
    assert all(figure == [(1, 1, 1)] * 3 for figure in figures.values())
    ladders = {"score": [(0.9, 0, 1), (0.97, 0, 1), (0.96, 0, 1)]}
    assert sensitivity.passed({"flaws": figures, "ladders": ladders}) == ["O", "T-all", *sensitivity.TECHNICAL]
    figures["T-3 noise"][1] = (0.6, 0, 1)
    ladders["score"][0] = (0.8, 0, 1)
    expected = [code for code in sensitivity.TECHNICAL if code != "T-3"]
    assert sensitivity.passed({"flaws": figures, "ladders": ladders}) == expected


def test_interval_holds_nine_of_ten(sensitivity):
    errors = np.arange(1.0, 100)
    scores = np.zeros((99, 1, 16))
    scores[:, 0, 0] = 50 + errors * np.resize([1, -1], 99)
    ladder = {"vmaf": np.full((99, 1), 50.0), "score": scores}
    assert sensitivity.print_interval([ladder]) == 90


def test_released_weights_score_the_same_and_say_what_passed(sensitivity, clips, tmp_path):
    mini = Path(jaxvqa.__file__).parent / "weights" / "mini"
    figures = {"T-1 sharpness": [(0.5, 0, 1)] * 3, "T-3 noise": [(1.0, 0, 1)] * 3}
    facts = {"flaws": figures, "ladders": {"score": [(0.5, 0, 1)] * 3}, "interval": 12.5}
    sensitivity.release(mini, tmp_path / "mini", facts | {"preference": {"deviation": 4.5}})
    card = json.loads((tmp_path / "mini" / "jaxvqa.json").read_text())["training"]
    assert (card["name"], card["validated"]) == ("jaxvqa-mini", ["T-3"])
    assert (card["vmaf_interval"], card["pair_deviation"]) == (12.5, 4.5)
    one, other = (jaxvqa.load(folder) for folder in (mini, tmp_path / "mini"))
    assert other.weights_id.startswith("jaxvqa-mini-")
    assert np.array_equal(one.score(clips / "a.mp4").raw, other.score(clips / "a.mp4").raw, equal_nan=True)


def test_what_could_not_be_written_is_said_before_measuring(sensitivity, small_weights, tmp_path, monkeypatch, capsys):
    clip = moving_clip(tmp_path / "clip.mp4", 20, 120, 160)
    monkeypatch.setattr(sensitivity, "measure", lambda *_: pytest.fail("measured"))
    for arguments, message in (
        ([str(clip), "--output", str(tmp_path / "no" / "x.json")], "is in no folder that there is"),
        ([str(clip), "--release", str(tmp_path)], "already exists"),
        ([str(clip), "--release", str(tmp_path / "new")], "has no model card"),
        ([str(clip), "--photos", str(tmp_path)], "name both folders"),
        ([], "no clips to measure with"),
    ):
        monkeypatch.setattr(sys, "argv", ["sensitivity.py", *arguments, "--weights", str(small_weights)])
        assert sensitivity.main() == 2
        assert message in capsys.readouterr().err


def test_flaws_begin_with_the_scene_as_it_is(sensitivity, clip, tmp_path, monkeypatch):
    monkeypatch.setattr(sensitivity, "TECHNICAL", ("T-2", "T-3"))
    sizes = []

    def score(path):
        sizes.append(path.stat().st_size)
        return np.full(16, len(sizes))

    found = sensitivity.make_flaws(clip, score, tmp_path)
    assert found[..., 0].tolist() == [[1, 2, 3, 4, 5, 6, 7], [1, 8, 9, 10, 11, 12, 13]]
    assert sizes[0] > sizes[1] > sizes[6]  # what is blurred takes fewer bytes, what is noisy more
    assert sizes[0] < sizes[7] < sizes[12]
