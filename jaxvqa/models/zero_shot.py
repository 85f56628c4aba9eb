"""How well words fit frames, by CLIP alone.

Source: the semantic affinity quality index, SAQI, of BUONA-VISTA (arXiv:2302.13269).
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from .clip_resnet import CLIPResNet

# CLIP's own, on 0-255 RGB: unlike MaxVQA's head, its text features belong to images seen like this.
MEAN = 255 * np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
DEVIATION = 255 * np.array([0.26862954, 0.26130258, 0.27577711], np.float32)
TEMPERATURE = 100.0  # CLIP's, to which its training is limited and which it reaches (arXiv:2103.00020, section 2.5)


def affinities(
    clip_visual: CLIPResNet, frames: UInt8[Array, "64 224 224 3"], texts: Float[Array, "2 pairs d"]
) -> Float[Array, " pairs"]:
    """How much nearer the frames are to the good descriptions than to their opposites, on average, in (0, 1)."""
    batches = frames.reshape(-1, 8, *frames.shape[1:])
    pooled = jax.lax.map(lambda batch: clip_visual((batch.astype(jnp.float32) - MEAN) / DEVIATION)[:, 0], batches)
    good, bad = jnp.einsum("fd,spd->sfp", unit(pooled.reshape(len(frames), -1)), texts)
    return jax.nn.sigmoid(TEMPERATURE * (good - bad).mean(axis=0))


def unit(vectors: Float[Array, "*batch d"]) -> Float[Array, "*batch d"]:
    """Vectors of length 1, in the same directions."""
    return vectors / jnp.linalg.norm(vectors, axis=-1, keepdims=True)
