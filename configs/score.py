"""Scores video files in 16 quality dimensions.

    python -m jaxvqa.main --config configs/score.py --config.videos=VIDEOS [--config.weights=DIR]

Prints a table and writes OUTPUT/scores.csv, OUTPUT/scores.jsonl and OUTPUT/config.json. Videos already scored there
with the same settings, and unchanged since, are not scored again. With weights of full size, about 10 s for a
video, 16 s more for the first one, and 2 GB on two CPU cores; --repeats and --dense take that many times as
long. Exit code 1 if a video could not be scored.
"""

import ml_collections

from jaxvqa.tasks.defaults import scoring_config


def get_config() -> ml_collections.ConfigDict:
    config = scoring_config()
    config.task = "score"
    config.videos = ""  # a file, a folder (and all folders in it), a glob, or a .txt with a path a line
    config.example = False  # whether to score the clip that comes with jaxvqa instead
    return config
