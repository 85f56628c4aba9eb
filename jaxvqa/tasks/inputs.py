"""Fields of a config to what the rooms below take."""

from collections.abc import Sequence

import ml_collections

from ..system.distributed import Cluster
from ..system.terminal import Log
from ..train.chunks import ChunkOrder
from ..train.optimizer import Schedule
from ..train.settings import DataSource, HeadSettings, TrainSettings, UnfreezeSettings
from ..train.step import Recipe
from ..video.find import find_videos
from ..video.limits import DecodeLimits
from ..video.sampling import Sampling
from ..weights.load import RANDOM, default_weights, downloaded


def find(sources: str | Sequence[str], log: Log) -> list[str]:
    """The videos that a user means, in one way or in several; says how many files are left out."""
    paths, left_out = [], []
    for source in [sources] if isinstance(sources, str) else sources:
        found, skipped = find_videos(source)
        paths += found
        left_out += skipped
    paths = list(dict.fromkeys(paths))
    if left_out:
        log(f"left out {len(left_out)} that are no videos by their suffix, such as {left_out[0]}")
    return paths


def choose_weights(given: str, log: Log) -> str:
    """The weights that a user gives, or the default ones; says what these are, and that random ones are random."""
    if given in RANDOM:
        log("weights are random, as asked: these scores mean nothing")
    if given:
        return given
    if default_weights() == "mini":
        said = "weights: jaxvqa-mini, for no others are given; `jaxvqa download` fetches the published ones"
    else:
        said = f"weights: the published ones, in {downloaded()}"
    log(said)
    return default_weights()


def sampling(config: ml_collections.ConfigDict) -> Sampling:
    """How often a video is sampled, and where."""
    return Sampling(config.seed, config.repeats, config.dense)


def decode_limits(config: ml_collections.ConfigDict) -> DecodeLimits:
    """What decoding may take."""
    return DecodeLimits(config.workers, config.decode_seconds, config.decode_gigabytes)


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
        sampling_seed=config.data.seed,
    )


def data_source(config: ml_collections.ConfigDict) -> DataSource:
    """Where a training finds databases, and stores features."""
    return DataSource(config.data.root, config.features, decode_limits(config), config.data.allow_missing)
