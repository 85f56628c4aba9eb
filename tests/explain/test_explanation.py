"""Explanations: whether what is shown of a video is where, when and how the numbers say."""

import dataclasses
import json
import re

import numpy as np
import pytest
from clips import moving_clip
from pages import Page

import jaxvqa
from jaxvqa.explain.explanation import Explanation, region
from jaxvqa.explain.locations import locate
from jaxvqa.explain.section import section
from jaxvqa.video.decode import open_video
from jaxvqa.video.sampling import draw_plan

NAMES = [dimension.name for dimension in jaxvqa.DIMENSIONS]


SHARPNESS, CONTENT = NAMES.index("sharpness"), NAMES.index("content")


def crafted(explained, local):
    """An explanation of the same video with other local scores."""
    raw = local.mean(axis=(0, 1))
    card = dataclasses.replace(explained.card, validated=tuple(d.code for d in jaxvqa.DIMENSIONS))
    scores = dataclasses.replace(explained.scores, local=local, raw=raw, display=raw)
    return dataclasses.replace(explained, scores=scores, card=card)


def test_sentences_say_what_when_and_where(explained):
    local = np.full((64, 49, 16), 0.5)
    local[..., SHARPNESS] = 0.46
    local[20:24, [40, 41, 47, 48], SHARPNESS] = -0.2  # two rows and columns at the lower right
    e = crafted(explained, local)
    start, *_, end = e.video.seconds[e.places.frames[1, 20:24]]
    assert e.weakest[0] == SHARPNESS
    assert e.worst(SHARPNESS) == (20, (start, end), "lower right")
    first = e.sentences[0]
    assert re.match(r"Weakest: sharpness \(\d+(st|nd|rd|th) percentile\), \w+ \(", first)
    assert first.endswith(f"the former is worst between {start:.1f} s and {end:.1f} s, lower right.")

    local[..., CONTENT] = 0.4
    local[10, :, CONTENT] = 0.1
    e = crafted(explained, local)
    at = e.video.seconds[e.places.frames[0, 10]]
    assert e.weakest[0] == CONTENT
    assert e.worst(CONTENT) == (10, (at, at), "")
    assert e.sentences[0].endswith(f"the former is worst at {at:.1f} s.")

    local[..., CONTENT] = 0.4
    local[:, [0, 1, 7, 8], CONTENT] = 0.1
    e = crafted(explained, local)
    assert e.worst(CONTENT)[1:] == (None, "upper left")
    assert e.sentences[0].endswith("the former is worst at the upper left.")


def test_a_worst_time_ends_where_the_encoder_did_not_look(explained):
    frames = 18000
    video = dataclasses.replace(explained.video, frames=frames, seconds=np.arange(frames) / 30)
    plan = draw_plan("whole", 0, frames, video.height, video.width)
    local = np.full((64, 49, 16), 0.5)
    local[16:48, ..., [SHARPNESS, CONTENT]] = 0.2  # two clips of two seconds, more than a minute apart
    e = dataclasses.replace(crafted(explained, local), video=video, plans=[plan])
    assert e.worst(SHARPNESS).seconds == tuple(plan.technical_indices[[32, 62]] / 30)
    assert e.worst(CONTENT).seconds == tuple(plan.aesthetic_indices[[16, 47]] / 30)


def test_what_does_not_vary_is_not_spoken_of(explained):
    e = crafted(explained, np.full((64, 49, 16), 0.45))
    assert e.worst(SHARPNESS)[1:] == (None, "")
    assert "worst" not in e.sentences[0]
    assert len(e.sentences) == 1
    good = crafted(explained, np.full((64, 49, 16), 0.69))
    assert good.sentences[1] == "None of these is below the middle of the videos it is compared with."


def test_regions():
    names = [["upper left", "top", "upper right"], ["left", "center", "right"], ["lower left", "bottom", "lower right"]]
    for i, rows in enumerate((slice(0, 2), slice(2, 5), slice(5, 7))):
        for j, columns in enumerate((slice(0, 2), slice(2, 5), slice(5, 7))):
            scores = np.ones((7, 7))
            scores[rows, columns] = 0
            assert region(scores, 0.5) == names[i][j]
    assert region(np.ones((7, 7)), 0.5) == ""


