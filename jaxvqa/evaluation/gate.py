"""Whether videos pass a gate: lowest scores, and how far scores may fall below those of a baseline."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..dimensions import DIMENSIONS, Dimension
from ..errors import UserError
from ..results.names import match_paths
from ..results.rows import DISPLAY, MOS, Row, cell, plain, read_rows
from ..results.table import SETTINGS
from .preference import Preference

NAMED = {name.casefold(): d for d in DIMENSIONS for name in (d.code, d.name, d.column)}

Limits = dict[Dimension, float]


class Violation(NamedTuple):
    """A rule that a video breaks, as programs read it.

    Attributes:
        path: of the video.
        rule: "min overall", "max_drop overall", or "scored" for a video that has no scores or no row in the baseline.
        score: on the display scale, 0 to 100.
        limit: the lowest score that the rule allows.
        probability: how likely the video is worse than its baseline, if that is known: see `Preference`.
        message: what is wrong, in a sentence.
    """

    path: str
    rule: str
    score: float | None
    limit: float | None
    probability: float | None
    message: str


def read_limits(text: str, option: str, fallback: str = "") -> Limits:
    """Reads limits by dimension, in points of 100: overall=50,sharpness=40.

    Args:
        option: the name of the setting, for errors.
        fallback: dimension of a number without a name; "" if there is to be none.

    Raises:
        UserError: a dimension that does not exist or is named twice, or a number that is none or not from 0 to 100.
    """
    limits: Limits = {}
    for part in filter(None, (part.strip() for part in re.split("[,;]", text))):
        name, equals, number = part.partition("=")
        if not equals and fallback:
            name, number = fallback, part
        dimension = NAMED.get(name.strip().casefold())
        if not dimension:
            known = ", ".join(d.column for d in DIMENSIONS)
            raise UserError(f"{option} names {name.strip()!r}, which is no dimension; choose from {known}.")
        if not re.fullmatch(r"\s*\d+(\.\d+)?\s*", number, re.ASCII) or not float(number) <= 100:
            raise UserError(f"{option} is {part!r}; write it as {dimension.column}=50, from 0 to 100.")
        if dimension in limits:
            raise UserError(f"{option} names {dimension.column} twice: remove one.")
        limits[dimension] = float(number)
    return limits


def read_baseline(path: Path, weights_id: str, settings: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Cells of the rows of an earlier `scores.csv` or `scores.jsonl` by weights, by path.

    Args:
        settings: what scores depend on besides, by column: see `jaxvqa.results.table.SETTINGS`.

    Raises:
        UserError: it cannot be read, has no scores by these weights, or they are of other settings.
    """
    columns = ["path", "status", "weights", *SETTINGS, *DISPLAY]
    try:
        if path.suffix == ".jsonl":
            lines = [{column: cell(value) for column, value in row.items()} for row in read_rows(path)]
        else:
            with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
                lines = list(csv.DictReader(file, strict=True))
    except (OSError, csv.Error) as error:
        raise UserError(f"baseline {path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    if not lines or not set(columns) <= lines[0].keys():
        raise UserError(f"baseline {path} has no rows of a scores.csv or scores.jsonl: score the videos anew.")
    # Files of earlier versions lack opinion scores; rules do not need them.
    rows = [{column: plain(line.get(column) or "") for column in [*columns, *MOS]} for line in lines]
    mine = [row for row in rows if row["weights"] == weights_id]
    if not mine:
        found = ", ".join(sorted({row["weights"] for row in rows}))
        raise UserError(f"baseline {path} was scored by weights {found}, this run uses {weights_id}: use the same.")
    for name, value in settings.items():
        if found := sorted({row[name] for row in mine if row["status"] == "ok"} - {cell(value)}):
            then, now = (text or "none" for text in (found[0], cell(value)))
            raise UserError(f"baseline {path} was scored with {name} {then}, this run has {now}: use the same.")
    return {row["path"]: row for row in mine if row["status"] == "ok"}


def violations(
    rows: Sequence[Row],
    lowest: Limits,
    drops: Limits,
    baseline: Mapping[str, Mapping[str, str]],
    preference: Preference,
) -> list[Violation]:
    """What videos break, in order.

    Args:
        lowest: lowest score by dimension, 0 to 100.
        drops: by how many points scores may be below those of the baseline.
        baseline: rows of the baseline, by path; a video means that of its path, else of its name.
        preference: of the weights.
    """
    paths = [*baseline]
    found, matches = [], match_paths([row["path"] for row in rows], paths)
    for row, match in zip(rows, matches, strict=True):
        path = row["path"]
        if row["status"] != "ok":
            found.append(Violation(path, "scored", None, None, None, row["error"]))
            continue
        found += [
            Violation(path, f"min {d.column}", score, limit, None, f"{d.name} {score:.1f} is below {limit:g}")
            for d, limit in lowest.items()
            if (score := points(row, d)) < limit
        ]
        if drops and len(match) != 1:
            said = f"{'several rows' if match else 'no row'} of the baseline may be its own"
            found.append(Violation(path, "scored", None, None, None, said))
        elif drops:
            found += fallen(row, baseline[paths[match[0]]], drops, preference)
    return found


def fallen(row: Row, before: Mapping[str, str], drops: Limits, preference: Preference) -> Iterable[Violation]:
    """Where a video scores further below its baseline than it may."""
    for d, most in drops.items():
        score, was = points(row, d), 100 * float(before[f"{d.column}_display"])
        if was - score <= most:
            continue
        chance = preference.chance_of_higher(row, before, d)
        said = f"{d.name} {score:.1f} is {was - score:.1f} below the baseline's {was:.1f}, {most:g} allowed"
        said += "" if chance is None else f" ({preference.worse}: {min(chance, 0.99):.0%})"
        yield Violation(row["path"], f"max_drop {d.column}", score, was - most, chance, said)


def points(row: Mapping[str, Any], dimension: Dimension) -> float:
    """The score of a row on the display scale, 0 to 100."""
    return 100 * float(row[f"{dimension.column}_display"])
