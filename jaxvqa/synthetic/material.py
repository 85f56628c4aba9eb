"""What the small model is trained on: photographs and clips of a user's folders, encoded or spoilt at known strengths.

An example follows from a seed and its number alone. Two kinds alternate. Encodes are scaled, coded once or twice and
enlarged again; their targets are VMAF, frame by frame. Flaws are made in frames at a known strength, which is the
target of one dimension, and mostly coded afterwards, so that no flaw is taken for compression or hidden by it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageOps

from ..dimensions import DIMENSIONS
from ..geometry import GRID
from ..video.display import ROW_FRAMES
from .flaws import (
    Clip,
    Smaller,
    add_noise,
    blur_motion,
    crop,
    defocus,
    expose,
    freeze,
    resize,
    soften,
    thumbnails,
    unsteady,
)
from .scenes import rendered
from .sources import Source, clip_frames, photo
from .vmaf import ENCODERS, Chain, compare_frames, encode

BEST, WORST = 0.95, 0.05  # targets of VMAF 100 and 0, of no flaw and the worst: scores never reach 0 and 1
CELL = 80  # pixels of what is kept of each cell of the grid; a piece that is looked at lies anywhere within
COUNT = 9  # frames of an encode
PICTURES = (4, 7)  # frames of an encode that are kept
INDEX = {dimension.code: i for i, dimension in enumerate(DIMENSIONS)}
VMAF_OF = {"O": "total", "T-all": "total", "T-1": "soft", "T-7": "coded"}
LIGHT = 0.4  # of the way from an encoder's best setting to its worst: up to there it keeps noise
FLAWS = {"T-2": 0.12, "T-3": 0.12, "T-4": 0.15, "T-5": 0.22, "T-6": 0.16, "T-8": 0.23}  # how often each is made
IN_TIME = ("T-5", "T-8")  # of which single frames show nothing, so that they need not be coded


class Example(NamedTuple):
    """A spoilt scene as the small model sees it.

    Attributes:
        cells: of each of some frames, a piece from each cell of a 7x7 grid.
        motion: consecutive frames in grey, small.
        targets: of each frame and dimension, NaN where nothing is known.
    """

    cells: UInt8[np.ndarray, "frames 49 80 80 3"]
    motion: UInt8[np.ndarray, "32 36 64"]
    targets: Float[np.ndarray, "frames 16"]


def make_example(sources: Sequence[Source], seed: int, number: int) -> Example:
    """Makes the example of a number."""
    generator = np.random.default_rng([seed, number])
    kind = generator.choice(["encode", "flaw", "sound"], p=(0.5, 0.4, 0.1))
    if kind == "sound":
        frames = rendered(ROW_FRAMES, generator)
    else:
        clips = [source for source in sources if source.clip]
        photos = [source for source in sources if not source.clip]
        some = clips if clips and (generator.random() < 0.45 or not photos) else photos
        source = some[generator.integers(len(some))]
        frames = (from_clip if source.clip else from_photo)(source.path, kind == "flaw", generator)
    if generator.random() < 0.15:
        frames = cut(frames, generator)
    return flawed(frames, generator) if kind == "flaw" else encoded(frames, generator)


def encoded(frames: Clip, generator: np.random.Generator) -> Example:
    """Frames through a chain of encoders, with VMAF as targets."""
    motion = thumbnails(frames)
    start = int(generator.integers(len(frames) - COUNT + 1))
    frames = frames[start : start + COUNT]
    targets = np.full((len(PICTURES), len(DIMENSIONS)), np.nan, np.float32)
    for code in FLAWS:
        targets[:, INDEX[code]] = BEST
    known = generator.choice(["", "T-3", "T-4"], p=(0.56, 0.34, 0.1))  # a flaw of which VMAF knows that it is none's
    # Grain that is enlarged with its picture is the easiest to take for detail, and chains alone have little of it.
    few_lines = known == "T-3" and generator.random() < 0.4
    chain = draw_chain(*frames.shape[1:3], generator, generator.uniform(0.15, 0.4) if few_lines else None)
    strength = generator.uniform(0, 1) if known else 0.0
    pictures, soft = list(PICTURES), None
    spoilt, sharp = frames, chain.size == frames.shape[1:3] and not chain.blur
    if known == "T-4":
        spoilt = blur_motion(frames, strength, generator)
    elif known == "T-3":
        if sharp and generator.random() < 0.6:  # noise is no detail
            spoilt = soften(frames, generator)
            soft = compare_frames(spoilt, frames)
        elif not sharp and generator.random() < 0.75:  # and comes from a sensor of as many pixels as are coded
            spoilt = resize(frames, chain.size, Image.Resampling.BICUBIC)
        kept = spoilt.shape[1:3] == chain.size and not chain.blur and max(map(part, chain.encoders)) <= LIGHT
        spoilt = add_noise(spoilt, strength, generator)
    outcome = encode(spoilt, chain, frames)
    for code, name in VMAF_OF.items():
        if name == "total" or not known:
            targets[:, INDEX[code]] = target(1 - getattr(outcome, name)[pictures] / 100)
    if known:
        targets[:, INDEX[known]] = target(strength)
    if known == "T-3":
        targets[:, INDEX["T-1"]] = target(1 - (outcome.soft if soft is None else soft)[pictures] / 100)
        if not kept:
            targets[:, INDEX["T-3"]] = np.nan  # there may be nothing left of it
    if known == "T-4":
        targets[:, INDEX["T-2"]] = np.nan
    if not sharp or soft is not None:
        targets[:, [INDEX["T-2"], INDEX["T-4"]]] = np.nan  # it looks like that, but is none
    return Example(cells(outcome.frames[pictures], generator), motion, targets)


def draw_chain(height: int, width: int, generator: np.random.Generator, scale: float | None = None) -> Chain:
    """A chain as there are many: one encoder or two, at full size or a part of it, or at the part that is named."""
    names, filters = list(ENCODERS), ["bilinear", "bicubic", "lanczos", "bicubic", "area"]
    weights = np.array([0.17, 0.13, 0.19, 0.15, 0.15, 0.07, 0.07, 0.07])
    steps = []
    for _ in range(2 if generator.random() < 0.2 else 1):
        name = str(generator.choice(names, p=weights))
        steps.append((name, draw_quality(name, 1, generator)))
    if scale is None:
        parts = [2 / 3, 1 / 2, 1 / 3, generator.uniform(0.2, 0.95)]
        scale = 1.0 if generator.random() < 0.45 else float(generator.choice(parts))
    blur = float(generator.uniform(0.3, 3.5)) if scale == 1 and generator.random() < 0.12 else 0.0
    size = (max(round(height * scale / 2) * 2, 64), max(round(width * scale / 2) * 2, 64))
    return Chain(tuple(steps), size, str(generator.choice(filters)), str(generator.choice(filters[:3])), blur)


def draw_quality(name: str, most: float, generator: np.random.Generator) -> int:
    """A setting of an encoder's quality, from the best to a part of the way to the worst."""
    levels = ENCODERS[name].levels
    return round(levels[0] + (levels[-1] - levels[0]) * generator.uniform(0, most))


