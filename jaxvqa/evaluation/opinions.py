"""What people would say of videos: curves from raw scores to ratings, and how far they are off, from rated videos."""

from dataclasses import fields
from math import ceil, nan

import numpy as np
from jaxtyping import Float

from ..dimensions import DIMENSIONS
from ..results.table import ScoreTable
from ..weights.opinions import Opinions
from .metrics import fit_logistic, joined_rows, logistic

LEAST = 50  # ratings of a dimension: from fewer, an interval for nine in ten videos is a guess
UNKNOWN = [nan] * len(fields(Opinions))


def opinions_by(predictions: ScoreTable, labels: ScoreTable) -> Opinions | None:
    """Fits ratings of videos to predictions for them by models that were not trained on them, as `fit_opinions`.

    Raises:
        UserError: the tables are not about the same videos.
    """
    order, unknown = joined_rows(predictions, labels), np.full(len(labels.names), nan)
    raw = [predictions.scores[d.code][order] if d.code in predictions.scores else unknown for d in DIMENSIONS]
    return fit_opinions(
        np.stack(raw, axis=1), np.stack([labels.scores.get(d.code, unknown) for d in DIMENSIONS], axis=1)
    )


def fit_opinions(raw: Float[np.ndarray, "videos 16"], labels: Float[np.ndarray, "videos 16"]) -> Opinions | None:
    """Fits ratings to raw scores by models that were not trained on these videos.

    Intervals are those of split conformal prediction (Vovk et al., Algorithmic Learning in a Random World, 2005).

    Args:
        raw: scores; NaN in dimensions that are not scored.
        labels: mean ratings; NaN where nobody rated.

    Returns:
        What is known in dimensions with at least 50 ratings that rise with scores; None if there is no such dimension.
    """
    rows = []
    for x, y in zip(raw.T, labels.T, strict=True):
        rated = ~np.isnan(x) & ~np.isnan(y)
        rows.append(fit_dimension(x[rated], y[rated]))
    return Opinions(*np.transpose(rows)) if not np.isnan(rows).all() else None


def fit_dimension(raw: Float[np.ndarray, " videos"], labels: Float[np.ndarray, " videos"]) -> list[float]:
    """The curve of one dimension, its errors, the lowest and the highest rating; NaN if it does not rise."""
    curve = fit_logistic(raw, labels) if len(raw) >= LEAST and np.ptp(raw) and np.ptp(labels) else None
    if curve is None:
        return UNKNOWN
    low, high, _, width = curve
    errors = np.sort(abs(labels - logistic(raw, *curve)))
    if not (high - low) * width > 0 or not errors[-1] > 0:
        return UNKNOWN
    half = errors[min(ceil(0.9 * (len(errors) + 1)), len(errors)) - 1]
    return [*curve, half, np.sqrt(np.mean(errors**2)), labels.min(), labels.max()]
