from pathlib import Path

import numpy as np
import pytest

from jaxvqa.dimensions import DIMENSIONS
from jaxvqa.evaluation.opinions import LEAST, fit_opinions, opinions_by
from jaxvqa.results.table import ScoreTable


def videos(count, seed=0, noise=0.05):
    """Raw scores and ratings from 0 to 100 that rise with them."""
    generator = np.random.default_rng(seed)
    raw = generator.uniform(0.2, 0.8, (count, 16))
    return raw, 100 / (1 + np.exp((0.5 - raw) / 0.1)) + 100 * generator.normal(0, noise, raw.shape)


def test_nine_in_ten_new_videos_lie_in_the_interval():
    covered, raw = [], np.linspace(0.2, 0.8, 50)[:, None].repeat(16, 1)
    for seed in range(4):
        found = fit_opinions(*videos(200, seed))
        assert found.scores(raw) == pytest.approx(100 / (1 + np.exp((0.5 - raw) / 0.1)), abs=8)
        assert found.deviation == pytest.approx(np.full(16, 5), abs=1)
        new, ratings = videos(400, 100 + seed)
        covered.append(abs(found.scores(new) - ratings) <= found.half)
    assert np.mean(covered) == pytest.approx(0.9, abs=0.01)


def test_opinions_stay_among_the_ratings():
    raw, ratings = videos(100)
    found = fit_opinions(raw, ratings)
    ends = found.scores(np.array([[0.0] * 16, [1.0] * 16]))
    assert (ends[0] >= ratings.min(axis=0)).all()
    assert (ends[1] <= ratings.max(axis=0)).all()


def test_a_dimension_needs_ratings_that_rise_with_scores():
    raw, ratings = videos(LEAST)
    ratings[:, 1] = -ratings[:, 1]  # falls
    ratings[0, 2] = np.nan  # one too few
    raw[:, 3] = np.nan  # not scored
    ratings[:, 4] = 3.0  # the same for all
    raw[:, 5] = 0.5
    found = fit_opinions(raw, ratings)
    assert np.isnan(found.half).tolist() == [i in (1, 2, 3, 4, 5) for i in range(16)]
    assert np.isnan(found.scores(raw)[:, 1]).all()
    assert np.isfinite(found.scores(raw)[:, 0]).all()
    assert fit_opinions(raw[:, ::-1] * np.nan, ratings) is None
    assert fit_opinions(*videos(LEAST - 1)) is None


def test_videos_are_joined_by_name_and_dimensions_by_code():
    raw, ratings = videos(80)
    names = [f"{i}.mp4" for i in range(80)]
    order = np.random.default_rng(0).permutation(80)
    predictions = ScoreTable(Path("p"), [names[i] for i in order], {"T-1": raw[order, 7], "O": raw[order, 0]})
    labels = ScoreTable(Path("l"), names, {"T-1": ratings[:, 7], "A-1": ratings[:, 1], "fine / coarse": ratings[:, 2]})
    found, whole = opinions_by(predictions, labels), fit_opinions(raw, ratings)
    assert np.flatnonzero(~np.isnan(found.half)).tolist() == [7]
    assert DIMENSIONS[7].code == "T-1"
    assert found.half[7] == pytest.approx(whole.half[7])
