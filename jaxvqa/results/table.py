"""Tables of scores by file name and dimension, from people or from a model."""

import csv
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.stats import spearmanr

from ..dimensions import DIMENSIONS
from ..errors import UserError
from ..system.files import write_atomic
from ..text.prompts import read_pairs
from .rows import cell, csv_line, plain

NAME_COLUMNS = ("filename", "path")

Cells = dict[Any, Any]  # csv: a cell that is not there is None, and None is the key of those too many


@dataclass(frozen=True)
class ScoreTable:
    """Scores of videos.

    Attributes:
        path: the file they come from.
        names: file names without folders, one per row, no two the same.
        scores: a column of float64 scores per dimension, by code (`O`, `A-1`, ...), or by a prompt pair
            (`cinematic / amateurish`) where there are such; NaN where there is no score.
        groups: what keeps videos together, such as their scene, "" for a video that nothing does; no list if none has
            a group.
        weights: id of the weights that gave the scores; empty if that is not known.
    """

    path: Path
    names: list[str]
    scores: dict[str, Float[np.ndarray, " videos"]]
    groups: list[str] = field(default_factory=list)
    weights: str = ""


def read_table(
    path: str | os.PathLike,
    list_path: str | os.PathLike | None = None,
    missing: bool = False,
    custom: bool = False,
    weights_id: str = "",
) -> ScoreTable:
    """Reads a CSV of scores.

    Its dimensions are the columns named by a code (`T-3`) or a name (`noise`, as in `scores.csv`); it skips
    the rest. File names stand in a column `filename` or `path`, or in a list beside it. Videos with the same text in
    the column `group`, if there is one, belong together; an empty cell stands for a video of no group.

    Args:
        list_path: where the CSV has no file names, as MaxWell's: the list (`file.mp4, -1, -1, overall`) whose
            line i belongs to row i. Overall scores of both must rank the videos alike.
        missing: whether a score may be missing: an empty cell.
        custom: whether columns named by a prompt pair, `cinematic / amateurish`, are dimensions as well.
        weights_id: of a `scores.csv`, whose rows may be by several weights, takes those by these.

    Raises:
        UserError: unreadable, without names or dimensions, a row with other cells than the header, two rows for a
            name, a score that is no number, a list that does not go with it, or rows by several weights of which none
            is chosen.
    """
    path = Path(path)
    columns, rows = read_cells(path)
    found = {d.code: column for d in DIMENSIONS for column in (d.code, d.column) if column in columns}
    if custom:
        found |= {str(pair): column for column in columns if " / " in column for pair in read_pairs(column)[:1]}
    if not found or not rows:
        pair = ", or by a prompt pair (cinematic / amateurish)" * custom
        raise UserError(f"{path} has {len(rows)} rows and no column named as a dimension (O, A-1, ... T-all){pair}.")
    weights = ""
    if weights_id or {"status", "weights"} <= set(columns):  # a `scores.csv`
        rows, weights = rows_by_one(path, rows, weights_id)
    scores = {
        code: np.array([number(path, line, column, row, missing) for line, row in rows])
        for code, column in found.items()
    }

    name_column = next((column for column in NAME_COLUMNS if column in columns), None)
    if list_path:
        names = read_list(Path(list_path), path, scores)
    elif name_column:
        names = [os.path.basename(plain(row[name_column])) for _, row in rows]
    else:
        raise UserError(f"{path} has no column `filename` or `path`: name the list of its files as well.")
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise UserError(f"{path} has more than one row for {name}.")
        seen.add(name)
    groups = [(row["group"] or "").strip() for _, row in rows] if "group" in columns else []
    return ScoreTable(path, names, scores, groups, weights)


