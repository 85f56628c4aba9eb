"""Encodes of one video as a picture: quality over bit rate, as SVG that needs nothing else, light or dark."""

import math
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from ..system.terminal import printable
from .render import template

WIDTH, HEIGHT = 900, 420  # of the picture, and of the plot in it, in units of the picture
LEFT, RIGHT, LINE = 56, 24, 20  # margins beside the plot, and the height of a line of text
COLUMNS = 118  # characters of a line of text
COLORS = 8  # that the template has
AROUND = ((0, -12), (17, 4), (-17, 4), (0, 21))  # where the middle of a number may stand, from its point


class Encode(NamedTuple):
    """An encode as a point.

    Attributes:
        name: shown as text, whatever is in it.
        size: likewise.
        rate: bits per second, above 0.
        score: overall, 0 to 100.
        interval: low and high end of what it estimates; None if that is not known.
        on_hull: whether it is on the convex hull.
        chosen: whether it is the one to take.
    """

    name: str
    size: str
    rate: float
    score: float
    interval: tuple[float, float] | None
    on_hull: bool
    chosen: bool


def ladder_picture(encodes: Sequence[Encode], said: Sequence[str], scale: str) -> str:
    """Returns an SVG picture of quality over log bit rate: points with numbers, their hull, and a list of their names.

    Args:
        encodes: one or more.
        said: sentences that stand above.
        scale: what the quality is.
    """
    lines = [line for sentence in said for line in textwrap.wrap(printable(sentence), COLUMNS)]
    top = LINE * len(lines) + 40
    x_ticks, y_ticks = rate_ticks([each.rate for each in encodes]), score_ticks(encodes)
    across, up = math.log(x_ticks[-1] / x_ticks[0]), y_ticks[-1] - y_ticks[0]

    def x(rate: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log(rate / x_ticks[0]) / across

    def y(score: float) -> float:
        return top + HEIGHT * (y_ticks[-1] - score) / up

    sizes = list(dict.fromkeys(each.size for each in encodes))
    points = [(x(each.rate), y(each.score)) for each in encodes]
    hull = sorted(point for point, each in zip(points, encodes, strict=True) if each.on_hull)
    return template("ladder", "svg").render(
        width=WIDTH,
        bottom=top + HEIGHT,
        left=LEFT,
        right=WIDTH - RIGHT,
        top=top,
        line=LINE,
        lines=lines,
        scale=scale,
        x_ticks=[(x(rate), bit_rate(rate)) for rate in x_ticks],
        y_ticks=[(y(score), f"{score:g}") for score in y_ticks],
        hull=" ".join(f"{a:.1f},{b:.1f}" for a, b in hull),
        encodes=[
            {
                "number": number,
                "at": point,
                "label": label,
                "bar": [y(end) for end in each.interval] if each.interval else None,
                "color": sizes.index(each.size) % COLORS,
                "chosen": each.chosen,
                "said": key(each),
            }
            for number, (each, point, label) in enumerate(zip(encodes, points, places(points), strict=True), start=1)
        ],
    )


def key(encode: Encode) -> str:
    """A line about an encode; the middle of a long name is left out."""
    name = printable(encode.name)
    if len(name) > 70:
        name = f"{name[:33]} ... {name[-32:]}"
    return f"{name}: {encode.size}, {bit_rate(encode.rate)}, overall {encode.score:.0f}"


def bit_rate(rate: float) -> str:
    """A bit rate in words."""
    return f"{rate / 1000:,.0f} kbit/s" if rate >= 10_000 else f"{rate / 1000:.2g} kbit/s"


def rate_ticks(rates: Sequence[float]) -> list[float]:
    """1, 2 and 5 times powers of ten that bit rates lie between, two or more."""
    powers = range(math.floor(math.log10(min(rates))) - 1, math.ceil(math.log10(max(rates))) + 2)
    ticks = [float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)]
    low = max(i for i, tick in enumerate(ticks) if tick < min(rates))
    high = min(i for i, tick in enumerate(ticks) if tick > max(rates))
    return ticks[low : high + 1]


def score_ticks(encodes: Sequence[Encode]) -> list[int]:
    """Tens that scores and their intervals lie between, two or more."""
    ends = [end for each in encodes for end in (each.score, *(each.interval or ()))]
    low = math.floor(min(ends) / 10)
    return [10 * ten for ten in range(low, max(math.ceil(max(ends) / 10), low + 1) + 1)]


def places(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Where numbers stand next to points: away from all points and from the numbers before, if possible."""
    taken, found = list(points), []
    for a, b in points:
        options = [(a + right, b + down) for right, down in AROUND]
        free = [(x, y) for x, y in options if all(abs(x - c) > 16 or abs(y - 4 - d) > 11 for c, d in taken)]
        x, y = (free or options)[0]
        taken.append((x, y - 4))
        found.append((x, y))
    return found
