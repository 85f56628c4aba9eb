"""Tables of scores by file name and dimension, from people or from a model."""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from ..dimensions import DIMENSIONS
from ..errors import UserError, few
from ..system.files import write_atomic
from ..text.prompts import read_pairs
from .cells import Score, Sheet, numbers, read_sheet
from .lists import read_list
from .names import name_key, short_names
from .rows import cell, csv_line, plain

# Columns of a `scores.csv` that name the settings on which scores depend, next to the weights.
SETTINGS = ("seed", "sampling", "repeats", "dense", "display_height")
NAME_COLUMNS = ("filename", "path")
MEANINGS = {name: name for name in (*NAME_COLUMNS, "group", "status", "weights", *SETTINGS)}
MEANINGS |= {name.casefold(): d.code for d in DIMENSIONS for name in (d.code, d.column)}

Row = dict[str, str]  # cells by what their columns mean


@dataclass(frozen=True)
class ScoreTable:
    """Scores of videos.

    Attributes:
        path: the file they come from.
        names: file names, one per row, no two the same: without folders, unless videos of several folders have the
            same name.
        scores: a column of float64 scores per dimension, by code (`O`, `A-1`, ...), or by a prompt pair
            (`cinematic / amateurish`) where there are such; NaN where there is no score.
        groups: what keeps videos together, such as their scene, "" for a video that nothing does; no list if none has
            a group.
        weights: id of the weights that gave the scores; empty if that is not known.
        folders: the path of each name for which the file gives one, as it stands there.
    """

    path: Path
    names: list[str]
    scores: dict[str, Float[np.ndarray, " videos"]]
    groups: list[str] = field(default_factory=list)
    weights: str = ""
    folders: dict[str, str] = field(default_factory=dict)

    @property
    def paths(self) -> list[str]:
        """The videos by path, or by name where no path is known."""
        return [self.folders.get(name, name) for name in self.names]


def read_table(
    path: str | os.PathLike,
    list_path: str | os.PathLike | None = None,
    missing: bool = False,
    custom: bool = False,
    weights_id: str = "",
) -> ScoreTable:
    """Reads a CSV of scores.

    Its dimensions are the columns named by a code (`T-3`) or a name (`noise`, as in `scores.csv`), in whatever case; it
    skips the rest. Unless scores may be missing, it also skips columns without any score: `scores.csv` has them for
    dimensions that the weights do not score. File names stand in a column `filename` or `path`, or in a list beside it.
    Videos with the same text in the column `group`, if there is one, belong together; an empty cell stands for a video
    of no group. Cells are separated by commas, semicolons, tabs or vertical bars, in UTF-8 or UTF-16; decimals may
    follow a comma if no comma separates cells.

    Args:
        list_path: where the CSV has no file names, as MaxWell's: the list (`file.mp4, -1, -1, overall`) whose
            line i belongs to row i. Overall scores of both must rank the videos alike.
        missing: whether a score may be missing: an empty cell.
        custom: whether columns named by a prompt pair, `cinematic / amateurish`, are dimensions as well.
        weights_id: of a `scores.csv`, whose rows may be by several weights, takes those by these.

    Raises:
        UserError: unreadable, without names, dimensions or scores, two columns for one dimension, a row with other
            cells than the header, two rows for a name, a score that is no number, a list that does not go with it,
            rows by several weights of which none is chosen, or rows that were scored with different settings.
    """
    path = Path(path)
    sheet = read_sheet(path, lambda cells, _: len(cells) > 1 and any(map(meaning, cells)))
    header = [plain(column) for column in sheet.lines[0].cells] if sheet.lines else []
    columns = find_columns(sheet, header, custom)
    codes = [d.code for d in DIMENSIONS if d.code in columns] + [code for code in columns if " / " in code]
    if not codes or len(sheet.lines) == 1:
        found = f"{path.name} has {max(len(sheet.lines) - 1, 0)} rows and no column named as a dimension"
        pair = ", or by a prompt pair (cinematic / amateurish)" * custom
        raise UserError(f"{told_columns(sheet, header)}, and {found} (O, A-1, ... T-all){pair}.")
    check_lengths(sheet, header)
    rows = [(line.number, {known: line.cells[i] for known, i in columns.items()}) for line in sheet.lines[1:]]
    weights = ""
    if weights_id or {"status", "weights"} <= set(columns):  # a `scores.csv`
        rows, weights = rows_by_one(path, rows, weights_id)
        check_scored_alike(path, rows)
    if not missing:
        codes = [code for code in codes if any(row[code] for _, row in rows)]
    if not codes:
        raise UserError(f"{path} has {len(rows)} rows, and none of them has a score.")
    cells = [Score(line, header[columns[code]], row[code]) for line, row in rows for code in codes]
    scores = dict(zip(codes, numbers(sheet, cells, missing).reshape(len(rows), -1).T.copy(), strict=True))

    given = read_list(Path(list_path), path, scores) if list_path else read_names(sheet, header, rows)
    names = short_names(path, given)
    folders = {name: place for name, place in zip(names, given, strict=True) if place != name}
    groups = [unicodedata.normalize("NFC", row["group"]) for _, row in rows] if "group" in columns else []
    return ScoreTable(path, names, scores, groups, weights, folders)


