"""Where weights are, by path or by name; nothing here loads them, or imports JAX."""

import os
from pathlib import Path

from ..errors import WeightsError
from ..system.files import NO_HOME, user_data
from ..system.terminal import Log

UNTRAINED = ("random", "random-small")  # names of weights that are drawn at random, of full size and small

# Weights that come with the package, and go by a name as well.
PACKAGED = {"mini": Path(__file__).with_name("mini")}


def find_weights(directory: str | os.PathLike) -> Path:
    """Where weights are: in the directory of that path, or, if they go by a name, where "mini" and "maxvqa" are.

    Raises:
        WeightsError: they are "maxvqa", and this user has no home.
    """
    if str(directory) == "maxvqa":
        if not (folder := downloaded()):
            raise WeightsError(f"weights are maxvqa, which lie in the home folder, but {NO_HOME}, or name a directory.")
        return folder
    return PACKAGED.get(str(directory)) or Path(directory)


def downloaded() -> Path | None:
    """Where the published weights are, or would be after `jaxvqa download`; None for a user without a home."""
    folder = user_data()
    return folder and folder / "maxvqa"


def default_weights() -> str:
    """The name of the weights that score where none are given: the downloaded ones if there are any, else mini's."""
    folder = downloaded()
    return "maxvqa" if folder and os.path.exists(folder) else "mini"


def choose_weights(given: str, log: Log) -> str:
    """The weights that a user gives, or the default ones; says what these are, and that random ones are random."""
    if given in UNTRAINED:
        log.warn("weights are random, as asked: these scores mean nothing")
    if given:
        return given
    if default_weights() == "mini":
        said = "weights: jaxvqa-mini, for no others are given; `jaxvqa download` fetches the published ones"
    else:
        said = f"weights: the published ones, in {downloaded()}"
    log(said)
    return default_weights()
