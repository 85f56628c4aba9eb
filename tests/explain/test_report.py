import dataclasses
import re
from fractions import Fraction

import matplotlib
import numpy as np
from clips import moving_clip
from pages import Page

import jaxvqa
from jaxvqa.explain import report
from jaxvqa.explain.locations import TECHNICAL, boxes
from jaxvqa.explain.report import Entry, colours, section
from jaxvqa.text.prompts import PromptPair


def score(page, *paths):
    """Drops files into the zones, from the first on, and presses the button."""
    for zone, path in reversed([*enumerate(paths)]):  # a zone that has a file takes no other
        page.locator("input[type=file]").nth(zone).set_input_files(path)
        page.get_by_label("Clear").nth(len(paths) - zone - 1).wait_for()
    page.get_by_role("button", name="Score", exact=True).click()


def test_a_report_of_two_videos_is_sorted_by_a_click(page, tmp_path):
    path = tmp_path / "report.html"
    scores = {"a": 0.09, "b": 0.5, "c": 0.2}
    entries = [Entry(name, [score] * 16, lambda: "<p>this one</p>") for name, score in scores.items()]
    path.write_text("".join(report.page([*entries, Entry("d", error="broken.")], None)))
    page.goto(path.as_uri())
    names = page.locator("#summary tbody td:first-child")
    for button, order in (("O", "acbd"), ("O", "dbca"), ("video", "abcd"), ("video", "dcba")):
        page.get_by_role("button", name=button, exact=True).click()
        assert "".join(names.all_inner_texts()) == order


NAMES = [dimension.name for dimension in jaxvqa.DIMENSIONS]


SHARPNESS, CONTENT = NAMES.index("sharpness"), NAMES.index("content")


def test_only_validated_single_dimensions_are_called_weak(explained):
    codes = {jaxvqa.DIMENSIONS[i].code for i in explained.weakest}
    assert codes == {"T-1", "T-3"}  # all that these weights were validated in
    unknown = dataclasses.replace(explained, card=None)
    assert not {jaxvqa.DIMENSIONS[i].code for i in unknown.weakest} & {"O", "A-all", "T-all"}
    assert len(unknown.weakest) == 3
    card = dataclasses.replace(explained.card, databases=("konvid_1k",), synthetic=False, dimensions=("O", "T-2"))
    rated = dataclasses.replace(explained, card=dataclasses.replace(card, name="", limits="", validated=None))
    assert [jaxvqa.DIMENSIONS[i].code for i in rated.weakest] == ["T-2"]  # the only one that had labels
    assert "Not scored by this model: content, composition, " in jaxvqa.report([rated])
    assert "the former" not in rated.sentences[0]
    none = dataclasses.replace(explained, card=dataclasses.replace(explained.card, validated=()))
    assert (none.weakest, none.sentences) == ([], [])
    assert "The worst moments" not in jaxvqa.report([none])


def test_what_was_met_in_showing_frames_is_a_line(model, explained, tmp_path):
    options = {"flags": "+ildct+ilme", "x264-params": "tff=1"}
    path = moving_clip(tmp_path / "clip.mp4", 8, codec_options=options, fields={"sample_aspect_ratio": Fraction(4, 3)})
    notes = "4:3 pixels, shown square: 320x240 as 427x240; interlaced, deinterlaced by bwdif"
    assert f"<p>Frames: {notes}.</p>" in section(model.explain(path))
    assert "Frames:" not in section(explained)


def test_what_is_not_scored_has_no_part_in_a_page(explained):
    scored = ("T-1", "T-3")
    card = dataclasses.replace(explained.card, dimensions=scored)
    partial = dataclasses.replace(explained, card=card)
    html = section(partial)
    assert html.count("<polyline") == html.count('class="map"') == 2
    assert "Overall" not in html
    page = jaxvqa.report([partial])
    assert "Not scored by tiny: overall, content, " in page
    assert "the aesthetic one did" not in page
    assert "all others where and when the aesthetic one did" in jaxvqa.report([explained])
    entries = [Entry(name, explained.scores.display.tolist(), lambda: html) for name in "ab"]
    table = "".join(report.page([*entries, Entry("c", error="broken.")], card)).partition('id="summary"')[2]
    head, body = table.partition("</thead>")[::2]
    assert re.findall(r'<button title="[\w ]+">(.+?)</button>', head) == [*scored]
    assert body.partition("</tbody>")[0].count("<td>") == 2 * (1 + len(scored)) + 1
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


def test_bad_words_of_weights_and_prompts_are_text(explained):
    def parsed(word):
        scores = dataclasses.replace(explained.scores, custom={PromptPair(word, "dull"): 0.5})
        card = dataclasses.replace(explained.card, name=word, limits=word)
        bad = dataclasses.replace(explained, scores=scores, card=card, weights_id=word, sha256=word)
        return Page(jaxvqa.report([bad]))

    found, plain = parsed("<b onclick='alert(1)'>{{ 7 * 7 }}</b>"), parsed("word")
    assert found.tags == plain.tags
    assert [name for name, _ in found.attributes] == [name for name, _ in plain.attributes]
    assert "".join(found.text).count("<b onclick='alert(1)'>{{ 7 * 7 }}</b>") == "".join(plain.text).count("word") > 4


def test_a_page_needs_nothing_else(explained):
    html = jaxvqa.report([explained])
    links = [value for name, value in Page(html).attributes if name in ("src", "href")]
    assert len(links) == 1 + 16 + len(explained.weakest)
    assert all(value.startswith("data:image/") for value in links)
    assert not re.search(r"url\(|@import|https?://", html)
    assert "tiny: knows nothing. Not validated: overall, content, composition, " in html
    assert explained.sha256 in html
    assert explained.weights_id in html
    assert "1, by the rule whole, drawn from seed 0 and the file&#39;s content" in html


def test_boxes_of_a_picture_are_those_of_its_dimension(explained):
    moment = explained.worst(SHARPNESS).at  # each frame is that of one moment
    html = section(explained)
    shown = [
        tuple(map(float, box)) for box in re.findall(r'<rect x="(.+?)" y="(.+?)" width="(.+?)" height="(.+?)"', html)
    ]
    expected = sorted(boxes(explained.places, SHARPNESS, int(moment)).round(1).tolist())
    first = 49 * [jaxvqa.DIMENSIONS[i].name for i in explained.weakest].index("sharpness")
    np.testing.assert_allclose(shown[first : first + 49], expected)
    number = explained.places.frames[1, moment]
    assert f"{explained.video.seconds[number]:.2f} s, frame {number}" in html
    assert TECHNICAL[SHARPNESS]
    assert not TECHNICAL[CONTENT]


def test_colours_are_those_of_cividis():
    published = matplotlib.colormaps["cividis"](np.arange(256))[:, :3] * 255
    assert np.abs(colours(np.arange(256) / 255) - published).max() < 3


def test_colours_get_brighter_with_the_score():
    shades = colours(np.linspace(0, 1, 11)) @ np.array([0.299, 0.587, 0.114])
    assert (np.diff(shades) > 5).all()


def test_a_report_of_200_videos_is_small(model, shared):
    e = model.explain(shared / "videos" / "10053703034.mp4")
    three = dataclasses.replace(e, card=None)
    assert len(three.weakest) == 3
    part = section(three)
    entries = [Entry(f"{i}.mp4", e.scores.display.tolist(), lambda: part) for i in range(200)]
    parts = [len(text.encode()) for text in report.page(entries, None)]
    assert sum(parts) < 30e6
    assert max(parts) < 1e6  # one video at a time
