"""Checks videos against lowest scores, or against the scores of a baseline, and fails if one falls short.

    python -m jaxvqa.main --config configs/check.py --config.videos=VIDEOS --config.min=overall=50,sharpness=40

Prints each violation, and writes OUTPUT/violations.csv next to what configs/score.py writes. Exit code 0 if all videos
pass, 1 if one does not or could not be scored. With --max_drop=5 --baseline=scores.csv, no video may
score more than 5 points below its row in the scores of an earlier run. To keep rules in a file, copy this one.
"""

import ml_collections

from jaxvqa.tasks.defaults import scoring_config


def get_config() -> ml_collections.ConfigDict:
    config = scoring_config()
    config.task = "check"
    config.videos = ""  # a file, a folder, a glob or a list (.txt)
    config.min = ""  # lowest scores of 100, by dimension: overall=50,sharpness=40
    config.max_drop = ""  # by how many points scores may be below the baseline's: 5 (overall), or overall=5,noise=10
    config.baseline = ""  # scores.csv or scores.jsonl of an earlier run with the same weights and settings
    config.junit = ""  # file to write a JUnit report to, for GitLab, Jenkins and others
    config.github = False  # whether to print violations as annotations of GitHub Actions
    config.output = "check"  # folder of the results
    return config
