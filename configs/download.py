"""Fetches the published weights of MaxVQA, converts them, and puts them where scoring finds them.

    python -m jaxvqa.main --config configs/download.py

MaxVQA and DOVER were under the MIT license when their files were published, in 2023, and are for non-commercial use
since 2024-08-12: you judge which applies. CLIP is under the MIT license. Fetches three files, some hundred megabytes,
resumes what an earlier run began, verifies what it gets, and scores the clip that comes with jaxvqa. If the weights
are there already, it only makes sure that they are sound.
"""

import ml_collections

from jaxvqa.tasks.defaults import computing_config, planned_config


def get_config() -> ml_collections.ConfigDict:
    config = computing_config()
    config.update(planned_config())
    config.task = "download"
    config.output = ""  # weights directory to make; by default the one that scoring finds, named maxvqa
    config.source = ""  # by default where the authors publish; or a folder of the files, or a mirror's base URL
    return config
