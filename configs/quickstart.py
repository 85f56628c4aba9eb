"""Trains a new head on synthetic videos: a complete training run, offline, on a CPU.

    python -m jaxvqa.main --config configs/quickstart.py

Renders the synthetic database (a few hundred clips), extracts features, trains, and ends with a table of correlations
on clips of unseen scenes, learning curves and a model that configs/score.py takes. The encoders are jaxvqa-mini's,
and stay as they are. The head is new, so that the curves show what it learns. To start from jaxvqa-mini's own head, add
`--warm-start --optimizer.schedule.peak=1e-4`: the table then says what training adds to it.
"""

import ml_collections

from jaxvqa.tasks.defaults import training_config


def get_config() -> ml_collections.ConfigDict:
    config = training_config()
    config.output = "runs/quickstart"
    config.data.train = "synthetic_maxwell:train"
    config.data.validation = "synthetic_maxwell:validation"
    config.weights = "mini"
    config.train.chunk = 48
    config.train.epochs_per_chunk = 2
    config.train.passes = 5
    config.train.ema = 0.95
    return config
