import dataclasses

import numpy as np
import pytest

from jaxvqa import DIMENSIONS
from jaxvqa.evaluation.preference import Preference, preference_of
from jaxvqa.weights.known_opinions import maxwell_opinions
from jaxvqa.weights.load import load_weights

OVERALL, NOISE = DIMENSIONS[0], DIMENSIONS[9]


@pytest.fixture
def card(released_weights):
    return load_weights(released_weights).card


def row(**scores):
    return {"overall_display": 0.5, "noise_display": 0.5, **scores}


def test_encodes_differ_by_the_deviation_of_the_card(card):
    preference = preference_of(dataclasses.replace(card, pair_deviation=4.0), "tiny")
    for points, chance in ((-1.96 * 4, 0.025), (0, 0.5), (1.645 * 4, 0.95)):
        other = row(overall_display=0.5 + points / 100)
        assert preference.chance_of_higher(row(), other) == pytest.approx(chance, abs=1e-4)
        assert preference.chance_of_higher(other, row()) == pytest.approx(1 - chance, abs=1e-4)
    assert preference.chance_of_higher(row(), row(overall_display=0.56), by=6) == pytest.approx(0.5)
    assert preference.chance_of_higher(row(), row(noise_display=0.9), NOISE) is None


def test_people_differ_by_two_errors_in_each_dimension():
    preference = preference_of(None, "published")
    first, second = row(overall_mos=3.0, noise_mos=0.1), row(overall_mos=3.4, noise_mos=0.4)
    errors = np.random.default_rng(0).normal(size=(2, 10**6))
    for d, i, apart in ((OVERALL, 0, 0.4), (NOISE, 9, 0.3)):
        higher = (apart / maxwell_opinions().deviation[i] + errors[1] > errors[0]).mean()
        assert preference.chance_of_higher(first, second, d) == pytest.approx(higher, abs=2e-3)
    cells = {name: str(value) for name, value in first.items()}  # as of scores.csv
    assert preference.chance_of_higher(cells, second) == preference.chance_of_higher(first, second)
    assert preference.chance_of_higher(first, first, by=preference.visible) < 0.5


def test_nothing_is_known_of_others(card):
    better = row(overall_display=0.9, overall_mos=4.0)
    for preference in (Preference(), preference_of(card, "tiny"), preference_of(None, "random-small")):
        assert preference.chance_of_higher(row(overall_mos=3.0), better) is None


@pytest.mark.parametrize("missing", [{}, {"overall_mos": None}, {"overall_mos": ""}])
def test_rows_without_an_estimate_tell_no_chance(missing):
    preference = preference_of(None, "published")
    assert preference.chance_of_higher(row(**missing), row(overall_mos=3.0)) is None
    assert preference.chance_of_higher(row(overall_mos=3.0), row(**missing)) is None
