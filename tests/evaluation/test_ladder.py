import dataclasses
from statistics import NormalDist

import numpy as np
import pytest

from jaxvqa.evaluation.ladder import best, chances_worse, cheapest, content_correlations, on_hull, reversals
from jaxvqa.evaluation.preference import Preference, preference_of
from jaxvqa.results.rows import DISPLAY, MOS
from jaxvqa.weights.known_opinions import maxwell_opinions
from jaxvqa.weights.load import load_weights


@pytest.fixture
def preference(released_weights):
    return preference_of(dataclasses.replace(load_weights(released_weights).card, pair_deviation=2.0), "")


def chances_of(scores, preference):
    """Chances of rows with these overall scores, 0 to 100."""
    return chances_worse([{DISPLAY[0]: score / 100} for score in scores.tolist()], preference)


def chosen(rates, scores, preference, confidence):
    return cheapest(rates, scores, chances_of(scores, preference), confidence)


@pytest.mark.parametrize(
    ("rates", "scores", "expected"),
    [
        ([1, 10, 100], [0, 50, 60], [True, True, True]),
        ([1, 10, 100], [0, 20, 60], [True, False, True]),  # below the chord
        ([1, 10, 100], [0, 30, 60], [True, True, True]),  # on it
        ([100, 1, 10], [60, 0, 20], [True, True, False]),  # in any order
        ([1, 10, 100], [0, 60, 50], [True, True, False]),  # more bits for less
        ([1, 10, 100], [0, 60, 60], [True, True, False]),  # more bits for nothing
        ([1, 1, 10], [0, 20, 50], [False, True, True]),  # two of one rate
        ([1, 10, 10], [0, 50, 50], [True, True, True]),  # the same point twice
        ([1, 10, 100, 1000], [0, 10, 20, 90], [True, False, False, True]),
        ([5], [5], [True]),
        ([1, 10], [9, 3], [True, False]),
    ],
)
def test_hull(rates, scores, expected):
    assert on_hull(np.array(rates, float), np.array(scores, float)).tolist() == expected


def test_the_cheapest_encode_that_is_not_visibly_worse(preference):
    rates, scores = np.array([1.0, 2, 3, 4]), np.array([70.0, 87.0, 89.0, 90.0])
    chances = chances_of(scores, preference)
    assert chances.round(2).tolist() == [1.0, 0.07, 0.01, 0.0]
    assert chosen(rates, scores, preference, 0.9) == 1
    assert chosen(rates, scores, preference, 0.95) == 2
    assert chosen(rates, scores, preference, 0.999) == 3
    assert chosen(rates, scores[::-1], preference, 0.95) == 0  # the best one is the cheapest
    assert chosen(np.array([2.0, 2, 2]), np.array([88.0, 90, 89]), preference, 0.95) == 1


def test_an_encode_at_the_confidence_is_chosen(preference):
    scores = np.array([87.0, 90.0])
    confidence = 1 - float(chances_of(scores, preference)[0])
    assert chosen(np.array([1.0, 2]), scores, preference, confidence - 1e-9) == 0
    assert chosen(np.array([1.0, 2]), scores, preference, confidence + 1e-9) == 1


def test_the_best_encode_is_chosen_however_sure_one_must_be(preference):
    assert chosen(np.array([1.0, 2]), np.array([90.0, 80.0]), preference, 1 - 1e-15) == 0


def test_of_equal_scores_the_cheapest_is_the_best(preference):
    rates, scores = np.array([3.0, 1, 2]), np.array([90.0, 90.0, 80.0])
    assert best(rates, scores) == 1
    assert chosen(rates, scores, preference, 0.95) == 1


def test_weights_that_tell_no_chances_choose_nothing():
    assert np.isnan(chances_of(np.array([1.0, 2.0]), Preference())).all()
    assert chosen(np.array([1.0, 2.0]), np.array([1.0, 2.0]), Preference(), 0.95) is None


def test_published_weights_choose_by_what_people_would_say():
    encodes = [{DISPLAY[0]: score, MOS[0]: mos} for score, mos in ((0.5, 3.0), (0.6, 3.45), (0.61, 3.5))]
    chances = chances_worse(encodes, preference_of(None, "abc"))
    deviation = 2**0.5 * maxwell_opinions().deviation[0]
    assert chances == pytest.approx([NormalDist(0.3, deviation).cdf(apart) for apart in (0.5, 0.05, 0)])
    rates, scores = np.array([1.0, 2, 3]), np.array([50.0, 60, 61])
    assert cheapest(rates, scores, chances, 0.7) == 1
    assert cheapest(rates, scores, chances, 0.8) == 2


@pytest.mark.parametrize(
    ("rates", "scores", "kinds", "expected"),
    [
        ([1, 2, 3], [10, 20, 30], "aaa", (0, 2)),
        ([3, 2, 1], [30, 20, 10], "aaa", (0, 2)),  # in any order
        ([1, 2, 3], [30, 20, 10], "aaa", (2, 2)),
        ([1, 2, 3], [10, 9.6, 9.2], "aaa", (0, 2)),  # by chance
        ([1, 2, 3, 4], [10, 5, 20, 15], "abab", (0, 2)),  # of different kinds
        ([1, 1], [20, 10], "aa", (0, 1)),  # of the same rate
        ([1, 2], [20, 10], "ab", (0, 0)),
    ],
)
def test_reversals(rates, scores, kinds, expected):
    assert reversals(np.array(rates, float), np.array(scores, float), [(kind,) for kind in kinds]) == expected


def test_contents_correlate():
    random = np.random.default_rng(0)
    one, other = random.integers(0, 256, (2, 4, 32, 9, 16)).repeat(4, axis=3).repeat(4, axis=4).astype(np.uint8)
    coded = np.clip(one * 0.8 + random.normal(20, 10, one.shape), 0, 255).astype(np.uint8)  # noise, and other levels
    plain = np.full_like(one, 7)
    found = content_correlations([one, coded, other, plain, None])
    assert found[0, 1] == found[1, 0] > 0.98
    assert np.diag(found)[:3] == pytest.approx(1)
    assert abs(found[:2, 2]).max() < 0.2
    assert np.isnan(found[3:]).all()
    assert np.isnan(found[:, 3:]).all()