def test_on_a_linear_scale_the_lowest_scores_are_the_weakest(explained):
    """A trace of noise is rare, so a low percentile, and yet not why a video is bad."""
    display = np.full(16, 0.9)
    display[[SHARPNESS, NAMES.index("noise")]] = 0.5, 0.85
    scores = dataclasses.replace(explained.scores, display=display)
    quantiles = np.zeros_like(explained.card.quantiles)
    quantiles[:, NAMES.index("noise")] = 1.0
    scale = dataclasses.replace(explained.card.scale, linear=True)
    every = tuple(d.code for d in jaxvqa.DIMENSIONS)
    card = dataclasses.replace(explained.card, quantiles=quantiles, scale=scale, validated=every)
    e = dataclasses.replace(explained, scores=scores, card=card)
    assert [NAMES[i] for i in e.weakest[:2]] == ["sharpness", "noise"]
    assert e.sentences[0].startswith("Weakest: sharpness (50 of 100), noise (85)")
    assert len(e.sentences) == 1
    sigmoid = dataclasses.replace(card, scale=explained.card.scale)
    assert NAMES[dataclasses.replace(e, card=sigmoid).weakest[0]] == "noise"


def test_an_estimate_of_vmaf_is_shown_with_its_interval(explained):
    card = dataclasses.replace(explained.card, vmaf_interval=12.4)
    for display, said in ((0.63, "VMAF 51 to 75 (90 % interval)"), (0.95, "VMAF 83 to 100"), (0.05, "VMAF 0 to 17")):
        scores = dataclasses.replace(explained.scores, display=np.full(16, display))
        assert said in section(dataclasses.replace(explained, scores=scores, card=card)).html
    assert "VMAF" not in section(explained).html


def test_several_explanations_are_one_page(explained, model):
    other = model.explain(explained.path, seed=1)
    page = Page(jaxvqa.report([explained, other]))
    assert sorted(page.stored) == sorted(section(e).html for e in (explained, other))
    for wrong in ([], [explained, dataclasses.replace(other, weights_id="another")]):
        with pytest.raises(jaxvqa.UserError, match="they must be by the same"):
            jaxvqa.report(wrong)


def test_explaining_scores_the_same(model, explained, tmp_path):
    assert isinstance(explained, Explanation)
    scores = model.score(explained.path)
    assert np.array_equal(scores.local, explained.scores.local)
    assert explained.weights_id == model.weights_id
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    with pytest.raises(jaxvqa.VideoError, match="cannot be opened as a video"):
        model.explain(broken)
    with pytest.raises(jaxvqa.UserError, match="seed is -1"):
        model.explain(explained.path, -1)
    with pytest.raises(jaxvqa.UserError, match="repeats is 0"):
        model.explain(explained.path, repeats=0)
    with pytest.raises(jaxvqa.UserError, match="leave repeats at 1"):
        model.explain(explained.path, repeats=2, dense=True)


def test_several_samplings_are_explained_together(model, tmp_path):
    path = moving_clip(tmp_path / "short.mp4", 40, 240, 320)  # so short that the clips of a sampling share frames
    e = model.explain(path, repeats=2)
    assert e.scores.local.shape == (128, 49, 16)
    np.testing.assert_allclose(e.scores.raw, (model.score(path, 0).raw + model.score(path, 1).raw) / 2, atol=1e-6)
    series = e.timeline(SHARPNESS)
    assert (np.diff(series.frames) > 0).all()
    moments = np.flatnonzero(e.places.frames[1] == series.frames[7])
    assert len(moments) > 1
    assert series.raw[7, SHARPNESS] == pytest.approx(e.scores.local[moments, :, SHARPNESS].mean(), abs=1e-6)
    assert "2, by the rule whole, drawn from seed 0" in section(e).html