def part(encoder: tuple[str, int]) -> float:
    """How far an encoder's setting is on the way from its best to its worst."""
    levels = ENCODERS[encoder[0]].levels
    return (encoder[1] - levels[0]) / (levels[-1] - levels[0])


def target(strength: Float[np.ndarray, "*shape"] | float) -> Float[np.ndarray, "*shape"] | float:
    """What is learned of a flaw of a strength from 0 to 1."""
    return BEST - (BEST - WORST) * strength


def cut(frames: Clip, generator: np.random.Generator) -> Clip:
    """Another shot from some frame on: the same, turned over, and in every other case as a negative."""
    first = int(generator.integers(5, len(frames) - 5))
    other = frames[first:, ::-1] if generator.random() < 0.5 else frames[first:, :, ::-1]
    return np.concatenate([frames[:first], 255 - other if generator.random() < 0.5 else other])


def flawed(frames: Clip, generator: np.random.Generator) -> Example:
    """Frames with one or two flaws, and mostly coded afterwards."""
    strengths = dict.fromkeys(FLAWS, 0.0)
    number = generator.choice([0, 1, 2], p=(0.1, 0.6, 0.3))
    for code in generator.choice([*FLAWS], number, replace=False, p=[*FLAWS.values()]):
        strengths[str(code)] = float(generator.uniform(0.05, 1))
    height = frames.shape[1]
    frames = blur_motion(frames, strengths["T-4"], generator)
    frames = defocus(frames, strengths["T-2"], generator)
    frames = expose(frames, strengths["T-6"], generator)
    frames, strengths["T-5"] = unsteady(frames, strengths["T-5"], generator)
    frames = add_noise(frames, strengths["T-3"], generator)
    frames, strengths["T-8"] = freeze(frames, strengths["T-8"], generator)
    slow = any(strengths[code] for code in FLAWS if code not in IN_TIME)
    if generator.random() < (0.6 if slow else 0.2):
        name = str(generator.choice(["x264 veryfast", "x265", "VP9", "MPEG-4", "SVT-AV1"]))
        quality = draw_quality(name, 0.8, generator)
        scale = 1.0 if generator.random() < 0.7 else generator.uniform(0.4, 1)
        size = (round(height * scale / 2) * 2, round(frames.shape[2] * scale / 2) * 2)
        frames = encode(frames, Chain(((name, quality),), size), compare=False).frames
        if strengths["T-3"] and (scale < 1 or part((name, quality)) > LIGHT):
            strengths["T-3"] = np.nan  # there may be nothing left of it
    targets = np.full((2, len(DIMENSIONS)), np.nan, np.float32)
    for code, strength in strengths.items():
        targets[:, INDEX[code]] = target(strength)
    if strengths["T-2"] or strengths["T-4"]:  # each looks like the other
        targets[:, INDEX["T-4" if strengths["T-2"] > strengths["T-4"] else "T-2"]] = np.nan
    return Example(cells(frames[[10, 26]], generator), thumbnails(frames), targets)


