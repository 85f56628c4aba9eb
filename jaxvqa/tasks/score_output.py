"""Scores of videos, and their differences, as a person reads them: what matters first, in words, at any width."""

import itertools
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from ..dimensions import DIMENSIONS, Dimension
from ..evaluation.preference import Preference
from ..explain.percentiles import weakest_dimensions
from ..results.rows import DISPLAY, RAW, Row
from ..system.terminal import printable, table_console
from ..weights.known_opinions import opinions_of
from ..weights.model_card import ModelCard, margin, notice, scored, single_validated, unvalidated

WIDTH = 80  # columns that are counted on where no terminal tells
BAR = 20  # columns of a score of 100
SURE = 0.95  # from which probability on one of two encodes is called better
PLAIN: dict[str, Any] = {"box": None, "pad_edge": False, "padding": (0, 2, 0, 0)}


def print_scores(rows: Sequence[Row], card: ModelCard | None, legend: bool = True) -> None:
    """Prints what videos score: of one all dimensions, lowest first; of several a ranking, and where they differ.

    What they score in the single dimensions is printed for as many as fit side by side.
    """
    out, there = table_console(), dimensions(card)
    whole = [row for row in rows if row["status"] == "ok"] if there else []
    values = np.array([display(row, card) for row in whole]).reshape(len(whole), len(there))
    ranked = np.argsort(-values[:, :1].sum(axis=1), kind="stable")
    values, paths = values[ranked], [printable(whole[i]["path"]) for i in ranked]
    within = margin(card) if there[:1] == [DIMENSIONS[0]] else ""
    if len(paths) == 1:
        out.print(Text(paths[0], "bold"), soft_wrap=not out.is_terminal)
        out.print(Text.assemble(f"{there[0].name} ", (f"{values[0, 0]:.0f}", "bold"), within, people(whole[0], card)))
        single = values[0, 1:]
        print_dimensions(out, there[1:], {"": whole_numbers(single), " ": [bar(out, x) for x in single]}, single, card)
    elif paths:
        folder, names = below_one_folder(paths)
        columns = Column(there[0].name + within, justify="right"), Column(f"video{folder}", overflow="fold")
        table = Table("", *columns, "weakest in", **PLAIN)
        named = zip(names, values, (whole[i] for i in ranked), strict=True)
        for number, (name, scores, row) in enumerate(named, start=1):
            table.add_row(str(number), f"{scores[0]:.0f}", Text(name), weakest(row, card))
        out.print(table)
        if len(paths) <= (min(out.width, WIDTH) - max(len(each.name) for each in there)) // 5:
            numbered = {str(number): whole_numbers(row[1:]) for number, row in enumerate(values, start=1)}
            print_dimensions(out, there[1:], numbered, -np.ptp(values[:, 1:], axis=0), card)
    for row in rows:
        if row["status"] != "ok":
            out.print(Text(f"not scored: {printable(row['path'])}"), soft_wrap=not out.is_terminal)
    if legend:
        print_legend(out, "", card)


def weakest(row: Row, card: ModelCard | None) -> str:
    """The dimension that a video is weakest in, as reports name it, with its score."""
    raw, shown = (np.array([row.get(name) for name in names], float) for names in (RAW, DISPLAY))
    return "".join(f"{DIMENSIONS[i].name} {100 * shown[i]:.0f}" for i in weakest_dimensions(raw, shown, card)[:1])


def people(row: Row, card: ModelCard | None) -> str:
    """What people would say of a video overall, in words; empty for weights of which that is not known."""
    opinions = opinions_of(card, row["weights"])
    said = opinions.overall_words(np.array([row[name] for name in RAW], float)) if opinions else ""
    return f"; {said}" if said else ""


def print_differences(
    pairs: Sequence[tuple[str, str, str]],
    scores: Float[np.ndarray, "2 pairs dimensions"],
    card: ModelCard | None,
    preference: Preference,
    chances: Sequence[float | None],
    legend: bool = True,
) -> None:
    """Prints how the second videos of pairs differ from the first ones.

    Args:
        pairs: a name of each, and those of its two videos.
        scores: of the first ones, then of the second ones, 0 to 100, in the dimensions that are scored.
        preference: of the weights.
        chances: how likely the second ones are better, where that is known.
        legend: whether to end with what scores mean.
    """
    out, there, (before, after) = table_console(), dimensions(card), scores
    changes = after - before
    if len(pairs) == 1:
        _, first, second = map(printable, pairs[0])
        if os.path.basename(first) != os.path.basename(second):
            first, second = map(os.path.basename, (first, second))
        lower = f"{abs(changes[0, 0]):.0f} points {'lower' if changes[0, 0] < 0 else 'higher'} than"
        verdict = lower if signed(changes[0, 0]) != "0" else "the same as"
        out.print(
            Text(f"{second} scores {verdict} {first}: {there[0].name} {after[0, 0]:.0f}, not {before[0, 0]:.0f}.")
        )
        if chances[0] is not None and signed(changes[0, 0]) != "0":
            out.print(Text(certainty(first, second, chances[0], preference)))
        sides = {"first": whole_numbers(before[0]), "second": whole_numbers(after[0])}
        print_dimensions(out, there, sides | {"change": list(map(signed, changes[0]))}, -abs(changes[0]), card)
    else:
        columns = Column(there[0].name, justify="right"), Column("second minus first", overflow="fold")
        table = Table(*columns, "most in", **PLAIN)
        surely = None not in chances
        if surely:
            table.add_column("better", overflow="fold")
        for (name, *_), change, chance in zip(pairs, changes, chances, strict=True):
            most, sure = most_changed(change, card), [better(chance)] * surely
            table.add_row(signed(change[0]), Text(printable(name)), most, *sure)
        mean = changes.mean(axis=0)
        table.add_row(f"{mean[0]:+.1f}", Text("mean", "bold"), most_changed(mean, card))
        out.print(table)
    if legend:
        print_legend(out, "Above 0, the second is better. ", card)


