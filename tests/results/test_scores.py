import dataclasses
import json
import sys

import numpy as np
import pytest
from pages import Page

import jaxvqa
from jaxvqa.results.scores import Scores


def test_scores_have_names():
    raw = np.linspace(0.1, 0.85, 16, dtype=np.float32)
    scores = Scores(np.tile(raw, (64, 49, 1)), raw, raw)
    assert scores.overall == float(raw[0])
    assert list(scores.dimensions.values()) == raw.tolist()
    assert scores.dimensions["overall"] == scores.overall
    assert scores.dimensions.keys() >= {"sharpness", "noise", "content"}
    raw[1:] = np.nan
    assert scores.dimensions == {"overall": scores.overall}


@pytest.fixture(scope="module")
def scores(clips, partial_weights):
    """Of a clip, in three of the sixteen dimensions and in one of the caller's."""
    return jaxvqa.load(partial_weights, custom=[("lively", "<b>dull")]).score(clips / "a.mp4")


def test_a_dict_can_be_json(scores):
    found = json.loads(json.dumps(scores.to_dict(), allow_nan=False))
    assert list(found["dimensions"]) == [dimension.name for dimension in jaxvqa.DIMENSIONS]
    assert found["dimensions"]["content"] == {"raw": None, "display": None, "deviation": None}
    assert found["dimensions"]["noise"] == {
        "raw": scores.dimensions["noise"],
        "display": float(scores.display[9]),
        "deviation": None,
    }
    assert list(found["custom"]) == ["lively / <b>dull"]
    several = dataclasses.replace(scores, samplings=np.stack([scores.raw - 0.25, scores.raw + 0.25]))
    assert several.to_dict()["dimensions"]["noise"]["deviation"] == pytest.approx(0.25 * 2**0.5)


def test_a_data_frame_has_a_row_for_each_dimension_and_pair(scores):
    frame = scores.to_pandas()
    assert list(frame.index) == [*(dimension.name for dimension in jaxvqa.DIMENSIONS), "lively / <b>dull"]
    assert {str(kind) for kind in frame.dtypes} == {"float64"}
    assert frame.raw.dropna().to_dict() == scores.dimensions | {"lively / <b>dull": next(iter(scores.custom.values()))}
    assert set(frame.display.dropna().index) == set(scores.dimensions)


def test_a_notebook_shows_a_table_and_bars(scores):
    import matplotlib.pyplot as plt

    page = Page(scores._repr_html_())
    text = " ".join(page.text)
    assert page.tags.count("tr") == len(scores.dimensions) + 1
    assert "Not scored by this model: content, composition" in text
    assert "lively / <b>dull" in text
    ax = scores.plot()
    assert [bar.get_width() for bar in ax.patches] == [100 * float(x) for x in scores.display if not np.isnan(x)]
    plt.close(ax.figure)
    _, given = plt.subplots()
    assert scores.plot(given) is given
    plt.close(given.figure)


@pytest.mark.parametrize(("method", "module"), [("to_pandas", "pandas"), ("plot", "matplotlib")])
def test_what_is_not_installed_is_one_sentence(scores, monkeypatch, method, module):
    monkeypatch.setitem(sys.modules, module, None)
    for name in [name for name in sys.modules if name.startswith(f"{module}.")]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(jaxvqa.UserError, match=rf"^{module} is not installed; to get it: pip install .*\[notebook\]"):
        getattr(scores, method)()
