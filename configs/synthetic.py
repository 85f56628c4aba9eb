"""Renders the synthetic database: clips in MaxWell's layout with labels computed from known degradations.

    python -m jaxvqa.main --config configs/synthetic.py

Trainings that name synthetic_maxwell render it by themselves, 240 clips with seed 0; this is for other sizes and seeds.
About a clip a second on two CPU cores, 0.1 MB each. Nobody rated these clips: results on them say nothing about
real videos.
"""

import ml_collections

from jaxvqa.tasks.defaults import command_config, planned_config


def get_config() -> ml_collections.ConfigDict:
    config = command_config()
    config.update(planned_config())
    config.task = "synthesize"
    config.output = "data/synthetic_maxwell"  # a folder that does not exist yet
    config.clips = 240  # to render; every fifth is for validation
    config.seed = 0  # of the clips
    config.workers = 0  # processes; 0, as many as cores
    return config
