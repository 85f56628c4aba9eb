"""The section of a report about one video: what its charts show, where it is worst, and pictures of it."""

import io
import itertools
import math
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from PIL import Image

from ..dimensions import DIMENSIONS, GENERAL
from ..geometry import GRID
from ..weights.known_opinions import opinions_of
from ..weights.model_card import scored, trained_pairs, unvalidated
from .charts import charts, deviation, duration, mean_places, notable, percent, stands_out, vmaf_interval
from .coding import coding_panel
from .explanation import REGIONS, THIRDS, Explanation, ordinal, region
from .locations import TECHNICAL, boxes
from .render import colours, png, template, webp

FRAMES = 12  # pictures of a video, evenly over its time
PICTURE, THUMBNAIL = (320, 45), (96, 40)  # pixels of the longer side, quality


class Section(NamedTuple):
    """What a page shows of one video.

    Attributes:
        thumbnail: a small picture as base64 of WebP.
        why: where and when it is worst, such as "Noise from 3.1 to 4.8 s, lower left"; empty if that is not known.
        html: what to show of it, in which all text is escaped.
    """

    thumbnail: str
    why: str
    html: str


class Moment(NamedTuple):
    """A moment at which a video is at its worst.

    Attributes:
        frame: its number.
        seconds: when it is shown.
        dimension: the one, by number, that is lowest then, and whose worst places are outlined.
        also: other dimensions, by number, that are about at their lowest then, too.
    """

    frame: int
    seconds: float
    dimension: int
    also: list[int]


