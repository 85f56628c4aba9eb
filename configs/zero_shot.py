"""Scores video files by CLIP alone, by prompt pairs: how much better the positive one fits than the negative one.

    python -m jaxvqa.main --config configs/zero_shot.py --config.videos=VIDEOS [--config.weights=DIR]

Zero-shot: nothing was trained on scores of quality. Takes the published weights, or a DIR
with CLIP at least, made by scripts/convert.py --clip RN50.pt.
Prints a table and writes OUTPUT/scores.csv and OUTPUT/scores.jsonl, as configs/score.py does. Exit code 1 if a video
could not be scored.
"""

import ml_collections

from jaxvqa.tasks.defaults import decoding_config, planned_config


def get_config() -> ml_collections.ConfigDict:
    config = decoding_config()
    config.task = "zero_shot"
    config.videos = ""  # a file, a folder (and all folders in it), a glob, or a .txt with a path a line
    config.weights = ""  # by default what `jaxvqa download` made; or a directory made by conversion
    config.prompts = "high quality / low quality; good / bad"  # prompt pairs; these are those of SAQI, their mean
    config.output = "zero_shot"  # folder of the results
    config.format = "table"  # what is printed: a table, csv, json or jsonl
    config.seed = 0  # decides which frames are looked at
    config.sampling = "whole"  # whole: every frame is in reach; or published, as the published code draws frames
    config.update(planned_config())
    return config
