"""Trains on one or several databases, k-fold, and tests on the part held out and on other databases.

    python -m jaxvqa.main --config configs/cross.py --config.weights=DIR

By default trains on KoNViD-1k and tests on LIVE-VQC and YouTube-UGC (README.md, Train, says where to put them), in the
dimensions that all of them have labels for: overall. Prints means and deviations over the folds, and leaves the model
and the predictions of each.
"""

import ml_collections

from jaxvqa.tasks.defaults import training_config


def get_config() -> ml_collections.ConfigDict:
    config = training_config()
    config.task = "cross"
    config.output = "runs/cross"
    config.data.train = "konvid_1k"
    config.data.validation = ""  # the part held out
    config.data.test = "live_vqc,youtube_ugc"
    config.folds = 5  # parts that are held out in turn
    return config
