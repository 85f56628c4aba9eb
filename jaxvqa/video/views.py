"""Video frames to the two views: fragments for the technical encoder, whole frames for the aesthetic one.

Source: FAST-VQA (arXiv:2207.02595, section 3.1) and MaxVQA (arXiv:2305.12726).
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple, overload

import numpy as np
from jaxtyping import Float, Int, UInt8

from ..geometry import CLIP_FRAMES, GRID, PATCH, SIDE
from .decode import Video, read_frames
from .display import DisplayPlan, DisplayViews, make_display_views
from .sampling import SamplingPlan, check_plan, patch_corners, upsampled_size
from .stills import keep_stills


class Views(NamedTuple):
    """What the encoders see of a video, RGB, 0 to 255."""

    technical: UInt8[np.ndarray, "technical 224 224 3"]
    aesthetic: UInt8[np.ndarray, "aesthetic 224 224 3"]


@overload
def video_views(
    video: Video, plan: SamplingPlan, each: Callable[[], None] = ..., stills: dict[int, bytes] | None = ...
) -> Views: ...


@overload
def video_views(
    video: Video, plan: DisplayPlan, each: Callable[[], None] = ..., stills: dict[int, bytes] | None = ...
) -> DisplayViews: ...


def video_views(
    video: Video,
    plan: SamplingPlan | DisplayPlan,
    each: Callable[[], None] = lambda: None,
    stills: dict[int, bytes] | None = None,
) -> Views | DisplayViews:
    """Decodes what a plan asks for, each frame once, and makes its views.

    Args:
        each: called after every frame that is decoded.
        stills: gets a JPEG of every frame that a moment begins with, by number.

    Raises:
        VideoError: a frame cannot be decoded.
        UserError: the plan does not fit the video.
    """
    if isinstance(plan, SamplingPlan):
        check_plan(plan, video.frames, video.height, video.width)
    frames = read_frames(video, plan.frames, each)
    if stills is not None:
        frames = keep_stills(frames, plan.stills, stills)
    return make_views(frames, plan) if isinstance(plan, SamplingPlan) else make_display_views(video, frames, plan)


def make_views(frames: Iterable[tuple[int, UInt8[np.ndarray, "h w 3"]]], plan: SamplingPlan) -> Views:
    """Cuts both views from frames given with their numbers, one at a time, so that few are held at once.

    Raises:
        ValueError: a frame that the plan asks for was not given.
    """
    technical = np.empty((len(plan.technical_indices), SIDE, SIDE, 3), np.uint8)
    aesthetic = np.empty((len(plan.aesthetic_indices), SIDE, SIDE, 3), np.uint8)
    missing = set(plan.technical_indices.tolist()) | set(plan.aesthetic_indices.tolist())
    for number, frame in frames:
        missing.discard(number)
        slots = np.flatnonzero(plan.technical_indices == number)
        if len(slots):
            large = enlarge(frame)
            for slot in slots:
                clip = slot // CLIP_FRAMES
                technical[slot] = fragments(large, plan.row_offsets[..., clip], plan.column_offsets[..., clip])
        slots = np.flatnonzero(plan.aesthetic_indices == number)
        if len(slots):
            aesthetic[slots] = np.rint(resize(frame, SIDE, SIDE)).astype(np.uint8)
    if missing:
        raise ValueError(f"frames {sorted(missing)} of the plan were not given")
    return Views(technical, aesthetic)


def fragments(
    frame: UInt8[np.ndarray, "h w 3"], row_offsets: Int[np.ndarray, "7 7"], column_offsets: Int[np.ndarray, "7 7"]
) -> UInt8[np.ndarray, "224 224 3"]:
    """One 32x32 patch from each cell of a 7x7 grid over the frame, stitched together without resizing."""
    tops, lefts = patch_corners(*frame.shape[:2], row_offsets, column_offsets)
    view = np.empty((GRID, PATCH, GRID, PATCH, 3), np.uint8)
    for cell in np.ndindex(GRID, GRID):
        top, left = tops[cell], lefts[cell]
        view[cell[0], :, cell[1]] = frame[top : top + PATCH, left : left + PATCH]
    return view.reshape(GRID * PATCH, GRID * PATCH, 3)


def enlarge(frame: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h2 w2 3"]:
    """Upsamples a frame whose short side is below 224 to exactly that; values are truncated, as published."""
    size = upsampled_size(*frame.shape[:2])
    return frame if frame.shape[:2] == size else resize(frame, *size).astype(np.uint8)


def resize(frame: UInt8[np.ndarray, "h w 3"], height: int, width: int) -> Float[np.ndarray, "height width 3"]:
    """Bilinear interpolation in float32, half-pixel centres, no antialiasing, aspect ratio ignored."""
    top, bottom, down = taps(frame.shape[0], height)
    left, right, across = taps(frame.shape[1], width)
    pixels = frame.reshape(-1, 3)

    def between(a, b, weight):
        b -= a  # a + (b - a) * weight, in place: in this form a flat area keeps its exact value
        b *= weight
        a += b
        return a

    def row(numbers):
        starts = numbers[:, None] * frame.shape[1]
        a, b = (pixels.take(starts + columns, axis=0).astype(np.float32) for columns in (left, right))
        return between(a, b, across[:, None])

    return between(row(top), row(bottom), down[:, None, None])


def taps(size: int, outputs: int) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """The two neighbours that each output lies between, and the float32 weight of the second."""
    # PyTorch's rounding: the scale is float32, product and difference are rounded once, together.
    centre = ((np.arange(outputs) + 0.5) * float(np.float32(size / outputs)) - 0.5).astype(np.float32).clip(0)
    first = np.minimum(centre.astype(int), size - 1)
    return first, np.minimum(first + 1, size - 1), centre - first.astype(np.float32)
