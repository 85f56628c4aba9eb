import numpy as np
import pytest

import jaxvqa
from jaxvqa import DIMENSIONS
from jaxvqa.weights.load import load_weights
from jaxvqa.weights.opinions import SCALES, maxwell_opinions, opinions_of


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
