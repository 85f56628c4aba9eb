"""Compares two videos, such as two encodes of one source, or the videos of two folders, dimension by dimension.

    python -m jaxvqa.main --config configs/compare.py --config.first=A --config.second=B [--config.weights=DIR]

Prints how much better or worse the second is, and writes OUTPUT/comparison.csv beside what configs/score.py writes.
Videos of two folders go together by their names, whatever their suffixes. Files of the same name, length and size are
looked at at the same frames and places; where they differ, take --config.repeats=5, which also tells of two videos what
samplings differ by.
"""

import ml_collections


def get_config() -> ml_collections.ConfigDict:
    config = ml_collections.ConfigDict()
    config.task = "compare"
    config.first = ""  # a video, or a folder
    config.second = ""  # likewise
    config.weights = "mini"  # as in configs/score.py, and so are those that follow
    config.output = "comparison"
    config.seed = 0
    config.repeats = 1
    config.dense = False
    config.own = ""
    config.report = False
    config.precision = "float32"
    config.workers = 0
    config.decode_seconds = 3600.0
    config.decode_gigabytes = 8.0
    return config
