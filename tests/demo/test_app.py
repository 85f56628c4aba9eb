"""The demo, as a person uses it: in a browser, through the address that the command prints."""

import re

import av
import numpy as np
import pytest
from clips import moving_clip, write_clip
from conftest import SCORED
from PIL import Image

import jaxvqa
from jaxvqa.demo.app import show_result
from jaxvqa.example import EXAMPLE
from jaxvqa.explain.report import Entry
from jaxvqa.explain.section import Section
from jaxvqa.weights.load import load_weights

ODD = "<img src=x onerror=alert(1)>\"'&amp;{{7*7}}${alert(2)} Überraschung 影片.mp4"


def score(page, *paths):
    """Drops files into the zones, from the first on, and presses the button."""
    for zone, path in reversed([*enumerate(paths)]):  # a zone that has a file takes no other
        page.locator("input[type=file]").nth(zone).set_input_files(path)
        page.get_by_label("Clear").nth(len(paths) - zone - 1).wait_for()
    page.get_by_role("button", name="Score", exact=True).click()


def scores_in(frame):
    return [int(text) for text in frame.locator(".dimensions td:nth-child(2) b").all_inner_texts()]


def expected(path):
    return [round(100 * float(x)) for x in jaxvqa.load("mini").score(path).display if not np.isnan(x)]


@pytest.mark.slow
def test_scores_of_a_video_are_those_of_the_library(page, address, clip):
    page.goto(address)
    score(page, clip)
    frame = page.frame_locator("iframe.report")
    frame.locator(".facts").wait_for()
    assert scores_in(frame) == expected(clip)
    assert frame.locator(".video h2").inner_text() == clip.name
    assert page.locator("table.comparison").count() == 0
    with page.expect_download() as download:
        page.get_by_text("Download the report").click()
    assert download.value.suggested_filename == "report.html"
    assert f"<h2>{clip.name}</h2>" in download.value.path().read_text()
    frame.locator(".facts").scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    height = frame.locator("body").evaluate("body => body.offsetHeight")  # all of it is shown: no box to scroll in
    assert page.locator("iframe.report").bounding_box()["height"] == pytest.approx(height, abs=4)


@pytest.mark.slow
def test_the_example_gets_a_report(page, address):
    page.goto(address)
    page.get_by_role("button", name="Try an example").click()
    frame = page.frame_locator("iframe.report")
    frame.locator(".facts").wait_for()
    assert scores_in(frame) == expected(EXAMPLE)
    assert frame.locator(".video h2").inner_text() == "example.mp4"


