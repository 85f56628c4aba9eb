"""The task of training a small model from scratch."""

from functools import partial
from pathlib import Path

import ml_collections

from ..errors import UserError, check_lowest, first_line
from ..models.clip_resnet import ResNetConfig
from ..models.swin3d import SwinConfig
from ..system.files import lock_folder
from ..train.monitor import Monitor
from ..train.pretrain import PretrainSettings, pretrain, sound_network
from ..train.step import Recipe
from .output import write_config


def run(config: ml_collections.ConfigDict) -> int:
    """Trains a network on synthetic scenes, and writes its weights.

    Returns:
        Exit code 0.

    Raises:
        UserError: settings that cannot work, or a folder with the checkpoints of other ones, or with a model.
    """
    settings, folder = pretrain_settings(config), Path(config.output)
    check_lowest(config, workers=0)
    network = sound_network(settings)
    with lock_folder(folder):
        monitor = Monitor(folder, "mini", started=partial(write_config, config=config))
        pretrain(settings, network, folder, config.workers, monitor)
    return 0


def pretrain_settings(config: ml_collections.ConfigDict) -> PretrainSettings:
    """What the outcome of the training depends on; raises a UserError for values that it cannot be."""
    try:
        swin, clip_visual = SwinConfig(**config.swin), ResNetConfig(**config.clip_visual)
    except ValueError as error:
        raise UserError(f"the sizes of swin, clip_visual and head do not fit ({first_line(error)}).") from error
    return PretrainSettings(
        seed=config.seed,
        validation=config.validation,
        swin=swin,
        clip_visual=clip_visual,
        hidden=config.head.hidden,
        depth=config.head.depth,
        batch=config.train.batch,
        epoch_steps=config.train.epoch_steps,
        cycles=config.train.cycles,
        recipe=Recipe(**config.loss, dropout=False, ema=config.train.ema),
        peak=config.optimizer.peak,
        warmup=config.optimizer.warmup,
        weight_decay=config.optimizer.weight_decay,
    )
