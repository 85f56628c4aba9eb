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
from ..features.encoder import Encoder
from ..model import Model
from ..video.display import DisplayViews
from ..video.views import Views
from ..weights.directory import Weights
from ..weights.model_card import display_scale, not_scored, notice, scored, unvalidated

ARTIFACT, DESCRIPTION = "scorer.stablehlo", "scorer.json"
PLATFORMS = ("cpu", "cuda", "tpu")


def export_scorer(loaded: Weights) -> export.Exported:
    """The scorer of weights, for any number of videos and for all of `PLATFORMS`.

    It takes the views of videos, uint8, of MaxVQA [b, 128, 224, 224, 3] and [b, 64, 224, 224, 3], and gives a dict of
    float32 arrays: `raw` and `display`, [b, 16], `local`, [b, moments, 49, 16], and, if weights were trained in custom
    dimensions, `custom`, [b, pairs]. Dimensions that the weights do not score are NaN.

    Raises:
        WeightsError: the parts of the weights do not fit together.
    """
    (videos,) = export.symbolic_shape("b")
    views = [jax.ShapeDtypeStruct((videos, *view.shape), view.dtype) for view in Encoder(loaded.parts).shapes]
    return export.export(jax.jit(scorer(loaded)), platforms=PLATFORMS)(*views)


def scorer(loaded: Weights) -> Callable:
    """Views of videos to their scores, as `export_scorer` says; one video after another, so that few are in memory."""
    model, head = Model(loaded), loaded.parts["maxvqa"]
    encoder, text_features = Encoder(loaded.parts), jnp.asarray(model.text_features)
    scale = display_scale(loaded.card)
    mean, deviation = scale.mean.astype(np.float32), scale.deviation.astype(np.float32)
    onto_scale = (lambda off: jnp.clip(off + 0.5, 0, 1)) if scale.linear else jax.nn.sigmoid
    there = np.concatenate([scored(loaded.card), np.ones(len(loaded.custom), bool)])

    def local_scores(
        views: tuple[UInt8[Array, "*first"], UInt8[Array, "*second"]],
    ) -> Float[Array, "moments 49 dimensions"]:
        with jax.default_matmul_precision("float32"):
            return head(encoder.function(*encoder.modules, *views), text_features)

    def score(*views: UInt8[Array, "b ..."]) -> dict[str, Float[Array, "b *scores"]]:
        local = jnp.where(there, jax.lax.map(local_scores, views), jnp.nan)
        raw, custom = jnp.split(local.mean(axis=(1, 2)), [len(DIMENSIONS)], axis=1)
        shown = onto_scale((raw - mean) / deviation)
        scores = {"raw": raw, "display": shown, "local": local[..., : len(DIMENSIONS)]}
        return scores | ({"custom": custom} if loaded.custom else {})

    return score


def describe(loaded: Weights, exported: export.Exported) -> dict[str, Any]:
    """What who has the artifact, but not this package, needs to know of it."""
    outputs = jax.tree.unflatten(exported.out_tree, exported.out_avals)
    names = (DisplayViews if Encoder(loaded.parts).views == "pieces" else Views)._fields
    untested, unscored = unvalidated(loaded.card), not_scored(loaded.card)
    return {
        "format": "StableHLO, serialized by jax.export",
        "inputs": [signature(name, value) for name, value in zip(names, exported.in_avals, strict=True)],
        "outputs": [signature(name, value) for name, value in outputs.items()],
        "scores": "b is any number of videos. Scores lie in (0, 1), higher is better in every dimension; compare "
        "videos within a dimension. Dimensions that are not scored are NaN. local is of moments and 49 positions, 7x7 "
        "row by row.",
        "dimensions": [
            {
                "code": dimension.code,
                "name": dimension.name,
                "scored": dimension.code not in unscored,
                "validated": dimension.code not in [*untested, *unscored],
            }
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