def certainty(first: str, second: str, chance: float, preference: Preference) -> str:
    """Which of two videos is better, and how likely, in a sentence."""
    said, whose = preference.better.format(second if chance > 0.5 else first), preference.condition
    chance = max(chance, 1 - chance)
    if chance < SURE:
        return f"{whose}, this is too close to call: {said} with probability {percent(chance)}."
    return f"{whose}, {said} (probability {percent(chance)})."


def better(chance: float | None) -> str:
    """Which video of a pair is better, and how likely; whether that is too close to call."""
    if chance is None or max(chance, 1 - chance) < SURE:
        return "too close to call"
    return f"{'second' if chance > 0.5 else 'first'} {percent(max(chance, 1 - chance))}"


def percent(chance: float) -> str:
    """A probability, never rounded to certainty."""
    if not 0.01 <= chance <= 0.99:
        return "over 99 %" if chance > 0.5 else "under 1 %"
    return f"{100 * chance:.0f} %"


def dimensions(card: ModelCard | None) -> list[Dimension]:
    """The dimensions that weights score."""
    return list(itertools.compress(DIMENSIONS, scored(card)))


def display(row: Row, card: ModelCard | None) -> Float[np.ndarray, " dimensions"]:
    """Scores of a row in the dimensions that weights score, 0 to 100."""
    return 100 * np.array([row[name] for name in itertools.compress(DISPLAY, scored(card))], float)


def print_dimensions(
    out: Console,
    there: Sequence[Dimension],
    columns: Mapping[str, Sequence[str | Text]],
    order: Float[np.ndarray, " dimensions"],
    card: ModelCard | None,
) -> None:
    """Prints a line for each dimension, lowest in `order` first; those that are not validated come last.

    Args:
        columns: what stands in each beside the dimensions, by its head.
    """
    untested, heads = unvalidated(card), [Column(head, justify="right") for head in columns]
    table = Table("", *heads, show_header=any(map(str.strip, columns)), **PLAIN)
    for late in (False, True):
        group = [i for i, each in enumerate(there) if (each.code in untested) == late]
        if group and late:
            table.add_row(Text("not validated", "italic"))
        for i in sorted(group, key=lambda i: order[i]):
            table.add_row(there[i].name, *(column[i] for column in columns.values()))
    out.print()
    out.print(table)


def bar(out: Console, score: float) -> Text:
    """A score as a bar, where a terminal shows colours."""
    if not out.is_terminal or out.no_color or not out.encoding.startswith("utf"):
        return Text()
    filled = round(min(max(score, 0), 100) / 100 * BAR)
    return Text.assemble(("━" * filled, "cyan"), ("━" * (BAR - filled), "bright_black"))


def most_changed(changes: Float[np.ndarray, " dimensions"], card: ModelCard | None) -> Text:
    """The validated single dimension that changes most, with its change."""
    single = np.flatnonzero(single_validated(card)[scored(card)]).tolist()
    most = max(single, key=lambda i: abs(changes[i]), default=None)
    return Text("" if most is None else f"{dimensions(card)[most].name} {signed(changes[most])}")


def whole_numbers(values: Float[np.ndarray, " dimensions"]) -> list[str]:
    """Scores as they are printed."""
    return [f"{value:.0f}" for value in values]


def signed(value: float) -> str:
    """A difference as a whole number with its sign; 0 has none."""
    return f"{value:+.0f}" if round(value) else "0"


def below_one_folder(paths: Sequence[str]) -> tuple[str, list[str]]:
    """The folder that paths have in common, in words, and what is left of them; "" if they have none."""
    try:
        folder = os.path.commonpath([os.path.dirname(path) for path in paths])
    except ValueError:  # absolute and relative ones, or of two drives
        folder = ""
    if folder in ("", os.sep):
        return "", list(paths)
    return f" in {folder}", [os.path.relpath(path, folder) for path in paths]


def print_legend(out: Console, said: str, card: ModelCard | None) -> None:
    """Prints on a terminal what scores mean; programs and files need not be told each time."""
    if not out.is_terminal:
        return
    if not card:
        mark = "50 is the center of the published demo's display scale"
    else:
        mark = (
            "95 or more means no visible distortion"
            if card.scale.linear
            else "50 is the average of the videos trained on"
        )
    scale = f"Scores go from 0 to 100, higher is better (noise 90: little noise); {mark}."
    out.print(Text(f"\n{said}{scale}\n{notice(card)}".rstrip(), "dim"))
