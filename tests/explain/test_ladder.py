from xml.etree import ElementTree

import pytest

from jaxvqa.explain.ladder import Encode, bit_rate, ladder_picture, places, rate_ticks, score_ticks

SVG = "{http://www.w3.org/2000/svg}"


def encode(rate, score, interval=None, name="a.mp4", size="64x64", on_hull=False, chosen=False):
    return Encode(name, size, rate, score, interval, on_hull, chosen)


def shapes(picture, kind, color=""):
    """Elements of a picture whose class names a color, but for those of the list below."""
    root = ElementTree.fromstring(picture)
    return [each for each in root.iter(f"{SVG}{kind}") if color in each.get("class", "").split() or not color]


def test_points_lie_at_their_logarithm_and_score():
    encodes = [encode(rate, score, on_hull=True) for rate, score in ((1e5, 10), (1e6, 60), (1e7, 80))]
    picture = ladder_picture(encodes, ["Said above."], "scale")
    points = [each for each in shapes(picture, "circle") if each.find(f"{SVG}title") is not None]
    x, y = ([float(each.get(name)) for each in points] for name in ("cx", "cy"))
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=0.2)  # a power of ten each
    assert (y[0] - y[1]) / (y[1] - y[2]) == pytest.approx(50 / 20, abs=0.01)
    [hull] = shapes(picture, "polyline")
    assert [tuple(map(float, at.split(","))) for at in hull.get("points").split()] == list(zip(x, y, strict=True))
    texts = ["".join(each.itertext()) for each in shapes(picture, "text")]
    assert {"Said above.", "scale", "1", "2", "3"} <= {*texts}
    assert "a.mp4: 64x64, 1,000 kbit/s, overall 60" in texts


def test_a_color_for_each_size_and_a_bar_where_an_interval_is_known():
    encodes = [
        encode(1e5, 50, (30.0, 70.0), size="32x32"),
        encode(1e6, 60, (40.0, 80.0), size="64x64", chosen=True),
        encode(2e6, 65, None, size="64x64"),
    ]
    picture = ladder_picture(encodes, [], "scale")
    assert len(shapes(picture, "path", "bar")) == 2
    assert len(shapes(picture, "circle", "chosen")) == 1
    assert [len(shapes(picture, "circle", color)) for color in ("c0", "c1", "c2")] == [2, 5, 0]
    [line] = [text for text in shapes(picture, "text") if "(chosen)" in "".join(text.itertext())]
    assert "1,000 kbit/s" in line.text


def test_names_are_text_and_long_ones_lose_their_middle():
    encodes = [encode(1e5, 50, name="<script>&\x1b.mp4"), encode(2e5, 50, name="b" * 300)]
    picture = ladder_picture(encodes, ["<b> & \udcff"], "scale")
    texts = ["".join(each.itertext()) for each in shapes(picture, "text")]
    assert any(text.startswith("<script>&\ufffd.mp4: ") for text in texts)
    assert max(map(len, texts)) < 120
    assert "<b> & \ufffd" in texts


def test_one_encode_can_be_drawn():
    assert shapes(ladder_picture([encode(1e5, 100.0)], [], ""), "circle")
    assert shapes(ladder_picture([encode(1e5, 0.0)], [], ""), "circle")


def test_ticks_enclose_what_is_drawn():
    assert rate_ticks([3e5, 4e6]) == [2e5, 5e5, 1e6, 2e6, 5e6]
    assert rate_ticks([1e6]) == [5e5, 1e6, 2e6]
    assert score_ticks([encode(1, 42), encode(1, 61)]) == [40, 50, 60, 70]
    assert score_ticks([encode(1, 42, (5.0, 79.0))]) == [0, 10, 20, 30, 40, 50, 60, 70, 80]
    assert score_ticks([encode(1, 100)]) == [100, 110]


def test_numbers_keep_away_from_points_and_each_other():
    assert places([(100, 100)]) == [(100, 88)]
    points = [(100, 100), (100, 85), (120, 100)]  # the second is where the first one's number would be
    found = places(points)
    assert len({*found}) == 3
    for number, (x, y) in enumerate(found):
        near = [(c, d) for c, d in [*points, *((x, y - 4) for x, y in found[:number])]]
        assert all(abs(x - c) > 10 or abs(y - 4 - d) > 10 for c, d in near)
    assert len(places([(100, 100)] * 9)) == 9  # where there is no room


def test_bit_rates_in_words():
    assert [bit_rate(rate) for rate in (1_234_567, 12_345, 1_500)] == ["1,235 kbit/s", "12 kbit/s", "1.5 kbit/s"]
