"""How a video was coded, as a report shows it: facts in words, lines over time, and maps of single frames."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int8, Shaped

from ..dimensions import DIMENSIONS
from ..geometry import GRID
from ..video.coding import Coding
from ..video.decode import Video
from ..video.quantizers import SCALES, UNKNOWN
from ..weights.model_card import scored
from .charts import VISIBLE, duration
from .explanation import Explanation
from .locations import TECHNICAL

POINTS = 160  # of a line at most: a page of 1,000 videos has all of theirs
WORDS = 60  # characters of what encoders say of themselves: the program and its version; rows of results have all
BLOCK = 16  # pixels of a side of a block that a quantizer is of
SAME = 0.5  # quantizers that differ by less are about the same
ARTIFACTS = next(i for i, dimension in enumerate(DIMENSIONS) if dimension.name == "compression artifacts")
# What people call codecs that FFmpeg has other names for.
CODECS = {
    "h264": "H.264",
    "hevc": "HEVC (H.265)",
    "av1": "AV1",
    "vp9": "VP9",
    "vp8": "VP8",
    "mpeg1video": "MPEG-1",
    "mpeg2video": "MPEG-2",
    "mpeg4": "MPEG-4 Part 2",
    "mjpeg": "Motion JPEG",
    "prores": "ProRes",
    "ffv1": "FFV1",
    "rawvideo": "uncompressed",
}


class Panel(NamedTuple):
    """What a section says and shows of how its video was coded.

    Attributes:
        facts: in words.
        encoder: what encoders say of themselves; empty if they say nothing.
        scale: what the quantizer is in this codec, and the most that it can be; empty if it is not known.
        missing: sentences on what is not known.
        rows: name, words and spoken words of each line.
        maps: names of the maps, if there are any.
        data: what a page draws: `lines` with their name, values of even parts of the video's time, None where unknown,
            and the ends of their axis, of which the first is the lower one and the worse; and `maps` of frames in their
            order, each a map of quantizers and one of compression artifacts, as `frame_map` has them.
    """

    facts: list[str]
    encoder: str
    scale: str
    missing: list[str]
    rows: list[tuple[str, str, str]]
    maps: list[str]
    data: dict[str, Any]


def coding_panel(explanation: Explanation, frames: Sequence[int]) -> Panel | None:
    """Makes the panel on how a video was coded, with maps of some frames; None if nothing is known of it."""
    video, coding = explanation.video, explanation.video.coding
    if coding is None:
        return None
    codec, drawn, rows = coding.stream.codec, [], []
    scale = SCALES[codec] if coding.scale else None
    for name, values, axis in (
        ("quantizer", coding.quantizers, quantizer_axis),
        ("kB per frame", coding.sizes / 1000, size_axis),
    ):
        if video.frames > 1 and np.isfinite(values).any():
            points = line(values, video.seconds / duration(explanation))
            ends = axis(points, codec)
            drawn.append({"name": name, "values": [short(point) for point in points], "range": ends})
            lowest, mean, highest = (short(of(values)) for of in (np.nanmin, np.nanmean, np.nanmax))
            words = f"mean {mean}, from {lowest} to {highest}" if lowest != highest else f"{mean} throughout"
            rows.append((name, words, f"{name} over time: {words}"))
    maps, names = frame_maps(explanation, coding, frames), ["quantizer"]
    if scored(explanation.card)[ARTIFACTS]:
        names.append(DIMENSIONS[ARTIFACTS].name)
    return Panel(
        facts=facts(coding),
        encoder=cut(", ".join(coding.stream.encoder)),
        scale=f"{scale.name}, {scale.highest} at most" if scale else "",
        missing=missing(coding, bool(maps)),
        rows=rows,
        maps=names if maps else [],
        data={"lines": drawn, "maps": maps},
    )


def facts(coding: Coding) -> list[str]:
    """What is known of how a video was coded, in words."""
    stream, rate = coding.stream, coding.bits_per_second
    profile = stream.profile if "profile" in stream.profile.lower() else stream.profile and f"{stream.profile} profile"
    size, coded = (stream.width, stream.height), (stream.coded_width, stream.coded_height)
    shown = "{}x{}".format(*size) + (", coded as {}x{}".format(*coded) if coded not in (size, (0, 0)) else "")
    kept = [shown]
    if math.isfinite(rate):
        kept.append(f"{coding.fps:.5g} frames per second")
        kept.append(f"{rate / 1e6:.2f} Mbit/s" if rate >= 1e6 else f"{rate / 1e3:.0f} kbit/s")
    kept.append(f"{coding.bits_per_pixel.mean():.2g} bits per pixel")
    if (stream.chroma, stream.bits) != ("4:2:0", 8):
        kept.append(", ".join(filter(None, [stream.chroma, f"{stream.bits} bits"])))
    name = CODECS.get(stream.codec, stream.codec)
    return [", ".join(filter(None, [name, profile])), *kept, key_frames(coding)]


def key_frames(coding: Coding) -> str:
    """How far key frames are apart, in words."""
    distances = coding.key_distances
    if not len(distances):
        return "one key frame" if coding.keys.any() else "no key frame"
    shortest, longest = int(distances.min()), int(distances.max())
    if longest == 1:
        return "every frame a key frame" if coding.keys.all() else "key frames in a row"
    if shortest == longest:
        return f"a key frame every {longest} frames"
    return f"key frames {shortest} to {longest} frames apart"


def missing(coding: Coding, mapped: bool) -> list[str]:
    """Sentences on what a stream does not say, or what is not read from it."""
    codec = coding.stream.codec
    if not coding.scale and codec in SCALES:
        return ["Its quantizer could not be read."]
    if not coding.scale:
        return [f"jaxvqa reads no quantizer from {CODECS.get(codec, codec)}."]
    return [] if mapped else ["One quantizer per frame is known, so there is no map."]


def line(values: Shaped[np.ndarray, " frames"], times: Float[np.ndarray, " frames"]) -> Float[np.ndarray, " points"]:
    """Means over parts of a video's time, of which the first and the last are half as long; NaN where unknown.

    A frame stands until the next one, so parts without a frame have the value of the part before.

    Args:
        values: of frames; NaN where unknown.
        times: of frames, from 0 to 1.
    """
    count = min(len(values), POINTS)
    part = np.rint(times * (count - 1)).astype(int).clip(0, count - 1)
    known = np.isfinite(values)
    there = np.bincount(part, minlength=count) > 0
    sums = np.bincount(part[known], values[known], minlength=count)
    numbers = np.bincount(part[known], minlength=count)
    means = np.divide(sums, numbers, out=np.full(count, np.nan), where=numbers > 0)
    return means[np.maximum.accumulate(np.where(there, np.arange(count), 0))]


def quantizer_axis(points: Float[np.ndarray, " points"], codec: str) -> list[float]:
    """The ends of the axis of a line of quantizers, coarsest first, at least a tenth of the scale of their codec."""
    low, high = math.floor(np.nanmin(points)), math.ceil(np.nanmax(points))
    scale = SCALES[codec]
    more = max(0, math.ceil(((scale.highest - scale.lowest) / 10 - (high - low)) / 2))
    return [high + more, low - more]


def size_axis(points: Float[np.ndarray, " points"], codec: str) -> list[float]:
    """The ends of the axis of a line of sizes, of any codec."""
    most = max(float(np.nanmax(points)), 1e-3)
    unit = 10.0 ** (math.floor(math.log10(most)) - 1)
    return [0, short(math.ceil(most / unit) * unit) or 0]


def frame_maps(explanation: Explanation, coding: Coding, frames: Sequence[int]) -> list[tuple]:
    """Maps of quantizers and of compression artifacts of frames; none if quantizers have none of these frames."""
    if coding.maps.keys().isdisjoint(frames):
        return []
    return [(quantizer_map(explanation.video, coding, frame), artifacts_map(explanation, frame)) for frame in frames]


def quantizer_map(video: Video, coding: Coding, frame: int) -> list[float | None] | float | None:
    """The map of quantizers of a frame, as `frame_map` has it."""
    blocks = coding.maps.get(frame)
    return None if blocks is None else frame_map(shown_cells(video, coding, blocks), SAME)


def artifacts_map(explanation: Explanation, frame: int) -> list[float | None] | float | None:
    """The map of compression artifacts of a frame, from 0 to 100, as `frame_map` has it."""
    here = explanation.places.frames[int(TECHNICAL[ARTIFACTS])] == frame
    if not here.any() or not scored(explanation.card)[ARTIFACTS]:
        return None
    scores = explanation.local_display[here, :, ARTIFACTS].mean(axis=0)
    return frame_map((100 * scores).round(), 100 * VISIBLE)


def frame_map(cells: Float[np.ndarray, "49"], same: float) -> list[float | None] | float | None:
    """Values of the cells of a frame, row by row, as a page draws them.

    Returns:
        A list, in which cells are None where nothing is known; their mean, if they differ by less than `same`; None if
        nothing is known of any.
    """
    if np.isnan(cells).all():
        return None
    if np.nanmax(cells) - np.nanmin(cells) < same:
        return short(np.nanmean(cells))
    return [short(cell) for cell in cells]


def shown_cells(video: Video, coding: Coding, blocks: Int8[np.ndarray, "rows columns"]) -> Float[np.ndarray, "49"]:
    """Mean quantizers in the cells of a 7x7 grid over a frame as it is shown; NaN where no block is known."""
    stream, crop = coding.stream, video.presentation.crop
    if crop.top + crop.bottom >= stream.height or crop.left + crop.right >= stream.width:
        crop = type(crop)()  # as frames are shown: what would leave nothing is not cropped
    down = overlaps(len(blocks), crop.top, stream.height - crop.bottom)
    across = overlaps(blocks.shape[1], crop.left, stream.width - crop.right).T
    known = (blocks != UNKNOWN).astype(float)
    areas = down @ known @ across
    sums = down @ (blocks * known) @ across
    means = np.divide(sums, areas, out=np.full_like(areas, np.nan), where=areas > 0)
    return stream.orientation.apply(means).ravel()


def overlaps(blocks: int, start: int, end: int) -> Float[np.ndarray, "7 blocks"]:
    """How many pixels each of seven even parts from `start` to `end` has of each block."""
    edges, begins = np.linspace(start, end, GRID + 1), BLOCK * np.arange(blocks)
    return np.clip(np.minimum(edges[1:, None], begins + BLOCK) - np.maximum(edges[:-1, None], begins), 0, None)


def short(value: float | np.floating) -> float | None:
    """A number with three digits, which is enough for a chart; None of NaN."""
    if math.isnan(value):
        return None
    rounded = float(f"{value:.3g}")
    return int(rounded) if rounded.is_integer() else rounded


def cut(text: str) -> str:
    """A text, cut if it is long."""
    return text if len(text) <= WORDS else f"{text[:WORDS].rstrip()}..."
