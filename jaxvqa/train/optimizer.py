"""AdamW with a learning rate that is constant within an epoch.

Sources: AdamW (arXiv:1711.05101); SGDR (arXiv:1608.03983, section 3) for warm restarts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import optax
from jaxtyping import Array, Float

from ..errors import UserError, check_lowest


@dataclass(frozen=True)
class Schedule:
    """Learning rates of a training.

    Attributes:
        kind: "constant", or "cosine" for cosine decay with warm restarts.
        peak: rate at the start of a cycle.
        low: rate at the end of a cycle.
        period: epochs of the first cycle.
        growth: how many times as long each cycle is as the one before.

    Raises:
        UserError: a value is out of its range.
    """

    kind: str = "cosine"
    peak: float = 1e-3
    low: float = 1e-5
    period: int = 10
    growth: int = 1

    def __post_init__(self):
        check_lowest(self, period=1, growth=1)
        if self.kind not in ("constant", "cosine"):
            raise UserError(f"schedule kind is {self.kind!r}; it must be constant or cosine.")

    def rates(self, epochs: int) -> Callable[[int], float]:
        """Returns the learning rate as a function of the epoch, for a training of so many epochs."""
        if self.kind == "constant":
            return lambda epoch: self.peak
        lengths: list[int] = []
        while sum(lengths) < epochs:
            lengths.append(self.period * self.growth ** len(lengths))
        return cosine_cycles(self.peak, self.low, lengths)


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
