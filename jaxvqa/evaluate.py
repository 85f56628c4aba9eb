"""Agreement of predicted with human scores: SRCC, PLCC, KRCC and RMSE, with confidence intervals."""

import json
import sys
import warnings
from pathlib import Path
from typing import NamedTuple

import ml_collections
import numpy as np
from jaxtyping import Float
from rich.console import Console
from rich.table import Table
from rich.text import Text
from scipy.optimize import OptimizeWarning, curve_fit
from scipy.special import expit
from scipy.stats import ConstantInputWarning, kendalltau, pearsonr, spearmanr

from .dimensions import DIMENSIONS
from .errors import UserError
from .files import claim
from .labels import ScoreTable, read_scores, write_scores
from .results import Row, check_format, replace, text_of
from .terminal import printable, table_console

METRICS = ("srcc", "plcc", "krcc", "rmse")


class Agreement(NamedTuple):
    """How well predictions agree with labels.

    Attributes:
        values: SRCC, PLCC, KRCC (tau-b) as they are, and RMSE in units of the labels after a logistic fit.
        intervals: their 95 % confidence intervals, lower and upper ends.
    """

    values: Float[np.ndarray, "4"]
    intervals: Float[np.ndarray, "4 2"]


def run(config: ml_collections.ConfigDict) -> int:
    """Evaluates predictions against labels, writes the results and prints the table.

    Predictions and labels are two CSVs, or those of a model on a database.

    Returns:
        Exit code: 0, or 1 if a video of the database could not be decoded.
    """
    errors: dict[str, str] = {}
    title = ""
    check_format(config.format)
    if config.resamples < 1:
        raise UserError(f"config.resamples is {config.resamples}, but intervals take 1 bootstrap sample or more.")
    if config.predictions and config.labels and not config.database:
        predictions, labels = (
            read_scores(config.predictions),
            read_scores(config.labels, config.label_names, missing=not config.label_names),
        )
    elif config.weights and config.database and not (config.predictions or config.labels):
        predictions, labels, errors, title = score_database(config)
    else:
        raise UserError(
            "nothing to evaluate: add --config.predictions=CSV and --config.labels=CSV, or --config.weights=DIR and "
            "--config.database=NAME."
        )
    results = evaluate(predictions, labels, config.resamples, config.seed)
    folder = Path(config.output)
    with claim(folder):
        if config.database:
            write_scores(folder / "predictions.csv", predictions)
        write(folder, results)
    if config.format == "table":
        print_table(results, len(labels.names), config.resamples, title)
    else:
        rows = rows_of(results)
        sys.stdout.write(text_of(rows, [*rows[0]], config.format))
    for error in errors.values():
        Console(stderr=True).print(Text(printable(f"left out: {error}")), soft_wrap=True)
    return 1 if errors else 0


def score_database(config: ml_collections.ConfigDict) -> tuple[ScoreTable, ScoreTable, dict[str, str], str]:
    """A model's scores of a database, its labels, a sentence for each video without features, and a title."""
    from . import datasets, weights
    from .features import extract
    from .model import Model

    loaded = weights.load(config.weights, weights.SCORING_PARTS)
    videos = datasets.load(config.database, config.data)
    features, errors = extract(videos.paths, loaded, config.features, config.seed)
    kept = [i for i, path in enumerate(videos.paths) if path not in errors]
    if not kept:
        raise UserError(f"no video of {config.database} could be decoded: {next(iter(errors.values()))}")
    videos, model = videos.select(kept), Model(loaded)
    scores = np.array([model.score_features(features.read([i])[0].astype(np.float32)).raw for i in range(len(kept))])
    rated = [i for i in range(len(DIMENSIONS)) if not np.isnan(videos.labels[:, i]).all()]
    predictions, labels = (
        ScoreTable(Path(f"{what} {config.database}"), videos.names, {DIMENSIONS[i].code: x[:, i] for i in rated})
        for what, x in (("predictions for", scores.astype(np.float64)), ("labels of", videos.labels))
    )
    note = " (synthetic: rendered clips, simulated raters)" if videos.synthetic else ""
    return predictions, labels, errors, f"{config.weights} on {config.database}{note}"


