"""The comparing task: two videos, or two folders of videos, dimension by dimension."""

import sys
from collections.abc import Sequence
from pathlib import Path

import ml_collections
import numpy as np
from rich.text import Text

from ..dimensions import DIMENSIONS
from ..evaluation.preference import Preference, preference_of
from ..evaluation.samplings import corrected_p
from ..model import load
from ..results.rows import DISPLAY, RAW, Row, text_of
from ..results.store import Results
from ..scoring.videos import score_videos
from ..system.files import lock_folder, write_atomic
from ..system.terminal import Log, table_console
from ..text.prompts import PromptPair, read_pairs
from ..weights.find import choose_weights
from ..weights.model_card import ModelCard, scored, trained_pairs
from . import inputs
from .output import print_custom, print_notes, tell_scored, write_config
from .pairs import Pair, pair
from .score_output import display, print_differences

LEVEL = 0.05  # chance that a dimension is named where two videos differ in none
SHOWN = 0.005  # on the display scale: smaller differences are printed as 0


def run(config: ml_collections.ConfigDict) -> int:
    """Scores both videos of each pair, and prints and writes how the second differs from the first.

    Returns:
        Exit code: 0, or 1 if a video has no partner, or could not be scored.

    Raises:
        UserError: the config names no two files or folders, or no usable weights.
    """
    sampling, limits, log = inputs.sampling(config), inputs.decode_limits(config), Log()
    custom = read_pairs(config.prompts)
    pairs, alone = pair(config.first, config.second, log)
    paths = list(dict.fromkeys(path for p in pairs for path in p[1:]))
    model = load(choose_weights(config.weights, log), config.precision, custom)
    with Results(config.output, per_moment=config.per_moment) as results:
        write_config(results.folder, config)
        scored = score_videos(model, paths, sampling, limits, results, config.report)
    tell_scored(scored.rows, scored.kept, results, config.report, log)
    by_path = {row["path"]: row for row in scored.rows}
    compared = [(p, by_path[p.first], by_path[p.second]) for p in pairs]
    whole = [each for each in compared if each[1]["status"] == each[2]["status"] == "ok"]
    path = Path(config.output) / "comparison.csv"
    with lock_folder(config.output):
        preference = preference_of(model.card, model.weights_id)
        chances = [chance_of_better(one, other, preference) for _, one, other in whole]
        columns, lines = differences(whole, list(dict.fromkeys([*trained_pairs(model.card), *custom])), chances)
        write_atomic(path, text_of(lines, columns, "csv"))
    if config.format == "table":
        print_comparison(whole, model.card, preference, chances, config.legend and not config.quiet)
        print_custom(scored.rows, custom, model.card)
        print_notes(scored.rows)
    else:
        sys.stdout.write(text_of(lines, columns, config.format))
    for name in alone:
        log.warn(f"not compared: {name} has no partner of its name in the other folder")
    log(f"{len(whole)} of {len(pairs) + len(alone)} compared: {path}")
    return 1 if alone or len(whole) < len(pairs) else 0


def differences(
    compared: Sequence[tuple[Pair, Row, Row]], custom: Sequence[PromptPair], chances: Sequence[float | None]
) -> tuple[list[str], list[Row]]:
    """Columns, and a row for each pair: both raw scores in every dimension, and the second's minus the first's.

    Args:
        custom: prompt pairs scored next to the dimensions, which have columns as dimensions have.
        chances: how likely the second of each pair is better, see `chance_of_better`.
    """
    sides = ("first", "second", "difference")
    columns = ["name", "first", "second", "second_better"]
    columns += [f"{name}_{side}" for name in [*RAW, *custom] for side in sides]
    rows = []
    for (p, *both), chance in zip(compared, chances, strict=True):
        scores = [[*(row[name] for name in RAW), *(row["custom"][str(pair)] for pair in custom)] for row in both]
        values = []
        for first, second in zip(*scores, strict=True):
            missing = first is None  # and so is the second: both are by the same weights
            values += [None] * 3 if missing else [round(x, 6) for x in (first, second, second - first)]
        rows.append(dict(zip(columns, [*p, chance, *values], strict=True)))
    return columns, rows


def chance_of_better(first: Row, second: Row, preference: Preference) -> float | None:
    """How likely the second video is better overall; None if that is not known."""
    chance = preference.chance_of_higher(first, second)
    return None if chance is None else round(chance, 6)


def print_comparison(
    compared: Sequence[tuple[Pair, Row, Row]],
    card: ModelCard | None,
    preference: Preference,
    chances: Sequence[float | None],
    legend: bool = True,
) -> None:
    """Prints differences on the display scale, and how far chance may explain them."""
    if not (compared and scored(card).any()):
        return
    scores = np.stack([[display(pair[side], card) for pair in compared] for side in (1, 2)])
    print_differences([p for p, *_ in compared], scores, card, preference, chances, legend)
    out = table_console()
    _, first, second = compared[0]
    if all(one["sha256"] == other["sha256"] for _, one, other in compared):
        out.print("What is compared has the same content.")
    elif first["repeats"] == 1 and not first["dense"]:
        said = "Both videos were sampled once, at the same times and places"
        out.print(Text(f"{said}; --repeats 5 tests for sampling noise."))
    elif len(compared) == 1 and not first["dense"]:
        out.print(Text(clear_differences(first, second)))


def clear_differences(first: Row, second: Row) -> str:
    """Which dimensions differ by more than samplings of one video do, in a sentence that says how that was tested."""
    display = np.array([[row[name] for name in DISPLAY] for row in (first, second)], float)
    p = corrected_p(*(np.array(row["samplings"], float) for row in (first, second)))
    clear = (abs(np.diff(display, axis=0)[0]) >= SHOWN) & (p <= LEVEL)
    names = [DIMENSIONS[i].name for i in np.flatnonzero(clear)]
    test = f"paired t-test of {first['repeats']} samplings of each video"
    level = f"at {LEVEL:.0%} for all {np.count_nonzero(~np.isnan(p))} dimensions together by Holm's correction"
    return (
        f"Differences of half a point or more beyond sampling noise: {', '.join(names) or 'none'} ({test}, {level}). "
        "It does not test whether people see a difference."
    )
