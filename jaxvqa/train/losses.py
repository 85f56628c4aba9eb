"""Losses between predicted and labelled scores of a batch, for each dimension.

A target that is NaN is that of a video nobody rated in the dimension: losses are of the others, and 0 where there are
none. Nothing takes the place of a missing label.

Sources: FAST-VQA (arXiv:2207.02595, section 3.4) for the PLCC and rank losses, MaxVQA (arXiv:2305.12726, section 4.3)
for their sum over dimensions, Huber (1964) through optax.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float

from ..models.arrays import AnyArray


def plcc_loss(
    predictions: Float[AnyArray, "batch *dimensions"], targets: Float[AnyArray, "batch *dimensions"]
) -> Float[Array, "*dimensions"]:
    """How far predictions are from a linear function of the targets: 0 for a correlation of 1, 0.5 for one of -1."""
    targets, rated = split_missing(targets)
    p, t = standardize(predictions, rated), standardize(targets, rated)
    rho = mean(p * t, rated)
    return (mean((p - t) ** 2, rated) + mean((rho * p - t) ** 2, rated)) / 8


def split_missing(
    targets: Float[AnyArray, "batch *dimensions"],
) -> tuple[Float[Array, "batch *dimensions"], Bool[Array, "batch *dimensions"]]:
    """Targets without NaN, and which of them there are."""
    rated = ~jnp.isnan(targets)
    return jnp.where(rated, targets, 0), rated  # times 0 would not do: of NaN, that is NaN


def mean(
    x: Float[AnyArray, "batch *dimensions"], rated: Bool[AnyArray, "batch *dimensions"]
) -> Float[Array, "*dimensions"]:
    """The mean over those videos of a batch that are rated."""
    return jnp.where(rated, x, 0).sum(axis=0) / jnp.maximum(rated.sum(axis=0), 1)


def standardize(
    x: Float[AnyArray, "batch *dimensions"], rated: Bool[AnyArray, "batch *dimensions"]
) -> Float[Array, "batch *dimensions"]:
    """Mean 0 and (biased) deviation 1 over the rated videos of a batch."""
    centred = x - mean(x, rated)
    variance = mean(centred**2, rated)
    # Where all are the same, the derivative of the root is infinite, and what it is multiplied by 0.
    deviation = jnp.where(variance > 0, jnp.sqrt(jnp.where(variance > 0, variance, 1)), 0)
    return centred / (deviation + 1e-8)


def huber_loss(
    predictions: Float[AnyArray, "batch *dimensions"], targets: Float[AnyArray, "batch *dimensions"], delta: float = 1.0
) -> Float[Array, "*dimensions"]:
    """Squared error up to `delta` from the target, absolute error beyond, mean over the batch."""
    targets, rated = split_missing(targets)
    return mean(optax.huber_loss(predictions, targets, delta=delta), rated)


def rank_loss(
    predictions: Float[AnyArray, "batch *dimensions"], targets: Float[AnyArray, "batch *dimensions"]
) -> Float[Array, "*dimensions"]:
    """By how much pairs of videos are predicted in the wrong order, relative to the worst pair."""
    targets, rated = split_missing(targets)
    p, t = (x[:, None] - x[None] for x in (predictions, targets))
    wrong = jnp.where(rated[:, None] & rated[None], jax.nn.relu(-p * jnp.sign(t)), 0)
    count = rated.sum(axis=0)
    return wrong.sum(axis=(0, 1)) / jnp.maximum(count * (count - 1), 1) / (1 + wrong.max(axis=(0, 1)))


def decorrelation_loss(predictions: Float[AnyArray, "batch dimensions"]) -> Float[Array, ""]:
    """How alike the predictions of different dimensions are: the sum of 0.5 - `plcc_loss` over pairs of dimensions.

    The published code means this, but compares each dimension with a constant, so that its gradient is 0.
    """
    first, second = np.triu_indices(predictions.shape[1], k=1)
    return jnp.sum(0.5 - plcc_loss(predictions[:, first], predictions[:, second]))