def section(explanation: Explanation) -> Section:
    """Makes the section of a report that is about one video."""
    moments = worst_moments(explanation)
    strip = film_strip(explanation, [moment.frame for moment in moments])
    frames = [frame for frame, _ in strip]
    pictures = [Image.open(io.BytesIO(explanation.stills[frame])) for frame in frames]
    drawn = charts(explanation, np.flatnonzero(scored(explanation.card)).tolist())
    drawn["frames"] = [[frame, round(float(explanation.video.seconds[frame]), 3)] for frame in frames]
    drawn["start"] = round(moments[0].seconds if moments else duration(explanation) / 2, 3)
    drawn["weakest"] = explanation.weakest[:1]
    panel = coding_panel(explanation, frames)
    drawn["coding"] = panel and panel.data
    reason = why(explanation)
    html = template("video").render(
        e=explanation,
        why=reason,
        rows=[row(explanation, chart) for chart in drawn["charts"]],
        vmaf=vmaf_interval(explanation),
        people=people(explanation),
        strip=[(webp(picture, *PICTURE), parts) for picture, (_, parts) in zip(pictures, strip, strict=True)],
        moments=[show(explanation, moment, frames) for moment in moments],
        charts=drawn,
        coding=panel,
        facts=facts(explanation),
        trained=trained_pairs(explanation.card),
        general=GENERAL,
    )
    return Section(webp(pictures[len(pictures) // 2], *THUMBNAIL), reason, html)


def people(explanation: Explanation) -> str:
    """What people would say of the video overall; empty if that is not known."""
    opinions = opinions_of(explanation.card, explanation.weights_id)
    return opinions.overall_words(explanation.scores.raw) if opinions else ""


def why(explanation: Explanation) -> str:
    """The weakest dimension, and when and where it is worst, as far as that differs; empty if none is known."""
    if not explanation.weakest:
        return ""
    worst = explanation.worst(explanation.weakest[0])
    when = "throughout"
    if worst.seconds and stands_out(explanation, explanation.weakest[0]):
        start, end = worst.seconds
        when = f"at {start:.1f} s" if end - start < 0.1 else f"from {start:.1f} to {end:.1f} s"
    name = DIMENSIONS[explanation.weakest[0]].name
    return ", ".join(filter(None, [f"{name[0].upper()}{name[1:]} {when}", worst.region]))


def row(explanation: Explanation, chart: dict[str, Any]) -> dict[str, Any]:
    """Returns what a section says of one dimension, next to its chart."""
    dimension = chart["number"]
    line = explanation.scale.apply(explanation.timeline(dimension).raw)[:, dimension]
    places = explanation.local_display[..., dimension].mean(axis=0)
    low, high = places.min(), places.max()
    said = f"about {percent(line.mean())} throughout"
    if chart["mark"]:
        said = f"from {percent(line.min())} to {percent(line.max())}, lowest at {chart['mark'][0]:.1f} s"
    return {
        "dimension": DIMENSIONS[dimension],
        "validated": DIMENSIONS[dimension].code not in unvalidated(explanation.card),
        "score": percent(explanation.scores.display[dimension]),
        "deviation": deviation(explanation, dimension),
        "ordinal": ordinal(explanation.percentiles[dimension]),
        "line": said,
        "map": chart["places"] and png(colours((places - low) / (high - low)).reshape(GRID, GRID, 3)),
        "range": (percent(low), percent(high)),
    }


def worst_moments(explanation: Explanation) -> list[Moment]:
    """Finds moments of the weakest dimensions, apart in time.

    Each dimension has its lowest frame that is an eighth of the video away from those before it, of those that are
    nearly as low as its lowest. If it has none, it joins the moment nearest to its lowest.
    """
    found: list[Moment] = []
    for dimension in filter(lambda i: stands_out(explanation, i), explanation.weakest):
        frames, seconds, raw = explanation.timeline(dimension)
        scores = raw[:, dimension]
        low = [int(at) for at in scores.argsort() if scores[at] <= scores.min() + 0.25 * np.ptp(scores)]
        free = [at for at in low if all(abs(seconds[at] - m.seconds) >= duration(explanation) / 8 for m in found)]
        if free:
            found.append(Moment(int(frames[free[0]]), float(seconds[free[0]]), dimension, []))
        else:
            min(found, key=lambda moment: abs(moment.seconds - seconds[low[0]])).also.append(dimension)
    return found


def film_strip(explanation: Explanation, needed: Sequence[int]) -> list[tuple[int, int]]:
    """Chooses frames for `FRAMES` even parts of a video's time: those needed, else the one nearest to the middle.

    Returns:
        Numbers of different frames, in order, and how many parts each is for.
    """
    kept = np.array(sorted(explanation.stills))
    seconds = explanation.video.seconds
    ends = np.linspace(0, duration(explanation), FRAMES + 1)
    chosen = {min(int(np.searchsorted(ends, seconds[frame], side="right")) - 1, FRAMES - 1): frame for frame in needed}
    for part, middle in enumerate((ends[:-1] + ends[1:]) / 2):
        chosen.setdefault(part, int(kept[np.abs(seconds[kept] - middle).argmin()]))
    ordered = sorted(chosen.values())
    return [(frame, len([*parts])) for frame, parts in itertools.groupby(ordered)]


def show(explanation: Explanation, moment: Moment, strip: Sequence[int]) -> dict[str, Any]:
    """Returns what a section shows of a worst moment."""
    dimension = moment.dimension
    series = explanation.timeline(dimension)
    at = int(np.flatnonzero(series.frames == moment.frame)[0])
    here = np.flatnonzero(explanation.places.frames[int(TECHNICAL[dimension])] == moment.frame)
    place = region(mean_places(explanation, dimension, here), notable(explanation, dimension))
    return {
        "frame": moment.frame,
        "picture": strip.index(moment.frame),
        "seconds": moment.seconds,
        "name": DIMENSIONS[dimension].name,
        "score": percent(explanation.scale.apply(series.raw[at])[dimension]),
        "place": place,
        "box": place and outline(explanation, dimension, here, place),
        "also": [DIMENSIONS[i].name for i in moment.also],
    }


def outline(explanation: Explanation, dimension: int, moments: np.ndarray, place: str) -> Float[np.ndarray, "4"]:
    """Left, top, width and height of what was seen in a named ninth of a frame, in pixels of it."""
    wanted = np.array([[REGIONS[i][j] == place for j in THIRDS] for i in THIRDS]).ravel()
    seen = np.concatenate([boxes(explanation.places, dimension, int(moment))[wanted] for moment in moments])
    left, top = seen[:, :2].min(axis=0)
    right, bottom = (seen[:, :2] + seen[:, 2:]).max(axis=0)
    return np.array([left, top, right - left, bottom - top]).round(1)


def facts(explanation: Explanation) -> list[tuple[str, str]]:
    """What a report tells of the file and of how it was scored."""
    video, sampling = explanation.video, explanation.sampling
    if sampling.dense:
        drawn = "which cover every frame and the whole grid"
    else:
        drawn = f"by the rule {sampling.rule}, drawn from seed {sampling.seed}"
    rate = f"{video.fps:.3f} a second" if math.isfinite(video.fps) else "at an unknown rate"
    return [
        ("frames", f"{video.frames} of {video.width}x{video.height}, {rate}"),
        ("duration", f"{video.seconds[-1]:.2f} s to the last frame"),
        ("SHA-256", explanation.sha256),
        ("weights", explanation.weights_id),
        ("samplings", f"{len(explanation.plans)}, {drawn}"),
        ("versions", ", ".join(f"{name} {version(name)}" for name in ("jaxvqa", "jax", "flax", "av", "numpy"))),
    ]
