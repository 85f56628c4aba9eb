"""A report as one HTML file: the scores of videos, and where, when and why; nothing in it comes from elsewhere."""

import base64
import functools
import io
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from ..dimensions import DIMENSIONS
from ..errors import UserError
from ..geometry import GRID
from ..system.terminal import printable
from ..weights.model_card import ModelCard, notice, scored, trained_pairs, unvalidated
from .explanation import Explanation, ordinal
from .locations import TECHNICAL, boxes

WIDTH, HEIGHT = 240, 32  # of a timeline, in units of its picture
# Position (0 to 255), red, green and blue; between them, each lies within 3 of 255 of the 256 published colors.
# Source: cividis, Nuñez et al., doi.org/10.1371/journal.pone.0199239.
CIVIDIS = np.array(
    [
        [0, 0, 34, 78],
        [20, 0, 48, 112],
        [23, 1, 50, 113],
        [28, 18, 53, 112],
        [34, 30, 58, 111],
        [52, 54, 70, 108],
        [84, 86, 92, 109],
        [126, 123, 122, 120],
        [147, 143, 138, 120],
        [179, 174, 163, 113],
        [205, 201, 185, 101],
        [232, 231, 209, 80],
        [251, 253, 227, 52],
        [255, 254, 232, 56],
    ]
)


class Entry(NamedTuple):
    """A video of a report.

    Attributes:
        name: shown as text, whatever is in it.
        scores: on the display scale, 0 to 1, if it could be scored; NaN in dimensions that the weights do not score.
        section: gives what `section` made of it, once it is needed: those of many videos are large.
        error: a sentence, if it could not be scored.
    """

    name: str
    scores: Sequence[float] = ()
    section: Callable[[], str] | None = None
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
    entries = [Entry(e.path, e.scores.display.tolist(), functools.partial(section, e)) for e in explanations]
    return "".join(page(entries, explanations[0].card))


def page(entries: Sequence[Entry], card: ModelCard | None, told: bool = False) -> Iterator[str]:
    """Generates the parts of a page about videos, in their order, with a table to sort if they are several.

    Args:
        card: of the weights that scored them.
        told: whether the limits of the weights stand elsewhere, next to the page.
    """
    there = scored(card)
    shown = list(itertools.compress(DIMENSIONS, there))
    return template("page").generate(
        notice="" if told else notice(card),
        unvalidated=unvalidated(card),
        dimensions=shown,
        aesthetic=any(dimension.code.startswith("A-") for dimension in shown),
        scale=png(colours(np.linspace(0, 1, 64)[None])),
        entries=[
            {
                "number": number,
                "name": printable(entry.name),
                "scores": [round(100 * score) for score in itertools.compress(entry.scores, there)],
                "section": entry.section,
                "error": printable(entry.error),
            }
            for number, entry in enumerate(entries, start=1)
        ],
    )


def section(explanation: Explanation) -> str:
    """The part of a report that is about one video."""
    duration = max(float(explanation.video.seconds[-1]), 1e-3)
    return template("video").render(
        e=explanation,
        rows=[row(explanation, i, duration) for i in np.flatnonzero(scored(explanation.card)).tolist()],
        vmaf=vmaf_interval(explanation),
        pictures=[picture(explanation, i) for i in explanation.weakest],
        duration=duration,
        facts=facts(explanation),
        trained=trained_pairs(explanation.card),
        width=WIDTH,
        height=HEIGHT,
    )


def vmaf_interval(explanation: Explanation) -> tuple[int, int] | None:
    """Returns the ends of a 90 % interval of VMAF, 0 to 100, if the weights estimate it."""
    if not explanation.card or explanation.card.vmaf_interval is None:
        return None
    estimate, half = 100 * float(explanation.scores.display[0]), explanation.card.vmaf_interval
    return round(max(estimate - half, 0)), round(min(estimate + half, 100))


