import base64
import io

import matplotlib
import numpy as np
import pytest
from PIL import Image

from jaxvqa.explain.render import colours, contrast, shades, source, template, webp


def test_colours_are_those_of_cividis():
    published = matplotlib.colormaps["cividis"](np.arange(256))[:, :3] * 255
    assert np.abs(colours(np.arange(256) / 255) - published).max() < 3


def test_colours_get_brighter_with_the_score():
    luminances = colours(np.linspace(0, 1, 11)) @ np.array([0.299, 0.587, 0.114])
    assert (np.diff(luminances) > 5).all()


def test_contrast_is_that_of_wcag():
    assert contrast(np.zeros(3), np.full(3, 255)) == pytest.approx(21)
    assert contrast(np.full(3, 0x76), np.full(3, 255)) == pytest.approx(4.54, abs=0.01)  # #767676, WCAG's own example


def test_text_on_each_score_can_be_read():
    def channels(color):
        digits = color[1:] if len(color) == 7 else "".join(2 * digit for digit in color[1:])
        return np.array([*bytes.fromhex(digits)])

    ratios = [contrast(channels(back), channels(ink)) for back, ink in shades()]
    assert len(ratios) == 101
    assert min(ratios) > 4.5  # WCAG 2.2, level AA


def test_pictures_are_no_larger_than_asked_for():
    picture = Image.new("RGB", (400, 200), "red")
    small = Image.open(io.BytesIO(base64.b64decode(webp(picture, 100, 50))))
    assert (small.format, small.size) == ("WEBP", (100, 50))
    assert picture.size == (400, 200)


def test_templates_escape_and_scripts_do_not_end_early():
    assert template("demo").render(doing="<b>").strip() == '<p class="doing" role="status">&lt;b&gt;</p>'
    assert "</script" not in source("uplot.LICENSE", "uplot.js", "page.js", "overview.js")
    assert "*/" not in source("uplot.LICENSE")
