import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

import jaxvqa
from jaxvqa.main import main
from jaxvqa.synthetic.scenes import Camera, film, picture
from jaxvqa.synthetic.transcode import encode
from jaxvqa.video.sampling import draw_plan

ROOT = Path(__file__).parents[1]


def score(videos, weights, output, *overrides):
    """The scoring command in this process; returns its exit code."""
    config = ROOT / "configs" / "score.py"
    fields = {"videos": videos, "weights": weights, "output": output}
    return main(["jaxvqa", f"--config={config}", *(f"--config.{k}={v}" for k, v in fields.items()), *overrides])


def test_plan_given_by_the_caller(clips, small_weights):
    model = jaxvqa.load(small_weights)
    plan = draw_plan("whole", 5, "5" * 64, 20, 240, 320)
    expected = model.score(clips / "a.mp4", plan=plan)
    assert np.array_equal(model.score(clips / "a.mp4", plan=plan).local, expected.local)
    assert not np.array_equal(model.score(clips / "a.mp4").local, expected.local)
    for field, value in (
        ("technical_indices", np.full(128, 20)),
        ("aesthetic_indices", np.full(64, -1)),
        ("row_offsets", np.full((7, 7, 4), -1)),
        ("column_offsets", np.full((7, 7, 4), 320 // 7 - 31)),
    ):
        with pytest.raises(jaxvqa.UserError, match=f"sampling plan: {field} must be"):
            model.score(clips / "a.mp4", plan=dataclasses.replace(plan, **{field: value}))


@pytest.fixture(scope="module")
def mini():
    return jaxvqa.load("mini")


def changes(model, folder, frames, black, **settings):
    """How many points black frames change the display scores of a filmed photograph, by dimension."""
    generator = np.random.default_rng(2)
    scene = [picture("cat", 240, 360, generator)] * frames
    clip = film(scene, 240, 360, 0, Camera(), generator).copy()
    encode(folder / "clean.mp4", clip, 24, 25)
    clip[black] = 0
    encode(folder / "black.mp4", clip, 24, 25)
    clean, harmed = (model.score(folder / name, **settings).display for name in ("clean.mp4", "black.mp4"))
    return dict(zip((d.name for d in jaxvqa.DIMENSIONS), 100 * (harmed - clean), strict=True))


def test_one_black_frame_of_a_short_video_counts_as_one(mini, tmp_path):
    found = changes(mini, tmp_path, 63, slice(1))
    assert max(abs(found["content"]), abs(found["color"])) < 10
    published = changes(mini, tmp_path, 63, slice(1), sampling="published")  # which sees no other frame
    assert max(published["content"], published["color"]) < -50


def test_the_end_of_a_video_counts(mini, tmp_path):
    found = changes(mini, tmp_path, 120, slice(64, None))
    assert max(found["color"], found["exposure"]) < -20
    published = changes(mini, tmp_path, 120, slice(64, None), sampling="published")  # which ends at frame 63
    assert max(abs(published["color"]), abs(published["exposure"])) < 5


def test_names_decide_nothing(clips, small_weights, tmp_path):
    model = jaxvqa.load(small_weights)
    expected = model.score(clips / "b.mp4").raw
    for name in ("a.mp4", "another name.mkv"):
        copy = shutil.copy(clips / "b.mp4", tmp_path / name)
        assert np.array_equal(model.score(copy).raw, expected)
        assert np.array_equal(model.explain(copy).scores.raw, expected)
    assert not np.array_equal(model.score(copy, sampling="published").raw, expected)
    assert not np.array_equal(model.score(copy, seed=1).raw, expected)


def test_words_need_a_text_transformer(clips, released_weights, tmp_path, capfd):
    assert score(clips / "a.mp4", released_weights, tmp_path, "--config.prompts=good / bad") == 2
    assert "have no text encoder, so they cannot score custom prompts" in capfd.readouterr().err
