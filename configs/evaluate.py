"""Evaluates predicted scores against human ones.

    python -m jaxvqa.main --config configs/evaluate.py --config.predictions=CSV --config.labels=CSV

Prints SRCC, PLCC, KRCC and RMSE (after a logistic fit) for each dimension both files have, and their mean, with
95 % confidence intervals, and writes OUTPUT/evaluation.csv and .json. Videos are joined by file name.
MaxWell's MaxWell_val.csv has none: add --config.label_names=test_labels.txt. Takes 20 s for its 909 videos.
"""

import ml_collections


def get_config() -> ml_collections.ConfigDict:
    config = ml_collections.ConfigDict()
    config.task = "evaluate"
    config.predictions = ""  # a scores.csv, or a CSV with a column `filename` and columns O, A-1, ... T-all
    config.labels = ""  # likewise
    config.label_names = ""  # for labels without file names: the list whose line i belongs to row i
    config.output = "evaluation"  # folder of the results
    config.resamples = 1000  # bootstrap samples
    config.seed = 0
    return config
