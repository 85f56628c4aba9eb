"""What goes wrong in the synthetic database, at known strengths, and how much of it people see.

Every strength goes from 0, nothing, to 1, as bad as it gets here. There is one for each of MaxWell's 13 single
dimensions. Camera shake, wandering, tilt and clutter are filmed (`scenes.film`), compression is the encoder's
(`compression_crf`), all else is done to frames here.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageFilter
from scipy.ndimage import uniform_filter1d

Clip = UInt8[np.ndarray, "t h w 3"]

AESTHETIC = ("A-1", "A-2", "A-3", "A-4", "A-5")
TECHNICAL = ("T-1", "T-2", "T-3", "T-4", "T-5", "T-6", "T-7", "T-8")

# How much a strength counts in other dimensions than its own: defocus is seen as lack of sharpness as well.
SEEN_AS = {
    "T-1": {"T-2": 0.8, "T-4": 0.5, "T-7": 0.4, "T-3": 0.15},
    "T-2": {"T-1": 0.6, "T-4": 0.3},
    "T-4": {"T-2": 0.3, "T-5": 0.2},
    "T-7": {"T-1": 0.2},
    "T-8": {"T-5": 0.3, "A-5": 0.2},
    "T-5": {"A-5": 0.5, "T-8": 0.2},
    "T-6": {"A-4": 0.3},
    "A-1": {"T-6": 0.2, "A-2": 0.2},
    "A-2": {"A-1": 0.4},
    "A-3": {"T-6": 0.3, "A-4": 0.3},
    "A-4": {"T-6": 0.5},
    "A-5": {"T-5": 0.5, "T-8": 0.2},
}
IN_ALL = 0.55  # how much a strength counts in the general dimension of its kind
IN_OVERALL = {"T": 0.45, "A": 0.35}


def perceived(strengths: Mapping[str, float]) -> dict[str, float]:
    """How bad a clip is in each of the 16 dimensions, 0 to 1.

    Strengths hide each other: with weights w, what is seen is `1 - prod(1 - w * strength)`. A dimension's own
    strength counts fully, others by `SEEN_AS`; T-all and A-all take the technical and aesthetic strengths with
    weight 0.55 each, O takes 0.45 of the technical and 0.35 of the aesthetic ones.
    """
    weights = {code: {code: 1.0} | SEEN_AS.get(code, {}) for code in AESTHETIC + TECHNICAL}
    weights["A-all"] = dict.fromkeys(AESTHETIC, IN_ALL)
    weights["T-all"] = dict.fromkeys(TECHNICAL, IN_ALL)
    weights["O"] = {code: IN_OVERALL[code[0]] for code in AESTHETIC + TECHNICAL}
    return {
        dimension: 1 - float(np.prod([1 - weight * strengths[code] for code, weight in of.items()]))
        for dimension, of in weights.items()
    }


def degrade(clip: Clip, strengths: Mapping[str, float], generator: np.random.Generator, interval: int = 1) -> Clip:
    """Applies all that is done to frames, in the order in which light, lens, sensor and transmission do it.

    Args:
        interval: of the frames of a video, every how many-th are given.
    """
    clip = obscure(clip, strengths["A-1"], generator)
    clip = flatten_light(clip, strengths["A-4"])
    clip = blur_motion(clip, strengths["T-4"], generator)
    clip = defocus(clip, strengths["T-2"])
    clip = expose(clip, strengths["T-6"], bright=generator.random() < 0.5)
    clip = flicker(clip, strengths["T-5"], generator)
    clip = add_noise(clip, strengths["T-3"], generator)
    clip = fade(clip, strengths["A-3"])
    clip = soften(clip, strengths["T-1"])
    return freeze(clip, strengths["T-8"], generator, interval)


def obscure(clip: Clip, strength: float, generator: np.random.Generator) -> Clip:
    """Content (A-1): something dull stands before the scene, up to over seven tenths of the frame."""
    if not strength:
        return clip
    height, width = clip.shape[1:3]
    angle = generator.uniform(0, 2 * np.pi)
    y, x = np.mgrid[:height, :width]
    along = (x / width - 0.5) * np.cos(angle) + (y / height - 0.5) * np.sin(angle)
    edge = np.quantile(along, 0.72 * strength)
    cover = (1 / (1 + np.exp((along - edge) / 0.015)))[..., None].astype(np.float32)
    dull = np.float32(generator.uniform(70, 120)) + np.array([6, 2, -4], np.float32)
    return as_clip(clip * (1 - cover) + dull * cover)


def flatten_light(clip: Clip, strength: float) -> Clip:
    """Lighting (A-4): contrast goes down to a quarter, and brightness with it."""
    if not strength:
        return clip
    mean = clip.mean(dtype=np.float32)
    return as_clip((mean + (clip - mean) * (1 - 0.75 * strength)) * (1 - 0.3 * strength))


def blur_motion(clip: Clip, strength: float, generator: np.random.Generator) -> Clip:
    """Motion blur (T-4): the shutter is open while the camera moves, up to 22 pixels, level or upright."""
    length = round(22 * strength)
    return uniform_filter1d(clip, length, axis=int(generator.choice([1, 2]))) if length > 1 else clip


def defocus(clip: Clip, strength: float) -> Clip:
    """Focus (T-2): a Gaussian blur of up to 4 pixels deviation."""
    blur = ImageFilter.GaussianBlur(4 * strength)
    return np.stack([np.asarray(Image.fromarray(frame).filter(blur)) for frame in clip]) if strength else clip


def expose(clip: Clip, strength: float, bright: bool) -> Clip:
    """Exposure (T-6): up to two stops too much, clipped, or two and a half too little."""
    return as_clip(clip * np.float32(2 ** (2 * strength if bright else -2.5 * strength))) if strength else clip


def flicker(clip: Clip, strength: float, generator: np.random.Generator) -> Clip:
    """Stability (T-5), beside shake: brightness changes from frame to frame, by up to a quarter (deviation)."""
    gain = 1 + 0.25 * strength * generator.normal(size=(len(clip), 1, 1, 1)).astype(np.float32)
    return as_clip(clip * np.maximum(gain, 0)) if strength else clip


def add_noise(clip: Clip, strength: float, generator: np.random.Generator) -> Clip:
    """Noise (T-3): of a sensor, new in each frame, up to a deviation of 38 levels."""
    noise = generator.standard_normal(clip.shape, np.float32) if strength else 0
    return as_clip(clip + np.float32(38 * strength) * noise) if strength else clip


def fade(clip: Clip, strength: float) -> Clip:
    """Colour (A-3): fades to grey."""
    if not strength:
        return clip
    grey = clip @ np.array([0.299, 0.587, 0.114], np.float32)
    return as_clip(clip + strength * (grey[..., None] - clip))


def soften(clip: Clip, strength: float) -> Clip:
    """Sharpness (T-1): taken at a lower resolution, down to a quarter of height and width, and enlarged."""
    if not strength:
        return clip
    height, width = clip.shape[1:3]
    small = (round(width / (1 + 3 * strength)), round(height / (1 + 3 * strength)))
    bilinear = Image.Resampling.BILINEAR
    pictures = (Image.fromarray(frame).resize(small, bilinear).resize((width, height), bilinear) for frame in clip)
    return np.stack([np.asarray(picture) for picture in pictures])


def freeze(clip: Clip, strength: float, generator: np.random.Generator, interval: int = 1) -> Clip:
    """Fluency (T-8): frames that never arrive are shown as the one before, in runs, up to eight tenths of all."""
    frames = len(clip) * interval
    shown = np.arange(frames)
    lost = np.zeros(frames, bool)
    while strength and lost[1:].mean() < 0.8 * strength:
        first = generator.integers(1, frames)
        lost[first : first + generator.integers(2, 9)] = True
    shown[lost] = 0
    return clip[np.maximum.accumulate(shown)[::interval] // interval]


def compression_crf(strength: float) -> int:
    """Compression (T-7): H.264's rate factor, from 25, hardly visible, to 47."""
    return round(25 + 22 * strength)


def as_clip(values: np.ndarray) -> Clip:
    """Rounded to 8 bits."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