@pytest.mark.slow
def test_two_videos_are_compared_side_by_side(page, address, tmp_path):
    """The two halves of the example."""
    with av.open(str(EXAMPLE)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    halves = {"first": frames[: len(frames) // 2], "second": frames[len(frames) // 2 :]}
    paths = [write_clip(tmp_path / f"{name}.mp4", half, fps=24) for name, half in halves.items()]
    page.goto(address)
    score(page, *paths)
    page.locator("table.comparison").wait_for()
    rows = [row.locator("td").all_inner_texts() for row in page.locator("table.comparison tbody tr").all()]
    names = page.locator("table.comparison tbody th").all_inner_texts()
    scored = [dimension.name for dimension in jaxvqa.DIMENSIONS if not dimension.code.startswith("A-")]
    order = [scored.index(name.removesuffix(" *")) for name in names]
    assert (sorted(order), order[0]) == ([*range(len(scored))], 0)
    first, second, difference = np.array(rows, int).T
    assert np.array_equal(difference, second - first)
    for stars in (False, True):  # overall first, then the largest differences, unvalidated ones last
        sizes = [abs(x) for name, x in zip(names[1:], difference[1:], strict=True) if name.endswith("*") == stars]
        assert sizes == sorted(sizes, reverse=True)
    assert [name.endswith("*") for name in names] == sorted(name.endswith("*") for name in names)
    assert difference[order.index(scored.index("focus"))] < -5
    assert page.locator("tr.worse").count() == np.count_nonzero(difference < 0)
    assert "First: first.mp4. Second: second.mp4." in page.content()
    assert page.get_by_text("Not validated: ").count() == 1
    frames = [page.frame_locator("iframe.report").nth(i) for i in range(2)]
    assert [scores_in(frame) for frame in frames] == [x[np.argsort(order)].tolist() for x in (first, second)]
    assert not any(frame.get_by_text("Not validated: ").count() for frame in frames)
    # Waited for: the reports grow until they have said how high they are.
    boxes = "const [a, b] = [...document.querySelectorAll('iframe.report')].map(x => x.getBoundingClientRect());"
    page.wait_for_function(f"() => {{ {boxes} return a.top == b.top && a.right < b.left; }}")
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function(f"() => {{ {boxes} return a.left == b.left && a.bottom < b.top; }}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.slow
def test_two_videos_play_in_step_with_a_border_between_them(page, address, clip):
    page.goto(address)
    score(page, clip, EXAMPLE)
    page.locator(".players").wait_for()
    page.wait_for_function("() => [...document.querySelectorAll('.players video')].every(x => x.readyState >= 2)")
    page.locator(".wipe").fill("20")
    assert page.locator(".players video").nth(1).evaluate("x => x.style.clipPath") == "inset(0px 0px 0px 20%)"
    page.locator(".seek").fill("1.5")
    times = "[...document.querySelectorAll('.players video')].map(x => x.currentTime)"
    page.wait_for_function(f"() => {times}.every(x => Math.abs(x - 1.5) < 0.1)")
    page.locator(".play").click()
    page.wait_for_function(f"() => {times}.every(x => x > 1.6)")
    page.get_by_role("button", name="Pause").click()
    page.wait_for_function(f"() => Math.abs({times}[0] - {times}[1]) <= 0.1")


def test_what_is_not_scored_is_not_compared(partial_weights):
    card, scores = load_weights(partial_weights).card, np.full(16, np.nan)
    scores[[dimension.code in SCORED for dimension in jaxvqa.DIMENSIONS]] = 0.5
    html = show_result([Entry(name, scores.tolist(), lambda: Section("", "", "")) for name in "ab"], card)
    assert re.findall('<th scope="row">(.*?)</th>', html) == ["overall", "sharpness", "noise"]
    assert html.count("Not scored by this model: content, composition, ") == 1  # in the comparison, in neither report


@pytest.mark.slow
def test_what_is_no_video_gets_a_sentence(page, address, clip, tmp_path):
    text, empty, cut, picture, long = (tmp_path / f"{name}.mp4" for name in "text empty cut picture long".split())
    text.write_text("no video")
    empty.touch()
    cut.write_bytes(clip.read_bytes()[:50_000])
    Image.new("RGB", (64, 64)).save(picture, "png")
    moving_clip(long, fps=2)
    for paths, sentences in (
        ((text, empty), ["text.mp4 cannot be opened as a video: ", "empty.mp4 is an empty file."]),
        ((cut, picture), ["cut.mp4 is cut short: ", "picture.mp4 cannot be opened as a video: it is an image."]),
        ((long,), ["long.mp4 lasts 10 s: no more than 9 s are taken here."]),
        ((), ["Drop a video above first"]),
    ):
        page.goto(address)
        score(page, *paths)
        page.locator(".failed").first.wait_for()
        shown = page.locator(".failed").all_inner_texts()
        assert len(shown) == len(sentences)
        for said, sentence in zip(shown, sentences, strict=True):
            assert said.startswith(sentence)
        assert page.locator("iframe").count() == 0


@pytest.mark.slow
def test_a_name_is_text(page, address, tmp_path):
    path = moving_clip(tmp_path / ODD, 150, seed=3)
    (tmp_path / "<b>.mp4").write_text("no video")
    page.goto(address)
    score(page, path, tmp_path / "<b>.mp4")
    frame = page.frame_locator("iframe.report")
    frame.locator(".facts").wait_for()
    assert frame.locator(".video h2").inner_text() == ODD
    assert scores_in(frame) == expected(path)
    assert page.locator(".failed").inner_text().startswith("<b>.mp4 cannot be opened")
    assert page.locator("[onerror]").count() == frame.locator("[onerror]").count() == 0


@pytest.mark.slow
def test_two_sessions_get_their_own_results_in_turn(browser, address, clip, tmp_path):
    paths = [clip, moving_clip(tmp_path / "other.mp4", 90, seed=5)]
    pages = [browser.new_page() for _ in paths]
    for page, path in zip(pages, paths, strict=True):
        page.goto(address)
        page.locator("input[type=file]").first.set_input_files(path)
        page.get_by_label("Clear").wait_for()
    for page in pages:
        page.get_by_role("button", name="Score", exact=True).click()
    for page, path in zip(pages, paths, strict=True):
        frame = page.frame_locator("iframe.report")
        frame.locator(".facts").wait_for(timeout=60_000)
        assert frame.locator(".video h2").inner_text() == path.name
        assert scores_in(frame) == expected(path)
        page.close()
