"""Where in a video its local scores lie: cells and patches in pixels of its frames, frames by number.

A local score is of one moment and one of 7x7 positions. The aesthetic encoder (CLIP) sees the whole frame there, one
frame a moment; the technical one (Video Swin) a patch in full resolution in two frames. They are aligned by index
(MaxVQA, arXiv:2305.12726, section 4), so that within a quarter of the video the two may be seconds apart: technical
dimensions are shown where and when the technical encoder looked, all others where and when the aesthetic one did.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ..dimensions import DIMENSIONS
from ..geometry import CLIPS, GRID, MOMENTS, PATCH
from ..video.decode import Video
from ..video.display import DisplayPlan, piece_boxes
from ..video.sampling import SamplingPlan, patch_corners, upsampled_size

TECHNICAL: Bool[np.ndarray, "16"] = np.array([dimension.code.startswith("T-") for dimension in DIMENSIONS])


class Locations(NamedTuple):
    """Where and when each encoder looked, in 64 moments for each plan that a video was sampled by.

    Boxes are left, top, width, height, in pixels of the video's frames.

    Attributes:
        frames: number of the frame at each moment, of the aesthetic encoder and of the technical one; the latter saw
            the one two frames later as well.
        cells: of the aesthetic encoder, the same at all moments. It sees some of what is around them, too.
        patches: of the technical encoder, the same in the 16 moments of a clip.
    """

    frames: Int[np.ndarray, "2 moments"]
    cells: Float[np.ndarray, "49 4"]
    patches: Float[np.ndarray, "moments 49 4"]


def locate(video: Video, plans: Sequence[SamplingPlan | DisplayPlan]) -> Locations:
    """Where and when the encoders look at a video by plans, one after the other."""
    shown = [plan for plan in plans if isinstance(plan, DisplayPlan)]
    if shown:
        return locate_pieces(video, shown)
    return locate_fragments(video, [plan for plan in plans if isinstance(plan, SamplingPlan)])


def locate_pieces(video: Video, plans: Sequence[DisplayPlan]) -> Locations:
    """Where and when pieces are cut: for all dimensions the same."""
    corners = np.concatenate([piece_boxes(video, plan) for plan in plans])
    boxes = np.concatenate([corners[..., :2], corners[..., 2:] - corners[..., :2]], axis=-1)
    indices = np.concatenate([plan.indices for plan in plans])
    return Locations(np.stack([indices, indices]), grid_cells(video), boxes)


def grid_cells(video: Video) -> Float[np.ndarray, "49 4"]:
    """The cells of a 7x7 grid over frames."""
    rows, columns = np.divmod(np.arange(GRID * GRID), GRID)
    height, width = video.height / GRID, video.width / GRID
    return np.stack([columns * width, rows * height, np.full(GRID**2, width), np.full(GRID**2, height)], axis=1)


def locate_fragments(video: Video, plans: Sequence[SamplingPlan]) -> Locations:
    """Where and when MaxVQA's encoders look."""
    frames = np.stack(
        [
            np.concatenate([plan.aesthetic_indices for plan in plans]),
            np.concatenate([plan.technical_indices[::2] for plan in plans]),
        ]
    )
    large = upsampled_size(video.height, video.width)
    shrink = np.array([video.height / large[0], video.width / large[1]])
    boxes = []
    for plan, clip in itertools.product(plans, range(CLIPS)):
        tops, lefts = patch_corners(*large, plan.row_offsets[..., clip], plan.column_offsets[..., clip])
        corners = np.stack([lefts.ravel() * shrink[1], tops.ravel() * shrink[0]], axis=1)
        boxes.append(np.concatenate([corners, np.tile(PATCH * shrink[::-1], (GRID**2, 1))], axis=1))
    return Locations(frames, grid_cells(video), np.repeat(boxes, MOMENTS // CLIPS, axis=0))


def boxes(where: Locations, dimension: int, moment: int) -> Float[np.ndarray, "49 4"]:
    """Where the scores of a dimension (by number) lie in its frame of a moment."""
    return where.patches[moment] if TECHNICAL[dimension] else where.cells
