"""Trains on synthetic videos with small untrained encoders: everything there is to a training, on any laptop, offline.

    python -m jaxvqa.main --config configs/quickstart.py

Renders the synthetic database (a few hundred clips), extracts features, trains, and ends with a table of correlations
on clips of unseen scenes, learning curves and a model that configs/score.py takes. The encoders are random, so that
the scores of that model are no use for anything but to see how it all works.
"""

import ml_collections

from jaxvqa.train.config import training_config


def get_config() -> ml_collections.ConfigDict:
    config = training_config()
    config.output = "runs/quickstart"
    config.data.train = "synthetic_maxwell:train"
    config.data.validation = "synthetic_maxwell:validation"
    config.weights = "random-small"
    config.train.chunk = 48
    config.train.epochs_per_chunk = 2
    config.train.passes = 5
    config.train.ema = 0.95
    return config
