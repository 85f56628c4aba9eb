"""The task of extracting features."""

import ml_collections
from rich.console import Console
from rich.text import Text

from ..datasets.cache import load_rated
from ..errors import UserError
from ..features.extract import extract
from ..system.distributed import is_first, start
from ..system.terminal import printable
from ..video.sampling import check_seed
from ..weights.assemble import ENCODERS
from ..weights.directory import HOW_TO_GET
from ..weights.load import load_weights


def run(config: ml_collections.ConfigDict) -> int:
    """Extracts the features of the databases that `config` names; several processes share the videos.

    Returns:
        Exit code: 0, or 1 if a video could not be decoded.

    Raises:
        UserError: the config names no databases or no usable weights, or a database is not whole.
    """
    if not config.databases:
        raise UserError("no databases given: add --config.databases=NAME, such as maxwell:train.")
    if not config.weights:
        raise UserError(f"no weights given: add --config.weights=DIR; to get them, {HOW_TO_GET}.")
    check_seed(config.seed)
    start(config)
    encoders, failed = load_weights(config.weights, ENCODERS), {}
    log = Console(stderr=True, quiet=not is_first())
    for spec in config.databases.split(","):
        videos = load_rated(spec, config.data, config.allow_missing)
        features, errors = extract(videos.paths, encoders, config.features, config.seed, config.workers, config.last)
        log.print(Text(f"{spec}: {len(features)} of {len(videos.paths)} videos have features in {config.features}"))
        failed |= errors
    for error in failed.values():
        log.print(Text(printable(f"failed: {error}")), soft_wrap=True)
    return 1 if failed else 0
