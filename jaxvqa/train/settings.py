"""The settings of a training, and their ranges."""

import jax
import ml_collections

from ..errors import UserError

LOWEST = {  # values of settings
    "seed": 0,
    "data.seed": 0,
    "workers": 0,
    "model.hidden": 1,
    "model.depth": 1,
    "train.batch": 2,  # of one video there is no correlation
    "train.chunk": 1,
    "train.chunks": 0,
    "train.epochs_per_chunk": 1,
    "train.passes": 1,
    "unfreeze.stages": 0,
    "unfreeze.rate": 0,
    "optimizer.schedule.period": 1,
    "optimizer.schedule.growth": 1,
    "resamples": 1,
}


def check_settings(config: ml_collections.ConfigDict, **lowest: int) -> None:
    """Tells what cannot work before anything that takes long.

    Args:
        lowest: of settings that only some trainings have.

    Raises:
        UserError: a setting that is out of its range.
    """
    for name, low in (LOWEST | lowest).items():
        if config[name] < low:
            raise UserError(f"config.{name} is {config[name]}, but must be {low} or larger.")
    if (kind := config.optimizer.schedule.kind) not in ("constant", "cosine"):
        raise UserError(f"config.optimizer.schedule.kind is {kind!r}, but must be constant or cosine.")
    if config.unfreeze.stages and not config.unfreeze.rate:
        raise UserError("config.unfreeze.rate is 0, with which no stage is trained: set config.unfreeze.stages=0.")
    if config.train.keep not in ("best", "last"):
        raise UserError(f"config.train.keep is {config.train.keep!r}, but must be best or last.")
    if config.train.batch % jax.device_count():
        raise UserError(
            f"config.train.batch is {config.train.batch}, which {jax.device_count()} devices cannot share equally: "
            "choose a multiple."
        )
