import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import SCORED
from pages import Page

import jaxvqa
from jaxvqa.main import main
from jaxvqa.synthetic.scenes import Camera, film, picture
from jaxvqa.synthetic.transcode import encode
from jaxvqa.video.decode import open_video
from jaxvqa.video.sampling import Sampling, draw_plan
from jaxvqa.video.views import video_views

ROOT = Path(__file__).parents[1]


def score(videos, weights, output, *overrides):
    """The scoring command in this process; returns its exit code."""
    config = ROOT / "configs" / "score.py"
    fields = {"videos": videos, "weights": weights, "output": output}
    return main(["jaxvqa", f"--config={config}", *(f"--config.{k}={v}" for k, v in fields.items()), *overrides])


def test_plan_given_by_the_caller(clips, small_weights):
    model = jaxvqa.load(small_weights)
    plan = draw_plan("whole", 5, 20, 240, 320)
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
def model(small_weights):
    return jaxvqa.load(small_weights)


def seen(model, folder, frames, black, rule):
    """In how many of 64 moments black frames change what the aesthetic encoder sees of a filmed photograph."""
    generator = np.random.default_rng(2)
    scene = [picture("cat", 240, 360, generator)] * frames
    clip = film(scene, 240, 360, 0, Camera(), generator).copy()
    clips = [clip, clip.copy(), np.zeros_like(clip)]
    clips[1][black] = 0
    features = []
    for number, pixels in enumerate(clips):
        encode(folder / f"{number}.mp4", pixels, 24, 25)
        video = open_video(folder / f"{number}.mp4")
        [plan] = Sampling(rule=rule).plans(video)
        features.append(model.features(video_views(video, plan))[..., :32])  # of CLIP
    clean, harmed, nothing = features
    off, most = (np.abs(some - clean).mean(axis=(1, 2)) for some in (harmed, nothing))
    return int((off > most / 2).sum())


def test_one_black_frame_of_a_short_video_counts_as_one(model, tmp_path):
    assert seen(model, tmp_path, 63, slice(1), "whole") <= 3
    assert seen(model, tmp_path, 63, slice(1), "published") == 64  # which sees no other frame


def test_the_end_of_a_video_counts(model, tmp_path):
    assert 28 <= seen(model, tmp_path, 120, slice(64, None), "whole") <= 32
    assert seen(model, tmp_path, 120, slice(64, None), "published") < 4  # which ends at frame 63


def test_names_decide_nothing(clips, small_weights, tmp_path):
    model = jaxvqa.load(small_weights)
    expected = model.score(clips / "b.mp4").raw
    for name in ("a.mp4", "another name.mkv"):
        copy = shutil.copy(clips / "b.mp4", tmp_path / name)
        assert np.array_equal(model.score(copy).raw, expected)
        assert np.array_equal(model.explain(copy).scores.raw, expected)
    assert not np.array_equal(model.score(copy, sampling="published").raw, expected)
    assert not np.array_equal(model.score(copy, seed=1).raw, expected)


def test_what_is_not_scored_is_nan(clips, partial_weights):
    model = jaxvqa.load(partial_weights, custom=[("good", "bad")])
    known = np.array([dimension.code in SCORED for dimension in jaxvqa.DIMENSIONS])
    once = model.score(clips / "a.mp4")
    explained = model.explain(clips / "a.mp4", repeats=2)
    for scores in (once, explained.scores):
        for values in (scores.raw, scores.display, scores.local):
            assert values.dtype == np.float32
            assert np.array_equal(np.isnan(values), np.broadcast_to(~known, values.shape))
        assert [*scores.dimensions] == ["overall", "sharpness", "noise"]
        assert scores.overall == scores.dimensions["overall"]
        assert 0 < scores.custom["good", "bad"] < 1
    assert np.array_equal(np.isnan(explained.scores.deviation), ~known)
    assert np.array_equal(np.isnan(explained.percentiles), ~known)
    assert {jaxvqa.DIMENSIONS[i].code for i in explained.weakest} == {"T-1", "T-3"}
    with pytest.raises(jaxvqa.UserError, match="content is not scored by weights"):
        explained.worst(1)
    page = Page(jaxvqa.report([explained]))
    assert page.attributes.count(("class", "plot")) == len(SCORED) + 2  # and how it was coded
    assert "".join(page.text).count("Not scored by this model: content, composition, ") == 1


def test_words_need_a_text_transformer(clips, released_weights, tmp_path, capfd):
    assert score(clips / "a.mp4", released_weights, tmp_path, "--config.prompts=good / bad") == 2
    assert "have no text encoder, so they cannot score custom prompts" in capfd.readouterr().err
