"""Helps to choose among several encodes of one video: bit rate, quality, and which is the cheapest that will do.

    python -m jaxvqa.main --config configs/ladder.py --config.videos=VIDEOS [--config.weights=DIR]

Prints the cheapest encode that is not visibly worse than the best one, over all and for each size, and a line for each
encode. Writes OUTPUT/ladder.csv, OUTPUT/ladder.jsonl and OUTPUT/ladder.svg, a picture of quality over bit rate, besides
what configs/score.py writes. Each encode is decoded twice: to score it, and to check that all show one video.
--reference=ORIGINAL adds the VMAF of each, by an FFmpeg with libvmaf.
"""

import ml_collections

from jaxvqa.tasks.defaults import scoring_config


def get_config() -> ml_collections.ConfigDict:
    config = scoring_config()
    config.task = "ladder"
    config.videos = ""  # two or more encodes of one video: files, a folder, a glob, or a .txt with a path a line
    config.confidence = 0.8  # how likely it is that the chosen encode is not visibly worse than the best one
    config.reference = ""  # the video that they are encodes of, for their VMAF beside the scores
    config.output = "ladder"
    return config
