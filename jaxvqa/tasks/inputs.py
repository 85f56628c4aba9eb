"""Fields of a config to what the rooms below take; those of trainings are in `train_inputs`, which takes JAX."""

from collections.abc import Sequence

import ml_collections

from ..system.terminal import Log
from ..video.find import find_videos
from ..video.limits import DecodeLimits
from ..video.sampling import Sampling


def find(sources: str | Sequence[str], log: Log) -> list[str]:
    """The videos that a user means, in one way or in several; says how many files are left out."""
    found = find_videos(*([sources] if isinstance(sources, str) else sources))
    if found.no_videos:
        log(f"left out {len(found.no_videos)} that are no videos by their suffix, such as {found.no_videos[0]}")
    if found.leftovers:
        log(
            f"left out {len(found.leftovers)} that are hidden, left by the system, or unfinished downloads, such as "
            f"{found.leftovers[0]}"
        )
    return found.paths


def sampling(config: ml_collections.ConfigDict) -> Sampling:
    """How often a video is sampled, and where."""
    return Sampling(config.seed, config.repeats, config.dense, config.sampling, config.display_height)


def decode_limits(config: ml_collections.ConfigDict) -> DecodeLimits:
    """What decoding may take."""
    return DecodeLimits(config.workers, config.decode_seconds, config.decode_gigabytes)
