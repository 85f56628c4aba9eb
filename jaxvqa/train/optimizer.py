"""AdamW with a learning rate that is constant within an epoch.

Sources: AdamW (arXiv:1711.05101); SGDR (arXiv:1608.03983, section 3) for warm restarts.
"""

from collections.abc import Callable
from typing import Any

import jax
import optax


def learning_rates(kind: str, peak: float, low: float, period: int, growth: int, epochs: int) -> Callable:
    """The learning rate as a function of the epoch.

    Args:
        kind: "constant", or "cosine" for cosine decay with warm restarts.
        peak: rate at the start of a cycle.
        low: rate that a cycle ends at.
        period: epochs of the first cycle.
        growth: factor from the length of a cycle to that of the next.
        epochs: of the whole training.
    """
    if kind == "constant":
        return optax.constant_schedule(peak)
    cycles = []
    while sum(cycle["decay_steps"] for cycle in cycles) < epochs:
        cycles.append(
            {
                "init_value": peak,
                "peak_value": peak,
                "warmup_steps": 0,
                "decay_steps": period * growth ** len(cycles),
                "end_value": low,
            }
        )
    return optax.sgdr_schedule(cycles)


def make_optimizer(weight_decay: float, encoder_rate: float = 1.0) -> optax.GradientTransformation:
    """AdamW whose state holds the learning rate, under `hyperparams`, to be set before each update.

    Args:
        encoder_rate: learning rate of encoders that are trained beside the head, as a part of the head's. Their
            matrices and tables decay, but no biases, scales or statistics.
    """

    def rule(learning_rate: float) -> optax.GradientTransformation:
        adamw = optax.adamw(learning_rate, weight_decay=weight_decay, mask=decays)
        return optax.chain(adamw, optax.masked(optax.scale(encoder_rate), in_encoders))

    return optax.inject_hyperparams(rule)(learning_rate=0.0)


def in_encoders(params: Any) -> Any:
    """Which parameters belong to an encoder."""
    return jax.tree.map_with_path(lambda path, _: path[0].key in ("swin", "clip_visual"), params)


def decays(params: Any) -> Any:
    """Which parameters decay."""
    return jax.tree.map(lambda encoder, x: not encoder or x.ndim > 1, in_encoders(params), params)
