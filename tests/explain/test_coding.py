"""How a video was coded, as reports show it: real encodes, their numbers in a page's data, and what is missing."""

import dataclasses
import json
import re

import av
import numpy as np
import pytest
from clips import moving_clip, write_clip
from pages import Page

import jaxvqa
from jaxvqa.explain.coding import (
    ARTIFACTS,
    POINTS,
    WORDS,
    coding_panel,
    cut,
    facts,
    frame_map,
    key_frames,
    line,
    quantizer_axis,
    shown_cells,
    size_axis,
)
from jaxvqa.explain.section import section
from jaxvqa.video.container_crop import Crop
from jaxvqa.video.decode import open_video, read_frames
from jaxvqa.video.quantizers import UNKNOWN

CONSTANT = {"x264-params": "qp=30:ipratio=1:pbratio=1.5874:b-adapt=0:bframes=2:b-pyramid=0:keyint=10:scenecut=0"}


def dark_left(frames=12):
    """Noise of 7x7 blocks that drifts, its left half dark, so that an encoder told so codes that half more coarsely."""
    noise = np.random.default_rng(0).integers(0, 255, (112, 112, 3)).astype(np.uint8)
    for number in range(frames):
        frame = np.roll(noise, 3 * number, axis=1)
        frame[:, :56] //= 8
        yield frame


def masked_clip(path, codec="mpeg2video", **options):
    told = {"dark_mask": "0.9"}
    return write_clip(path, [*dark_left()], codec=codec, codec_options=told, fields={"bit_rate": 200_000}, **options)


def turned_clip(path, degrees):
    """The same in MPEG-4, in a container that says to turn it."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, options={"dark_mask": "0.9"})
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 112, 112, "yuv420p", 200_000
        stream.set_display_rotation(degrees)
        for frame in dark_left():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


def decoded(path):
    video = open_video(path)
    list(read_frames(video, np.arange(video.frames)))
    return video


def data_of(html):
    """What a page draws of a section's panel."""
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', html)[1])["coding"]


def panel_text(html):
    """The words of a section's panel."""
    words = "".join(Page(html[html.index("<h3>How it was coded") : html.index('<div class="rest">')]).text)
    return " ".join(words.split())


