"""Evaluates predicted scores against human ones.

    python -m jaxvqa.main --config configs/evaluate.py --config.predictions=CSV --config.labels=CSV
    python -m jaxvqa.main --config configs/evaluate.py --config.weights=DIR --config.database=maxwell:validation

Prints SRCC, PLCC, KRCC and RMSE (after a logistic fit) for each dimension both have, and their mean, with 95 %
confidence intervals, and writes OUTPUT/evaluation.csv and .json. Videos are joined by file name.
MaxWell's MaxWell_val.csv has none: add --label-names=test_labels.txt. Takes half a minute for its 909 videos; if a
model is to score them first, ten seconds a video more on two CPU cores at full size.
"""

import ml_collections

from jaxvqa.tasks.defaults import decoding_config


def get_config() -> ml_collections.ConfigDict:
    config = decoding_config()
    config.task = "evaluate"
    # Either two tables:
    config.predictions = ""  # a scores.csv, or a CSV with a column `filename` and columns O, A-1, ... T-all
    config.weights_id = ""  # where a scores.csv has rows by several weights: the id of those to evaluate
    config.labels = ""  # a CSV of human scores of the same videos
    config.label_names = ""  # for labels without file names: the list whose line i belongs to row i
    # or a model and a database:
    config.weights = ""  # a directory made by scripts/convert.py or by training
    config.database = ""  # such as maxwell:validation or konvid_1k
    config.data = "data"  # folder with a folder for each database
    config.features = "features"  # folder of extracted features

    config.output = "evaluation"  # folder of the results
    config.format = "table"  # what is printed: a table, csv, json or jsonl
    config.resamples = 1000  # bootstrap samples
    config.seed = 0  # of these; and decides which frames and patches are looked at
    config.sampling = "whole"  # whole: every frame is in reach; or published, as the published code draws frames
    return config