def read_cells(path: Path) -> tuple[list[str], list[tuple[int, Cells]]]:
    """Reads the columns of a CSV, and its rows, each with its line.

    Raises:
        UserError: unreadable, or a row has fewer cells than the header, or more that hold something.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            reader = csv.DictReader(file)
            reader.fieldnames = columns = list(map(plain, reader.fieldnames or []))
            rows: list[tuple[int, Cells]] = list(enumerate(reader, 2))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    for line, row in rows:
        there = sum(row[column] is not None for column in columns)
        there += len(row.get(None, ())) * any(row.get(None, ()))
        if there != len(columns):
            raise UserError(f"{path}, line {line}: it has {there} cells, but the header has {len(columns)}.")
    return columns, rows


def group_numbers(*keys: Sequence[str]) -> Int[np.ndarray, " n"]:
    """Numbers the groups of videos, from 0, in the order in which they come.

    Args:
        keys: one or more texts for each video. Videos that share one are in the same group, and so are those that
            share one with a third; "" is shared with none.
    """
    n = len(keys[0])
    shared = [(i, (kind, key)) for kind, column in enumerate(keys) for i, key in enumerate(column) if key]
    nodes = {node: n + number for number, node in enumerate(dict.fromkeys(node for _, node in shared))}
    ends = [i for i, _ in shared], [nodes[node] for _, node in shared]
    graph = coo_array((np.ones(len(shared)), ends), shape=(n + len(nodes), n + len(nodes)))
    component = connected_components(graph, directed=False)[1][:n]
    return np.unique(component, return_index=True)[1].argsort().argsort()[component]


def rows_by_one(path: Path, rows: list[tuple[int, Cells]], weights_id: str) -> tuple[list[tuple[int, Cells]], str]:
    """Those rows of a `scores.csv`, each with its line, that are by the same weights, and the id of these.

    Args:
        weights_id: which weights; may be empty if all rows are by the same.

    Raises:
        UserError: rows are by several weights and none is chosen, or no row is by those that are.
    """
    counts = Counter(row.get("weights") or "" for _, row in rows)
    told = ", ".join(f"{name or 'unnamed'} ({count} rows)" for name, count in sorted(counts.items()))
    if not weights_id and len(counts) > 1:
        raise UserError(f"{path} has rows by several weights: {told}; choose one of them with weights_id.")
    [chosen] = [weights_id] if weights_id else counts
    if chosen not in counts:
        raise UserError(f"{path} has no row by weights {weights_id!r}, but by {told}.")
    return [(line, row) for line, row in rows if (row.get("weights") or "") == chosen], chosen


def number(path: Path, line: int, column: str, row: Cells, missing: bool = False) -> float:
    """One score of a row; NaN for an empty cell, where scores may be missing.

    Raises:
        UserError: it is missing, or no finite number.
    """
    cell = row[column]
    if missing and cell is not None and not cell.strip():
        return np.nan
    try:
        value = float(cell or "")
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise UserError(f"{path}, line {line}: {column} is {row[column]!r}, not a number.")
    return value


def read_list(path: Path, table: Path, scores: dict[str, np.ndarray]) -> list[str]:
    """File names from a MaxWell list, after checking that it goes with a table of labels.

    Raises:
        UserError: unreadable, of another length, or with overall scores that rank the videos otherwise.
    """
    try:
        lines = [line.split(",") for line in path.read_text(errors="surrogateescape").splitlines() if line.strip()]
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    rows = len(next(iter(scores.values())))
    if len(lines) != rows:
        raise UserError(f"{path} has {len(lines)} lines, but {table} {rows} rows: they do not belong together.")
    try:
        overall = [float(line[-1]) for line in lines]
    except ValueError as error:
        raise UserError(f"{path}: a line does not end with an overall score ({error}).") from error
    if "O" in scores and not spearmanr(overall, scores["O"]).statistic > 0.99:
        raise UserError(
            f"{path} and {table} rank the videos differently by overall score: they do not belong together."
        )
    return [line[0].strip() for line in lines]


def write_table(path: str | os.PathLike, table: ScoreTable) -> None:
    """Writes a table as a CSV that `read_table` reads: `filename`, and a column for each dimension by its code."""
    lines = [csv_line(["filename", *table.scores])]
    for name, *scores in zip(table.names, *table.scores.values(), strict=True):
        lines.append(",".join([cell(name), *("" if np.isnan(score) else f"{score:.9f}" for score in scores)]) + "\n")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_atomic(Path(path), lines)
