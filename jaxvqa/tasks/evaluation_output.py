"""What a person reads in the terminal of how well scores agree with labels."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from rich.table import Table
from rich.text import Text

from ..dimensions import DIMENSIONS
from ..errors import UserError
from ..evaluation.metrics import METRICS, Agreement, interval, resampled
from ..evaluation.summary import Cells, mean_and_deviation
from ..results.table import ScoreTable, group_numbers
from ..system.terminal import printable, table_console


class Gain(NamedTuple):
    """What training adds to the mean SRCC, and the ends of its 95 % confidence interval."""

    mean: float
    low: float
    high: float


def print_evaluation(results: dict[str, Agreement], labels: ScoreTable, resamples: int, title: str = "") -> None:
    """Prints a line for each dimension, under a title if there is one, and what the intervals come from."""
    out = table_console()
    if title:
        out.print(Text(f"{printable(title)}\n"))
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
    videos, groups = f"{len(labels.names)} videos", int(group_numbers(labels.groups).max()) + 1 if labels.groups else 0
    drawn = "groups" if groups else "videos"
    count = f"{videos} in {groups} groups" if groups else videos
    out.print(Text(f"\n{count}; 95 % confidence intervals from {resamples} bootstrap samples of {drawn}."))


def print_gain(
    start: str, before: ScoreTable, after: ScoreTable, labels: ScoreTable, resamples: int, seed: int
) -> Gain | None:
    """Prints how much better scores agree with labels after training than those of the weights it started from.

    Only dimensions that the start scores are compared; the others are named.

    Returns:
        The gain in mean SRCC, and the ends of its 95 % confidence interval; NaN if nothing correlates with the scores
        before, because they are the same for all videos; None if the start scores no dimension that has labels.
    """
    unscored = [code for code in labels.scores if code not in before.scores]
    if unscored:
        table_console().print(Text(printable(f"Not scored by {start}: {', '.join(unscored)}.")))
    labels = replace(labels, scores={code: x for code, x in labels.scores.items() if code in before.scores})
    if not labels.scores:
        return None
    try:
        samples = [resampled(table, labels, resamples, seed)["mean"][:, 0] for table in (before, after)]
    except UserError as error:
        table_console().print(Text(printable(f"What training adds to {start} is not known: {error}")))
        return Gain(np.nan, np.nan, np.nan)
    gain = samples[1] - samples[0]
    low, high = interval(gain[1:])
    said = f"Before, {start} reached a mean SRCC of {samples[0][0]:.4f}: training adds {gain[0]:+.4f} "
    table_console().print(Text(printable(f"{said}[{low:.3f}, {high:.3f}].")))
    return Gain(float(gain[0]), float(low), float(high))


def print_summary(cells: Cells, title: str) -> None:
    """Prints means and deviations of the values of several trainings, under a title."""
    table = Table("", *next(iter(cells.values())), box=None, pad_edge=False)
    for name, row in cells.items():
        pairs = map(mean_and_deviation, row.values())
        table.add_row(Text(name), *(f"{mean:.3f} ± {deviation:.3f}" for mean, deviation in pairs))
    out = table_console()
    out.print(Text(f"{title}\n"))
    out.print(table)
