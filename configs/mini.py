"""Trains jaxvqa-mini, the small model that comes with the package, on VMAF of encodes and on made flaws.

    python -m jaxvqa.main --config configs/mini.py --config.photos=PHOTOS --config.clips=CLIPS

Photographs and clips of two folders are scaled, encoded and enlarged again, or blurred, shaken and held up. The model
learns VMAF of the former and the distortion levels of the latter. Its backbone is EfficientNet-Lite0 as trained on
ImageNet, which stays as it is. That and FFmpeg with VMAF come with `pip install -e '.[mini]'`. Run the same command
again to resume after the last example and the last epoch. Each epoch leaves a model, as `epoch-1` and so on.
"""

import ml_collections

from jaxvqa.tasks.defaults import computing_config


def get_config() -> ml_collections.ConfigDict:
    config = computing_config()
    config.task = "pretrain"
    config.photos = "photos"  # folder of photographs
    config.clips = "clips"  # folder of video clips
    config.output = "runs/mini"  # folder of material, checkpoints, curves and the trained model
    config.seed = 0  # of parameters, examples and batches
    config.examples = 5400  # to train on
    config.validation = 240  # to validate on, of scenes that are not trained on
    config.looked_at = 24  # pieces of each frame that EfficientNet-Lite0 looks at, of 49
    config.workers = 0  # processes that make them; 0, as many as cores

    config.display = ml_collections.ConfigDict()
    config.display.stages = 5  # of EfficientNet-Lite0
    config.display.local = 96  # what it says of each piece of a frame
    config.display.motion = 32  # what it says of how frames follow each other
    config.head = ml_collections.ConfigDict()
    config.head.hidden = 64  # width of the fusion MLP
    config.head.depth = 2  # linear layers of the fusion MLP

    config.train = ml_collections.ConfigDict()
    config.train.batch = 32  # frames of a step
    config.train.pieces = 12  # of each frame of a step
    config.train.epochs = 16  # how often each example is seen
    config.train.ema = 0.99  # decay of the moving average of parameters, a step

    config.loss = ml_collections.ConfigDict()
    config.loss.plcc = 1.0  # weight of the correlation loss
    config.loss.huber = 40.0  # weight of the Huber loss
    config.loss.huber_delta = 0.05  # error from which it grows linearly: most examples have no flaw of a kind
    config.loss.rank = 1.0  # weight of the ranking loss

    config.optimizer = ml_collections.ConfigDict()
    config.optimizer.peak = 3e-3  # learning rate
    config.optimizer.warmup = 40  # steps
    config.optimizer.weight_decay = 0.05  # weight decay of AdamW
    return config
