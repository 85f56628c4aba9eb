import dataclasses
import functools
import re

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from clips import moving_clip
from pages import Page

import jaxvqa
from jaxvqa.explain import report
from jaxvqa.explain.report import Entry, without_folder
from jaxvqa.explain.section import Section, section

PART = Section("UklGRg==", "", "<p>this one</p><script type='application/json'>{}</script>")


def entries_of(explanation, count):
    """Entries of a report, each with the section of one explanation, and with other scores."""
    made = functools.partial(Section, *section(explanation))
    scores = np.linspace(0.05, 0.95, count)
    return [Entry(f"folder/{i}.mp4", [float(score)] * 16, made) for i, score in enumerate(scores)]


@pytest.fixture(scope="module")
def paths(explained, tmp_path_factory):
    """Reports of one video, and of 130 of which one could not be scored."""
    folder = tmp_path_factory.mktemp("reports")
    (folder / "one.html").write_text(jaxvqa.report([explained]), encoding="utf-8")
    entries = [*entries_of(explained, 130), Entry("folder/broken.mp4", error="broken.mp4 is an empty file.")]
    (folder / "many.html").write_text("".join(report.page(entries, explained.card)), encoding="utf-8")
    return {path.stem: path.as_uri() for path in folder.iterdir()}


def names(page):
    return page.locator("#summary tbody tr:not([hidden]) th").all_inner_texts()


def test_a_click_on_a_heading_sorts_and_says_so(page, tmp_path):
    path = tmp_path / "report.html"
    scores = {"a": 0.09, "b": 0.5, "c": 0.2}
    entries = [Entry(name, [score] * 16, lambda: PART) for name, score in scores.items()]
    path.write_text("".join(report.page([*entries, Entry("d", error="broken.")], None)))
    page.goto(path.as_uri())
    heads = page.locator("#summary thead th")
    assert "".join(names(page)) == "bcad"  # ranked as in the terminal
    assert [head.get_attribute("aria-sort") for head in heads.all()] == ["none", "descending"] + 15 * ["none"]
    for column, order, said in (
        (0, "abcd", "ascending"),
        (0, "dcba", "descending"),
        (1, "acbd", "ascending"),  # what was not scored is last, whichever way
        (1, "bcad", "descending"),
    ):
        heads.nth(column).get_by_role("button").click()
        assert "".join(names(page)) == order
        assert heads.nth(column).get_attribute("aria-sort") == said
        assert page.locator("[aria-sort=none]").count() == 16


def test_a_table_is_filtered_by_words_and_scores(page, paths):
    page.goto(paths["many"])
    said = page.locator("#filter output")
    assert said.inner_text() == "131 of 131 videos"
    page.get_by_label("Find").fill("12")
    assert [name.split(".")[0] for name in names(page)] == [*map(str, range(129, 119, -1)), "112", "12"]
    page.get_by_label("at most").fill("20")
    assert said.inner_text() == "1 of 131 videos"
    page.get_by_label("Find").fill("BROKEN")
    assert said.inner_text() == "0 of 131 videos"
    page.get_by_label("at most").fill("")
    assert names(page) == ["broken.mp4"]


def test_rows_beyond_a_hundred_follow_when_the_end_is_reached(page, paths):
    page.goto(paths["many"])
    assert len(names(page)) == 100
    page.locator("#more").scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelectorAll('#summary tbody tr:not([hidden])').length == 131")
    assert page.locator("#more").is_hidden()


def test_each_column_has_a_distribution(page, paths):
    page.goto(paths["many"])
    sharpness = page.locator("#summary thead th", has_text="sharpness").get_by_role("img")
    words = "sharpness: median 50; half of the videos from 27 to 73; lowest 5, highest 95"
    assert sharpness.get_attribute("aria-label") == f"Distribution of {words}"
    page.get_by_label("at most").fill("30")
    assert "highest 30" in sharpness.get_attribute("title")
    assert page.locator(".histogram canvas").count() == 16


def test_sections_are_made_when_a_video_is_opened_and_let_go_after(page, paths):
    page.goto(paths["many"])
    assert page.locator(".plot").count() == 0
    page.get_by_role("link", name="70.mp4", exact=True).click()
    head = page.locator("#opened h2")
    assert head.inner_text() == "folder/70.mp4"
    assert head.evaluate("head => head === document.activeElement")
    assert page.locator("#overview").is_hidden()
    assert page.locator(".plot canvas").count() == 16 + 2  # and how it was coded
    page.get_by_role("link", name="Next").click()
    page.wait_for_function("() => document.title === 'folder/69.mp4'")
    assert page.locator(".plot canvas").count() == 18
    page.go_back()
    page.go_back()
    page.locator("#overview").wait_for()
    assert page.locator(".plot").count() == 0
    page.goto(paths["many"] + "#video-130")  # a link to a video
    page.reload()
    assert head.inner_text() == "folder/0.mp4"
    assert page.get_by_role("link", name="Next").count() == 0


