"""Views to features, one video ahead of whoever takes them."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from ..geometry import CLIP_FRAMES, CLIPS, MOMENTS, SIDE
from ..video.workers import Decoded

VIEWS = [jax.ShapeDtypeStruct((n, SIDE, SIDE, 3), np.uint8) for n in (CLIPS * CLIP_FRAMES, MOMENTS)]


def result_of(compiled: Callable, *arrays: Any) -> jax.ShapeDtypeStruct:
    """Shape and type of what a function of `jitted` gives, which costs no more than the first steps of compiling it."""
    return jax.eval_shape(compiled, *arrays)


def encode_ahead(
    encode: Callable, videos: Iterable[Decoded]
) -> Iterator[tuple[Decoded, Float[Array, "64 49 c"] | None]]:
    """Features of decoded videos, None for those that could not be decoded.

    The device has the next video before one is given, so that it need not wait while that is dealt with.
    """
    before = None
    for video in videos:
        now = (video, None if video.views is None else encode(*video.views))
        if before:
            yield before
        before = now
    if before:
        yield before
