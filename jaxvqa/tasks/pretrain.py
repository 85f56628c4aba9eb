"""The task of training a small model from scratch."""

from functools import partial
from pathlib import Path

import ml_collections

from ..errors import UserError, check_lowest, first_line
from ..models.display import DisplayConfig
from ..synthetic.sources import find_sources
from ..synthetic.vmaf import ffmpeg
from ..system.files import lock_folder
from ..train.monitor import Monitor
from ..train.pretrain import PretrainSettings, pretrain
from ..train.settings import Recipe
from .output import write_config


def run(config: ml_collections.ConfigDict) -> int:
    """Trains a network on photographs and clips of a user, and writes its weights.

    Returns:
        Exit code 0.

    Raises:
        UserError: settings that cannot work, folders without material, or a folder with the checkpoints of other
            settings, or with a model.
    """
    settings, folder = pretrain_settings(config), Path(config.output)
    check_lowest(config, workers=0)
    ffmpeg()
    sources = find_sources(Path(config.photos), Path(config.clips))
    with lock_folder(folder):
        monitor = Monitor(folder, "mini", started=partial(write_config, config=config))
        pretrain(settings, sources, folder, config.workers, monitor)
    return 0


def pretrain_settings(config: ml_collections.ConfigDict) -> PretrainSettings:
    """What the outcome of the training depends on; raises a UserError for values that it cannot be."""
    try:
        display = DisplayConfig(**config.display)
    except ValueError as error:
        raise UserError(f"the sizes of display do not fit ({first_line(error)}).") from error
    return PretrainSettings(
        seed=config.seed,
        examples=config.examples,
        validation=config.validation,
        looked_at=config.looked_at,
        display=display,
        hidden=config.head.hidden,
        depth=config.head.depth,
        batch=config.train.batch,
        pieces=config.train.pieces,
        epochs=config.train.epochs,
        recipe=Recipe(**config.loss, dropout=False, ema=config.train.ema),
        peak=config.optimizer.peak,
        warmup=config.optimizer.warmup,
        weight_decay=config.optimizer.weight_decay,
    )
