"""Percentiles among reference videos, and the weakest dimensions."""

import dataclasses

import numpy as np
import pytest

from jaxvqa.dimensions import DIMENSIONS, PERCENTS, calibrate
from jaxvqa.explain.explanation import ordinal
from jaxvqa.explain.percentiles import percentiles, published_quantiles, weakest_dimensions
from jaxvqa.weights.load import load_weights

NAMES = [dimension.name for dimension in DIMENSIONS]


@pytest.fixture(scope="module")
def card(partial_weights):
    return load_weights(partial_weights).card


def test_percentiles_are_of_the_reference(explained):
    scores = np.linspace(0.2, 0.8, 101)[:, None].repeat(16, axis=1)
    scale, quantiles = calibrate(scores)
    card = dataclasses.replace(explained.card, scale=scale, quantiles=quantiles)
    for percent in (0, 5, 37, 100):
        raw = np.full(16, 0.2 + 0.006 * percent)
        np.testing.assert_allclose(percentiles(raw, card), percent, atol=1e-6)
        e = dataclasses.replace(explained, scores=dataclasses.replace(explained.scores, raw=raw), card=card)
        np.testing.assert_array_equal(e.percentiles, percentiles(raw, card))
    assert [ordinal(x) for x in (0, 1.4, 2, 3, 4, 11, 12, 13, 21, 92, 100)] == (
        "1st 1st 2nd 3rd 4th 11th 12th 13th 21st 92nd 99th".split()
    )


def test_published_model_is_compared_with_its_own_scores_of_maxwell(shared):
    table = np.genfromtxt(shared / "maxwell" / "published_val_predictions.csv", delimiter=",", skip_header=1)[:, 1:]
    for row in (3, 400, 908):
        below = 100 * (table < table[row]).mean(axis=0)
        assert np.abs(percentiles(table[row], None) - below).max() < 2.5
    assert len(PERCENTS) == 21


def test_the_weakest_are_of_lowest_percentile_and_single_dimensions():
    raw = published_quantiles()[10].copy()  # medians
    raw[[0, NAMES.index("noise"), NAMES.index("sharpness")]] -= 0.3, 0.1, 0.2
    weakest = weakest_dimensions(raw, np.full(16, 0.5), None)
    assert len(weakest) == 13
    ranks = percentiles(raw, None)[weakest]
    assert [*ranks] == sorted(ranks)
    assert {NAMES[i] for i in weakest[:2]} == {"noise", "sharpness"}


def test_dimensions_without_scores_are_passed_over(card):
    raw = np.full(16, np.nan)
    raw[[0, NAMES.index("sharpness"), NAMES.index("noise")]] = 0.5, 0.4, 0.6
    assert [NAMES[i] for i in weakest_dimensions(raw, raw, card)] == ["sharpness", "noise"]
