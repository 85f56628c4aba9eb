"""Which frames and which patches of a video are looked at.

Source: FAST-VQA (arXiv:2207.02595, section 3.1, grid mini-patch sampling), MaxVQA (arXiv:2305.12726).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from ..errors import UserError
from ..geometry import CLIP_FRAMES, CLIPS, GRID, INTERVAL, MOMENTS, PATCH, SIDE
from .decode import Video
from .display import DisplayPlan, dense_display_plans, draw_display_plan

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
        seed: with a video's content, decides which frames and patches are looked at.
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

    def plans(self, video: Video, sha256: str) -> list[SamplingPlan] | list[DisplayPlan]:
        """The plans of all samples of a video, whose content has this SHA-256 (`integrity.content_sha256`)."""
        if self.views == "pieces":
            if self.dense:
                return dense_display_plans(video, self.display_height)
            generators = (generator_of(self.seed + number, sha256) for number in range(self.repeats))
            return [draw_display_plan(video, self.display_height, generator) for generator in generators]
        size = video.frames, video.height, video.width
        if self.dense:
            return dense_plans(*size)
        return [draw_plan(self.rule, self.seed + number, sha256, *size) for number in range(self.repeats)]


def draw_plan(rule: str, seed: int, sha256: str, frames: int, height: int, width: int) -> SamplingPlan:
    """Draws the plan for a video of `frames` frames of `height` x `width` pixels.

    It is a function of its arguments alone, so that a video keeps its plan when it is moved or renamed.

    Args:
        rule: "whole" can reach every frame of a video, and every pixel of a cell: see `draw_frames`. "published" is the
            rule of the published code, for comparisons with it: see `draw_published`.
        sha256: of the video file, in hexadecimal.

    Raises:
        UserError: the seed is negative, or there is no such rule.
    """
    check_seed(seed)
    check_rule(rule)
    generator = generator_of(seed, sha256)
    whole = rule == "whole"
    technical, aesthetic = (draw_frames if whole else draw_published)(frames, generator)
    rows, columns = (
        generator.integers(0, max(size // GRID - PATCH + whole, 1), (GRID, GRID, CLIPS))
        for size in upsampled_size(height, width)
    )
    return SamplingPlan(technical, aesthetic, rows, columns)


def generator_of(seed: int, sha256: str) -> np.random.Generator:
    """What decides where a video is looked at: its content and a seed."""
    return np.random.default_rng([seed, int(sha256[:32], 16)])


def draw_frames(
    frames: int, generator: np.random.Generator
) -> tuple[Int[np.ndarray, "technical"], Int[np.ndarray, "aesthetic"]]:
    """Draws frames of both views from the whole video.

    Aesthetic: a frame from each of 64 even segments, or every frame if there are no more than that. Technical: a clip
    in each quarter. Where a quarter is shorter than a clip, the clip covers it and stays within the video. Only clips
    of a video that is shorter than a clip begin anew at its end; together they have all of its frames.
    """
    moments = np.arange(MOMENTS + 1) * frames // MOMENTS
    aesthetic = generator.integers(moments[:-1], np.maximum(moments[1:], moments[:-1] + 1))
    quarters = moments[:: MOMENTS // CLIPS]
    ends = np.sort(np.clip([quarters[:-1], quarters[1:] - SPAN], 0, max(frames - SPAN, 0)), axis=0)
    starts = generator.integers(ends[0], ends[1] + 2) if frames >= SPAN else np.arange(CLIPS) % 2
    return clip_indices(starts, frames), aesthetic


def draw_published(
    frames: int, generator: np.random.Generator
) -> tuple[Int[np.ndarray, "technical"], Int[np.ndarray, "aesthetic"]]:
    """Draws frames of both views as the published code does.

    Segments have `frames // 4` and `frames // 64` frames, so that what remains of the division is out of reach, and
    below 64 frames the aesthetic view is one frame, again and again.
    """
    starts = [
        generator.integers(0, start_range(frames, clips, length), clips)
        for clips, length in ((CLIPS, CLIP_FRAMES), (MOMENTS, 1))
    ]
    return frame_indices(frames, CLIPS, CLIP_FRAMES, starts[0]), frame_indices(frames, MOMENTS, 1, starts[1])


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
