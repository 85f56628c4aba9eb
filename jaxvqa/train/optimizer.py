"""AdamW with a learning rate that is constant within an epoch.

Sources: AdamW (arXiv:1711.05101); SGDR (arXiv:1608.03983, section 3) for warm restarts.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
import optax
from jaxtyping import Array, Float

from .settings import Schedule


def learning_rates(schedule: Schedule, epochs: int) -> Callable[[int], float]:
    """Returns the learning rate as a function of the epoch, for a training of so many epochs."""
    if schedule.kind == "constant":
        return lambda epoch: schedule.peak
    lengths: list[int] = []
    while sum(lengths) < epochs:
        lengths.append(schedule.period * schedule.growth ** len(lengths))
    return cosine_cycles(schedule.peak, schedule.low, lengths)


def cosine_cycles(peak: float, low: float, lengths: Sequence[int], warmup: int = 0) -> Callable[[int], float]:
    """Returns the rate as a function of time: cosine decay from `peak` to `low`, once a cycle.

    Args:
        lengths: of the cycles.
        warmup: how long the rate rises from 0 at the start of each cycle.
    """
    schedule = optax.sgdr_schedule(
        [
            {
                "init_value": 0.0 if warmup else peak,
                "peak_value": peak,
                "warmup_steps": warmup,
                "decay_steps": length,
                "end_value": low,
            }
            for length in lengths
        ]
    )
    return lambda time: float(np.asarray(schedule(time)))


def make_optimizer(weight_decay: float, encoder_rate: float = 1.0) -> optax.GradientTransformation:
    """AdamW whose state holds the learning rate, under `hyperparams`, to be set before each update.

    Args:
        encoder_rate: learning rate of encoders that are trained beside the head, as a part of the head's. Their
            matrices and tables decay, but no biases, scales or statistics.
    """

    def rule(learning_rate: float | Float[Array, ""]) -> optax.GradientTransformation:
        adamw = optax.adamw(learning_rate, weight_decay=weight_decay, mask=decays)
        return optax.chain(adamw, optax.masked(optax.scale(encoder_rate), in_encoders))

    return optax.inject_hyperparams(rule)(learning_rate=0.0)


def in_encoders(params: Any) -> Any:
    """Which parameters belong to an encoder."""
    return jax.tree.map_with_path(lambda path, _: path[0].key in ("swin", "clip_visual"), params)


def decays(params: Any) -> Any:
    """Which parameters decay."""
    return jax.tree.map(lambda encoder, x: not encoder or x.ndim > 1, in_encoders(params), params)
