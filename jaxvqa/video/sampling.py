"""Which frames and which patches of a video are looked at.

Source: FAST-VQA (arXiv:2207.02595, section 3.1, grid mini-patch sampling), MaxVQA (arXiv:2305.12726).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ..errors import UserError
from ..geometry import CLIP_FRAMES, CLIPS, GRID, INTERVAL, MOMENTS, PATCH, SIDE
from .decode import Video
from .display import DisplayPlan, between, dense_display_plans, draw_display_plan

RULES = ("whole", "published")
SPAN = CLIP_FRAMES * INTERVAL  # of a clip; the frames that it leaves out are those of the clip one frame later


@dataclass(frozen=True, eq=False)
class SamplingPlan:
    """All that is left to chance in scoring a video.

    Attributes:
        technical_indices: frames of the technical view, clip by clip.
        aesthetic_indices: frames of the aesthetic view.
        row_offsets: pixels from the top of a grid cell to its patch, by grid row, column and clip.
        column_offsets: pixels from the left of a grid cell to its patch, likewise.
    """

    technical_indices: Int[np.ndarray, "technical"]
    aesthetic_indices: Int[np.ndarray, "aesthetic"]
    row_offsets: Int[np.ndarray, "7 7 clips"]
    column_offsets: Int[np.ndarray, "7 7 clips"]

    @property
    def frames(self) -> Int[np.ndarray, " n"]:
        """Numbers of all frames that it asks for."""
        return np.concatenate([self.technical_indices, self.aesthetic_indices])

    @property
    def stills(self) -> set[int]:
        """Numbers of the frames that moments begin with."""
        return {*self.aesthetic_indices.tolist(), *self.technical_indices[::2].tolist()}


@dataclass(frozen=True)
class Sampling:
    """How often a video is sampled, and what decides where.

    Attributes:
        seed: decides at which parts of a video's time and of its frames it is looked at: the same parts of all videos.
        repeats: number of samples, drawn with seeds from `seed` on.
        dense: whether to take as many samples instead as it takes to cover the video, with nothing left to chance.
        rule: how frames are drawn: "whole" or "published", see `draw_plan`.
        display_height: lines of the display that scores hold for, where views are "pieces".
        views: what the encoders of a model see, which its weights tell: "fragments" and whole frames (MaxVQA), or
            "pieces" of frames as a display shows them (`display.DisplayPlan`).

    Raises:
        UserError: a negative seed, no repeats, repeats of dense sampling, a display that is too small, or a rule that
            does not exist or does not go with it.
    """

    seed: int = 0
    repeats: int = 1
    dense: bool = False
    rule: str = "whole"
    display_height: int = 1080
    views: str = "fragments"

    def __post_init__(self):
        check_seed(self.seed)
        if self.views == "pieces" and self.rule != "whole":
            raise UserError(f"sampling {self.rule} is of MaxVQA's views, which these weights do not take.")
        if not 240 <= self.display_height <= 4320:
            raise UserError(f"display_height is {self.display_height}; it must be from 240 to 4320.")
        if self.repeats < 1:
            raise UserError(f"repeats is {self.repeats}; it must be 1 or larger.")
        check_rule(self.rule)
        if self.dense and self.repeats > 1:
            raise UserError("dense decides how often a video is sampled: leave repeats at 1.")
        if self.dense and self.rule != "whole":
            raise UserError(f"dense covers the whole video, which sampling {self.rule} does not: choose one of them.")

    def plans(self, video: Video) -> list[SamplingPlan] | list[DisplayPlan]:
        """The plans of all samples of a video."""
        seeds = range(self.seed, self.seed + self.repeats)
        if self.views == "pieces":
            if self.dense:
                return dense_display_plans(video, self.display_height)
            return [draw_display_plan(video, self.display_height, np.random.default_rng(seed)) for seed in seeds]
        size = video.frames, video.height, video.width
        return dense_plans(*size) if self.dense else [draw_plan(self.rule, seed, *size) for seed in seeds]


def draw_plan(rule: str, seed: int, frames: int, height: int, width: int) -> SamplingPlan:
    """Draws the plan for a video of `frames` frames of `height` x `width` pixels.

    What a seed decides are parts of a video's time, and of cells, from 0 to 1. So encodes of one source are looked at
    at the same times and places, whatever their sizes and rates, and chance does not decide between them.

    Args:
        rule: "whole" can reach every frame of a video, and every pixel of a cell: see `draw_frames`. "published" is the
            rule of the published code, for comparisons with it: see `draw_published`.

    Raises:
        UserError: the seed is negative, or there is no such rule.
    """
    check_seed(seed)
    check_rule(rule)
    generator = np.random.default_rng(seed)
    whole = rule == "whole"
    clips, moments, *places = (generator.random(shape) for shape in (CLIPS, MOMENTS, *[(GRID, GRID, CLIPS)] * 2))
    technical, aesthetic = (draw_frames if whole else draw_published)(frames, clips, moments)
    rows, columns = (
        between(part, 0, max(size // GRID - PATCH + whole, 1))
        for part, size in zip(places, upsampled_size(height, width), strict=True)
    )
    return SamplingPlan(technical, aesthetic, rows, columns)


def draw_frames(
    frames: int, clips: Float[np.ndarray, "4"], moments: Float[np.ndarray, "64"]
) -> tuple[Int[np.ndarray, "technical"], Int[np.ndarray, "aesthetic"]]:
    """Returns frames of both views from the whole video.

    Aesthetic: a frame from each of 64 even segments, or every frame if there are no more than that. Technical: a clip
    in each quarter. Where a quarter is shorter than a clip, the clip covers it and stays within the video. Only clips
    of a video that is shorter than a clip begin anew at its end; together they have all of its frames.

    Args:
        clips: where each clip begins, as a part of the starts that it can have.
        moments: where in its segment each frame lies.
    """
    bounds = np.arange(MOMENTS + 1) * frames // MOMENTS
    aesthetic = between(moments, bounds[:-1], np.maximum(bounds[1:], bounds[:-1] + 1))
    quarters = bounds[:: MOMENTS // CLIPS]
    ends = np.sort(np.clip([quarters[:-1], quarters[1:] - SPAN], 0, max(frames - SPAN, 0)), axis=0)
    starts = between(clips, ends[0], ends[1] + 2) if frames >= SPAN else np.arange(CLIPS) % 2
    return clip_indices(starts, frames), aesthetic


def draw_published(
    frames: int, clips: Float[np.ndarray, "4"], moments: Float[np.ndarray, "64"]
) -> tuple[Int[np.ndarray, "technical"], Int[np.ndarray, "aesthetic"]]:
    """Returns frames of both views as the published code draws them, by the parts that `draw_frames` takes.

    Segments have `frames // 4` and `frames // 64` frames, so that what remains of the division is out of reach, and
    below 64 frames the aesthetic view is one frame, again and again.
    """
    technical, aesthetic = (
        frame_indices(frames, len(parts), length, between(parts, 0, start_range(frames, len(parts), length)))
        for parts, length in ((clips, CLIP_FRAMES), (moments, 1))
    )
    return technical, aesthetic


def dense_plans(frames: int, height: int, width: int) -> list[SamplingPlan]:
    """Plans that together cover a video of `frames` frames of `height` x `width` pixels, with nothing left to chance.

    Both encoders see every frame in one of them at least, and the technical one every pixel of the grid in each
    quarter of the video. As in any plan, clips lie in quarters of the video and moments in 64ths of it.
    """
    height, width = upsampled_size(height, width)
    corners = [(row, column) for row in tiles(height // GRID) for column in tiles(width // GRID)]
    quarters, moments = (np.arange(parts + 1) * frames // parts for parts in (CLIPS, MOMENTS))
    blocks = -(-np.diff(quarters).max() // SPAN)
    number = max(len(corners), 2 * blocks, np.diff(moments).max())
    plans = []
    for n in range(number):
        block, odd = divmod(n % (2 * blocks), 2)
        starts = quarters[:-1] + np.minimum(SPAN * block, np.maximum(np.diff(quarters) - SPAN, 0))
        row, column = corners[n % len(corners)]
        plans.append(
            SamplingPlan(
                clip_indices(np.clip(starts, 0, max(frames - SPAN, 0)) + odd, frames),
                moments[:-1] + np.minimum(n % np.diff(moments).max(), np.maximum(np.diff(moments) - 1, 0)),
                np.full((GRID, GRID, CLIPS), row),
                np.full((GRID, GRID, CLIPS), column),
            )
        )
    return plans


def tiles(size: int) -> list[int]:
    """Where patches that cover a cell of a size begin."""
    return np.linspace(0, size - PATCH, -(-size // PATCH)).round().astype(int).tolist()


def check_seed(seed: int) -> None:
    """Raises a UserError if a seed is negative."""
    if seed < 0:
        raise UserError(f"seed is {seed}; it must be 0 or larger.")


def check_rule(rule: str) -> None:
    """Raises a UserError if there is no such rule."""
    if rule not in RULES:
        raise UserError(f"sampling is {rule!r}; it must be {' or '.join(RULES)}.")


def check_plan(plan: SamplingPlan, frames: int, height: int, width: int) -> None:
    """Raises a UserError if a plan asks for frames or patches outside of a video."""
    sizes = [size // GRID - PATCH + 1 for size in upsampled_size(height, width)]
    for field, shape, limit in (
        ("technical_indices", (CLIPS * CLIP_FRAMES,), frames),
        ("aesthetic_indices", (MOMENTS,), frames),
        ("row_offsets", (GRID, GRID, CLIPS), sizes[0]),
        ("column_offsets", (GRID, GRID, CLIPS), sizes[1]),
    ):
        values = getattr(plan, field)
        if values.shape != shape or values.min() < 0 or values.max() >= limit:
            raise UserError(
                f"sampling plan: {field} must be of shape {shape}, from 0 to below {limit}, for this video."
            )


def start_range(frames: int, clips: int, length: int) -> int:
    """How many starts a clip of `length` frames can choose from in its segment."""
    return max(frames // clips - length * INTERVAL, 1)


def frame_indices(
    frames: int, clips: int, length: int, starts: Int[np.ndarray, " clips"]
) -> Int[np.ndarray, " indices"]:
    """Frame numbers of one clip per equal time segment, each `starts` frames into it; past the end they wrap around."""
    return clip_indices(frames // clips * np.arange(clips) + starts, frames, length)


def clip_indices(
    starts: Int[np.ndarray, " clips"], frames: int, length: int = CLIP_FRAMES
) -> Int[np.ndarray, " indices"]:
    """Frame numbers of clips that start at some frames; past the end they wrap around."""
    return ((starts[:, None] + INTERVAL * np.arange(length)) % frames).reshape(-1)


def upsampled_size(height: int, width: int) -> tuple[int, int]:
    """The size a frame is brought to before patches are cut: its short side is at least 224."""
    short = min(height, width)
    return (height, width) if short >= SIDE else (height * SIDE // short, width * SIDE // short)


def patch_corners(
    height: int, width: int, row_offsets: Int[np.ndarray, "7 7"], column_offsets: Int[np.ndarray, "7 7"]
) -> tuple[Int[np.ndarray, "7 7"], Int[np.ndarray, "7 7"]]:
    """Top and left pixel of each cell's patch, in a frame of `upsampled_size`."""
    tops, lefts = (np.minimum(size // GRID * np.arange(GRID), size - PATCH) for size in (height, width))
    return tops[:, None] + row_offsets, lefts + column_offsets