@pytest.fixture(scope="module")
def constant(model, tmp_path_factory):
    """An explained encode whose frames have quantizers of 30, or 34 for B-frames."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return model.explain(moving_clip(path, 40, 136, 184, codec_options=CONSTANT))


@pytest.fixture(scope="module")
def mapped(model, tmp_path_factory):
    """An explained encode with maps."""
    return model.explain(masked_clip(tmp_path_factory.mktemp("clip") / "clip.mpg"))


def test_lines_are_what_the_encoder_was_told_and_what_the_file_holds(constant):
    quantizer, size = data_of(section(constant).html)["lines"]
    coding = constant.video.coding
    assert quantizer["name"] == "quantizer"
    assert quantizer["values"] == [34 if letter == "B" else 30 for letter in coding.types]
    assert {"B", "P", "I"} == set(coding.types)
    with av.open(str(constant.video.path)) as container:
        packets = sorted((packet.pts, packet.size) for packet in container.demux(video=0) if packet.size)
    assert size["values"] == pytest.approx([number / 1000 for _, number in packets], rel=0.006)
    low, high = size["range"]
    assert low == 0
    assert max(size["values"]) <= high < 1.3 * max(size["values"])
    bottom, top = quantizer["range"]
    assert bottom >= 34 > 30 >= top  # a coarser one is lower, as a lower score is
    assert bottom - top >= 5.1


def test_facts_are_words(constant):
    text = panel_text(section(constant).html)
    bits = 8 * sum(constant.video.coding.sizes) / 40
    assert "H.264, High profile · 184x136, coded as 192x144 · 25 frames per second" in text
    assert f"· {bits * 25 / 1000:.0f} kbit/s · {bits / (184 * 136):.2g} bits per pixel · a key frame every 10" in text
    assert text.index("· the encoder says of itself: Lavf") > text.index("a key frame every")
    assert "x264 - core" in text
    assert "4:2:0" not in text
    assert "how coarsely the encoder rounds detail (H.264 slice QP, 51 at most)" in text
    assert "One quantizer per frame is known, so there is no map." in text
    assert "reads no quantizer" not in text


@pytest.mark.parametrize(
    ("codec", "suffix", "form", "name", "said"),
    [
        ("mjpeg", "mov", "yuvj420p", "Motion JPEG", "Motion JPEG, Baseline profile · 96x64 · 25 frames per second"),
        ("prores_ks", "mov", "yuv422p10le", "ProRes", " · 4:2:2, 10 bits · every frame a key frame"),
        ("ffv1", "mkv", "yuv444p", "FFV1", " · 4:4:4, 8 bits · "),
    ],
)
def test_a_codec_without_quantizers_has_bytes_alone(model, tmp_path, codec, suffix, form, name, said):
    e = model.explain(moving_clip(tmp_path / f"clip.{suffix}", 12, 64, 96, codec=codec, fields={"pix_fmt": form}))
    html = section(e).html
    text, data = panel_text(html), data_of(html)
    assert said in text
    assert f"jaxvqa reads no quantizer from {name}." in text
    assert "how coarsely" not in text
    assert "map" not in text
    assert [drawn["name"] for drawn in data["lines"]] == ["kB per frame"]
    assert data["maps"] == []
    assert data["lines"][0]["values"] == pytest.approx(e.video.coding.sizes / 1000, rel=0.006)
    assert html.count('class="plot"') == 17


def test_a_quantizer_that_cannot_be_read_is_said_to_be_so(constant):
    coding = dataclasses.replace(constant.video.coding, quantizers=np.full(40, np.nan, np.float32))
    panel = coding_panel(with_coding(constant, coding), [0])
    assert panel.missing == ["Its quantizer could not be read."]
    assert panel.scale == ""
    assert [name for name, *_ in panel.rows] == ["kB per frame"]


def with_coding(explanation, coding):
    record = dataclasses.replace(explanation.video.record, coding=coding)
    return dataclasses.replace(explanation, video=dataclasses.replace(explanation.video, record=record))


def test_nothing_is_shown_of_a_video_of_whose_coding_nothing_is_known(constant):
    html = section(with_coding(constant, None)).html
    assert "How it was coded" not in html
    assert data_of(html) is None


def test_words_of_encoders_are_text_and_cut(constant):
    word = "<b onclick='alert(1)'>" + 500 * "x"
    coding = constant.video.coding
    bad = dataclasses.replace(coding, stream=dataclasses.replace(coding.stream, encoder=("Lavf", word)))
    found, plain = Page(section(with_coding(constant, bad)).html), Page(section(constant).html)
    assert found.tags == plain.tags
    assert cut(f"Lavf, {word}") in "".join(found.text)
    assert len(cut(word)) == WORDS + 3
    assert cut("short") == "short"


def test_long_lines_are_bounded_and_means_of_what_they_span(constant):
    generator, count = np.random.default_rng(0), 100_000
    values, times = generator.random(count), np.linspace(0, 1, count)
    points = line(values, times)
    assert len(points) == POINTS
    inner = np.round(times * (POINTS - 1)) == 70
    assert points[70] == pytest.approx(values[inner].mean())
    assert line(np.arange(5.0), np.linspace(0, 1, 5)).tolist() == [0, 1, 2, 3, 4]
    coding = dataclasses.replace(
        constant.video.coding,
        types="P" * count,
        keys=times == 0,
        sizes=generator.integers(1000, 90_000, count),
        quantizers=generator.integers(20, 40, count).astype(np.float32),
    )
    video = dataclasses.replace(constant.video, frames=count, seconds=4000 * times)
    long = with_coding(dataclasses.replace(constant, video=video), coding)
    assert len(json.dumps(coding_panel(long, [0]).data)) < 2400


def test_a_frame_stands_until_the_next_and_unknown_ones_leave_gaps():
    times = np.concatenate([np.linspace(0, 0.1, 90), [1.0]])  # nine tenths of the time are one frame
    points = line(np.concatenate([np.arange(90.0), [500]]), times)
    assert len(points) == 91
    assert np.all(points[10:90] == points[9])
    assert points[90] == 500
    values = np.array([1, np.nan, np.nan, 4])
    np.testing.assert_array_equal(line(values, np.linspace(0, 1, 4)), values)


def test_axes_hold_their_lines():
    assert quantizer_axis(np.array([30.0, 30.0]), "h264") == [33, 27]
    assert quantizer_axis(np.array([20.2, np.nan, 39.5]), "h264") == [40, 20]
    assert quantizer_axis(np.array([100.0]), "av1") == [113, 87]
    for most in (0.0312, 1.0, 9.99, 12.34, 99.5, 1234.0):
        low, high = size_axis(np.array([0.01, most]), "h264")
        assert low == 0
        assert most <= high <= 1.1 * most
    assert size_axis(np.zeros(3), "h264")[1] > 0


def test_distances_of_key_frames_in_words(constant):
    def said(*keys):
        there = np.isin(np.arange(40), keys)
        return key_frames(dataclasses.replace(constant.video.coding, keys=there))

    assert said() == "no key frame"
    assert said(0) == "one key frame"
    assert said(0, 5, 10) == "a key frame every 5 frames"
    assert said(0, 5, 15) == "key frames 5 to 10 frames apart"
    assert said(*range(40)) == "every frame a key frame"
    assert said(0, 1) == "key frames in a row"


def test_unknown_facts_are_left_out(constant):
    coding = constant.video.coding
    stream = dataclasses.replace(
        coding.stream, codec="rare", profile="", chroma="", bits=12, coded_height=0, coded_width=0
    )
    found = facts(dataclasses.replace(coding, stream=stream, fps=np.nan))
    assert found[:2] == ["rare", "184x136"]
    assert found[3:] == ["12 bits", "a key frame every 10 frames"]
    fast = dataclasses.replace(coding, sizes=np.full(40, 100_000), fps=30000 / 1001)
    assert facts(fast)[2:4] == ["29.97 frames per second", "23.98 Mbit/s"]


def test_cells_are_means_of_blocks_as_they_are_shown(tmp_path):
    video = decoded(masked_clip(tmp_path / "clip.mpg"))
    blocks = video.coding.maps[4]
    assert blocks.shape == (7, 7)
    assert blocks[:, :3].mean() > 1.5 * blocks[:, 4:].mean()
    assert shown_cells(video, video.coding, blocks).tolist() == blocks.ravel().tolist()
    known = blocks.copy()
    known[0, :2] = UNKNOWN
    assert np.isnan(shown_cells(video, video.coding, known)).nonzero()[0].tolist() == [0, 1]

    half = blocks[:, :4].repeat(2, axis=1)[:, :7]  # a frame of twice the width has cells of two blocks
    presentation = dataclasses.replace(video.presentation, crop=Crop(16, 32, 0, 56))
    cropped = dataclasses.replace(video, presentation=presentation)
    cells = shown_cells(cropped, video.coding, half).reshape(7, 7)
    assert cells[0, 0] == half[1, 0]
    assert cells[6, 0] == half[4, 0]
    assert cells[0, 6] == half[1, 3]
    everything = dataclasses.replace(video.presentation, crop=Crop(60, 60, 0, 0))
    whole = dataclasses.replace(video, presentation=everything)
    assert shown_cells(whole, video.coding, blocks).tolist() == blocks.ravel().tolist()


def test_cells_weigh_blocks_by_what_is_shown_of_them(tmp_path):
    video = decoded(moving_clip(tmp_path / "clip.mpg", 4, 40, 56, codec="mpeg2video"))
    blocks = np.array([[1, 1, 1, 1], [9, 9, 9, 9], [5, 5, 5, 5]], np.int8)  # 48 lines, of which 40 are shown
    cells = shown_cells(video, video.coding, blocks).reshape(7, 7)
    line_height = 40 / 7
    third = ((16 - 2 * line_height) * 1 + (3 * line_height - 16) * 9) / line_height
    assert cells[:, 0] == pytest.approx([1, 1, third, 9, 9, (32 - 5 * line_height) / line_height * 9
                                         + (6 * line_height - 32) / line_height * 5, 5])  # fmt: skip


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_maps_are_turned_as_frames_are(tmp_path, degrees):
    video = decoded(turned_clip(tmp_path / "clip.mov", degrees))
    _, picture = next(read_frames(video, np.array([4])))
    bright = picture.reshape(7, 16, 7, 16, 3).mean(axis=(1, 3, 4))
    cells = shown_cells(video, video.coding, video.coding.maps[4]).reshape(7, 7)
    assert np.corrcoef(bright.ravel(), cells.ravel())[0, 1] < -0.7  # the dark is coarse, wherever it is


def test_maps_of_frames_stand_beside_those_of_their_scores(mapped):
    data = data_of(section(mapped).html)
    frames = json.loads(re.search(r'<script type="application/json">(.*?)</script>', section(mapped).html)[1])["frames"]
    assert len(data["maps"]) == len(frames) > 5
    for (frame, _), (quantizers, scores) in zip(frames, data["maps"], strict=True):
        blocks = mapped.video.coding.maps.get(frame)
        if blocks is None:
            assert quantizers is None
        elif np.ptp(blocks) >= 0.5:
            assert quantizers == blocks.ravel().tolist()
        here = mapped.places.frames[1] == frame
        if not here.any():
            assert scores is None
        elif isinstance(scores, list):
            expected = 100 * mapped.local_display[here, :, ARTIFACTS].mean(axis=0)
            assert scores == pytest.approx(expected, abs=0.51)
    assert any(isinstance(quantizers, list) for quantizers, _ in data["maps"])
    assert "there is no map" not in panel_text(section(mapped).html)


def test_weights_that_do_not_score_artifacts_have_maps_of_quantizers_alone(mapped):
    card = dataclasses.replace(mapped.card, dimensions=("T-1", "T-3"))
    panel = coding_panel(dataclasses.replace(mapped, card=card), [3, 4])
    assert panel.maps == ["quantizer"]
    assert [scores for _, scores in panel.data["maps"]] == [None, None]


def test_even_and_unknown_maps_are_not_drawn():
    assert frame_map(np.full(49, np.nan), 0.5) is None
    assert frame_map(np.linspace(4, 4.4, 49), 0.5) == 4.2
    cells = np.linspace(4, 8, 49)
    cells[3] = np.nan
    assert frame_map(cells, 0.5)[:4] == [4, 4.08, 4.17, None]


def test_samplings_have_maps_of_all_their_frames(model, tmp_path):
    e = model.explain(masked_clip(tmp_path / "clip.avi", codec="mpeg4"), dense=True)
    assert len(e.plans) > 0
    assert set(e.stills) <= set(e.video.coding.maps)
    long = moving_clip(tmp_path / "long.avi", 300, 64, 96, codec="mpeg4")
    twice = model.explain(long, repeats=2)
    assert set(twice.stills) <= set(twice.video.coding.maps)
    assert not set(twice.stills) <= {*twice.plans[0].frames.tolist()}


def test_lines_are_read_at_the_time_of_the_others(page, constant, mapped, tmp_path):
    """By the cursor and by the slider, and next to a second video too."""
    (tmp_path / "page.html").write_text(jaxvqa.report([constant, mapped]), encoding="utf-8")
    page.goto((tmp_path / "page.html").as_uri())
    page.get_by_role("link", name="clip.mp4").click()
    now, slider = page.locator(".coded .now"), page.get_by_label("Moment of the video")
    coding = constant.video.coding
    for number in (0, 7, 8, 39):
        slider.fill(str(constant.video.seconds[number]))
        assert now.first.inner_text() == f"{coding.quantizers[number]:.0f}"
        assert float(now.last.inner_text()) == pytest.approx(coding.sizes[number] / 1000, rel=0.006)
    overlay, above = page.locator(".coded .u-over").first, page.locator(".plot .u-over").nth(3)
    assert overlay.bounding_box()["x"] == above.bounding_box()["x"]
    assert overlay.bounding_box()["width"] == above.bounding_box()["width"]
    above.hover(position={"x": 0, "y": 20})
    assert (now.first.get_attribute("data-at"), now.first.inner_text()) == ("at 0.0 s ", "30")
    overlay.click(position={"x": overlay.bounding_box()["width"] / 2, "y": 10})
    assert float(page.locator("output.at").inner_text().split()[0]) == pytest.approx(
        constant.video.seconds[-1] / 2, abs=0.05
    )
    assert page.get_by_label("Compare with").locator("option:checked").inner_text().endswith("clip.mpg")
    page.get_by_label("Compare with").select_option("none")
    assert page.locator(".coded canvas").count() == 2
    assert page.locator(".maps").count() == 0


def test_the_coarsest_place_has_the_color_of_the_worst(page, mapped, tmp_path):
    (tmp_path / "page.html").write_text(jaxvqa.report([mapped]), encoding="utf-8")
    page.goto((tmp_path / "page.html").as_uri())
    figure = page.locator(".maps figure").first
    page.get_by_label("Moment of the video").fill(str(mapped.video.seconds[4]))
    blocks = mapped.video.coding.maps[4].ravel().tolist()
    cells = figure.locator("td")
    values = [float(text) for text in cells.all_text_contents()]
    assert values == blocks
    assert cells.nth(values.index(max(values))).get_attribute("class") == "s0"
    assert cells.nth(values.index(min(values))).get_attribute("class") == "s100"
    assert figure.locator(".legend").inner_text().split() == [str(max(blocks)), str(min(blocks))]
    assert figure.locator(".said").inner_text() == "of frame 4"
    picture, places = figure.locator("img").bounding_box(), figure.locator(".places table").bounding_box()
    assert places == pytest.approx(picture, abs=1)
    assert figure.locator("img").get_attribute("src") == page.locator(".viewer img").first.get_attribute("src")
    page.get_by_label("Moment of the video").press("End")
    assert figure.locator(".said").inner_text() == f"of frame {mapped.video.frames - 1}: not known"
    assert figure.locator(".places").is_hidden()