def test_charts_are_read_by_mouse_and_keyboard(page, paths, explained):
    page.goto(paths["one"])
    slider = page.get_by_label("Moment of the video")
    said = page.locator("output.at")
    overlay = page.locator(".plot .u-over").nth(3)
    box = overlay.bounding_box()
    before = said.inner_text()
    overlay.hover(position={"x": box["width"] / 4, "y": 20})
    quarter = explained.video.seconds[-1] / 4
    assert page.locator("thead .at").inner_text() == f"at {quarter:.1f} s"
    assert said.inner_text() == before
    overlay.click(position={"x": box["width"] / 4, "y": 20})
    assert float(said.inner_text().split()[0]) == pytest.approx(quarter, abs=0.05)
    shown = page.locator(".viewer img").first.get_attribute("src")
    assert shown == page.locator(".strip .current").get_attribute("src")
    slider.press("Home")
    assert said.inner_text().startswith("0.00 s")
    slider.press("ArrowRight")
    second = float(said.inner_text().split()[0])
    assert 0 < second < explained.video.seconds[-1] / 30
    assert re.match(rf"{second:.2f} s, overall \d+, content \d+", slider.get_attribute("aria-valuetext"))
    slider.press("End")
    assert page.locator(".viewer img").first.get_attribute("src") != shown


def test_two_videos_are_drawn_on_one_axis(page, explained, model, with_local, tmp_path):
    """The second in the time of the first, which is three times as long; its frame stands below that of the first."""
    short = model.explain(moving_clip(tmp_path / "short.mp4", 94, 240, 320, seed=5))
    first, second = (
        dataclasses.replace(with_local(np.full_like(e.scores.local, value)), path=path, **source)
        for e, value, path, source in (
            (explained, 0.8, "a.mp4", {}),
            (short, 0.4, "b.mp4", {"video": short.video, "stills": short.stills, "plans": short.plans}),
        )
    )
    (tmp_path / "two.html").write_text(jaxvqa.report([first, second]), encoding="utf-8")
    page.goto((tmp_path / "two.html").as_uri())
    page.get_by_role("link", name="a.mp4").click()
    select, said, now = page.get_by_label("Compare with"), page.locator("output.at"), page.locator(".now").first
    assert select.locator("option:checked").inner_text() == "b.mp4"  # the only one there is
    high, low = (round(100 * e.scale.apply(e.scores.raw)[0]) for e in (first, second))
    assert now.inner_text() == f"{high} / {low}"
    page.get_by_label("Moment of the video").press("End")
    last = [int(frame) for frame in re.findall(r"frame (\d+)", said.inner_text())]
    assert last[0] > 240
    assert 80 < last[1] < 94
    picture = page.locator(".second img")
    assert picture.bounding_box()["height"] > 100
    assert picture.get_attribute("src") != page.locator(".viewer img").first.get_attribute("src")
    drawn = page.locator(".plot canvas").first.evaluate("canvas => canvas.toDataURL()")
    select.select_option("none")
    assert now.inner_text() == f"{high}"
    assert picture.is_hidden()
    assert page.locator(".key").is_hidden()
    assert page.locator(".plot canvas").first.evaluate("canvas => canvas.toDataURL()") != drawn


def test_a_map_is_laid_over_the_frame_on_its_scale(page, explained, with_local, tmp_path):
    local = explained.scores.local
    uneven = with_local(np.clip(0.5 + 20 * (local - local.mean(axis=(0, 1))), 0.05, 0.95).astype(np.float32))
    (tmp_path / "map.html").write_text(jaxvqa.report([uneven]), encoding="utf-8")
    page.goto((tmp_path / "map.html").as_uri())
    page.locator(".tools select").select_option("none")
    assert page.locator(".places").is_hidden()
    button = page.locator(".map").first
    button.click()
    low, high = map(int, re.findall(r"\d+", button.inner_text()))
    cells = page.locator(".places td")
    values = [int(cell) for cell in cells.all_text_contents()]
    assert len(values) == 49
    assert (min(values), max(values)) == (low, high)
    assert cells.nth(values.index(low)).get_attribute("class") == "s0"
    assert cells.nth(values.index(high)).get_attribute("class") == "s100"
    frame, places = (
        page.locator(f".viewer {part}").bounding_box() for part in (".frame:not(.second) img", ".places table")
    )
    assert places == pytest.approx(frame, abs=1)
    assert page.locator(".viewer .legend").inner_text().split() == [str(low), str(high)]
    button.click()
    assert page.locator(".places").is_hidden()


@pytest.mark.parametrize("name", ["one", "many", "many#video-3"])
@pytest.mark.parametrize("color", ["light", "dark"])
def test_axe_finds_nothing(page, paths, name, color):
    stem, _, fragment = name.partition("#")
    page.emulate_media(color_scheme=color)
    page.set_viewport_size({"width": 390, "height": 844} if color == "dark" else {"width": 1280, "height": 900})
    page.goto(paths[stem] + (fragment and f"#{fragment}"))
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_print_is_light_and_has_all_rows(page, paths):
    page.emulate_media(color_scheme="dark")
    page.goto(paths["many"])
    page.pdf()
    assert len(names(page)) == 131
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("#filter").is_hidden()


