"""Scores very large collections of videos as an Apache Beam pipeline, on this machine or on many.

    python -m jaxvqa.main --config configs/score_many.py --config.videos=VIDEOS --config.output=FOLDER

Takes `pip install -e '.[beam]'`. Every video becomes a row, as by configs/score.py, failures too. Rows are on disk
as soon as a batch of 16 videos is done, in OUTPUT/parts; stopped at any moment, the same command goes on with what is
left. At the end they are put in order: OUTPUT/scores.jsonl and OUTPUT/scores.csv. Exit code 1 if a video could not be
scored.
"""

import ml_collections

from jaxvqa.tasks.defaults import scoring_config


def get_config() -> ml_collections.ConfigDict:
    config = scoring_config()
    config.task = "score_many"
    config.videos = ""  # a file, a folder (and all folders in it), a glob, or a .txt with a path a line
    config.weights = ""  # by default what `jaxvqa download` made, else mini; or a directory that all workers see
    config.output = "scores-many"  # folder of the results, which all workers see
    config.runner = "DirectRunner"  # of Beam: this machine, or FlinkRunner, DataflowRunner, ...
    config.beam_options = ""  # of Beam and its runner, in one text, such as "--flink_master=HOST:8081"
    config.workers = 0  # processes that decode for each of Beam's workers; 0, as many as cores
    del config.format, config.report, config.per_moment  # nothing is printed, and rows are all that is written
    return config
