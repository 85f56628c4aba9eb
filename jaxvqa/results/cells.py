"""Cells of a text file of separated values: its encoding, its separator, its lines as an editor counts them."""

import contextlib
import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ..errors import UserError

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}

# The first line that Excel takes as a hint, and that programs which do not know it write back with a cell more.
HINT = re.compile(r'"?sep=([^"\s]|\t)\1*"?[\r\n]', re.IGNORECASE)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)

Fits = Callable[[list[str], str], bool]  # cells of a first line, and what separates them


class Line(NamedTuple):
    """A row of a file.

    Attributes:
        number: its line, from 1; of a row that goes over several, the first.
        text: the row as it stands in the file.
        cells: without blanks around them.
    """

    number: int
    text: str
    cells: list[str]


class Score(NamedTuple):
    """A cell that holds a number: its line, what its column is called, and its text."""

    line: int
    column: str
    text: str


@dataclass(frozen=True)
class Sheet:
    """A file of separated values.

    Attributes:
        path: the file.
        encoding: such as "UTF-8".
        separator: one character.
        lines: all rows that hold something.
    """

    path: Path
    encoding: str
    separator: str
    lines: list[Line]

    @property
    def form(self) -> str:
        """The encoding and the separator in words."""
        return f"{self.encoding} text separated by {SEPARATORS.get(self.separator, repr(self.separator))}"


def read_sheet(path: Path, fits: Fits) -> Sheet:
    """Reads a file of separated values.

    UTF-8 and UTF-16 are told apart by their first bytes; bytes that are not UTF-8 stay what they are, as in file names.
    The separator is the one that a line `sep=;` names, else the only one by which the first row makes sense.

    Args:
        fits: whether the cells of the first row make sense.

    Raises:
        UserError: unreadable, not text, a quote that is not closed, or several separators fit.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    text, encoding = decode(path, data)
    lines = list(io.StringIO(text, newline=""))  # ends at LF, CR and CRLF alone, as csv counts lines
    if hint := HINT.match(text):
        separator, lines[0] = hint[1], "\n"
    else:
        separator = find_separator(path, lines, fits)
    return Sheet(path, encoding, separator, list(parse(path, lines, separator)))


def decode(path: Path, data: bytes) -> tuple[str, str]:
    """The text of a file and the name of its encoding.

    Raises:
        UserError: UTF-16 or UTF-32 that is damaged, or no text at all.
    """
    encoding = json.detect_encoding(data)
    name = encoding.upper().removesuffix("-SIG")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if name != "UTF-8":
            raise UserError(f"{path} is damaged {name} text ({error.reason}): save it again as UTF-8.") from error
        text, name = data.decode(encoding, "surrogateescape"), "partly UTF-8"
    if "\0" in text:
        raise UserError(f"{path} is not a text file: export the table as CSV, in UTF-8.")
    return text, name


def find_separator(path: Path, lines: list[str], fits: Fits) -> str:
    """The separator by which the first row makes sense; if none does, the one that makes the most cells of it.

    Raises:
        UserError: several do.
    """
    first: dict[str, list[str]] = {}
    fitting = []
    for separator in SEPARATORS:
        with contextlib.suppress(UserError):  # quotes, too, make sense with one separator and none with others
            if line := next(parse(path, lines, separator), None):
                first[separator] = line.cells
                if fits(line.cells, separator):
                    fitting.append(separator)
    if len(fitting) > 1:
        told = " or ".join(SEPARATORS[separator] for separator in fitting)
        raise UserError(f"{path} might be separated by {told}: use only one of them in its first line.")
    return fitting[0] if fitting else max(first, key=lambda separator: len(first[separator]), default=",")


def parse(path: Path, lines: list[str], separator: str) -> Iterator[Line]:
    """Yields the rows that hold something.

    Raises:
        UserError: a quote that is not closed, or that something follows.
    """
    reader = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)
    start = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            problem = "it begins a cell in quotes that is never closed"
            if "expected after" in str(error):
                problem = "it has a cell in quotes that something other than a separator follows"
            elif "limit" in str(error):
                problem = f"it begins a cell of more than {csv.field_size_limit()} characters, as an open quote does"
            raise UserError(f"{path}, line {start}: {problem}; correct the quotation marks.") from error
        if cells is None:
            return
        cells = [cell.strip() for cell in cells]
        if any(cells):
            yield Line(start, "".join(lines[start - 1 : reader.line_num]), cells)
        start = reader.line_num + 1


def leading_text(line: Line, separator: str, behind: int) -> str:
    """What stands before the last cells of a row, separators included: a name with commas need not be in quotes.

    Args:
        behind: how many cells come after it.
    """
    if len(line.cells) == behind + 1:
        return line.cells[0]
    return line.text.rsplit(separator, behind)[0].strip()


def ends_with_number(cells: list[str], separator: str) -> bool:
    """Whether a row without a header makes sense: it ends with a number, of which the separator is no part."""
    if len(cells) < 2:
        return False
    if separator == ",":
        return number(cells[-1]) is not None and not re.search(r"[;\t|]\s*[+-]?\d*$", cells[-2])
    return number(cells[-1]) is not None or number(cells[-1], comma=True) is not None


def number(text: str, comma: bool = False) -> float | None:
    """A number as it is written in digits, or None: no `1_9`, no `nan`, no `inf`.

    Args:
        comma: whether decimals follow a comma, not a point.
    """
    if comma:
        text = text.translate({ord(","): ".", ord("."): ","})
    value = float(text) if NUMBER.fullmatch(text) else np.nan
    return value if np.isfinite(value) else None


def decimal_comma(sheet: Sheet, scores: Sequence[Score]) -> bool:
    """Whether decimals of a file follow a comma, which they can only if it does not separate the cells.

    Raises:
        UserError: some do and some do not, or commas might as well mark thousands.
    """
    if sheet.separator == ",":
        return False
    commas = [score for score in scores if "," in score.text and number(score.text, comma=True) is not None]
    points = [score for score in scores if "." in score.text and number(score.text) is not None]
    if commas and points:
        told = (f"{score.text!r} in line {score.line}" for score in (commas[0], points[0]))
        raise UserError(
            f"{sheet.path} has decimal commas and decimal points ({', '.join(told)}): use only one of them."
        )
    # Where semicolons separate cells, it is because commas do not. Tabs come with both kinds of decimals.
    if commas and sheet.separator != ";" and all(THOUSANDS.fullmatch(score.text) for score in commas):
        line, column, text = commas[0]
        raise UserError(
            f"{sheet.path}, line {line}: {column} is {text!r}, which might be {text.replace(',', '.')} or "
            f"{text.replace(',', '')}: write decimals with a point, and thousands without a comma."
        )
    return bool(commas)


def numbers(sheet: Sheet, scores: Sequence[Score], missing: bool = False) -> Float[np.ndarray, " n"]:
    """The numbers of some cells of a file; NaN for an empty one, where scores may be missing.

    Raises:
        UserError: one is missing, or no finite number.
    """
    comma, values = decimal_comma(sheet, scores), []
    for line, column, text in scores:
        value = np.nan if missing and not text else number(text, comma)
        if value is None:
            advice = "; leave a cell empty where there is no score" * missing
            if "," in text:
                advice = ": write decimals with a point"
            raise UserError(f"{sheet.path}, line {line}: {column} is {text!r}, not a number{advice}.")
        values.append(value)
    return np.array(values, float)
