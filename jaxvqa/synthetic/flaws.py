"""Distortions of known strength, made in frames: targets of the small model that VMAF has no word for."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image, ImageFilter
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from ..video.display import small_frame

Clip = UInt8[np.ndarray, "t h w 3"]
Smaller = UInt8[np.ndarray, "t height width 3"]
MOST_HELD = 14  # how many frames the first of them stands for


def add_noise(frames: Clip, strength: float, generator: np.random.Generator) -> Clip:
    """Noise (T-3) of a sensor, more where there is light or the same everywhere, fine or a little coarse."""
    if not strength:
        return frames
    level = 1.5 * 30**strength  # deviation, 1.5 to 45 levels
    coarse = generator.uniform(0.5, 1.0) if generator.random() < 0.4 else 0
    shot, chroma = generator.random() < 0.5, generator.uniform(0.2, 1)
    height, width = frames.shape[1:3]
    noise = generator.standard_normal((height + 64, width + 64, 3), np.float32)
    noise = chroma * noise + (1 - chroma) * noise[..., :1]
    if coarse:
        noise = gaussian_filter(noise, (coarse, coarse, 0))
    noise *= level / noise.std()
    result = np.empty_like(frames)
    for i, frame in enumerate(frames):
        y, x = generator.integers(0, 65, 2)  # one field, elsewhere in each frame
        moved = noise[y : y + height, x : x + width]
        result[i] = as_clip(frame + (moved * np.sqrt(0.3 + frame / np.float32(110)) if shot else moved))
    return result


def soften(frames: Clip, generator: np.random.Generator) -> Clip:
    """Less sharp (T-1): blurred, or made smaller and enlarged again."""
    height, width = frames.shape[1:3]
    if generator.random() < 0.4:
        kind = ImageFilter.GaussianBlur(generator.uniform(0.5, 4))
        return np.stack([np.asarray(Image.fromarray(frame).filter(kind)) for frame in frames])
    part = generator.uniform(0.15, 0.8)
    small = resize(frames, (round(height * part), round(width * part)), Image.Resampling.BOX)
    return resize(small, (height, width), Image.Resampling.BICUBIC)


def defocus(frames: Clip, strength: float, generator: np.random.Generator) -> Clip:
    """Focus (T-2): a blur of a lens, as a disc or a Gaussian, of up to a hundredth of the height."""
    if not strength:
        return frames
    radius = 0.012 * strength * frames.shape[1]
    kind = ImageFilter.GaussianBlur(radius) if generator.random() < 0.5 else ImageFilter.BoxBlur(1.4 * radius)
    return np.stack([np.asarray(Image.fromarray(frame).filter(kind)) for frame in frames])


def blur_motion(frames: Clip, strength: float, generator: np.random.Generator) -> Clip:
    """Motion blur (T-4): light of a path of up to .14 of the height falls on each pixel, less from its ends."""
    length, angle = 0.14 * strength * frames.shape[1], generator.uniform(0, np.pi)
    paths = [(length, angle)]
    if generator.random() < 0.5:  # at a changing speed, and not quite straight
        paths = [(0.7 * length, angle), (0.5 * length, angle + generator.uniform(-0.2, 0.2))]
    moves = [move for path in paths for move in halved(*path)]
    if not strength or not moves:
        return frames
    margin = int(np.abs(moves).sum(axis=0).max())
    result = np.empty_like(frames)
    height, width = frames.shape[1:3]
    for i, frame in enumerate(frames):
        wide = np.pad(frame, ((margin, margin), (margin, margin), (0, 0)), "edge").astype(np.float32)
        for y, x in moves:  # each doubles the number of places that light comes from
            wide = (wide + np.roll(wide, (y, x), axis=(0, 1))) / 2
        y, x = margin + np.sum(moves, axis=0) // 2
        result[i] = as_clip(wide[y : y + height, x : x + width])
    return result


def halved(length: float, angle: float) -> list[tuple[int, int]]:
    """Half of a path, a quarter, and so on to a pixel, down and across: their sums are its points, a pixel apart."""
    count = max(round(np.log2(max(length, 1))), 0)
    return [(round(length * np.sin(angle) / 2**n), round(length * np.cos(angle) / 2**n)) for n in range(1, count + 1)]


def expose(frames: Clip, strength: float, generator: np.random.Generator) -> Clip:
    """Exposure (T-6): up to six stops too much, clipped, or five too little."""
    if not strength:
        return frames
    gain = 2 ** (6 * strength if generator.random() < 0.5 else -5 * strength)
    table = np.clip(255 * ((np.arange(256) / 255) ** 2.2 * gain) ** (1 / 2.2), 0, 255).round().astype(np.uint8)
    return table[frames]


def unsteady(frames: Clip, strength: float, generator: np.random.Generator) -> tuple[Smaller, float]:
    """Stability (T-5): a hand that shakes, or light that flickers; in frames without any detail, nothing is seen."""
    if not strength:
        return frames, 0.0
    count, height, width = frames.shape[:3]
    if generator.random() < 0.3:
        gain = 1 + 0.25 * strength * generator.normal(size=(count, 1, 1, 1)).astype(np.float32)
        return as_clip(frames * np.maximum(gain, 0)), strength
    margin = height // 9
    path = gaussian_filter1d(generator.normal(size=(count, 2)), generator.uniform(0.3, 1.5), axis=0)
    path *= 0.04 * strength * height / path.std()
    corners = np.clip(path.round() + margin, 0, 2 * margin).astype(int)
    size = (height - 2 * margin) // 2 * 2, (width - 2 * margin) // 2 * 2
    return crop(frames, corners, size), strength


def freeze(frames: Clip, strength: float, generator: np.random.Generator) -> tuple[Clip, float]:
    """Fluency (T-8): frames are held, now and then or regularly; where nothing moves, nothing is lost."""
    if not strength:
        return frames, 0.0
    shown = np.arange(len(frames))
    if generator.random() < 0.5:
        hold = max(round(MOST_HELD**strength), 2)
        shown = ((shown + generator.integers(hold)) // hold) * hold
        shown = np.clip(shown, 0, len(frames) - 1)
        strength = float(np.log(hold) / np.log(MOST_HELD))
    else:
        lost = np.zeros(len(frames), bool)
        while lost[1:].mean() < 0.8 * strength:
            first = generator.integers(1, len(frames))
            lost[first : first + generator.integers(2, 9)] = True
        shown[lost] = 0
        shown = np.maximum.accumulate(shown)
        strength = float(lost.mean() / 0.8)
    moves = np.median(np.abs(np.diff(thumbnails(frames).astype(np.float32), axis=0)).mean(axis=(1, 2)))  # not of a cut
    return frames[shown], min(strength, 1.0) * float(np.clip(moves / 0.8, 0, 1))


def crop(frames: Clip, corners: Int[np.ndarray, "t 2"], size: Sequence[int]) -> Smaller:
    """A window of each frame."""
    height, width = size
    return np.stack([frame[y : y + height, x : x + width] for frame, (y, x) in zip(frames, corners, strict=True)])


def resize(frames: Clip, size: Sequence[int], kernel: Image.Resampling) -> Smaller:
    """Each frame at a size, height and width."""
    height, width = size
    return np.stack([np.asarray(Image.fromarray(frame).resize((width, height), kernel)) for frame in frames])


def thumbnails(frames: Clip) -> UInt8[np.ndarray, "t 36 64"]:
    """Frames in grey, small, as the encoder sees them."""
    return np.stack([small_frame(Image.fromarray(frame)) for frame in frames])


def as_clip(values: np.ndarray) -> UInt8[np.ndarray, "..."]:
    """Rounded to 8 bits."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
