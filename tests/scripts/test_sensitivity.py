import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from clips import moving_clip

import jaxvqa
from jaxvqa.synthetic.degradations import TECHNICAL
from jaxvqa.synthetic.scenes import load
from jaxvqa.synthetic.stream import real_clips
from jaxvqa.video.decode import open_video, read_frames


@pytest.fixture(scope="module")
def sensitivity():
    spec = importlib.util.spec_from_file_location(
        "sensitivity", Path(__file__).parents[2] / "scripts" / "sensitivity.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def clip(sensitivity, tmp_path_factory):
    return sensitivity.read_clip(moving_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", 24, 120, 160))


def test_agreement_of_what_follows_and_what_does_not(sensitivity):
    falling = -np.arange(7.0) + np.array([[0.0], [0.5]])
    found = sensitivity.agreement(falling)
    assert found["each"] == pytest.approx([1, 1])
    assert (found["within"], found["pairs"]) == (pytest.approx(1), 1)
    assert 0.97 < found["together"] < 1
    assert sensitivity.agreement(-falling)["within"] == pytest.approx(-1)
    assert sensitivity.agreement(-falling)["pairs"] == 0
    assert sensitivity.agreement(np.vstack([falling[:1], np.zeros(7)]))["within"] == pytest.approx(0.5)


def test_every_flaw_changes_the_clip_and_more_of_it_more(sensitivity, clip, tmp_path):
    def version(code, strength):
        path = tmp_path / f"{code}-{strength}.mp4"
        sensitivity.write_version(path, clip, code, strength, 0)
        return np.stack([frame for _, frame in read_frames(open_video(path), np.arange(len(clip)))]).astype(float)

    clean = version("T-1", 0.0)
    for code in TECHNICAL:
        assert np.array_equal(version(code, 0.0), clean), code
        little, much = (np.abs(version(code, strength) - clean).mean() for strength in (0.2, 1.0))
        assert 0.3 < little < much, code


def test_laplacian_and_brisque_tell_blur(sensitivity, tmp_path):
    photograph = np.asarray(load("china.jpg").crop((0, 0, 320, 240)))
    for strength in (0.0, 1.0):
        sensitivity.write_version(tmp_path / f"{strength}.mp4", np.stack([photograph] * 4), "T-2", strength, 0)
    for measure in (sensitivity.laplacian, sensitivity.brisque):
        assert measure(tmp_path / "0.0.mp4") > measure(tmp_path / "1.0.mp4")


def test_released_weights_score_the_same_and_say_what_passed(sensitivity, released_weights, clips, tmp_path):
    sensitivity.release(released_weights, tmp_path / "mini", ["T-3"], 5)
    training = json.loads((tmp_path / "mini" / "jaxvqa.json").read_text())["training"]
    assert (training["name"], training["validated"]) == ("jaxvqa-mini", ["T-3"])
    one, other = (jaxvqa.load(folder) for folder in (released_weights, tmp_path / "mini"))
    assert training["limits"].endswith("; validated in noise only, on synthetic flaws in 5 real clips")
    assert other.weights_id.startswith("jaxvqa-mini-")
    assert np.array_equal(one.score(clips / "a.mp4").raw, other.score(clips / "a.mp4").raw)


def test_clips_that_are_trained_on_are_refused(sensitivity, released_weights, monkeypatch, capsys):
    distorted = real_clips()[0].with_name("carphone_distorted.mp4")  # shows what one of them shows
    for path in (real_clips()[0], distorted):
        monkeypatch.setattr(sys, "argv", ["sensitivity.py", str(path), "--weights", str(released_weights)])
        assert sensitivity.main() == 2
        assert "is a clip that jaxvqa-mini was trained on" in capsys.readouterr().err


def test_what_could_not_be_written_is_said_before_measuring(sensitivity, small_weights, tmp_path, monkeypatch, capsys):
    clip = moving_clip(tmp_path / "clip.mp4", 20, 120, 160)
    tiny = moving_clip(tmp_path / "tiny.mp4", 20, 48, 48)
    monkeypatch.setattr(sensitivity, "measure", lambda *_: pytest.fail("measured"))
    for path, options, message in (
        (clip, ["--output", str(tmp_path / "no" / "x.json")], "is in no folder that there is"),
        (clip, ["--release", str(tmp_path)], "already exists"),
        (clip, ["--release", str(tmp_path / "new")], "has no model card"),
        (tiny, [], "is 48x48: sides must be 106 or more"),
    ):
        monkeypatch.setattr(sys, "argv", ["sensitivity.py", str(path), "--weights", str(small_weights), *options])
        assert sensitivity.main() == 2
        assert message in capsys.readouterr().err


def test_each_flaw_is_held_against_its_own_dimension(sensitivity, clip):
    codes = [dimension.code for dimension in jaxvqa.DIMENSIONS]
    seen = []

    def scores(path):
        seen.append(path.name)
        return np.arange(16) - len(seen)

    values = sensitivity.measure(["a.mp4", "b.mp4"], [clip, clip], {"score": scores, "plain": lambda path: -len(seen)})
    assert len(seen) == 2 * (1 + 6 * len(TECHNICAL))
    assert set(seen) == {"0.mp4", "1.mp4"}
    for number, code in enumerate(TECHNICAL):
        found = values[code]["score"]
        order = np.array([1, *range(6 * number + 2, 6 * number + 8)])  # one clean version for all flaws of a clip
        expected = np.stack([order, order + 49])[..., None]
        assert np.array_equal(found[..., 0], codes.index(code) - expected[..., 0])
        assert np.array_equal(found[..., 1:], np.arange(16) - expected)
        assert np.array_equal(values[code]["plain"], np.broadcast_to(-expected, (2, 7, 17)))


def test_falls_are_in_deviations_of_the_scale(sensitivity, released_weights):
    model = jaxvqa.load(released_weights)
    scores = np.zeros((2, 7, 16))
    scores[:, 0] = 0.4
    scores[:, 3] = -5  # not the worst level
    expected = 0.4 / model.card.scale.deviation
    np.testing.assert_allclose(sensitivity.fall(scores, model), expected, atol=1e-3)
