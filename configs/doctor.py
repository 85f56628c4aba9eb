"""Checks what of jaxvqa works on this machine: devices, memory, decoder, codecs, weights, disk, and scores.

    python -m jaxvqa.main --config configs/doctor.py

Scores the clip that comes with jaxvqa, and compares with its reference scores. Takes half a minute, a minute more if
the published weights are there, and no network. Exit code 1 if videos cannot be scored here, or score otherwise.
"""

import ml_collections

from jaxvqa.tasks.defaults import command_config


def get_config() -> ml_collections.ConfigDict:
    config = command_config()
    config.task = "doctor"
    return config
