"""What the charts of a report show: scores over time and over the frame, as numbers from 0 to 100."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ..dimensions import DIMENSIONS
from ..geometry import GRID, INTERVAL
from ..weights.known_opinions import opinions_of
from .explanation import NOTABLE, Explanation, Series, region
from .locations import TECHNICAL

POINTS = 240  # of a line at most: a long video seen densely has more frames than a chart has columns
VISIBLE = 0.05  # differences on the display scale below this are called even and flat: they are hardly drawn


def duration(explanation: Explanation) -> float:
    """Seconds to the last frame, more than 0."""
    return max(float(explanation.video.seconds[-1]), 1e-3)


def vmaf_interval(explanation: Explanation) -> tuple[int, int] | None:
    """Returns the ends of a 90 % interval of VMAF, 0 to 100, if the weights estimate it."""
    if not explanation.card or explanation.card.vmaf_interval is None:
        return None
    estimate, half = 100 * float(explanation.scores.display[0]), explanation.card.vmaf_interval
    return round(max(estimate - half, 0)), round(min(estimate + half, 100))


def percent(score: float | np.floating) -> int:
    """A score on the display scale as it is shown, 0 to 100."""
    return round(100 * float(score))


def notable(explanation: Explanation, dimension: int) -> float:
    """How far raw scores within a video have to differ to be spoken of."""
    return NOTABLE * float(explanation.spread[dimension])


def stands_out(explanation: Explanation, dimension: int) -> bool:
    """Whether a dimension has a worst moment: flat lines have none."""
    display = explanation.scale.apply(explanation.timeline(dimension).raw)[:, dimension]
    return explanation.worst(dimension).seconds is not None and float(np.ptp(display)) >= VISIBLE


def mean_places(explanation: Explanation, dimension: int, moments: slice | np.ndarray) -> Float[np.ndarray, "7 7"]:
    """Raw scores over the frame, their means over some moments."""
    return explanation.scores.local[moments, :, dimension].mean(axis=0, dtype=np.float64).reshape(GRID, GRID)


def deviation(explanation: Explanation, dimension: int) -> str:
    """How far a score on the display scale differs between samplings; empty if there was one."""
    if explanation.scores.deviation is None:
        return ""
    raw, off = explanation.scores.raw, explanation.scores.deviation
    low, high = (explanation.scale.apply(values)[dimension] for values in (raw - off, raw + off))
    return f"{50 * (high - low):.1f}"


def charts(explanation: Explanation, dimensions: Sequence[int]) -> dict[str, Any]:
    """Returns what the charts of some dimensions, by number, are drawn from.

    Times are those of the aesthetic encoder and of the technical one; each chart says which of them are its.
    """
    lines = [line(explanation, series) for series in explanation.timelines]
    return {
        "duration": round(duration(explanation), 3),
        "times": [times for times, _ in lines],
        "charts": [chart(explanation, i, lines[int(TECHNICAL[i])][1][:, i]) for i in dimensions],
    }


def chart(explanation: Explanation, dimension: int, scores: Float[np.ndarray, " points"]) -> dict[str, Any]:
    """Returns what the charts of a dimension are drawn from, given the scores of its line.

    Of what is about the same throughout, no worst moment is marked, and of what is about the same everywhere, no places
    are drawn.
    """
    places = explanation.local_display[..., dimension].mean(axis=0)
    worst = explanation.worst(dimension)
    mark = None
    if worst.seconds and stands_out(explanation, dimension):
        mark = [round(float(explanation.timeline(dimension).seconds[worst.at]), 3), *worst.seconds]
    return {
        "number": dimension,
        "name": DIMENSIONS[dimension].name,
        "time": int(TECHNICAL[dimension]),
        "scores": [None if math.isnan(score) else round(score, 1) for score in scores.tolist()],
        "mark": mark,
        "places": [percent(score) for score in places] if np.ptp(places) >= VISIBLE else None,
        "region": region(mean_places(explanation, dimension, slice(None)), notable(explanation, dimension)),
        "band": band(explanation) if dimension == 0 else None,
    }


def band(explanation: Explanation) -> list[float] | None:
    """The interval of the overall score of the video, 0 to 100, if there is one."""
    if interval := vmaf_interval(explanation):
        return [float(end) for end in interval]
    if (opinions := opinions_of(explanation.card, explanation.weights_id)) and not np.isnan(opinions.half[0]):
        ends = np.full((2, len(DIMENSIONS)), np.nan)
        ends[:, 0] = opinions.overall_interval(explanation.scores.raw)
        return (100 * explanation.scale.apply(ends)[:, 0]).round(1).tolist()
    if not (off := deviation(explanation, 0)):
        return None
    score = 100 * float(explanation.scores.display[0])
    return [round(max(score - float(off), 0), 1), round(min(score + float(off), 100), 1)]


def line(explanation: Explanation, series: Series) -> tuple[list[float], Float[np.ndarray, "points 16"]]:
    """Seconds and scores, 0 to 100, of lines from the first to the last frame, with NaN where nothing was seen.

    A moment stands for what is near it: a line ends, and begins anew, where moments are further apart.
    """
    parts = np.array_split(np.arange(len(series.frames)), min(len(series.frames), POINTS))
    frames = np.array([series.frames[part].mean() for part in parts])
    seconds = np.array([series.seconds[part].mean() for part in parts])
    scores = np.stack([100 * explanation.scale.apply(series.raw)[part].mean(axis=0) for part in parts])
    last = explanation.video.frames - 1
    every = explanation.video.frames / (len(explanation.scores.local) / len(explanation.plans))
    far = max(2 * INTERVAL, 2 * every, 2 * last / POINTS)
    gaps = np.flatnonzero(np.diff(frames) > far) + 1
    unseen = np.full(len(DIMENSIONS), np.nan)
    ends = [scores[0] if frames[0] <= far else unseen, scores[-1] if last - frames[-1] <= far else unseen]
    scores = np.vstack([ends[0], np.insert(scores, gaps, np.nan, axis=0), ends[1]])
    seconds = np.insert(seconds, gaps, (seconds[gaps - 1] + seconds[gaps]) / 2)
    return [round(second, 3) for second in [0.0, *seconds.tolist(), duration(explanation)]], scores
