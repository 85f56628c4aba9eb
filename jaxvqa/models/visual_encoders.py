"""Both encoders side by side: the views of a video to its features. Source: MaxVQA (arXiv:2305.12726, section 4)."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, UInt8

from ..geometry import CLIP_FRAMES
from .clip_resnet import CLIPResNet
from .sizes import PRECISIONS as PRECISIONS
from .swin3d import VideoSwin, at_once

# ImageNet's, on 0-255 RGB, for both encoders: MaxVQA does not use CLIP's own.
MEAN = np.array([123.675, 116.28, 103.53], np.float32)
DEVIATION = np.array([58.395, 57.12, 57.375], np.float32)


def in_precision(encoder: nnx.Module, precision: str) -> nnx.Module:
    """An encoder whose matrix products and convolutions are computed, and given on, in one of `PRECISIONS`."""
    if precision == "float32":
        return encoder
    encoder = nnx.clone(encoder)
    encoder.set_attributes(nnx.Linear, nnx.Conv, dtype=jnp.dtype(precision))
    return encoder


def normalize(frames: UInt8[Array | np.ndarray, "*batch 3"]) -> Float[Array, "*batch 3"]:
    """RGB values 0 to 255 as the encoders take them, float32."""
    return (jnp.asarray(frames, jnp.float32) - MEAN) / DEVIATION


def encode_clips(swin: VideoSwin | Callable, clips: UInt8[Array, "clips t h w 3"]) -> Float[Array, "clips t2 h2 w2 c"]:
    """Technical features of each clip, or what a part of the encoder makes of it."""
    # On a CPU, more than one clip at once gains no time and costs memory.
    return jax.lax.map(lambda clip: swin(normalize(clip)[None])[0], clips, batch_size=at_once(1, len(clips)))


def encode_frames(
    clip_visual: CLIPResNet | Callable, frames: UInt8[Array, "frames h w 3"]
) -> Float[Array, "frames ..."]:
    """Tokens of CLIP's attention pool for each frame: the pooled one, then the positions row by row.

    Or what a part of the encoder makes of it.
    """

    few = len(frames) if at_once(1, 2) else math.gcd(8, len(frames))
    # Frames as one batch, not one by one under vmap: what that makes of a convolution's gradient is ten times slower.
    batches = frames.reshape(-1, few, *frames.shape[1:])
    tokens = jax.lax.map(lambda batch: clip_visual(normalize(batch)), batches)
    return tokens.reshape(-1, *tokens.shape[2:])


def encode_views(
    swin: VideoSwin,
    clip_visual: CLIPResNet,
    technical: UInt8[Array, "128 224 224 3"],
    aesthetic: UInt8[Array, "64 224 224 3"],
) -> Float[Array, "64 49 c"]:
    """Features of a video: CLIP's beside FAST-VQA's, moment by moment and position by position.

    The 4 clips give 16 moments each; they and the 64 aesthetic frames are aligned by index.
    """
    clips = technical.reshape(-1, CLIP_FRAMES, *technical.shape[1:])
    return side_by_side(encode_clips(swin, clips), encode_frames(clip_visual, aesthetic))


def side_by_side(
    technical_features: Float[Array, "clips t2 rows columns c"], tokens: Float[Array, "moments tokens d"]
) -> Float[Array, "moments positions c_plus_d"]:
    """Features of both encoders at each moment and position, float32."""
    aesthetic_features = tokens[:, 1:]
    technical_features = technical_features.reshape(*aesthetic_features.shape[:2], -1)
    return jnp.concatenate([aesthetic_features, technical_features], axis=-1).astype(jnp.float32)
