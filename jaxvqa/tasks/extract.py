"""The task of extracting features."""

import ml_collections

from ..datasets.cache import load_rated
from ..features.extract import extract
from ..system.distributed import is_first, start
from ..system.terminal import Log
from ..video.sampling import Sampling
from ..weights.assemble import ENCODERS
from ..weights.load import load_weights
from .inputs import decode_limits
from .train_inputs import cluster


def run(config: ml_collections.ConfigDict) -> int:
    """Extracts the features of the databases that `config` names; several processes share the videos.

    Returns:
        Exit code: 0, or 1 if a video could not be decoded.

    Raises:
        UserError: the config names no databases or no usable weights, or a database is not whole.
    """
    limits, sampling = decode_limits(config), Sampling(config.seed, rule=config.sampling)
    start(cluster(config))
    encoders, failed = load_weights(config.weights, ENCODERS), {}
    log = Log(quiet=not is_first())
    for spec in config.databases.split(","):
        videos = load_rated(spec, config.data, config.allow_missing)
        features, errors = extract(videos.paths, encoders, config.features, sampling, limits, config.last)
        log(f"{spec}: {len(features)} of {len(videos.paths)} videos have features in {config.features}")
        failed |= errors
    for error in failed.values():
        log.warn(f"failed: {error}")
    return 1 if failed else 0
