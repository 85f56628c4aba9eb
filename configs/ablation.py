"""Trains the five recipes of MaxVQA and its follow-up on one database, with several seeds, and prints a table.

    python -m jaxvqa.main --config configs/ablation.py

Each recipe adds to the one before: PLCC loss on one chunk; all chunks; cosine restarts; the deep fusion MLP; Huber
loss; and the same number of epochs in many short passes over the chunks instead of one. By default on the synthetic
database with small untrained encoders, in chunks of a quarter of it as MaxWell's are; for MaxWell itself add
--data.train=maxwell:train --data.validation=maxwell:validation --weights=DIR --train.chunk=912
--train.epochs-per-chunk=20 --optimizer.schedule.period=10 --train.ema=0.999.
"""

import ml_collections

from jaxvqa.tasks.defaults import training_config


def get_config() -> ml_collections.ConfigDict:
    config = training_config()
    config.task = "ablate"
    config.output = "runs/ablation"
    config.data.train = "synthetic_maxwell:train"
    config.data.validation = "synthetic_maxwell:validation"
    config.weights = "random-small"
    config.train.chunk = 48
    config.train.epochs_per_chunk = 10
    config.optimizer.schedule.period = 5
    config.train.ema = 0.95
    config.loss.huber_delta = 1.0  # as published, which no error reaches: the loss is half the mean square
    config.seeds = 3  # trainings of each recipe
    config.recipes = [  # name of each recipe, and what it changes beside the changes of those before
        (
            "baseline",
            {
                "train": {"chunks": 1},
                "optimizer": {"schedule": {"kind": "constant"}},
                "model": {"depth": 2},
                "loss": {"huber": 0.0},
            },
        ),
        ("+ chunkwise", {"train": {"chunks": 0}}),
        ("+ cosine restarts", {"optimizer": {"schedule": {"kind": "cosine"}}}),
        ("+ deep MLP", {"model": {"depth": 4}}),
        ("+ Huber loss", {"loss": {"huber": 1.0}}),
        ("+ ten short passes", {"train": {"epochs_per_chunk": 1, "passes": 10}}),
    ]
    return config
