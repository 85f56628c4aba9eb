"""Fields of a training's config, and of what runs in several processes, to what the rooms below take."""

import ml_collections

from ..system.cluster import Cluster
from ..train.settings import ChunkOrder, DataSource, HeadSettings, Recipe, Schedule, TrainSettings, UnfreezeSettings
from ..video.sampling import Sampling
from .inputs import decode_limits


def cluster(config: ml_collections.ConfigDict) -> Cluster:
    """The processes that work together."""
    return Cluster(config.cluster, config.processes, config.process)


def train_settings(config: ml_collections.ConfigDict) -> TrainSettings:
    """What the outcome of a training depends on."""
    order = {name: config.train[name] for name in ("batch", "chunk", "chunks", "epochs_per_chunk", "passes", "shuffle")}
    return TrainSettings(
        seed=config.seed,
        head=HeadSettings(**config.model, warm_start=config.warm_start),
        unfreeze=UnfreezeSettings(**config.unfreeze),
        order=ChunkOrder(**order),
        recipe=Recipe(**config.loss, dropout=config.train.dropout, ema=config.train.ema),
        schedule=Schedule(**config.optimizer.schedule),
        weight_decay=config.optimizer.weight_decay,
        keep=config.train.keep,
        mix=config.data.mix,
        sampling=Sampling(config.data.seed, rule=config.data.sampling),
    )


def data_source(config: ml_collections.ConfigDict) -> DataSource:
    """Where a training finds databases, and stores features."""
    return DataSource(config.data.root, config.features, decode_limits(config), config.data.allow_missing)
