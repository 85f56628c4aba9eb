"""A report as one HTML file: the scores of videos, and where, when and why; nothing in it comes from elsewhere."""

import base64
import functools
import hashlib
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath
from typing import NamedTuple

from ..dimensions import DIMENSIONS
from ..errors import UserError
from ..system.terminal import printable
from ..weights.model_card import ModelCard, margin, notice, scored, unvalidated
from .explanation import Explanation
from .render import shades, source, template
from .section import Section, percent, section


class Entry(NamedTuple):
    """A video of a report.

    Attributes:
        name: shown as text, whatever is in it.
        scores: on the display scale, 0 to 1, if it could be scored; NaN in dimensions that the weights do not score.
        section: gives what `section` made of it, each time it is needed: those of many videos are large.
        error: a sentence, if it could not be scored.
    """

    name: str
    scores: Sequence[float] = ()
    section: Callable[[], Section] | None = None
    error: str = ""


def report(explanations: Sequence[Explanation]) -> str:
    """Returns one HTML page about one video or several, which needs no other file and no network.

    Args:
        explanations: what `Model.explain` returned, all by the same weights.

    Raises:
        UserError: no explanations, or of different weights.
    """
    ids = {explanation.weights_id for explanation in explanations}
    if len(ids) != 1:
        raise UserError(f"explanations are by {len(ids)} weights; they must be by the same.")
    entries = [Entry(e.path, e.scores.display.tolist(), functools.partial(Section, *section(e))) for e in explanations]
    return "".join(page(entries, explanations[0].card))


def page(entries: Sequence[Entry], card: ModelCard | None, told: bool = False) -> Iterator[str]:
    """Generates the parts of a page about videos, with a table if they are several: best overall score first.

    Args:
        card: of the weights that scored them.
        told: whether the limits of the weights stand elsewhere, next to the page.
    """
    there = scored(card)
    dimensions = list(itertools.compress(DIMENSIONS, there))
    script = f"/*\n{source('uplot.LICENSE')}*/\n{source('uplot.js', 'page.js', 'overview.js')}"
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    if there[0]:
        entries = sorted(entries, key=lambda entry: -entry.scores[0] if entry.scores else math.inf)
    names = [printable(entry.name) for entry in entries]
    return template("page").generate(
        notice="" if told else notice(card),
        unvalidated=unvalidated(card),
        margin=margin(card),
        dimensions=dimensions,
        aesthetic=any(dimension.code.startswith("A-") for dimension in dimensions),
        shades=shades(),
        style=source("uplot.css", "page.css"),
        script=script,
        script_hash=f"sha256-{digest}",
        table=len(entries) > 1 or entries[0].section is None,
        failed=sum(bool(entry.error) for entry in entries),
        entries=[
            {
                "number": number,
                "name": name,
                "shown": shown,
                "scores": [percent(score) for score in itertools.compress(entry.scores, there)],
                "section": entry.section,
                "error": printable(entry.error),
            }
            for number, (entry, name, shown) in enumerate(
                zip(entries, names, without_folder(names), strict=True), start=1
            )
        ],
    )


def without_folder(paths: Sequence[str]) -> list[str]:
    """Paths without the folders that all of them are in."""
    parts = [PurePath(path).parts for path in paths]
    levels = zip(*(each[:-1] for each in parts), strict=False)
    shared = len([*itertools.takewhile(lambda level: len(set(level)) == 1, levels)])
    return [str(PurePath(*each[shared:])) if each else "" for each in parts]
