"""Scores video files in 16 quality dimensions.

    python -m jaxvqa.main --config configs/score.py --config.videos=VIDEOS [--config.weights=DIR]

Prints a table and writes OUTPUT/scores.csv, OUTPUT/scores.jsonl and OUTPUT/config.json. Videos already scored there
with the same settings, and unchanged since, are not scored again. With weights of full size, about 10 s for a
video, 20 s more for the first one, and 2 GB on two CPU cores; config.repeats and config.dense take that many times as
long. Exit code 1 if a video could not be scored.
"""

import ml_collections


def get_config() -> ml_collections.ConfigDict:
    config = ml_collections.ConfigDict()
    config.task = "score"
    config.videos = ""  # a file, a folder (and all folders in it), a glob, or a .txt with a path a line
    config.weights = ""  # by default what `jaxvqa download` made, else mini; or a directory, of a training for example
    config.output = "scores"  # folder of the results
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
