"""Writes the whole scorer as StableHLO, for programs that have JAX, but not this package.

    python -m jaxvqa.main --config configs/export.py --config.output=FOLDER [--config.weights=DIR]

The folder gets scorer.stablehlo, which takes the views of any number of videos and gives their 16 scores and local
maps, and scorer.json, which says what it takes and gives. Some seconds, and 270 MB with weights of full size.
"""

import ml_collections

from jaxvqa.tasks.defaults import computing_config, planned_config


def get_config() -> ml_collections.ConfigDict:
    config = computing_config()
    config.update(planned_config())
    config.task = "export"
    config.weights = ""  # by default what `jaxvqa download` made, else mini; or a directory, of a training for example
    config.output = ""  # a folder that does not exist yet
    return config
