"""Sections: what is said and shown of one video."""

import base64
import dataclasses
import io
import json
import re
from fractions import Fraction

import numpy as np
import pytest
from clips import moving_clip
from pages import Page
from PIL import Image

import jaxvqa
from jaxvqa.explain.locations import TECHNICAL, boxes
from jaxvqa.explain.section import FRAMES, film_strip, section, why, worst_moments
from jaxvqa.text.prompts import PromptPair

NAMES = [dimension.name for dimension in jaxvqa.DIMENSIONS]
SHARPNESS, FOCUS, CONTENT = NAMES.index("sharpness"), NAMES.index("focus"), NAMES.index("content")


def numbers(html):
    """What the charts of a section are drawn from."""
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', html)[1])


def test_why_is_the_weakest_dimension_when_and_where(with_local, explained):
    local = np.full((64, 49, 16), 0.5)
    local[..., SHARPNESS] = 0.46
    assert why(with_local(local)) == "Sharpness throughout"
    local[20:24, [40, 41, 47, 48], SHARPNESS] = -0.2
    e = with_local(local)
    start, *_, end = e.video.seconds[e.places.frames[1, 20:24]]
    assert why(e) == f"Sharpness from {start:.1f} to {end:.1f} s, lower right"
    local[20:24, :, SHARPNESS] = 0.46
    local[20, :, SHARPNESS] = 0
    assert why(with_local(local)) == f"Sharpness at {start:.1f} s"
    assert why(with_local(local)) in section(with_local(local)).html
    none = dataclasses.replace(explained, card=dataclasses.replace(explained.card, validated=()))
    assert why(none) == ""
    assert "Weakest" not in section(none).html


def test_worst_moments_are_apart_in_time(with_local):
    local = np.full((64, 49, 16), 0.5)
    local[..., SHARPNESS], local[..., FOCUS] = 0.4, 0.45
    local[20, :, SHARPNESS], local[21, :, FOCUS] = 0.0, 0.1
    [moment] = worst_moments(with_local(local))
    assert (moment.dimension, moment.also) == (SHARPNESS, [FOCUS])  # both in the same eighth of the video
    local[50, :, FOCUS] = 0.15  # nearly as low as at 21
    first, second = worst_moments(with_local(local))
    e = with_local(local)
    assert [first.frame, second.frame] == e.places.frames[1, [20, 50]].tolist()
    assert (first.also, second.dimension, second.also) == ([], FOCUS, [])
    assert second.seconds - first.seconds > e.video.seconds[-1] / 8
    assert worst_moments(with_local(np.full((64, 49, 16), 0.5))) == []
    assert "No moment stands out" in section(with_local(np.full((64, 49, 16), 0.5))).html


def test_the_worst_places_of_a_moment_are_outlined_and_named(with_local):
    local = np.full((64, 49, 16), 0.5)
    local[..., SHARPNESS] = 0.46
    local[20:24, [40, 41, 47, 48], SHARPNESS] = -0.2
    e = with_local(local)
    html = section(e).html
    [figure] = re.findall(r"<figure>(.*?)</figure>", html, re.DOTALL)
    assert "<b>sharpness " in figure
    assert "</b>, lower right" in figure
    corners = boxes(e.places, SHARPNESS, 20)[[40, 41, 47, 48]]
    box = re.search(r'<rect class="over" x="(.+?)" y="(.+?)" width="(.+?)" height="(.+?)"', figure).groups()
    left, top, width, height = map(float, box)
    assert (left, top) == pytest.approx(corners[:, :2].min(axis=0), abs=0.1)
    assert (left + width, top + height) == pytest.approx((corners[:, :2] + corners[:, 2:]).max(axis=0), abs=0.1)
    number = e.places.frames[1, 20]
    assert f"{e.video.seconds[number]:.2f} s, frame {number}" in figure
    picture = int(re.search(r'data-picture="(\d+)"', figure)[1])
    assert numbers(html)["frames"][picture][0] == number


