"""Fields of a config to what the rooms below take; those of trainings are in `train_inputs`, which takes JAX."""

from collections.abc import Sequence

import ml_collections

from ..system.terminal import Log
from ..video.find import find_videos
from ..video.limits import DecodeLimits
from ..video.sampling import Sampling


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


def sampling(config: ml_collections.ConfigDict) -> Sampling:
    """How often a video is sampled, and where."""
    return Sampling(config.seed, config.repeats, config.dense, config.sampling)


def decode_limits(config: ml_collections.ConfigDict) -> DecodeLimits:
    """What decoding may take."""
    return DecodeLimits(config.workers, config.decode_seconds, config.decode_gigabytes)
