"""The numbers that charts are drawn from: where lines are, where they end, and what is called flat."""

import dataclasses

import numpy as np
import pytest
from clips import moving_clip

import jaxvqa
from jaxvqa.explain.charts import charts, line
from jaxvqa.explain.section import people, section
from jaxvqa.weights.opinions import Opinions

NAMES = [dimension.name for dimension in jaxvqa.DIMENSIONS]
OVERALL, SHARPNESS, NOISE = NAMES.index("overall"), NAMES.index("sharpness"), NAMES.index("noise")


def drawn(explanation, dimension):
    return charts(explanation, [dimension])["charts"][0]


def test_lines_go_from_the_first_frame_to_the_last(explained):
    for series in explained.timelines:
        seconds, scores = line(explained, series)
        assert (seconds[0], seconds[-1]) == (0, pytest.approx(explained.video.seconds[-1], abs=1e-3))
        assert np.all(np.diff(seconds) >= 0)
        assert len(seconds) == len(scores)
    aesthetic = line(explained, explained.timelines[0])[1]
    assert not np.isnan(aesthetic).any()  # a frame of each of 64 even parts
    shown = explained.scale.apply(explained.timelines[0].raw)[:, OVERALL]
    np.testing.assert_allclose(aesthetic[[0, -1], OVERALL], 100 * shown[[0, -1]], atol=1e-4)


def test_lines_have_gaps_where_nothing_was_sampled(model, tmp_path):
    e = model.explain(moving_clip(tmp_path / "long.mp4", 640, 48, 64))  # quarters of 160 frames, clips of 64
    frames, seconds, _ = e.timelines[1]
    times, scores = line(e, e.timelines[1])
    gaps = np.flatnonzero(np.isnan(scores[:, SHARPNESS]))
    far = np.flatnonzero(np.diff(frames) > 20)
    inside = [times[i] for i in gaps if 0 < i < len(times) - 1]
    assert inside == pytest.approx([(seconds[i] + seconds[i + 1]) / 2 for i in far], abs=1e-3)
    assert len(inside) == 3
    assert 0 in gaps or frames[0] <= 20


def test_long_lines_have_no_more_points_than_a_chart_has_columns(explained):
    series = explained.timelines[0]
    dense = series._replace(
        frames=np.arange(280), seconds=explained.video.seconds[:280], raw=np.tile(series.raw[:1], (280, 1))
    )
    times, scores = line(explained, dense)
    assert len(times) == len(scores) == 242
    assert not np.isnan(scores).any()


def test_flat_lines_have_no_mark_and_even_frames_no_map(with_local):
    local = np.full((64, 49, 16), 0.5)
    e = with_local(local)
    chart = drawn(e, SHARPNESS)
    assert (chart["mark"], chart["places"], chart["region"]) == (None, None, "")

    local = local.copy()
    local[16:32, [40, 41, 47, 48], SHARPNESS] = -2  # a clip, at the lower right
    e = with_local(local)
    chart = drawn(e, SHARPNESS)
    start, *_, end = e.video.seconds[e.places.frames[1, 16:32]]
    assert chart["mark"] == [pytest.approx(start, abs=1e-3), start, end]
    assert chart["region"] == "lower right"
    places = np.array(chart["places"]).reshape(7, 7)
    assert (places[5:, 5:] < places[:5, :5].min()).all()
    assert drawn(e, NOISE)["mark"] is None


def test_the_band_is_what_people_would_say(explained):
    values = (0, 100, 0.5, 0.1, 9, 5, 0, 100)
    opinions = Opinions(*(np.full(16, float(value)) for value in values))
    e = dataclasses.replace(explained, card=dataclasses.replace(explained.card, opinions=opinions))
    low, high = drawn(e, OVERALL)["band"]
    ends = explained.scale.apply(np.stack([np.full(16, each) for each in opinions.overall_interval(e.scores.raw)]))
    assert [low, high] == pytest.approx(100 * ends[:, 0], abs=0.06)
    assert low < 100 * e.scores.display[0] < high
    assert people(e) == opinions.overall_words(e.scores.raw)
    assert people(e) in section(e).html
    assert people(explained) == ""
    assert drawn(e, SHARPNESS)["band"] is None


def test_bands_are_intervals_of_the_overall_score_only(explained):
    assert drawn(explained, OVERALL)["band"] is None
    card = dataclasses.replace(explained.card, vmaf_interval=12.4)
    scores = dataclasses.replace(explained.scores, display=np.full(16, 0.95))
    e = dataclasses.replace(explained, scores=scores, card=card)
    assert drawn(e, OVERALL)["band"] == [83, 100]
    assert drawn(e, SHARPNESS)["band"] is None
    samplings = explained.scores.raw + 0.01 * np.array([[-1], [1]], np.float32)
    repeated = dataclasses.replace(explained, scores=dataclasses.replace(explained.scores, samplings=samplings))
    low, high = drawn(repeated, OVERALL)["band"]
    middle = 100 * float(explained.scores.display[OVERALL])
    assert 0 < high - low < 40
    assert low - 0.1 <= middle <= high + 0.1
