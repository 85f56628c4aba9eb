"""Tables of agreement, written as CSV and JSON."""

import json
from pathlib import Path

import numpy as np
from rich.table import Table
from rich.text import Text

from ..results.rows import Row, text_of
from ..system.files import write_atomic
from ..system.terminal import table_console
from .metrics import METRICS, Agreement


def write_evaluation(folder: Path, results: dict[str, Agreement]) -> None:
    """Writes `evaluation.csv` and `evaluation.json`: every metric with the ends of its interval."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = rows_of(results)
    table = {row["dimension"]: {key: value for key, value in row.items() if key != "dimension"} for row in rows}
    write_atomic(folder / "evaluation.json", json.dumps(table, indent=1) + "\n")
    write_atomic(folder / "evaluation.csv", text_of(rows, [*rows[0]], "csv"))


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


Cells = dict[str, dict[str, list[float]]]  # values of several trainings by row and column of a table


def write_summary(path: Path, cells: Cells, title: str) -> None:
    """Prints means and deviations of cells, and writes them as PATH.csv, and all values as PATH.json."""
    columns = list(next(iter(cells.values())))
    out = table_console()
    table = Table("", *columns, box=None, pad_edge=False)
    lines = [",".join(["", *(f"{column},{column} deviation" for column in columns)])]
    for name, row in cells.items():
        means, deviations = np.mean(list(row.values()), axis=1), np.std(list(row.values()), axis=1)
        pairs = list(zip(means, deviations, strict=True))
        table.add_row(Text(name), *(f"{mean:.3f} ± {deviation:.3f}" for mean, deviation in pairs))
        lines.append(",".join([name.replace(",", ""), *(f"{mean:.6f},{deviation:.6f}" for mean, deviation in pairs)]))
    out.print(Text(f"{title}\n"))
    out.print(table)
    write_atomic(path.with_suffix(".csv"), "\n".join(lines) + "\n")
    write_atomic(path.with_suffix(".json"), json.dumps(cells, indent=1) + "\n")
