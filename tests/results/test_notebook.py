"""Scores as tables and charts; with real scores, in tests/results/test_scores.py and tests/explain."""

import numpy as np
from pages import Page

from jaxvqa.results.notebook import POINTS, Shown, plot_bars, plot_lines, points, table_html

HOSTILE = "<script>alert(1)</script> $x$ caf\udce9.mp4"


def test_a_table_holds_bars_and_lines_and_escapes_every_text():
    seconds = np.array([0.0, 1, 4])
    shown = [Shown("overall", 0.375, seconds, np.array([0, 0.5, 1])), Shown("<i>noise *", np.nan)]
    html = table_html(shown, {"<b>good / bad": 0.25}, HOSTILE, ["Weakest: <i>noise."], "<u>notice")
    page = Page(html)
    assert {"script", "b", "i", "u"} & set(page.tags) == {"b"}  # the title is bold
    assert page.tags.count("b") == 1
    text = "".join(page.text)
    for said in ("<script>alert(1)</script> $x$ caf", "<b>good / bad", "Weakest: <i>noise.", "<u>notice", "0.250"):
        assert said in text
    assert "Not scored by this model: <i>noise *." in text
    assert html.encode()  # to be saved in a notebook
    assert [value for name, value in page.attributes if name == "style" and "width:38%" in value]
    assert ("points", "0.0,17.0 30.0,9.0 120.0,1.0") in page.attributes
    assert "nan" not in html


def test_colors_are_those_of_a_light_or_dark_page():
    html = table_html([Shown("overall", 0.5, np.array([0.0, 1]), np.array([0.5, 0.5]))], {})
    assert "currentColor" in html
    assert not [
        x
        for x in ("color:#", "background:#fff", "background:white", 'stroke="#')
        if x in html.replace("background:#3987c9", "")
    ]


def test_a_line_has_few_points():
    shown = Shown("overall", 0.5, np.arange(1000) / 25, np.linspace(0, 1, 1000))
    assert len(points(shown).split()) == POINTS
    assert points(Shown("overall", 0.5, np.zeros(1), np.array([0.5]))) == "0.0,9.0"  # of a video of one frame


def test_bars_go_from_0_to_100():
    from matplotlib.figure import Figure

    into = Figure().subplots()
    ax = plot_bars([Shown("overall", 0.375), Shown("content", np.nan), Shown("noise", 0.9)], into)
    assert ax is into
    assert [bar.get_width() for bar in ax.patches] == [37.5, 90]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["overall", "noise"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first is on top
    assert [text.get_text() for text in ax.texts] == ["38", "90"]


def test_each_dimension_has_a_chart_over_time():
    import matplotlib.pyplot as plt

    shown = [Shown(f"d{i}", i / 10, np.array([0.0, 2]), np.array([i / 10, 0.5])) for i in range(4)]
    axes = plot_lines(shown, HOSTILE)
    assert [ax.get_title(loc="left") for ax in axes] == ["d0 0", "d1 10", "d2 20", "d3 30"]
    assert axes[3].lines[0].get_xydata().tolist() == [[0, 30], [2, 50]]
    figure = axes[0].figure
    assert len(figure.axes) == 4
    figure.canvas.draw()  # with a title that is no formula
    plt.close(figure)