def meaning(column: str, custom: bool = False) -> str:
    """What a column is: a code, a prompt pair if there may be such, another column with a meaning, or ""."""
    known = MEANINGS.get("_".join(column.casefold().split()), "")
    if not known and custom and " / " in column:
        pairs = read_pairs(column)
        if len(pairs) > 1:
            raise UserError(f"column {column!r} names several prompt pairs; it must name one.")
        known = str(pairs[0])
    return known


def find_columns(sheet: Sheet, header: list[str], custom: bool) -> dict[str, int]:
    """The columns of a table by what they mean.

    Raises:
        UserError: two mean the same, or one is named almost as a prompt pair.
    """
    columns: dict[str, int] = {}
    for i, column in enumerate(header):
        try:
            known = meaning(column, custom)
        except UserError as error:
            raise UserError(f"{sheet.path}, line {sheet.lines[0].number}: {error}") from error
        if known and (first := columns.setdefault(known, i)) != i:
            raise UserError(
                f"{sheet.path}, line {sheet.lines[0].number}: columns {first + 1} and {i + 1}, {header[first]!r} and "
                f"{column!r}, both stand for {known}: remove one of them."
            )
    return columns


def told_columns(sheet: Sheet, header: list[str]) -> str:
    """Words for how a file was read."""
    shown = ", ".join(map(repr, header[:8])) + f" and {len(header) - 8} more" * (len(header) > 8)
    return f"{sheet.path} is {sheet.form}, its columns are {shown or 'none'}"


def check_lengths(sheet: Sheet, header: list[str]) -> None:
    """Makes sure that rows have as many cells as the header, apart from empty ones at the end.

    Raises:
        UserError: one has not, has a quote without a second one, or holds what seems to be another row.
    """
    n = max((i for i, column in enumerate(header, 1) if column), default=0)
    rows = sheet.lines[1:]
    wrong = [line for line in rows if len(line.cells) < n or any(line.cells[n:])]
    if wrong:
        there, remedy = len(wrong[0].cells), f", in {sheet.form}" * (sheet.separator != ",")
        if len(wrong) == len(rows) > 1:
            remedy = f", as have all {len(rows)} rows of this {sheet.form}"
            remedy += ": write decimals with a point, and put names with commas in quotes" * (there > n)
        raise UserError(f"{sheet.path}, line {wrong[0].number}: it has {there} cells, but the header has {n}{remedy}.")
    for line in sheet.lines:
        if line.text.count('"') % 2:
            raise UserError(
                f"{sheet.path}, line {line.number}: it has a quotation mark without a second one; put cells with such "
                "marks in quotes, and double those inside."
            )
        pieces = [piece for piece in re.split(r"\r\n|\r|\n", line.text) if piece.strip()]
        if len(pieces) > 1 and all(piece.count(sheet.separator) == n - 1 for piece in pieces):
            raise UserError(
                f"{sheet.path}, line {line.number}: a quote that opens here closes in a later line, and each of the "
                "lines looks like a row; correct the quotation marks, or write the cell in one line."
            )


