"""Losses between predicted and labelled scores of a batch, for each dimension.

Sources: FAST-VQA (arXiv:2207.02595, section 3.4) for the PLCC and rank losses, MaxVQA (arXiv:2305.12726, section 4.3)
for their sum over dimensions, Huber (1964) through optax.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float


def plcc_loss(
    predictions: Float[Array, "batch *dimensions"], targets: Float[Array, "batch *dimensions"]
) -> Float[Array, "*dimensions"]:
    """How far predictions are from a linear function of the targets: 0 for a correlation of 1, 0.5 for one of -1."""
    p, t = standardize(predictions), standardize(targets)
    rho = jnp.mean(p * t, axis=0)
    return (jnp.mean((p - t) ** 2, axis=0) + jnp.mean((rho * p - t) ** 2, axis=0)) / 8


def standardize(x: Float[Array, "batch *dimensions"]) -> Float[Array, "batch *dimensions"]:
    """Mean 0 and (biased) deviation 1 over the batch."""
    centred = x - x.mean(axis=0)
    variance = jnp.mean(centred**2, axis=0)
    # Where all are the same, the derivative of the root is infinite, and what it is multiplied by 0.
    deviation = jnp.where(variance > 0, jnp.sqrt(jnp.where(variance > 0, variance, 1)), 0)
    return centred / (deviation + 1e-8)


def huber_loss(
    predictions: Float[Array, "batch *dimensions"], targets: Float[Array, "batch *dimensions"], delta: float = 1.0
) -> Float[Array, "*dimensions"]:
    """Squared error up to `delta` from the target, absolute error beyond, mean over the batch."""
    return optax.huber_loss(predictions, targets, delta=delta).mean(axis=0)


def rank_loss(
    predictions: Float[Array, "batch *dimensions"], targets: Float[Array, "batch *dimensions"]
) -> Float[Array, "*dimensions"]:
    """By how much pairs of videos are predicted in the wrong order, relative to the worst pair."""
    p, t = (x[:, None] - x[None] for x in (predictions, targets))
    wrong = jax.nn.relu(-p * jnp.sign(t))
    pairs = len(predictions) * (len(predictions) - 1)
    return wrong.sum(axis=(0, 1)) / pairs / (1 + wrong.max(axis=(0, 1)))


def decorrelation_loss(predictions: Float[Array, "batch dimensions"]) -> Float[Array, ""]:
    """How alike the predictions of different dimensions are: the sum of 0.5 - `plcc_loss` over pairs of dimensions.

    The published code means this, but compares each dimension with a constant, so that its gradient is 0.
    """
    first, second = np.triu_indices(predictions.shape[1], k=1)
    return jnp.sum(0.5 - plcc_loss(predictions[:, first], predictions[:, second]))