def test_a_strip_has_frames_of_all_parts_and_those_needed(explained):
    needed = [sorted(explained.stills)[i] for i in (3, 40)]
    strip = film_strip(explained, needed)
    frames = [frame for frame, _ in strip]
    assert frames == sorted(set(frames))
    assert set(needed) <= set(frames) <= set(explained.stills)
    assert sum(parts for _, parts in strip) == FRAMES == len(strip)
    seconds = explained.video.seconds[frames]
    assert np.diff(seconds).max() < 2.5 * explained.video.seconds[-1] / FRAMES
    few = dataclasses.replace(explained, stills={frames[0]: b"", frames[-1]: b""})
    assert film_strip(few, []) == [(frames[0], 6), (frames[-1], 6)]


def test_number_and_bar_are_the_same(explained):
    html = section(explained).html
    shown = re.findall(r'<i style="width:(\d+)%"></i></span> <span class="score"><b>(\d+)</b>', html)
    assert [bar for bar, _ in shown] == [number for _, number in shown]
    assert [int(number) for _, number in shown] == [round(100 * float(score)) for score in explained.scores.display]


def test_pictures_are_frames_of_the_video(explained):
    made = section(explained)
    strip = re.findall(r'<img alt="" style="flex-grow:1" src="data:image/webp;base64,(.*?)">', made.html)
    pictures = [Image.open(io.BytesIO(base64.b64decode(text))) for text in strip]
    assert {picture.size for picture in pictures} == {(320, 240)}
    frames = numbers(made.html)["frames"]
    assert len(pictures) == len(frames)
    for picture, (frame, seconds) in zip(pictures, frames, strict=True):
        still = np.asarray(Image.open(io.BytesIO(explained.stills[frame])).convert("L"), float)
        assert np.corrcoef(still.ravel(), np.asarray(picture.convert("L"), float).ravel())[0, 1] > 0.9
        assert seconds == pytest.approx(explained.video.seconds[frame], abs=1e-3)
    assert Image.open(io.BytesIO(base64.b64decode(made.thumbnail))).size == (96, 72)


def test_what_was_met_in_showing_frames_is_a_line(model, explained, tmp_path):
    options = {"flags": "+ildct+ilme", "x264-params": "tff=1"}
    path = moving_clip(tmp_path / "clip.mp4", 8, codec_options=options, fields={"sample_aspect_ratio": Fraction(4, 3)})
    notes = "4:3 pixels, shown square: 320x240 as 427x240; interlaced, deinterlaced by bwdif"
    assert f"<p>Frames: {notes}.</p>" in section(model.explain(path)).html
    assert "Frames:" not in section(explained).html


def test_what_is_not_scored_has_no_part_in_a_section(explained):
    card = dataclasses.replace(explained.card, dimensions=("T-1", "T-3"))
    html = section(dataclasses.replace(explained, card=card)).html
    assert [chart["name"] for chart in numbers(html)["charts"]] == ["sharpness", "noise"]
    assert html.count('class="plot"') == 2 + 2  # and how it was coded
    assert "of 100 overall" not in html


def test_bad_words_of_weights_and_prompts_are_text(explained):
    def parsed(word):
        scores = dataclasses.replace(explained.scores, custom={PromptPair(word, "dull"): 0.5})
        card = dataclasses.replace(explained.card, name=word, limits=word)
        bad = dataclasses.replace(explained, scores=scores, card=card, weights_id=word, sha256=word)
        return Page(jaxvqa.report([bad]))

    found, plain = parsed("<b onclick='alert(1)'>{{ 7 * 7 }}</b>"), parsed("zebra")
    assert found.tags == plain.tags
    assert [name for name, _ in found.attributes] == [name for name, _ in plain.attributes]
    assert "".join(found.text).count("<b onclick='alert(1)'>{{ 7 * 7 }}</b>") == "".join(plain.text).count("zebra") > 4


def test_technical_dimensions_have_times_of_their_encoder(explained):
    drawn = numbers(section(explained).html)
    assert [chart["time"] for chart in drawn["charts"]] == TECHNICAL.astype(int).tolist()
    inner = [time[1:-1] for time in drawn["times"]]
    aesthetic = explained.video.seconds[explained.timelines[0].frames]
    np.testing.assert_allclose(inner[0], aesthetic, atol=1e-3)
    assert inner[0] != inner[1]
