"""Lists of file names that go with a table of labels without names, as MaxWell has them."""

from pathlib import Path

import numpy as np

from ..errors import UserError
from .cells import Score, decimal_comma, ends_with_number, leading_text, number, read_sheet
from .names import name_key


def read_list(path: Path, table: Path, scores: dict[str, np.ndarray]) -> list[str]:
    """File names from a MaxWell list, after checking that it goes with a table of labels.

    A name is what stands before the numbers at the end of a line, of which all lines have as many.

    Raises:
        UserError: unreadable, of another length, a line without a name, or with more numbers than the first, or overall
            scores that rank the videos otherwise.
    """
    sheet = read_sheet(path, ends_with_number)
    lines, rows = sheet.lines, len(next(iter(scores.values())))
    if len(lines) != rows:
        raise UserError(f"{path} has {len(lines)} lines, but {table} {rows} rows: they do not belong together.")
    comma = decimal_comma(sheet, [Score(line.number, "overall", line.cells[-1]) for line in lines])
    names, overall, behind = [], [], []
    for line in lines:
        known = [number(text, comma) for text in line.cells]
        if known[-1] is None:
            raise UserError(
                f"{path}, line {line.number}: it does not end with an overall score, but with {line.cells[-1]!r}."
            )
        overall.append(known[-1])
        behind.append(next((n for n, value in enumerate(known[:0:-1]) if value is None), len(known) - 1))
        names.append(leading_text(line, sheet.separator, behind[-1]))
        if len(known) < 2 or not name_key(names[-1]):
            raise UserError(
                f"{path}, line {line.number}: {line.text.strip()!r} is not of the form `name, ..., overall`."
            )
        if behind[-1] != behind[0]:
            raise UserError(
                f"{path}, line {line.number}: {behind[-1]} numbers stand behind its name, but {behind[0]} in the first "
                "line: put a name with commas in quotes."
            )
    from scipy.stats import spearmanr  # a second to import, which no scoring is to wait for

    if "O" in scores and not spearmanr(overall, scores["O"]).statistic > 0.99:
        raise UserError(
            f"{path} and {table} rank the videos differently by overall score: they do not belong together."
        )
    return names
