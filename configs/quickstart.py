"""Trains on synthetic videos, from jaxvqa-mini on: everything there is to a training, on any laptop, offline.

    python -m jaxvqa.main --config configs/quickstart.py

Renders the synthetic database (a few hundred clips), extracts features, trains, and ends with a table of correlations
on clips of unseen scenes, learning curves and a model that configs/score.py takes. Only the head is trained; with
`--weights=random-small --no-warm-start --optimizer.schedule.peak=1e-3` it is a new one, on encoders that were never
trained.
"""

import ml_collections

from jaxvqa.tasks.defaults import training_config


def get_config() -> ml_collections.ConfigDict:
    config = training_config()
    config.output = "runs/quickstart"
    config.data.train = "synthetic_maxwell:train"
    config.data.validation = "synthetic_maxwell:validation"
    config.weights = "mini"
    config.warm_start = True
    config.train.chunk = 48
    config.train.epochs_per_chunk = 2
    config.train.passes = 5
    config.train.ema = 0.95
    config.optimizer.schedule.peak = 1e-4  # learning rate: low, for the head is trained already
    return config
