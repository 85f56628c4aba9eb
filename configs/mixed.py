"""Trains on several databases at once, each with a scale of its own, and tests on others.

    python -m jaxvqa.main --config configs/mixed.py --config.weights=DIR

LIVE-VQC, KoNViD-1k and YouTube-UGC, in equal parts of each batch, five times on four fifths of the videos; tested on
the fifths held out, and on CVD2014, which no training saw. One table. Scores of each database are standardised, and
losses that compare videos do so within each database as well as over all (README.md, Train).
"""

import ml_collections

from jaxvqa.tasks.defaults import training_config


def get_config() -> ml_collections.ConfigDict:
    config = training_config()
    config.task = "cross"
    config.output = "runs/mixed"
    config.data.train = "live_vqc,konvid_1k,youtube_ugc"
    config.data.mix = "1,1,1"
    config.data.validation = ""  # the part held out
    config.data.test = "cvd2014"
    config.folds = 5  # parts that are held out in turn
    config.train.batch = 48  # videos of a step, over all devices: 16 of each database
    config.train.chunk = 100_000  # all videos at once
    config.train.epochs_per_chunk = 20
    config.loss.rank = 0.3
    return config
