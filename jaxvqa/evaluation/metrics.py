"""Agreement of predicted with human scores: SRCC, PLCC, KRCC and RMSE, with confidence intervals."""

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import OptimizeWarning, curve_fit
from scipy.special import expit
from scipy.stats import ConstantInputWarning, kendalltau, pearsonr, spearmanr

from ..dimensions import DIMENSIONS
from ..errors import UserError
from ..results.names import ambiguity, encoding_advice, match_paths
from ..results.table import ScoreTable, group_numbers

METRICS = ("srcc", "plcc", "krcc", "rmse")


class Agreement(NamedTuple):
    """How well predictions agree with labels.

    Attributes:
        values: SRCC, PLCC, KRCC (tau-b) as they are, and RMSE in units of the labels after a logistic fit.
        intervals: their 95 % confidence intervals, lower and upper ends.
    """

    values: Float[np.ndarray, "4"]
    intervals: Float[np.ndarray, "4 2"]


def evaluate(predictions: ScoreTable, labels: ScoreTable, resamples: int = 1000, seed: int = 0) -> dict[str, Agreement]:
    """Agreement for each dimension that both tables have, by code, and their `mean`.

    Videos are joined by path, or by file name if that is all that a table gives; those without a label in a dimension
    do not count in it. The interval of the mean comes from resampling videos, the same for all dimensions, not from
    averaging the ends of intervals. If labels have groups, whole groups are resampled, because videos of a group are
    alike (Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8). Resamples of few videos may
    hold one alone, with which nothing correlates: intervals are of the others, and NaN if there are none.

    Raises:
        UserError: the tables are not about the same videos, share no dimension, or hold a constant column.
    """
    rows = resampled(predictions, labels, resamples, seed)
    return {code: Agreement(x[0], interval(x[1:])) for code, x in rows.items()}


def interval(values: Float[np.ndarray, "resamples *metrics"]) -> Float[np.ndarray, "*metrics 2"]:
    """Ends of the 95 % confidence interval of bootstrap samples."""
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # nothing but NaN
        return np.nanquantile(values, (0.025, 0.975), axis=0).T


def resampled(
    predictions: ScoreTable, labels: ScoreTable, resamples: int, seed: int
) -> dict[str, Float[np.ndarray, "resamples_and_1 4"]]:
    """The metrics of all videos, and then of each bootstrap sample of them, as `evaluate` joins and names them.

    Samples follow from the seed, and the number and groups of videos, so that differences between predictions have
    intervals.
    """
    order = joined_rows(predictions, labels)
    known = [dimension.code for dimension in DIMENSIONS]
    both = [
        code for code in dict.fromkeys([*known, *labels.scores]) if code in predictions.scores.keys() & labels.scores
    ]
    if not both:
        raise UserError(f"{predictions.path} and {labels.path} share no dimension.")
    pairs = {code: (predictions.scores[code][order], labels.scores[code]) for code in both}
    for table, values in ((predictions, 0), (labels, 1)):
        for code, pair in pairs.items():
            there = pair[values][~np.isnan(pair[1])]
            if not len(there) or np.ptp(there) == 0:
                raise UserError(
                    f"{table.path}: {code} is the same for all {len(there)} videos, nothing correlates with it."
                )

    samples = [np.arange(len(order)), *bootstrap(labels.groups or [""] * len(order), resamples, seed)]
    rows = {code: metrics(*pair, samples) for code, pair in pairs.items()}
    rows["mean"] = np.mean(list(rows.values()), axis=0)
    return rows


def joined_rows(predictions: ScoreTable, labels: ScoreTable) -> list[int]:
    """The row of predictions for each row of labels: of the same path where both have one, else of the same name.

    Raises:
        UserError: a video of one table is not in the other, or a name might mean several.
    """
    found = match_paths(labels.paths, predictions.paths)
    for name, rows in zip(labels.paths, found, strict=True):
        if len(rows) > 1:
            first, second = (predictions.paths[i] for i in rows[:2])
            said = ambiguity(name, str(labels.path), first, second)
            raise UserError(f"{said} of {predictions.path}: give the path of the one that is meant.")
    order = [row for rows in found for row in rows]
    counts = Counter(order)
    lacking = [name for name, rows in zip(labels.names, found, strict=True) if not rows]
    spare = [name for i, name in enumerate(predictions.names) if i not in counts]
    for one, other, names in ((predictions, labels, lacking), (labels, predictions, spare)):
        if names:
            raise UserError(
                f"{one.path} lacks {len(names)} of the {len(other.names)} videos of {other.path}, such as "
                f"{min(names)}{encoding_advice(other.path, names)}."
            )
    for row in (row for row, count in counts.items() if count > 1):
        first, second, *_ = (name for name, i in zip(labels.paths, order, strict=True) if i == row)
        raise UserError(f"{first} and {second} of {labels.path} both mean {predictions.paths[row]}: correct the names.")
    return order


