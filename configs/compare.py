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
    config.second = ""  # the video, or folder, to compare it with
    config.weights = ""  # by default what `jaxvqa download` made, else mini; or a directory, of a training for example
    config.output = "comparison"  # folder of the results
    config.format = "table"  # what is printed: a table, csv or jsonl
    config.seed = 0  # decides, with each file's name, which frames and patches are looked at
    config.repeats = 1  # samplings of each video; several give the mean, and how far they differ
    config.dense = False  # whether to look at every frame and the whole grid instead, in as many samplings as it takes
    config.prompts = ""  # prompt pairs to score as well, such as "cinematic / amateurish; lively / dull"
    config.report = False  # whether to write OUTPUT/report.html: where, when and why each video scores as it does
    config.precision = "float32"  # or bfloat16: faster on most GPUs, but raw scores move by about 0.01
    config.workers = 0  # processes that decode; 0, as many as cores
    config.decode_seconds = 3600.0  # seconds that decoding a video may take until it is given up
    config.decode_gigabytes = 8.0  # gigabytes of memory that a process that decodes may take
    return config
