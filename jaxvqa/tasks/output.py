"""What a person reads in the terminal."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import ml_collections
from rich.table import Column, Table
from rich.text import Text

from ..dimensions import DIMENSIONS
from ..errors import few
from ..results.rows import DEVIATION, Key, Row
from ..results.store import Results
from ..results.suspicious import constant_scores
from ..system.files import write_atomic
from ..system.terminal import Log, printable, table_console
from ..text.prompts import PromptPair
from ..weights.model_card import ModelCard, trained_pairs


def tell_failures(rows: Iterable[Row], log: Log) -> list[Row]:
    """Says why videos could not be scored, and returns their rows."""
    failed = [row for row in rows if row["status"] != "ok"]
    for row in failed:
        log.warn(f"failed: {row['error']}")
    return failed


def tell_scored(rows: Sequence[Row], kept: int, results: Results, report: bool, log: Log) -> None:
    """Says why videos could not be scored, how many were, where the results are, and what is suspicious.

    Args:
        kept: how many rows are of earlier runs.
        report: whether there is a report.
    """
    failed = tell_failures(rows, log)
    log(
        f"{len(rows) - len(failed)} of {len(rows)} videos scored ({kept} of them in an earlier run); in "
        f"{results.folder}: {results.csv_path.name}, {results.json_path.name}"
        + f", {results.moments_path.name}" * results.per_moment
        + ", report.html" * report
    )
    for row in rows[:1]:
        tell_other_weights(results.rows, row["weights"], results.csv_path, log)
    for sentence in constant_scores(rows):
        log.warn(sentence)


def tell_other_weights(keys: Iterable[Key], weights_id: str, csv_path: Path, log: Log) -> None:
    """Says how many rows of a file of scores are by other weights than those of this run."""
    counts = Counter(weights for *_, weights in keys)
    del counts[weights_id]
    if counts:
        told = few([f"{weights} ({count})" for weights, count in sorted(counts.items())])
        log.warn(f"{csv_path} also has rows by other weights: {told}")


def print_deviations(rows: Iterable[Row]) -> None:
    """Prints how much raw scores differ between samplings of a video, if there are several."""
    found = [
        (row[name], dimension.name, row["path"])
        for row in rows
        if row["status"] == "ok" and row["repeats"] > 1
        for name, dimension in zip(DEVIATION, DIMENSIONS, strict=True)
        if row[name] is not None
    ]
    if not found:
        return
    most, name, path = max(found)
    mean = sum(deviation for deviation, *_ in found) / len(found)
    said = (
        f"Means of several samplings each: between them, raw scores deviate by {mean:.3f} on average, "
        f"by {most:.3f} at most ({name} of {printable(path)})."
    )
    table_console().print(Text(said))


def print_custom(rows: Iterable[Row], pairs: Sequence[PromptPair], card: ModelCard | None) -> None:
    """Prints the scores of custom dimensions, a video a line: trained ones, then the zero-shot ones among `pairs`."""
    trained = trained_pairs(card)
    new = [pair for pair in pairs if pair not in trained]
    if not (trained or new):
        return
    out = table_console()
    headers = [*map(str, trained), *(f"{pair} (zero-shot)" for pair in new)]
    table = Table("", *(Column(Text(printable(header)), justify="right") for header in headers), box=None)
    for row in rows:
        if row["status"] == "ok":
            scores = (f"{row['custom'][str(pair)]:.3f}" for pair in (*trained, *new))
            table.add_row(Text(printable(row["path"])), *scores)
    out.print(table)
    said = "Raw scores from 0 to 1, higher if the positive prompt fits better; compare videos within a column."
    out.print(f"{said} Zero-shot: the weights were not trained on these prompts." if new else said)


def print_notes(rows: Iterable[Row]) -> None:
    """Prints what was met in showing the frames of videos, such as HDR, a video a line."""
    out = table_console()
    for row in rows:
        if row["notes"]:
            out.print(Text(printable(f"{row['path']}: {row['notes']}")))


def write_config(folder: Path, config: ml_collections.ConfigDict) -> None:
    """Writes the settings of a run beside its results."""
    write_atomic(folder / "config.json", json.dumps(config.to_dict(), indent=1, sort_keys=True) + "\n")


def tell_left_out(failures: dict[str, str], allowed: bool, log: Log) -> int:
    """Names every video that was left out.

    Returns:
        Exit code: 0, or 1 if there are such videos, and they are not allowed.
    """
    for error in failures.values():
        log.warn(f"left out: {error}")
    return 1 if failures and not allowed else 0
