"""Video frames to what a display shows of them: pieces of frames at its resolution, and rows of small grey frames.

How large a flaw is seen depends on the display, not on the file: every frame is brought to the size at which a display
of some height shows it, turned as the video is, and pieces are cut there. Rows of small frames follow the clock, so
that a frame that stays longer is seen longer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from ..geometry import GRID
from .decode import Video

MOMENTS = 16  # frames that pieces are cut from
ROWS, ROW_FRAMES = 4, 32  # rows of small frames, one in each quarter of the video
PIECE = 64  # pixels of a piece, either way
SMALL = (36, 64)  # height and width of a small frame
RATE = 30.0  # frames a second of a display; of videos with 20 or more, their own
ASPECT = 16 / 9


class DisplayViews(NamedTuple):
    """What the encoder sees of a video: RGB and grey, 0 to 255."""

    pieces: UInt8[np.ndarray, "moments 49 64 64 3"]
    motion: UInt8[np.ndarray, "rows 32 36 64"]


@dataclass(frozen=True, eq=False)
class DisplayPlan:
    """All that is left to chance in scoring a video as a display shows it.

    Attributes:
        height: lines of the display.
        indices: frames that pieces are cut from.
        places: how far from the top and left of its cell, from 0 to 1, each piece lies.
        motion_indices: frames of each row.
    """

    height: int
    indices: Int[np.ndarray, " moments"]
    places: Float[np.ndarray, "moments 49 2"]
    motion_indices: Int[np.ndarray, "rows 32"]

    @property
    def frames(self) -> Int[np.ndarray, " n"]:
        """Numbers of all frames that it asks for."""
        return np.concatenate([self.indices, self.motion_indices.ravel()])

    @property
    def stills(self) -> set[int]:
        """Numbers of the frames that pieces are cut from."""
        return {*self.indices.tolist()}


def draw_display_plan(video: Video, height: int, generator: np.random.Generator) -> DisplayPlan:
    """Draws a frame from each of 16 even segments of a video, with pieces anywhere in their cells, and four rows.

    All are drawn as parts of segments, cells and quarters, so that videos of other sizes and rates are looked at alike.
    """
    ends = np.arange(MOMENTS + 1) * video.frames // MOMENTS
    indices = between(generator.random(MOMENTS), ends[:-1], np.maximum(ends[1:], ends[:-1] + 1))
    places = generator.random((MOMENTS, GRID**2, 2))
    return DisplayPlan(height, indices, places, motion_indices(video, generator.random(ROWS)))


def between(
    parts: Float[np.ndarray, "*shape"], low: Int[np.ndarray, "*shape"] | int, high: Int[np.ndarray, "*shape"] | int
) -> Int[np.ndarray, "*shape"]:
    """Returns whole numbers from `low` to below `high`, at parts of the way from 0 to below 1."""
    return low + (parts * (high - low)).astype(int)


def dense_display_plans(video: Video, height: int) -> list[DisplayPlan]:
    """Plans that together see every frame, and every part of each cell, with nothing left to chance."""
    ends = np.arange(MOMENTS + 1) * video.frames // MOMENTS
    lengths = np.maximum(np.diff(ends), 1)
    corners = np.stack(np.meshgrid(*[np.linspace(0, 1, 3)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    number = max(len(corners), int(lengths.max()))
    return [
        DisplayPlan(
            height,
            ends[:-1] + np.minimum(n % lengths.max(), lengths - 1),
            np.broadcast_to(corners[n % len(corners)], (MOMENTS, GRID**2, 2)),
            motion_indices(video, np.full(ROWS, n / max(number - 1, 1))),
        )
        for n in range(number)
    ]


def motion_indices(video: Video, starts: Float[np.ndarray, "rows"]) -> Int[np.ndarray, "rows 32"]:
    """The frames that a display shows, one after another, from some point of each quarter of a video on.

    Of a video that is shorter than a row, it goes to and fro.

    Args:
        starts: from 0 to 1, where in its quarter each row begins.
    """
    seconds = video.seconds
    gaps = np.diff(seconds)
    usual = float(np.median(gaps)) if len(gaps) else 1 / RATE
    step = 1 / RATE
    if 0 < usual <= 1 / 20:
        step = usual * max(1, round(step / usual))
    row = step * np.arange(ROW_FRAMES)
    last, quarter = float(seconds[-1]), float(seconds[-1]) / ROWS
    begin = np.arange(ROWS) * quarter + starts * max(quarter - row[-1], 0)
    times = np.minimum(begin, max(last - row[-1], 0))[:, None] + row
    if last < row[-1]:
        times = last - np.abs(times % (2 * last) - last) if last > 0 else np.zeros_like(times)
    # Half a step later, so that rounding shows no frame twice.
    return np.clip(np.searchsorted(seconds, times + usual / 2, side="right") - 1, 0, video.frames - 1)


def shown_size(height: int, width: int, display_height: int) -> tuple[float, float]:
    """Height and width at which a display of 16:9 shows a video whole, the display turned as the video is."""
    long, short = max(height, width), min(height, width)
    scale = min(display_height / short, ASPECT * display_height / long)
    return height * scale, width * scale


def piece_boxes(video: Video, plan: DisplayPlan) -> Float[np.ndarray, "moments 49 4"]:
    """Left, top, right and bottom of each piece, in pixels of the video's frames."""
    sizes = np.array([video.height, video.width], float)
    shown = np.maximum(shown_size(video.height, video.width, plan.height), PIECE)
    cells = np.stack(np.divmod(np.arange(GRID**2), GRID), axis=-1)
    low, high = cells * shown / GRID, (cells + 1) * shown / GRID - PIECE
    low, high = np.minimum(low, high), np.maximum(low, high)
    corners = np.clip((low + plan.places * (high - low)).round(), 0, shown - PIECE)
    boxes = np.concatenate([corners[..., ::-1], corners[..., ::-1] + PIECE], axis=-1)
    return boxes * np.tile((sizes / shown)[::-1], 2)


def small_frame(picture: Image.Image) -> UInt8[np.ndarray, "36 64"]:
    """A frame in grey, small."""
    return np.asarray(picture.convert("L").resize(SMALL[::-1], Image.Resampling.BOX))


def make_display_views(
    video: Video, frames: Iterable[tuple[int, UInt8[np.ndarray, "h w 3"]]], plan: DisplayPlan
) -> DisplayViews:
    """Cuts pieces and makes small frames of frames given with their numbers, one at a time.

    Raises:
        ValueError: a frame that the plan asks for was not given.
    """
    pieces = np.empty((len(plan.indices), GRID**2, PIECE, PIECE, 3), np.uint8)
    motion = np.empty((*plan.motion_indices.shape, *SMALL), np.uint8)
    boxes, missing = piece_boxes(video, plan), set(plan.frames.tolist())
    for number, frame in frames:
        missing.discard(number)
        picture = Image.fromarray(frame)
        for moment in np.flatnonzero(plan.indices == number):
            for position, box in enumerate(boxes[moment].tolist()):
                piece = picture.resize((PIECE, PIECE), Image.Resampling.BICUBIC, box)
                pieces[moment, position] = np.asarray(piece)
        where = plan.motion_indices == number
        if where.any():
            motion[where] = small_frame(picture)
    if missing:
        raise ValueError(f"frames {sorted(missing)} of the plan were not given")
    return DisplayViews(pieces, motion)