def test_dense_explanations_cover_the_video_to_the_pixel_and_the_frame(model, tmp_path):
    video = open_video(moving_clip(tmp_path / "clip.mp4", 70, 240, 320))
    e = model.explain(video.path, dense=True)
    seen = np.zeros((70, 240, 320), bool)
    for plan in e.plans:
        for clip in range(4):
            where = locate(video, [plan]).patches[16 * clip].round().astype(int)
            for left, top, width, height in where:
                seen[plan.technical_indices[32 * clip : 32 * clip + 32], top : top + height, left : left + width] = True
    assert seen.any(axis=(1, 2)).all()
    assert seen.any(axis=0)[: 240 // 7 * 7, : 320 // 7 * 7].all()
    assert set(e.places.frames[0]) == set(range(70))
    assert e.scores.local.shape == (64 * len(e.plans), 49, 16)
    np.testing.assert_allclose(e.scores.raw, e.scores.local.mean(axis=(0, 1), dtype=float), atol=1e-6)
    assert np.array_equal(model.explain(video.path, seed=5, dense=True).scores.raw, e.scores.raw)
    assert f"{len(e.plans)}, which cover every frame and the whole grid" in section(e).html


def test_time_steps_have_the_times_of_their_encoders(explained):
    frames, seconds = explained.places.frames, explained.video.seconds
    assert len(explained.moments) == 64
    for number in (0, 21, 63):
        row = explained.moments[number]
        assert (row["moment"], row["path"], row["weights"]) == (number, explained.path, explained.weights_id)
        assert [row["frame"], row["technical_frame"]] == frames[:, number].tolist()
        assert [row["seconds"], row["technical_seconds"]] == seconds[frames[:, number]].tolist()
        local = explained.scores.local[number, :, SHARPNESS].astype(float)
        assert row["sharpness"] == pytest.approx(local.mean())
    mean = np.mean([row["sharpness"] for row in explained.moments])
    assert mean == pytest.approx(explained.scores.raw[SHARPNESS], abs=1e-6)


@pytest.fixture(scope="module")
def partly(partial_weights, explained):
    """The clip explained in three of the sixteen dimensions."""
    return jaxvqa.load(partial_weights).explain(explained.path)


def test_dicts_and_data_frames_hold_what_is_scored(explained, partly):
    for e in (explained, partly):
        found = json.loads(json.dumps(e.to_dict(), allow_nan=False))
        assert found["moments"] == e.moments
        assert found["sentences"] == e.sentences
        assert found["dimensions"] == e.scores.to_dict()["dimensions"]
        frame = e.to_pandas()
        assert list(frame.columns) == list(e.moments[0])
        assert frame.overall.mean() == pytest.approx(e.scores.overall, abs=1e-6)
        assert frame.content.isna().all() == (e is partly)
        assert frame.content.dtype == float
    assert (found["percentiles"]["content"], found["dimensions"]["content"]["raw"]) == (None, None)
    assert found["percentiles"]["noise"] == partly.percentiles[NAMES.index("noise")]


def test_a_notebook_shows_scores_over_time(explained, partly):
    import matplotlib.pyplot as plt

    for e, number in ((explained, 16), (partly, 3)):
        page = Page(e._repr_html_())
        assert page.tags.count("polyline") == number
        text = " ".join(page.text)
        assert all(sentence in text for sentence in e.sentences)
        assert ("noise *" in text, "sharpness *" in text) == (False, False)
        assert ("content *" in text) == (e is explained)
        axes = e.plot()
        assert len(axes) == number
        _, seconds, raw = e.timeline(0)
        expected = np.stack([seconds, 100 * e.scale.apply(raw)[:, 0]], axis=1)
        np.testing.assert_allclose(axes[0].lines[0].get_xydata(), expected)
        assert axes[0].figure.get_suptitle() == e.path
        plt.close(axes[0].figure)
    assert "Not scored by this model: content" in text


def test_weights_without_any_of_the_sixteen_have_no_chart(partly):
    card = dataclasses.replace(partly.card, dimensions=())
    with pytest.raises(jaxvqa.UserError, match="score none of the 16 dimensions"):
        dataclasses.replace(partly, card=card).plot()
