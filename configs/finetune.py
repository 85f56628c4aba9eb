"""Trains on your own labels: any of the 16 dimensions, or new ones, on any scale.

    python -m jaxvqa.main --config configs/finetune.py --config.labels=CSV --config.folder=FOLDER

The CSV has a column `filename`, and one for each dimension, higher for better: named by its name or code (overall,
sharpness, T-3), or, for a new one, by its prompt pair: `cinematic / amateurish`. A cell may be
empty, where nobody rated; a column `group` keeps videos together that show the same scene. Ends with a table of
correlations by k-fold, what training adds to the weights as they were, and a model of all videos that scoring and
reports take.
Stopped at any moment and started again, it goes on.
"""

import ml_collections

from jaxvqa.tasks.defaults import training_config


def get_config() -> ml_collections.ConfigDict:
    config = training_config()
    config.task = "finetune"
    config.labels = ""  # CSV of your labels
    config.folder = ""  # folder of the videos, anywhere in it
    config.folds = 5  # parts of the videos that are held out in turn
    config.output = "runs/finetune"
    config.weights = ""  # to start from; by default what `jaxvqa download` made, else mini
    config.warm_start = True
    config.data.train = ""  # not used, nor are the next two: it is your labels
    config.data.validation = ""
    config.data.test = ""
    config.train.chunk = 100_000  # all videos at once
    config.train.epochs_per_chunk = 30
    config.train.ema = 0.95
    config.optimizer.schedule.peak = 3e-4  # learning rate: low, for the head is trained already
    config.optimizer.schedule.period = 30
    return config
