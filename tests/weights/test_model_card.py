"""The model card: it comes back from JSON as it was, and what it claims decides what is said of scores."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from jaxvqa import DIMENSIONS, WeightsError
from jaxvqa.dimensions import PERCENTS, PUBLISHED, DisplayScale, display
from jaxvqa.text.prompts import PromptPair
from jaxvqa.weights.find import PACKAGED
from jaxvqa.weights.load import load_weights
from jaxvqa.weights.model_card import (
    POINTS,
    CustomDimension,
    ModelCard,
    display_scale,
    not_scored,
    notice,
    scored,
    trained_pairs,
    unvalidated,
)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"validated": "T-1"}, "validated must be a list of texts"),
        ({"name": 3}, "name must be a text"),
        ({"limits": None}, "limits must be a text"),
        ({"validated": None}, "validated must be a list of texts"),
        ({"synthetic": "yes"}, "synthetic must be true or false"),
        ({"quantiles": None}, "quantiles must be 21 rows of 16 numbers"),
        ({"quantiles": [[0.5] * 16]}, "quantiles must be 21 rows of 16 numbers"),
        ({"quantiles": [[0.5 - i] * 16 for i in range(21)]}, "from 0 to 1, in ascending order"),
    ],
)
def test_cards_of_released_weights_are_checked(released_weights, tmp_path, wrong, reason):
    directory = shutil.copytree(released_weights, tmp_path / "w")
    description = json.loads((directory / "jaxvqa.json").read_text())
    description["training"] |= wrong
    (directory / "jaxvqa.json").write_text(json.dumps(description))
    with pytest.raises(WeightsError, match=rf"has no valid model card \(.*{reason}"):
        load_weights(directory)


CODES = tuple(dimension.code for dimension in DIMENSIONS)


FINE, LIVELY = PromptPair("fine", "coarse"), PromptPair("lively", "dull")


@pytest.fixture
def card():
    return ModelCard(
        databases=("live_vqc", "labels"),
        synthetic=False,
        dimensions=("O", "T-1"),
        label_low=np.where(np.arange(16) % 7, np.nan, 1.0),
        label_high=np.where(np.arange(16) % 7, np.nan, 5.0),
        scale=DisplayScale(np.linspace(0.4, 0.6, 16), np.linspace(0.1, 0.2, 16)),
        quantiles=np.linspace(0, 1, 21)[:, None].repeat(16, axis=1),
        custom=(CustomDimension(FINE, 0.5, 4.5), CustomDimension(LIVELY, np.nan, np.nan)),
    )


def test_json_holds_all_of_a_card(card):
    released = dataclasses.replace(card, name="tiny", limits="knows nothing", validated=("T-1",))
    estimate = dataclasses.replace(
        released,
        vmaf_interval=9.5,
        pair_deviation=4.0,
        scale=DisplayScale(card.scale.mean, card.scale.deviation, linear=True),
    )
    for one in (card, released, estimate):
        value = json.loads(json.dumps(one.to_json(), allow_nan=False))
        again = ModelCard.from_json(value)
        assert again.to_json() == one.to_json()
        for field in dataclasses.fields(ModelCard):
            if field.name not in ("scale", "custom"):
                np.testing.assert_array_equal(getattr(again, field.name), getattr(one, field.name))
        assert again.scale.linear == one.scale.linear
        np.testing.assert_array_equal(again.scale.mean, one.scale.mean)
        np.testing.assert_array_equal(again.scale.deviation, one.scale.deviation)
        assert again.custom[0] == (FINE, 0.5, 4.5)
        assert again.custom[1].pair == LIVELY
        assert np.isnan(again.custom[1][1:]).all()
    assert not card.to_json().keys() & {"name", "limits", "validated", *POINTS, "display_linear"}
    assert "custom" not in dataclasses.replace(card, custom=()).to_json()


def test_the_packaged_card_is_what_its_file_says():
    value = json.loads((PACKAGED["mini"] / "jaxvqa.json").read_text())["training"]
    assert ModelCard.from_json(value).to_json() == value


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"databases": "live_vqc"}, "databases must be a list of texts"),
        ({"dimensions": [1]}, "dimensions must be a list of texts"),
        ({"dimensions": ["\x1b[2J"]}, "must be printable text in one line"),
        ({"synthetic": 1}, "synthetic must be true or false"),
        ({"label_low": [0.0] * 15}, "label_low must be 16 numbers"),
        ({"label_high": None}, "label_high must be 16 numbers"),
        ({"label_high": ["high"] * 16}, "label_high must be numbers"),
        ({"display_mean": [None] * 16}, "display_mean must be finite"),
        ({"display_deviation": [0.0] * 16}, "display_deviation must be finite and above 0"),
        ({"display_deviation": {}}, "display_deviation must be numbers"),
        ({"quantiles": [[2.0] * 16] * 21}, "quantiles must be 21 rows of 16 numbers from 0 to 1"),
        ({"quantiles": [[np.nan] * 16] * 21}, "quantiles must be 21 rows of 16 numbers from 0 to 1"),
        ({"custom": None}, "custom must be lists of"),
        ({"custom": [[1, 2, 0, 1]]}, "custom must be lists of"),
        ({"custom": [["a; b", "c", 0, 1]]}, "custom must be lists of"),
        ({"custom": [["a", "b", 0, None]]}, "custom must be lists of"),
        ({"custom": [["a", "b", 0, 10**400]]}, "custom must be lists of"),
        ({"custom": [["a", "b", 0, 1], ["a", "b", 0, 2]]}, "custom has the same prompt pair twice"),
        ({"name": "tiny"}, "limits must be a text"),
        ({"vmaf_interval": 0.0}, "vmaf_interval must be above 0"),
        ({"pair_deviation": -1.0}, "pair_deviation must be above 0"),
        ({"vmaf_interval": "9"}, "vmaf_interval must be a number"),
        ({"display_linear": 1}, "display_linear must be true or false"),
    ],
)
def test_what_is_wrong_in_a_file_is_said(card, change, reason):
    with pytest.raises(WeightsError, match=reason):
        ModelCard.from_json(card.to_json() | change)


def test_a_card_that_is_no_object_or_lacks_a_field_is_refused(card):
    for wrong in (None, [], "card", 1):
        with pytest.raises(WeightsError, match="must be a JSON object"):
            ModelCard.from_json(wrong)
    for field in card.to_json().keys() - {"custom"}:
        with pytest.raises(WeightsError, match=field):
            ModelCard.from_json({name: value for name, value in card.to_json().items() if name != field})


def test_a_card_that_no_file_may_hold_is_not_made(card):
    with pytest.raises(WeightsError, match="display_deviation must be finite and above 0"):
        dataclasses.replace(card, scale=DisplayScale(np.zeros(16), np.zeros(16)))


def test_numbers_count_only_in_scored_dimensions(card):
    known = np.array([code in card.dimensions for code in CODES])
    scale = DisplayScale(*(np.where(known, x, np.nan) for x in (card.scale.mean, card.scale.deviation)))
    partial = dataclasses.replace(card, scale=scale, quantiles=np.where(known, card.quantiles, np.nan))
    value = json.loads(json.dumps(partial.to_json(), allow_nan=False))
    assert [number is None for number in value["display_mean"]] == (~known).tolist()
    again = ModelCard.from_json(value)
    np.testing.assert_array_equal(again.scale.deviation, scale.deviation)
    np.testing.assert_array_equal(again.quantiles, partial.quantiles)
    custom_alone = dataclasses.replace(card, dimensions=(), quantiles=np.full((21, 16), np.nan))
    assert not scored(custom_alone).any()
    for change in ({"scale": scale}, {"quantiles": partial.quantiles}):
        with pytest.raises(WeightsError, match=r"display_mean must be finite|quantiles must be 21 rows"):
            dataclasses.replace(card, dimensions=CODES, **change)


def test_what_is_said_of_scores(card):
    assert (unvalidated(card), not_scored(card)) == ([], [code for code in CODES if code not in ("O", "T-1")])
    assert np.array_equal(scored(card), [code in ("O", "T-1") for code in CODES])
    trained, unscored = notice(card).splitlines()
    assert trained == "Trained on live_vqc, labels."
    assert unscored.startswith("Not scored by this model: content, composition, color, ")
    some = dataclasses.replace(card, synthetic=True, name="tiny", limits="knows nothing", validated=("O", "T-1"))
    assert notice(some).startswith("tiny: knows nothing.\nNot scored by tiny: content, ")
    assert unvalidated(dataclasses.replace(some, validated=("T-1",))) == ["O"]
    synthetic = dataclasses.replace(card, synthetic=True, dimensions=CODES)
    assert unvalidated(synthetic) == list(CODES)
    assert notice(synthetic).endswith("That is synthetic: no dimension is validated on real videos.")
    released = dataclasses.replace(synthetic, name="tiny", limits="knows nothing", validated=("T-1",))
    assert unvalidated(released) == [code for code in CODES if code != "T-1"]
    untested = ", ".join(dimension.name for dimension in DIMENSIONS if dimension.code != "T-1")
    assert notice(released) == f"tiny: knows nothing. Not validated: {untested}."
    estimate = dataclasses.replace(some, vmaf_interval=9.2)
    said = (
        "tiny: knows nothing. Overall estimates VMAF on a 1080p display, ±10 for 90 % of encodes.\nNot scored by tiny"
    )
    assert notice(estimate).startswith(said)
    assert trained_pairs(card) == (FINE, LIVELY)


def test_published_weights_have_no_card():
    assert (unvalidated(None), not_scored(None), notice(None), trained_pairs(None)) == ([], [], "", ())
    assert scored(None).all()
    assert display_scale(None) is PUBLISHED


def test_display_scale_has_the_average_at_half_and_keeps_the_order(card):
    np.testing.assert_allclose(card.scale.apply(card.scale.mean), 0.5)
    np.testing.assert_allclose(display(card.scale.mean + card.scale.deviation, card.scale), 1 / (1 + np.exp(-1)))
    assert (np.diff(display(np.linspace(0, 1, 9)[:, None].repeat(16, axis=1)), axis=0) > 0).all()
    linear = DisplayScale(np.full(16, 0.5), np.full(16, 0.9), linear=True)
    np.testing.assert_allclose(linear.apply(np.full(16, 0.95)), 1)
    np.testing.assert_allclose(linear.apply(np.full(16, 0.275)), 0.25)
    np.testing.assert_allclose(linear.apply(np.full(16, 0.01)), 0)
    assert len(PERCENTS) == 21