def read_names(sheet: Sheet, header: list[str], rows: list[tuple[int, Row]]) -> list[str]:
    """The names of videos as a table gives them: file names, or their paths if it has both and they agree.

    Raises:
        UserError: there is no column for them, or one is empty.
    """
    known = [column for column in NAME_COLUMNS if column in rows[0][1]]
    if not known:
        raise UserError(
            f"{sheet.path} has no column `filename` or `path` ({told_columns(sheet, header)}): name the list of its "
            "files as well."
        )
    short, full = ([plain(row[column]) for _, row in rows] for column in (known[0], known[-1]))
    for (line, _), name in zip(rows, short, strict=True):
        if not name_key(name):
            raise UserError(f"{sheet.path}, line {line}: {known[0]} is {name!r}, not the name of a file.")
    agree = all(f"/{name_key(place)}".endswith(f"/{name_key(name)}") for name, place in zip(short, full, strict=True))
    return full if agree else short


def group_numbers(*keys: Sequence[str]) -> Int[np.ndarray, " n"]:
    """Numbers the groups of videos, from 0, in the order in which they come.

    Args:
        keys: one or more texts for each video. Videos that share one are in the same group, and so are those that
            share one with a third; "" is shared with none.
    """
    # Half a second to import, which no scoring is to wait for.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(keys[0])
    shared = [(i, (kind, key)) for kind, column in enumerate(keys) for i, key in enumerate(column) if key]
    nodes = {node: n + number for number, node in enumerate(dict.fromkeys(node for _, node in shared))}
    ends = [i for i, _ in shared], [nodes[node] for _, node in shared]
    graph = coo_array((np.ones(len(shared)), ends), shape=(n + len(nodes), n + len(nodes)))
    component = connected_components(graph, directed=False)[1][:n]
    return np.unique(component, return_index=True)[1].argsort().argsort()[component]


def rows_by_one(path: Path, rows: list[tuple[int, Row]], weights_id: str) -> tuple[list[tuple[int, Row]], str]:
    """Those rows of a `scores.csv`, each with its line, that are by the same weights, and the id of these.

    Args:
        weights_id: which weights; may be empty if all rows are by the same.

    Raises:
        UserError: rows are by several weights and none is chosen, or no row is by those that are.
    """
    counts = Counter(row.get("weights", "") for _, row in rows)
    told = few([f"{name or 'unnamed'} ({count} rows)" for name, count in sorted(counts.items())])
    if not weights_id and len(counts) > 1:
        raise UserError(f"{path} has rows by several weights: {told}; choose one of them with weights_id.")
    [chosen] = [weights_id] if weights_id else counts
    if chosen not in counts:
        raise UserError(f"{path} has no row by weights {weights_id!r}, but by {told}.")
    return [(line, row) for line, row in rows if (row.get("weights", "")) == chosen], chosen


def check_scored_alike(path: Path, rows: list[tuple[int, Row]]) -> None:
    """Raises a UserError if rows of a `scores.csv` were scored with different settings, so that they do not compare."""

    def settings(row: Row) -> tuple[str, ...]:
        values = {name: row.get(name, "") for name in SETTINGS}
        if values["dense"] == "True":  # as many samplings as it takes, which differs between videos
            values["repeats"] = ""
        return tuple(values.values())

    counts = Counter(settings(row) for _, row in rows)
    differ = [i for i in range(len(SETTINGS)) if len({each[i] for each in counts}) > 1]
    if differ:
        kinds = []
        for each, count in sorted(counts.items()):
            values = (f"{SETTINGS[i]} {each[i]}" if each[i] else f"no {SETTINGS[i]}" for i in differ)
            kinds.append(f"{', '.join(values)} ({count} rows)")
        raise UserError(f"{path} has rows of different settings: {few(kinds, '; ')}; score all videos with the same.")


def write_table(path: str | os.PathLike, table: ScoreTable) -> None:
    """Writes a table as a CSV that `read_table` reads: `filename`, and a column for each dimension by its code."""
    lines = [csv_line(["filename", *table.scores])]
    for name, *scores in zip(table.names, *table.scores.values(), strict=True):
        lines.append(",".join([cell(name), *("" if np.isnan(score) else f"{score:.9f}" for score in scores)]) + "\n")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_atomic(Path(path), lines)
