"""Fields of a config to what the rooms below take."""

from collections.abc import Sequence

import ml_collections
from rich.console import Console
from rich.text import Text

from ..system.terminal import printable
from ..video.find import find_videos
from ..weights.load import RANDOM, default_weights, downloaded


def find(sources: str | Sequence[str], log: Console) -> list[str]:
    """The videos that a user means, in one way or in several; says how many files are left out."""
    paths, left_out = [], []
    for source in [sources] if isinstance(sources, str) else sources:
        found, others = find_videos(source)
        paths += found
        left_out += others
    paths = list(dict.fromkeys(paths))
    if left_out:
        log.print(
            Text(printable(f"left out {len(left_out)} that are no videos by their suffix, such as {left_out[0]}")),
            soft_wrap=True,
        )
    return paths


def choose_weights(given: str, log: Console) -> str:
    """The weights that a user gives, or the default ones; says what these are, and that random ones are random."""
    if given in RANDOM:
        log.print("weights are random, as asked: these scores mean nothing")
    if given:
        return given
    if default_weights() == "mini":
        said = "weights: jaxvqa-mini, for no others are given; `jaxvqa download` fetches the published ones"
    else:
        said = f"weights: the published ones, in {downloaded()}"
    log.print(Text(said), soft_wrap=True)
    return default_weights()


def decode_limits(config: ml_collections.ConfigDict) -> dict[str, float]:
    """What `decode_files` lets a video take."""
    return {"seconds": config.decode_seconds, "gigabytes": config.decode_gigabytes}
