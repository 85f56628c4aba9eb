"""Tables of agreement, written as CSV and JSON."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..results.rows import Row, text_of
from ..system.files import write_atomic
from .metrics import METRICS, Agreement


def write_evaluation(folder: Path, results: dict[str, Agreement], weights: str = "") -> None:
    """Writes `evaluation.csv` and `evaluation.json`, as `rows_of` gives them."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = rows_of(results, weights)
    table = {row["dimension"]: {key: value for key, value in row.items() if key != "dimension"} for row in rows}
    write_atomic(folder / "evaluation.json", json.dumps(table, indent=1) + "\n")
    write_atomic(folder / "evaluation.csv", text_of(rows, [*rows[0]], "csv"))


def rows_of(results: dict[str, Agreement], weights: str = "") -> list[Row]:
    """A row for each dimension: every metric with the ends of its interval, None for NaN.

    Args:
        weights: id of what was evaluated, which each row has in the end; empty if that is not known.
    """
    rows = []
    for code, agreement in results.items():
        row: Row = {"dimension": code}
        for metric, value, ends in zip(METRICS, agreement.values, agreement.intervals, strict=True):
            for end, number in zip(("", "_low", "_high"), (value, *ends), strict=True):
                row[f"{metric}{end}"] = None if np.isnan(number) else float(number)
        rows.append({**row, "weights": weights} if weights else row)
    return rows


Cells = dict[str, dict[str, list[float]]]  # values of several trainings by row and column of a table


def add_values(cells: Cells, row: str, values: Mapping[str, float]) -> None:
    """Adds the values of one training to the cells of a row."""
    for column, value in values.items():
        cells.setdefault(row, {}).setdefault(column, []).append(value)


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """Mean and (biased) standard deviation of the values of a cell."""
    return float(np.mean(values)), float(np.std(values))


def write_summary(path: Path, cells: Cells) -> None:
    """Writes means and deviations of cells as PATH.csv, and all values as PATH.json."""
    columns = next(iter(cells.values()))
    lines = [",".join(["", *(f"{column},{column} deviation" for column in columns)])]
    for name, row in cells.items():
        pairs = map(mean_and_deviation, row.values())
        lines.append(",".join([name.replace(",", ""), *(f"{mean:.6f},{deviation:.6f}" for mean, deviation in pairs)]))
    write_atomic(path.with_suffix(".csv"), "\n".join(lines) + "\n")
    write_atomic(path.with_suffix(".json"), json.dumps(cells, indent=1) + "\n")
