"""What is the same where it should differ: a sign of a fault that raises no error."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np

from ..dimensions import DIMENSIONS
from ..system.terminal import printable
from .rows import RAW

FEW = 5  # videos; scores of fewer may be close by chance
# Raw scores this close in a dimension are constant: other frames and patches of one and the same video move them by
# more, as the tests check, and rounding by a hundredth of it. Near 0 and 1, the ends of the sigmoid, scores that differ
# lie closer, so that they are compared before it; there, four times the difference is one of scores in the middle.
CLOSE = 1e-4
ROUNDED = 1e-6  # scores that are as close to 0 or 1 cannot be told from them
NAMED = 5  # files of a sentence


def identical_outputs(outcomes: Iterable[tuple[str, str, Hashable]], what: str) -> list[str]:
    """A sentence for each outcome that several different files have.

    Args:
        outcomes: path and SHA-256 of each file, and what came of it.
        what: what that is, such as "scores".
    """
    groups: dict[Hashable, dict[str, str]] = {}
    for path, sha256, outcome in outcomes:
        groups.setdefault(outcome, {}).setdefault(sha256, path)
    return [
        f"suspicious: {len(files)} different files have the same {what} to the last digit: "
        f"{name_paths([*files.values()])}; look whether they show the same, or nothing."
        for files in groups.values()
        if len(files) > 1
    ]


def constant_scores(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Sentences on rows of scores that are the same for different files, or hardly differ between many."""
    scored = [row for row in rows if row["status"] == "ok"]
    sentences = identical_outputs(
        ((row["path"], row["sha256"], tuple(row[column] for column in RAW)) for row in scored), "scores"
    )
    files = {row["sha256"]: row for row in scored}.values()
    if len(files) < FEW:
        return sentences
    # Scores are missing, and so is their spread, in dimensions that the weights do not score.
    scores = np.array([[row[column] for column in RAW] for row in files], float).clip(ROUNDED, 1 - ROUNDED)
    spread = np.ptp(np.log(scores / (1 - scores)), axis=0) / 4
    if (spread < CLOSE).any():
        where = [f"{d.code} {d.name}" for d, close in zip(DIMENSIONS, spread < CLOSE, strict=True) if close]
        where = "every dimension" if len(where) == np.count_nonzero(~np.isnan(spread)) else ", ".join(where)
        paths = name_paths([row["path"] for row in files])
        sentences.append(
            f"suspicious: {len(files)} different files score the same, within {CLOSE:g}, in {where}: {paths}; look "
            "whether they show anything, and whether the weights are sound."
        )
    return sentences


def name_paths(paths: Sequence[str]) -> str:
    """Paths in a row, and how many more there are."""
    more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
    return printable(", ".join(paths[:NAMED])) + more
