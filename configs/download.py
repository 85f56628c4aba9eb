"""Fetches the published weights of MaxVQA, converts them, and puts them where scoring finds them.

    python -m jaxvqa.main --config configs/download.py

MaxVQA's and DOVER's authors allow non-commercial use only; CLIP is under the MIT license. Fetches three files, some
hundred megabytes, goes on where an earlier run broke off, and verifies what it gets. Where the weights are there
already, it only makes sure that they are sound.
"""

import ml_collections


def get_config() -> ml_collections.ConfigDict:
    config = ml_collections.ConfigDict()
    config.task = "download"
    config.output = ""  # weights directory to make; by default the one that scoring finds, named maxvqa
    config.source = ""  # by default where the authors publish; or a folder of the files, or a mirror's base URL
    return config
