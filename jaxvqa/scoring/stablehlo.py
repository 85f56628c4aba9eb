"""The whole scorer as StableHLO: views to scores and local maps, for programs without this package.

Source: `jax.export`; its artifacts hold the computation and the parameters, and run wherever JAX does.
"""

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import export
from jax.core import ShapedArray
from jaxtyping import Array, Float, UInt8

from ..dimensions import DIMENSIONS
from ..features.encoder import VIEWS
from ..model import Model
from ..models.visual_encoders import encode_views
from ..weights.directory import Weights
from ..weights.model_card import display_scale, notice, unvalidated

ARTIFACT, DESCRIPTION = "scorer.stablehlo", "scorer.json"
PLATFORMS = ("cpu", "cuda", "tpu")
INPUTS = ("technical", "aesthetic")


def export_scorer(loaded: Weights) -> export.Exported:
    """The scorer of weights, for any number of videos and for all of `PLATFORMS`.

    It takes the views of videos, uint8 [b, 128, 224, 224, 3] and [b, 64, 224, 224, 3], and gives a dict of float32
    arrays: `raw` and `display`, [b, 16], `local`, [b, 64, 49, 16], and, if weights were trained in custom dimensions,
    `custom`, [b, pairs].

    Raises:
        WeightsError: the parts of the weights do not fit together.
    """
    (videos,) = export.symbolic_shape("b")
    views = [jax.ShapeDtypeStruct((videos, *view.shape), view.dtype) for view in VIEWS]
    return export.export(jax.jit(scorer(loaded)), platforms=PLATFORMS)(*views)


def scorer(loaded: Weights) -> Callable:
    """Views of videos to their scores, as `export_scorer` says; one video after another, so that few are in memory."""
    swin, clip_visual, head = (loaded.parts[part] for part in ("swin", "clip_visual", "maxvqa"))
    text_features = jnp.asarray(Model(loaded).text_features)
    scale = display_scale(loaded.card)
    mean, deviation = scale.mean.astype(np.float32), scale.deviation.astype(np.float32)

    def local_scores(
        views: tuple[UInt8[Array, "128 224 224 3"], UInt8[Array, "64 224 224 3"]],
    ) -> Float[Array, "64 49 dimensions"]:
        with jax.default_matmul_precision("float32"):
            return head(encode_views(swin, clip_visual, *views), text_features)

    def score(
        technical: UInt8[Array, "b 128 224 224 3"], aesthetic: UInt8[Array, "b 64 224 224 3"]
    ) -> dict[str, Float[Array, "b *shape"]]:
        local = jax.lax.map(local_scores, (technical, aesthetic))
        raw, custom = jnp.split(local.mean(axis=(1, 2)), [len(DIMENSIONS)], axis=1)
        shown = jax.nn.sigmoid((raw - mean) / deviation)
        scores = {"raw": raw, "display": shown, "local": local[..., : len(DIMENSIONS)]}
        return scores | ({"custom": custom} if loaded.custom else {})

    return score


def describe(loaded: Weights, exported: export.Exported) -> dict[str, Any]:
    """What who has the artifact, but not this package, needs to know of it."""
    outputs = jax.tree.unflatten(exported.out_tree, exported.out_avals)
    untested = unvalidated(loaded.card)
    return {
        "format": "StableHLO, serialized by jax.export",
        "inputs": [signature(name, value) for name, value in zip(INPUTS, exported.in_avals, strict=True)],
        "outputs": [signature(name, value) for name, value in outputs.items()],
        "scores": "b is any number of videos. Scores lie in (0, 1), higher is better in every dimension; compare "
        "videos within a dimension. local is of 64 moments and 49 positions, 7x7 row by row.",
        "dimensions": [
            {"code": dimension.code, "name": dimension.name, "validated": dimension.code not in untested}
            for dimension in DIMENSIONS
        ],
        "custom": [list(pair) for pair in loaded.custom],
        "weights": loaded.id,
        "notice": notice(loaded.card),
        "platforms": list(exported.platforms),
        "calling_convention": exported.calling_convention_version,
        "versions": {name: version(name) for name in ("jaxvqa", "jax", "flax")},
    }


def signature(name: str, value: ShapedArray) -> dict[str, Any]:
    """Name, type and shape of an input or output."""
    shape = [dimension if isinstance(dimension, int) else str(dimension) for dimension in value.shape]
    return {"name": name, "dtype": str(value.dtype), "shape": shape}
