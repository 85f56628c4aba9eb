"""Compares two videos, such as two encodes of one source, or the videos of two folders, dimension by dimension.

    python -m jaxvqa.main --config configs/compare.py --config.first=A --config.second=B [--config.weights=DIR]

Prints how much better or worse the second is, and writes OUTPUT/comparison.csv beside what configs/score.py writes.
Videos of two folders go together by their names, whatever their suffixes. Both videos of a pair are sampled at
the same times and places; --repeats=5 samples them five times, and tests which differences are beyond sampling noise.
"""

import ml_collections

from jaxvqa.tasks.defaults import scoring_config


def get_config() -> ml_collections.ConfigDict:
    config = scoring_config()
    config.task = "compare"
    config.first = ""  # a video, or a folder
    config.second = ""  # the video, or folder, to compare it with
    config.output = "comparison"
    return config
