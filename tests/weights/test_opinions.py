import dataclasses

import numpy as np
import pytest

import jaxvqa
from jaxvqa import DIMENSIONS, WeightsError
from jaxvqa.weights.known_opinions import maxwell_opinions, opinions_of
from jaxvqa.weights.load import load_weights
from jaxvqa.weights.model_card import ModelCard
from jaxvqa.weights.opinions import Opinions

SCALES = np.array([d.ratings for d in DIMENSIONS], float).T


def test_opinions_rise_with_scores_within_the_scale_of_the_ratings():
    opinions = maxwell_opinions()
    curve = opinions.scores(np.linspace(0, 1, 101)[:, None].repeat(16, 1))
    assert (np.diff(curve, axis=0) >= 0).all()
    assert ((curve >= SCALES[0]) & (curve <= SCALES[1])).all()
    assert SCALES[:, [i for i, d in enumerate(DIMENSIONS) if d.code in ("O", "T-3")]].tolist() == [[1, -1], [5, 1]]
    assert (opinions.half > opinions.deviation).all()


def test_only_published_weights_have_opinions(released_weights, small_weights):
    assert opinions_of(load_weights(released_weights).card, "tiny") is None
    assert opinions_of(None, "random-small") is None
    assert opinions_of(None, load_weights(small_weights).id) is not None


def test_opinions_are_those_of_the_published_predictions(shared):
    """What `scripts/opinions.py` measures on halves, on all of the videos: nine of ten labels lie in the interval."""
    predictions, labels = (
        np.genfromtxt(shared / "maxwell" / name, delimiter=",", skip_header=1)[:, -16:]
        for name in ("published_val_predictions.csv", "MaxWell_val.csv")
    )
    opinions = maxwell_opinions()
    errors = labels - opinions.scores(predictions)
    assert (abs(errors) <= opinions.half).mean(axis=0) == pytest.approx(np.full(16, 0.9), abs=0.003)
    assert np.sqrt((errors**2).mean(axis=0)) == pytest.approx(opinions.deviation, abs=1e-3)


@pytest.fixture
def opinions():
    """On a scale from 0 to 100, known in all dimensions but content."""
    values = (-5, 104, 0.5, 0.1, 9, 5, 1, 99)
    return Opinions(*(np.where(np.arange(16) == 1, np.nan, float(value)) for value in values))


def test_trained_weights_have_theirs_in_their_card(released_weights, opinions):
    card = dataclasses.replace(load_weights(released_weights).card, opinions=opinions)
    again = ModelCard.from_json(card.to_json())
    for field, values in vars(opinions).items():
        np.testing.assert_array_equal(getattr(again.opinions, field), values)
    assert opinions_of(card, "tiny") is opinions


@pytest.mark.parametrize(
    "change",
    [{"high": -6.0}, {"half": 0.0}, {"deviation": -1.0}, {"lowest": 99.0}, {"width": np.nan}, {"width": np.inf}],
)
def test_opinions_that_cannot_be_are_refused(released_weights, opinions, change):
    [(field, value)] = change.items()
    changed = getattr(opinions, field).copy()
    changed[3] = value
    with pytest.raises(WeightsError, match="opinions must"):
        dataclasses.replace(opinions, **{field: changed})
    card = dataclasses.replace(load_weights(released_weights).card, opinions=opinions).to_json()
    for broken in ([], {}, card["opinions"] | {field: None}, card["opinions"] | {field: [1.0]}):
        with pytest.raises(WeightsError):
            ModelCard.from_json(card | {"opinions": broken})


def test_the_interval_is_told_in_words_and_in_raw_scores(opinions):
    raw = np.full(16, 0.5)
    assert opinions.overall_words(raw) == "people would say 50 ±9 (1 to 99)"
    low, high = opinions.overall_interval(raw)
    for end, off in ((low, -9), (high, 9)):
        assert opinions.scores(np.full(16, end))[0] == pytest.approx(opinions.scores(raw)[0] + off, abs=0.1)
    assert maxwell_opinions().overall_words(raw) == "people would say 2.8 ±0.5 of 5"
    unknown = dataclasses.replace(
        opinions, **{f: np.where(np.arange(16) == 0, np.nan, v) for f, v in vars(opinions).items()}
    )
    assert unknown.overall_words(raw) == ""


def test_rows_of_a_model_hold_them(clips, small_weights, tmp_path):
    from jaxvqa.results.store import Results
    from jaxvqa.scoring.videos import score_videos
    from jaxvqa.video.limits import DecodeLimits
    from jaxvqa.video.sampling import Sampling

    model = jaxvqa.load(small_weights)
    with Results(tmp_path) as results:
        [row] = score_videos(model, [str(clips / "a.mp4")], Sampling(), DecodeLimits(workers=1), results).rows
    opinions = maxwell_opinions()
    raw = np.array([row[d.column] for d in DIMENSIONS])
    assert [row[f"{d.column}_mos"] for d in DIMENSIONS] == pytest.approx(opinions.scores(raw), abs=1e-5)
    assert row["noise_high"] - row["noise_low"] == pytest.approx(2 * opinions.half[9], abs=1e-5)
