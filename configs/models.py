"""Lists weights: those that are here, and those to get.

    python -m jaxvqa.main --config configs/models.py

Lists jaxvqa-mini, which comes with the package, the published weights of MaxVQA, and whatever else is in the folder
that `jaxvqa download` writes to. Commands take each by its name or its path: `jaxvqa score clip.mp4 --weights mini`.
"""

import ml_collections

from jaxvqa.tasks.defaults import command_config


def get_config() -> ml_collections.ConfigDict:
    config = command_config()
    config.task = "models"
    config.format = "table"  # what is printed: a table, csv or jsonl
    return config
