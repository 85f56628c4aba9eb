"""Tells what of jaxvqa works on this machine: devices, memory, decoder, codecs, weights, disk, and a score.

    python -m jaxvqa.main --config configs/doctor.py

Takes ten seconds, and no network. Exit code 1 if videos cannot be scored here.
"""

import ml_collections


def get_config() -> ml_collections.ConfigDict:
    config = ml_collections.ConfigDict()
    config.task = "doctor"
    return config