def test_what_is_not_scored_has_no_part_in_a_page(explained):
    scored = ("T-1", "T-3")
    card = dataclasses.replace(explained.card, dimensions=scored)
    partial = dataclasses.replace(explained, card=card)
    page = jaxvqa.report([partial])
    assert "Not scored by tiny: overall, content, " in page
    assert "the aesthetic one did" not in page
    assert "all others where and when the aesthetic one did" in jaxvqa.report([explained])
    entries = [Entry(name, explained.scores.display.tolist(), lambda: section(partial)) for name in "ab"]
    table = "".join(report.page([*entries, Entry("c", error="broken.")], card)).partition('id="summary"')[2]
    head, body = table.partition("</thead>")[::2]
    assert re.findall(r'<span class="code">(.+?)</span></button>', head) == [*scored]
    assert body.partition("</tbody>")[0].count('<td class="s') == 2 * len(scored)
    assert '<td class="error" colspan="2">broken.' in body


BAD_NAMES = [
    "<script>alert(1)</script>.mp4",
    '" onmouseover="alert(1)" x=\'.mp4',
    "two\nlines\r\t.mp4",
    "Überraschung 🎬 影片.mp4",
    b"caf\xe9.mp4".decode("utf-8", "surrogateescape"),
    "{{ 7 * 7 }}{% raw %}&lt;b&gt;.mp4",
    250 * "x" + ".mp4",
]


def test_bad_names_are_text(explained):
    part = section(explained)
    scores = explained.scores.display.tolist()

    def parsed(names, error):
        entries = [*(Entry(name, scores, lambda: part) for name in names), Entry(*error)]
        html = "".join(report.page(entries, explained.card))
        html.encode("utf-8")
        return Page(html)

    found = parsed(BAD_NAMES, ("<b>", (), None, "<i>no</i>"))
    plain = parsed(["plain.mp4"] * len(BAD_NAMES), ("plain.mp4", (), None, "no"))
    assert found.tags == plain.tags
    assert [name for name, _ in found.attributes] == [name for name, _ in plain.attributes]
    text = "".join(found.text)
    assert "<script>alert(1)</script>.mp4" in text
    assert "two\ufffdlines\ufffd\ufffd.mp4" in text
    assert "Überraschung 🎬 影片.mp4" in text
    assert "caf\ufffd.mp4" in text
    assert "{{ 7 * 7 }}{% raw %}&lt;b&gt;.mp4" in text
    assert "<b>" in text
    assert "<i>no</i>" in text


def test_bad_names_do_nothing_when_they_are_opened(page, explained, tmp_path):
    path = tmp_path / "report.html"
    entries = [Entry(name, explained.scores.display.tolist(), lambda: section(explained)) for name in BAD_NAMES[:2]]
    path.write_text("".join(report.page(entries, explained.card)), encoding="utf-8")
    page.goto(path.as_uri())
    for link, name in zip(page.locator("#summary a").all(), BAD_NAMES, strict=False):
        link.click()
        assert page.locator("#opened h2").inner_text() == name
        page.get_by_role("link", name="All videos").click()


def test_folders_that_all_videos_are_in_are_left_out():
    assert without_folder(["a/b/1.mp4", "a/b/c/2.mp4"]) == ["1.mp4", "c/2.mp4"]
    assert without_folder(["a/1.mp4", "b/1.mp4"]) == ["a/1.mp4", "b/1.mp4"]
    assert without_folder(["a/1.mp4", "a/1.mp4"]) == ["1.mp4", "1.mp4"]
    assert without_folder([""]) == [""]


def test_a_page_needs_nothing_else(explained):
    html = jaxvqa.report([explained])
    page = Page(html)
    links = [value for name, value in page.attributes if name in ("src", "href")]
    assert len(links) >= 12
    assert all(value.startswith("data:image/") for value in links)
    assert not re.search(r"url\(|@import", html)
    assert {*re.findall(r"https?://\S+", html)} == {"https://github.com/leeoniya/uPlot"}  # in a comment
    assert "Copyright (c) 2022 Leon Sorokin" in html
    assert "script-src 'sha256-" in html
    text = "".join(page.text)
    assert "tiny: knows nothing. Not validated: overall, content, composition, " in text
    assert explained.sha256 in text
    assert explained.weights_id in text
    assert "1, by the rule whole, drawn from seed 0" in text


def test_a_report_of_200_videos_is_small(model, shared):
    e = model.explain(shared / "videos" / "10053703034.mp4")
    three = dataclasses.replace(e, card=None)
    assert len(three.weakest) == 3
    made = functools.partial(Section, *section(three))
    entries = [Entry(f"{i}.mp4", e.scores.display.tolist(), made) for i in range(200)]
    parts = [len(text.encode()) for text in report.page(entries, None)]
    assert sum(parts) < 24e6
    assert max(parts) < 1e6  # one video at a time