def bootstrap(groups: Sequence[str], resamples: int, seed: int) -> Iterator[Int[np.ndarray, " _"]]:
    """Yields samples of videos: as many groups as there are, with replacement, each with all of its videos.

    Args:
        groups: of each video; "" for one of no group.
    """
    group, generator = group_numbers(groups), np.random.default_rng(seed)
    n = int(group.max()) + 1
    members = np.split(np.argsort(group, kind="stable"), np.cumsum(np.bincount(group))[:-1])
    for drawn in generator.integers(0, n, (resamples, n)):
        yield np.concatenate([members[i] for i in drawn])


def metrics(
    predictions: Float[np.ndarray, " n"], labels: Float[np.ndarray, " n"], samples: Sequence[Int[np.ndarray, " _"]]
) -> Float[np.ndarray, "r 4"]:
    """SRCC, PLCC, KRCC and RMSE of each sample of videos; the logistic fit of RMSE is that of all videos.

    Videos without a label do not count. Where all predictions or labels of a sample are the same, its correlations are
    NaN.
    """
    rated = ~np.isnan(labels)
    errors = np.full(len(labels), np.nan)
    errors[rated] = (fitted(predictions[rated], labels[rated]) - labels[rated]) ** 2
    rows = []
    for i in samples:
        i = i[rated[i]]
        p, t = predictions[i], labels[i]
        with warnings.catch_warnings(action="ignore", category=ConstantInputWarning):
            few = len(i) < 2
            correlations = [np.nan if few else f(p, t).statistic for f in (spearmanr, pearsonr, kendalltau)]
        rows.append([*correlations, np.sqrt(errors[i].mean()) if len(i) else np.nan])
    return np.array(rows)


def fitted(predictions: Float[np.ndarray, " n"], labels: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Predictions on the scale of the labels, by a logistic curve.

    Where least squares finds none, the best straight line takes its place.
    """
    curve = fit_logistic(predictions, labels)
    if curve is None:
        return np.polyval(np.polyfit(predictions, labels, 1), predictions)
    return logistic(predictions, *curve)


def logistic(
    x: Float[np.ndarray, " n"], low: float, high: float, center: float, width: float
) -> Float[np.ndarray, " n"]:
    """VQEG's monotone curve with four parameters (Final Report, 2000)."""
    return low + (high - low) * expit((x - center) / width)


def fit_logistic(
    predictions: Float[np.ndarray, " n"], labels: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "4"] | None:
    """The parameters of `logistic` with the least squared errors; None if none are found."""
    start = (labels.min(), labels.max(), predictions.mean(), predictions.std())
    try:
        with warnings.catch_warnings(action="ignore", category=OptimizeWarning):  # of the fit's own uncertainty
            return curve_fit(logistic, predictions, labels, start, maxfev=20_000)[0]
    except (RuntimeError, TypeError):  # no fit found, or fewer videos than parameters
        return None


def agreement(
    predictions: Float[np.ndarray, "n dimensions"], targets: Float[np.ndarray, "n dimensions"], trained: dict[int, str]
) -> dict[str, float]:
    """PLCC of each dimension, and the means of PLCC and SRCC; 0 where all predictions are the same.

    Dimensions in which the targets there are do not differ are left out; means of none are NaN.

    Args:
        trained: codes of dimensions by their place.
    """
    row = {}
    rated = {i: ~np.isnan(targets[:, i]) for i in trained}
    pairs = {trained[i]: (predictions[rows, i], targets[rows, i]) for i, rows in rated.items() if rows.any()}
    for name, correlate in (("plcc", lambda p, t: np.corrcoef(p, t)[0, 1]), ("srcc", lambda p, t: spearmanr(p, t)[0])):
        values = {code: float(correlate(p, t)) if np.ptp(p) else 0.0 for code, (p, t) in pairs.items() if np.ptp(t)}
        row[f"{name}_mean"] = float(np.mean(list(values.values()))) if values else np.nan
        if name == "plcc":
            row |= {f"plcc_{code}": value for code, value in values.items()}
    return row