def from_photo(path: Path, flaw: bool, generator: np.random.Generator) -> Clip:
    """A slow camera over a photograph, made so small that it is sharp."""
    picture = photo(path)
    if generator.random() < 0.5:
        picture = ImageOps.mirror(picture)
    short = min(picture.size)
    lines = generator.uniform(min(430, short), min(max(short / 1.2, 440), 560 if flaw else 760, short))
    picture = picture.resize([round(side * lines / short) for side in picture.size], Image.Resampling.LANCZOS)
    return pan(np.asarray(picture)[None].repeat(ROW_FRAMES, 0), generator)


def from_clip(path: Path, flaw: bool, generator: np.random.Generator) -> Clip:
    """Consecutive frames of a clip, made so small that what its own encoder did to it is gone."""
    frames = clip_frames(path)
    if generator.random() < 0.5:
        frames = frames[:, :, ::-1]
    # A short one goes to and fro.
    there_and_back = np.concatenate([np.arange(len(frames)), np.arange(len(frames) - 2, 0, -1)])
    start = int(generator.integers(max(len(frames) - ROW_FRAMES, 0) + 1))
    frames = frames[there_and_back[np.arange(start, start + ROW_FRAMES) % len(there_and_back)]]
    short, least = min(frames.shape[1:3]), min(360, *frames.shape[1:3])
    if (flaw or generator.random() < 0.4) and short > least:
        lines = generator.uniform(least, min(short, 480) if flaw else short)
        size = [round(side * lines / short) for side in frames.shape[1:3]]
        frames = resize(frames, size, Image.Resampling.LANCZOS)
    return crop(frames, np.zeros((ROW_FRAMES, 2), int), [side // 2 * 2 for side in frames.shape[1:3]])


def pan(frames: Clip, generator: np.random.Generator) -> Smaller:
    """A window that moves over frames, or stands still.

    It moves by the same whole pixels in each frame: fractions, rounded, would hold some frames and jump in others.
    """
    height, width = (side - side // 8 for side in frames.shape[1:3])
    height, width = height // 2 * 2, width // 2 * 2
    room = np.array(frames.shape[1:3]) - (height, width)
    most = room // (len(frames) - 1)
    speed = generator.integers(-most, most + 1) * (generator.random() > 0.1)
    way = speed * (len(frames) - 1)
    start = generator.integers(np.maximum(-way, 0), room - np.maximum(way, 0) + 1)
    return crop(frames, start + np.arange(len(frames))[:, None] * speed, (height, width))


def cells(frames: Clip, generator: np.random.Generator) -> UInt8[np.ndarray, "t 49 80 80 3"]:
    """A piece of each cell of a grid over frames, from anywhere within it."""
    pieces = []
    for frame in frames:
        for row in range(GRID):
            for column in range(GRID):
                corner = []
                for size, number in ((frame.shape[0], row), (frame.shape[1], column)):
                    low, high = size * number // GRID, size * (number + 1) // GRID - CELL
                    corner.append(int(np.clip(generator.integers(min(low, high), max(low, high) + 1), 0, size - CELL)))
                pieces.append(frame[corner[0] : corner[0] + CELL, corner[1] : corner[1] + CELL])
    return np.stack(pieces).reshape(len(frames), GRID**2, CELL, CELL, 3)