def evaluate(predictions: ScoreTable, labels: ScoreTable, resamples: int = 1000, seed: int = 0) -> dict[str, Agreement]:
    """Agreement for each dimension that both tables have, by code, and their `mean`.

    Videos are joined by file name; those without a label in a dimension do not count in it. The interval of the mean
    comes from resampling videos, the same for all dimensions, not from averaging the ends of intervals. Resamples of
    few videos may hold one alone, with which nothing correlates: intervals are of the others, and NaN where there are
    none.

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

    Samples follow from the seed and the number of videos, so that differences between predictions have intervals.
    """
    for one, other in ((predictions, labels), (labels, predictions)):
        if lacking := set(other.names) - set(one.names):
            raise UserError(
                f"{one.path} lacks {len(lacking)} of the {len(other.names)} videos of {other.path}, "
                f"such as {min(lacking)}."
            )
    row_of = {name: i for i, name in enumerate(predictions.names)}
    order = [row_of[name] for name in labels.names]
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

    generator = np.random.default_rng(seed)
    samples = generator.integers(0, len(order), (resamples, len(order)))
    samples = np.vstack([np.arange(len(order)), samples])  # first all videos as they are
    rows = {code: metrics(*pair, samples) for code, pair in pairs.items()}
    rows["mean"] = np.mean(list(rows.values()), axis=0)
    return rows


def metrics(
    predictions: Float[np.ndarray, " n"], labels: Float[np.ndarray, " n"], samples: Float[np.ndarray, "r n"]
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
        rows.append([*correlations, np.sqrt(errors[i].mean())])
    return np.array(rows)


def fitted(predictions: Float[np.ndarray, " n"], labels: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Predictions on the scale of the labels, by VQEG's monotone logistic (Final Report, 2000) with four parameters.

    Where least squares finds none, the best straight line takes its place.
    """

    def logistic(x, low, high, centre, width):
        return low + (high - low) * expit((x - centre) / width)

    start = (labels.min(), labels.max(), predictions.mean(), predictions.std())
    try:
        with warnings.catch_warnings(action="ignore", category=OptimizeWarning):  # of the fit's own uncertainty
            parameters, _ = curve_fit(logistic, predictions, labels, start, maxfev=10_000)
    except (RuntimeError, TypeError):  # no fit found, or fewer videos than parameters
        return np.polyval(np.polyfit(predictions, labels, 1), predictions)
    return logistic(predictions, *parameters)


def write(folder: Path, results: dict[str, Agreement]) -> None:
    """Writes `evaluation.csv` and `evaluation.json`: every metric with the ends of its interval."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = rows_of(results)
    table = {row["dimension"]: {key: value for key, value in row.items() if key != "dimension"} for row in rows}
    replace(folder / "evaluation.json", json.dumps(table, indent=1) + "\n")
    replace(folder / "evaluation.csv", text_of(rows, [*rows[0]], "csv"))


def rows_of(results: dict[str, Agreement]) -> list[Row]:
    """A row for each dimension: every metric with the ends of its interval, None for NaN."""
    rows = []
    for code, agreement in results.items():
        row: Row = {"dimension": code}
        for metric, value, ends in zip(METRICS, agreement.values, agreement.intervals, strict=True):
            for end, number in zip(("", "_low", "_high"), (value, *ends), strict=True):
                row[f"{metric}{end}"] = None if np.isnan(number) else float(number)
        rows.append(row)
    return rows


def print_table(results: dict[str, Agreement], videos: int, resamples: int, title: str = "") -> None:
    """Prints a line for each dimension, under a title if there is one."""
    out = table_console()
    if title:
        out.print(Text(f"{title}\n"))
    names = {dimension.code: dimension.name for dimension in DIMENSIONS}
    table = Table("", "dimension", box=None, pad_edge=False)
    for metric in METRICS:
        table.add_column(metric.upper(), justify="right", no_wrap=True)
    for code, agreement in results.items():
        cells = (
            f"{value:.4f} [{low:.3f}, {high:.3f}]"
            for value, (low, high) in zip(agreement.values, agreement.intervals, strict=True)
        )
        table.add_row(code, names.get(code, ""), *(Text(cell) for cell in cells))
    out.print(table)
    out.print(Text(f"\n{videos} videos; 95 % confidence intervals from {resamples} bootstrap samples of videos."))
