"""Views to features."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from ..geometry import CLIP_FRAMES, CLIPS, MOMENTS, POSITIONS, SIDE
from ..models.display import encode_pieces
from ..models.visual_encoders import encode_views, in_precision
from ..system.compilation import jitted
from ..video import display
from ..weights.assemble import encoders_of

FRAGMENTS = [jax.ShapeDtypeStruct((n, SIDE, SIDE, 3), np.uint8) for n in (CLIPS * CLIP_FRAMES, MOMENTS)]
PIECES = [
    jax.ShapeDtypeStruct(shape, np.uint8)
    for shape in (
        (display.MOMENTS, POSITIONS, display.PIECE, display.PIECE, 3),
        (display.ROWS, display.ROW_FRAMES, *display.SMALL),
    )
]


class Encoder:
    """The encoders of weights, compiled at the first use.

    Attributes:
        views: what they see: as `Sampling.views` has it.
        shapes: of the views.
        function: (encoders, views) to features, not compiled.
        modules: the encoders.
    """

    def __init__(self, parts: dict[str, nnx.Module], precision: str = "float32"):
        names = encoders_of(parts)
        pieces = "display" in names
        self.views, self.shapes = ("pieces", PIECES) if pieces else ("fragments", FRAGMENTS)
        self.function: Callable = encode_pieces if pieces else encode_views
        self.modules = [in_precision(parts[name], precision) for name in names]
        self.compiled = jitted(self.function, *self.modules)

    def __call__(self, *views: Any) -> Float[Array, "moments 49 c"]:
        return self.compiled(*views)


def result_of(compiled: Callable, *arrays: Any) -> jax.ShapeDtypeStruct:
    """Shape and type of what a function of `jitted` gives, which costs no more than the first steps of compiling it."""
    return jax.eval_shape(compiled, *arrays)
