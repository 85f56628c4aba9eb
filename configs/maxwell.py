"""Trains MaxVQA's head on MaxWell: 3,634 videos for training, 909 for validation, 16 dimensions.

    python -m jaxvqa.main --config configs/maxwell.py --config.weights=DIR

DIR holds the encoders (scripts/convert.py --fastvqa DOVER.pth --clip RN50.pt); data/maxwell holds the videos and the
four label files of MaxWell (README.md, Train). Features are extracted once, into 51 GB of disk: ten seconds a video
on two CPU cores, that is thirteen hours, and decoding. An epoch on a chunk of 912 videos is 57 steps. Ends with a
table of correlations on the validation videos, learning curves, and a model that configs/score.py takes. Stopped at
any moment and started again, it goes on. All settings are in jaxvqa/tasks/defaults.py.
"""

import ml_collections

from jaxvqa.tasks.defaults import training_config


def get_config() -> ml_collections.ConfigDict:
    config = training_config()
    config.train.keep = "best"  # which epoch's model is kept: as published, the best on the validation videos
    config.loss.huber_delta = 1.0  # as published, which no error reaches: the loss is half the mean square
    return config