def row(explanation: Explanation, dimension: int, duration: float) -> dict[str, Any]:
    """All that a report shows of one dimension."""
    _, seconds, raw = explanation.timeline(dimension)
    scores = explanation.scale.apply(raw)[:, dimension]
    points = np.stack([WIDTH * seconds / duration, HEIGHT * (1 - scores)], axis=1)
    few = min(len(points), WIDTH)  # a long video seen densely has more frames than the picture has columns
    points = np.array([part.mean(axis=0) for part in np.array_split(points, few)])
    worst = float(seconds[explanation.worst(dimension).at])
    mean_map = explanation.local_display[..., dimension].mean(axis=0).reshape(GRID, GRID)
    return {
        "dimension": DIMENSIONS[dimension],
        "validated": DIMENSIONS[dimension].code not in unvalidated(explanation.card),
        "score": round(100 * float(explanation.scores.display[dimension])),
        "deviation": deviation(explanation, dimension),
        "ordinal": ordinal(explanation.percentiles[dimension]),
        "line": " ".join(f"{x:.1f},{y:.1f}" for x, y in points),
        "worst": WIDTH * worst / duration,
        "seconds": worst,
        "map": png(colours(mean_map)),
    }


def deviation(explanation: Explanation, dimension: int) -> str:
    """How far a score on the display scale differs between samplings; empty if there was one."""
    if explanation.scores.deviation is None:
        return ""
    raw, off = explanation.scores.raw, explanation.scores.deviation
    low, high = (explanation.scale.apply(values)[dimension] for values in (raw - off, raw + off))
    return f"{50 * (high - low):.1f}"


def picture(explanation: Explanation, dimension: int) -> dict[str, Any]:
    """The frame at which a dimension is at its worst, with its scores where they lie."""
    series, at = explanation.timeline(dimension), explanation.worst(dimension).at
    frame = int(series.frames[at])
    moments = np.flatnonzero(explanation.places.frames[int(TECHNICAL[dimension])] == frame)
    every = np.concatenate([boxes(explanation.places, dimension, int(moment)) for moment in moments]).round(1)
    # Places that were looked at more than once, with other frames or patches beside them, have a mean score.
    places, which = np.unique(every, axis=0, return_inverse=True)
    scores = np.bincount(which, explanation.local_display[moments, :, dimension].ravel()) / np.bincount(which)
    fills = ["#{:02x}{:02x}{:02x}".format(*colour) for colour in colours(scores)]
    return {
        "name": DIMENSIONS[dimension].name,
        "frame": frame,
        "seconds": float(series.seconds[at]),
        "score": round(100 * float(explanation.scale.apply(series.raw[at])[dimension])),
        "still": base64.b64encode(explanation.stills[frame]).decode(),
        "boxes": list(zip(places.tolist(), fills, (100 * scores).round().astype(int).tolist(), strict=True)),
    }


def facts(explanation: Explanation) -> list[tuple[str, str]]:
    """What a report tells of the file and of how it was scored."""
    video, sampling = explanation.video, explanation.sampling
    if sampling.dense:
        drawn = "which cover every frame and the whole grid"
    else:
        drawn = f"by the rule {sampling.rule}, drawn from seed {sampling.seed} and the file's content"
    rate = f"{video.fps:.3f} a second" if math.isfinite(video.fps) else "at an unknown rate"
    return [
        ("frames", f"{video.frames} of {video.width}x{video.height}, {rate}"),
        ("duration", f"{video.seconds[-1]:.2f} s to the last frame"),
        ("SHA-256", explanation.sha256),
        ("weights", explanation.weights_id),
        ("samplings", f"{len(explanation.plans)}, {drawn}"),
        ("versions", ", ".join(f"{name} {version(name)}" for name in ("jaxvqa", "jax", "flax", "av", "numpy"))),
    ]


def colours(values: Float[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape 3"]:
    """Colours of values from 0, dark blue, to 1, yellow: cividis, which looks alike to the colour-blind."""
    at, *channels = CIVIDIS.T
    return np.stack([np.interp(255 * values, at, channel) for channel in channels], axis=-1).round().astype(np.uint8)


def png(pixels: UInt8[np.ndarray, "h w 3"]) -> str:
    """A picture as base64."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


@functools.cache
def template(name: str, suffix: str = "html") -> jinja2.Template:
    """One of the templates beside this file; all that is put into them is escaped."""
    folder = Path(__file__).with_name("templates")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(f"{name}.{suffix}")
