"""Encodes of one video: which of them are worth their bits, and whether they show one video at all."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, UInt8

from ..results.rows import DISPLAY, Row
from .preference import Preference

APART = 8  # small frames of a row from one that is compared to the next
REVERSED = 0.5  # points that an encode of more bits may score lower, by chance
BLOCK = 4  # pixels of a small frame, either way, that are compared as one: artifacts of encoders vanish in their mean


def on_hull(rates: Float[np.ndarray, " n"], scores: Float[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Whether each encode is on the upper convex hull of quality over log bit rate, up to the best one.

    No other encode, and no mixture of two, has a higher score at its bit rate or below.

    Args:
        rates: above 0.
        scores: higher is better.
    """
    highest: dict[float, float] = {}
    for rate, score in zip(np.log(rates).tolist(), scores.tolist(), strict=True):
        highest[rate] = max(score, highest.get(rate, -np.inf))
    hull: list[tuple[float, float]] = []
    for x, y in sorted(highest.items()):
        if hull and y <= hull[-1][1]:  # more bits for nothing
            continue
        while len(hull) > 1 and turn(*hull[-2:], (x, y)) > 0:
            hull.pop()
        hull.append((x, y))
    corners = set(hull)
    return np.array([point in corners for point in zip(np.log(rates).tolist(), scores.tolist(), strict=True)], bool)


def turn(first: tuple[float, float], second: tuple[float, float], third: tuple[float, float]) -> float:
    """Above 0 if a way over three points turns left at the second, 0 if it goes straight on."""
    (a, b), (c, d), (e, f) = first, second, third
    return (c - a) * (f - b) - (d - b) * (e - a)


def best(rates: Float[np.ndarray, " n"], scores: Float[np.ndarray, " n"]) -> int:
    """The encode of the highest score; of several, the cheapest."""
    return int(np.lexsort((rates, -scores))[0])


def chances_worse(encodes: Sequence[Row], preference: Preference) -> Float[np.ndarray, " n"]:
    """How likely each encode is visibly worse overall than the one of the highest score; NaN if that is not known."""
    top = max(encodes, key=lambda each: each[DISPLAY[0]])
    chances = (preference.chance_of_higher(each, top, by=preference.visible) for each in encodes)
    return np.array([np.nan if chance is None else chance for chance in chances])


def cheapest(
    rates: Float[np.ndarray, " n"],
    scores: Float[np.ndarray, " n"],
    chances: Float[np.ndarray, " n"],
    confidence: float,
) -> int | None:
    """The cheapest encode that is not visibly worse than the best one; None if nothing is known of differences.

    Args:
        chances: how likely each is visibly worse, see `chances_worse`.
        confidence: how likely it is not.
    """
    if np.isnan(chances).any():
        return None
    good = np.flatnonzero((chances <= 1 - confidence) | (scores == scores.max()))
    return int(good[np.lexsort((-scores[good], rates[good]))[0]])


def reversals(
    rates: Float[np.ndarray, " n"], scores: Float[np.ndarray, " n"], kinds: Sequence[tuple]
) -> tuple[int, int]:
    """How many encodes score clearly lower than the next cheaper one of their kind, and how many have such a neighbor.

    More bits for an encoder hardly ever give lower quality, so where this is frequent, scores do not follow quality.

    Args:
        scores: overall, 0 to 100.
        kinds: what encodes have in common if only the bit rate differs, such as codec and size.
    """
    lower = total = 0
    last: dict[tuple, float] = {}
    for i in np.lexsort((scores, rates)).tolist():
        if kinds[i] in last:
            total += 1
            lower += bool(scores[i] < last[kinds[i]] - REVERSED)
        last[kinds[i]] = scores[i]
    return lower, total


def content_correlations(frames: Sequence[UInt8[np.ndarray, "rows 32 36 64"] | None]) -> Float[np.ndarray, "n n"]:
    """How alike the contents of videos are, from -1 to 1: correlation of small grey frames of the same relative times.

    Args:
        frames: `DisplayViews.motion` of each; None where there is none, for which it is NaN, as it is for one color.
    """
    volumes = []
    for each in frames:
        if each is None:
            volumes.append(None)
            continue
        rows, number, height, width = (some := each[:, ::APART]).shape
        blocks = some.reshape(rows, number, height // BLOCK, BLOCK, width // BLOCK, BLOCK).mean(axis=(3, 5)).ravel()
        spread = blocks.std()
        volumes.append((blocks - blocks.mean()) / spread if spread >= 1 else None)
    return np.array([[np.nan if a is None or b is None else (a * b).mean() for a in volumes] for b in volumes])
