"""Extracts the features of databases, which trainings and evaluations of models start from.

    python -m jaxvqa.main --config configs/extract.py --config.databases=maxwell:train,maxwell:validation \\
        --config.weights=DIR

Trainings extract by themselves what is not there yet; this is for doing it before, on other machines. Several
processes, each with its own devices, share the videos. Stopped at any moment and started again, it goes on. Exit code 1
if a video could not be decoded.
"""

import ml_collections

from jaxvqa.tasks.defaults import cluster_config, decoding_config, planned_config


def get_config() -> ml_collections.ConfigDict:
    config = decoding_config()
    config.task = "extract"
    config.databases = ""  # such as maxwell:train, or several with commas between them
    config.weights = ""  # a directory made by conversion or training, "maxvqa" or "mini"
    config.data = "data"  # folder with a folder for each database
    config.features = "features"  # folder of extracted features: 11 MB a video at full size
    config.allow_missing = False  # whether videos that have labels, but no file, may be left out
    config.seed = 0  # decides which frames and patches are looked at
    config.sampling = "whole"  # whole: every frame is in reach; or published, as the published code draws frames
    config.last = 0  # stages that are to be trained (unfreeze.stages): stores what goes into them, 30 MB a video for 1
    config.update(cluster_config())
    config.update(planned_config())
    return config
