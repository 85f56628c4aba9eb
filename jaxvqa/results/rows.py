"""Rows of scores, and every format that they are written in."""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..dimensions import DIMENSIONS
from ..errors import UserError

RAW = [dimension.column for dimension in DIMENSIONS]
DISPLAY = [f"{name}_display" for name in RAW]
DEVIATION = [f"{name}_deviation" for name in RAW]
# What people would say, for weights of which that is known, and the ends of a 90 % interval.
MOS, LOW, HIGH = ([f"{name}_{end}" for name in RAW] for end in ("mos", "low", "high"))
STATISTICS = ("min", "perc10", "mean", "harmonic_mean", "max")  # over time, under the names that VMAF's tools use
POOLED = [f"{DISPLAY[0]}_{name}" for name in STATISTICS]
FACTS = ["frames", "height", "width", "fps", "seed", "sampling", "repeats", "dense", "weights", "unvalidated"]
FACTS += ["not_scored", "sha256", "display_height"]
FACTS += ["jaxvqa", "av"]  # versions of this package and of PyAV, which decodes
FACTS += ["notes"]  # what was met in showing frames, such as HDR
# What CSV leaves out: how a video was coded, raw scores of each of several samplings, and statistics over time.
NESTED = ["coding", "samplings", "pooled"]
COLUMNS = ["path", "status", "error", *RAW, *DISPLAY, *DEVIATION, *MOS, *LOW, *HIGH, *POOLED, "custom", *FACTS, *NESTED]
# All that the scores of a video depend on, except versions.
IDENTITY = ("path", "sha256", "seed", "sampling", "display_height", "repeats", "dense", "custom", "weights")

# How texts begin that spreadsheets run as formulas; full-width signs count in Japanese and Chinese ones.
FORMULA = "[=+\\-@\uff1d\uff0b\uff0d\uff20\t\r\n]"

Row = dict[str, Any]
Key = tuple[str, int, str]


def key(row: Row) -> Key:
    """What makes a row another row, not a newer version of the same."""
    return row["path"], row["seed"], row["weights"]


def identity(row: Row) -> str:
    """Names what belongs to a row, such as its section of the report; a row with other scores has another name."""
    return hashlib.sha256(json.dumps([row.get(fact) for fact in IDENTITY]).encode()).hexdigest()[:20]


def read_rows(path: Path, columns: Sequence[str] = COLUMNS) -> list[Row]:
    """The rows of a JSON lines file, without a last line that a killed run left unfinished.

    Raises:
        UserError: a line is not such a row.
    """
    if not path.exists():
        return []
    lines = path.read_bytes().decode("utf-8", "surrogateescape").split("\n")
    rows = []
    for number, line in enumerate(lines[:-1], start=1):
        try:
            row = json.loads(line)
            if row.keys() != set(columns) or not is_sound(row):
                raise ValueError
        except (ValueError, AttributeError, TypeError, RecursionError):
            raise UserError(
                f"{path}, line {number}: not a row of scores, or one of another version of jaxvqa; move the file away "
                "or choose another output."
            ) from None
        rows.append(row)
    return rows


def is_sound(row: Row) -> bool:
    """Whether the fields of a row that others go by are of their types, and all can be written again.

    Scores are numbers, except in the dimensions that the row names as not scored: there they are missing.

    Raises:
        ValueError, AttributeError, TypeError: they are not.
    """
    json.dumps(row, allow_nan=False)
    csv_line(row.values()).encode("utf-8", "surrogateescape")
    kinds = [type(field) for field in key(row)] + [type(row.get("repeats", 1))]
    if row["status"] != "ok":
        return kinds == [str, int, str, int]
    facts = {"path", "status", "error", "custom", *FACTS, *NESTED, *(DEVIATION if row.get("repeats", 1) == 1 else ())}
    for opinion in zip(MOS, LOW, HIGH, strict=True):  # known or not, dimension by dimension
        facts |= {*opinion} if row.get(opinion[0]) is None else set()
    unscored = (row.get("not_scored") or "").split()
    columns = zip(DIMENSIONS, RAW, DISPLAY, DEVIATION, strict=True)
    missing = {name for dimension, *names in columns if dimension.code in unscored for name in names}
    missing |= {*POOLED} if DIMENSIONS[0].code in unscored else set()
    if any(row[name] is not None for name in missing):
        return False
    scores = [value for column, value in row.items() if column not in facts | missing]
    scores += row.get("custom", {}).values()
    return kinds == [str, int, str, int] and all(isinstance(score, float | int) for score in scores)


def text_of(rows: Iterable[Row], columns: Sequence[str], form: str) -> str:
    """Rows as "csv" with a header, "jsonl", a line each, or "json", one list; what a row lacks is empty, or null."""
    if form == "csv":
        return csv_header(columns) + "".join(csv_row(row, columns) for row in rows)
    lines = [json_line(row, columns) for row in rows]
    return "".join(lines) if form == "jsonl" else "[" + ",\n".join(line.strip() for line in lines) + "]\n"


def json_line(row: Row, columns: Sequence[str]) -> str:
    """A row as a line of JSON."""
    return json.dumps({column: row.get(column) for column in columns}, allow_nan=False) + "\n"


def csv_row(row: Row, columns: Sequence[str]) -> str:
    """A row as a line of CSV, without nested columns."""
    return csv_line(row.get(column) for column in columns if column not in NESTED)


def csv_header(columns: Sequence[str]) -> str:
    """The first line of CSV: the columns that are not nested."""
    return csv_line(column for column in columns if column not in NESTED)


def csv_line(values: Iterable[Any]) -> str:
    """Values as one line of CSV."""
    return ",".join(map(cell, values)) + "\n"


def cell(value: Any) -> str:
    """A value as a cell of CSV; what is not known is empty.

    A text that a spreadsheet would run gets an apostrophe, which `plain` takes away. Numbers stay numbers.
    Source: OWASP, CSV Injection.
    """
    if isinstance(value, float):
        return f"{value:.6f}"
    if isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=False)
    text = "" if value is None else str(value)
    if isinstance(value, str) and re.match(f"'*{FORMULA}", text):
        text = f"'{text}"
    # Some spreadsheets divide lines at semicolons and tabs as well, unless they are within quotes.
    return '"' + text.replace('"', '""') + '"' if re.search('[",;\t\r\n]', text) else text


def plain(text: str) -> str:
    """The text that a cell was made of, as a reader of CSV gives it: without the apostrophe of `cell`."""
    return text[1:] if re.match(f"'+{FORMULA}", text) else text
