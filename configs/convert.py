"""Converts published checkpoints into a weights directory.

    python -m jaxvqa.main --config configs/convert.py --config.fastvqa=DOVER.pth --config.clip=RN50.pt \\
        --config.maxvqa=maxvqa_maxwell.pt --config.output=weights

Takes five seconds and 1 GB of memory. PyTorch is not needed, and nothing stored in a checkpoint is run. If one does not
fit, nothing is written. Scoring needs all three; training on its own needs the first two.
"""

import ml_collections

from jaxvqa.tasks.defaults import command_config, planned_config


def get_config() -> ml_collections.ConfigDict:
    config = command_config()
    config.update(planned_config())
    config.task = "convert"
    config.fastvqa = ""  # DOVER.pth or FAST_VQA_B_1_4.pth: the technical encoder
    config.swin = ""  # in its place, to train further: Video Swin's swin_tiny_patch244_window877_kinetics400_1k.pth
    config.clip = ""  # CLIP's RN50.pt: the aesthetic encoder and the text transformer
    config.maxvqa = ""  # maxvqa_maxwell.pt: context vector and fusion MLP
    config.output = "weights"  # weights directory to make
    return config
