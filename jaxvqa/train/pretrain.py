"""Training a small model from nothing: both encoders, the head and features of the prompts, on synthetic scenes.

Sources: MaxVQA (arXiv:2305.12726) for the network, FAST-VQA (arXiv:2207.02595, section 3.4) for the losses. Unlike
them, no part was trained before or stays frozen.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax
from flax import nnx
from jaxtyping import Float
from scipy.fft import dct

from ..dimensions import DIMENSIONS, calibrate, default_prompts
from ..errors import UserError, first_line
from ..geometry import SIDE
from ..models.clip_resnet import CLIPResNet, ConvNorm, ResNetConfig
from ..models.end_to_end import EndToEnd
from ..models.maxvqa import HeadConfig, MaxVQA
from ..models.swin3d import SwinConfig, VideoSwin
from ..synthetic.maxwell import FIVE_POINTS, SEEN_AT_BEST, SEEN_LOSS
from ..synthetic.stream import BEST, FRAMES, VERSIONS, WORST, Group, groups
from ..system.terminal import Log
from ..video.sampling import check_seed
from ..weights.assemble import tensors_of
from ..weights.directory import save_weights
from ..weights.model_card import ModelCard
from .step import NO_TEXT, Batch, TrainStep, replicate, shard

DATABASE = "synthetic scenes"


def check_settings(config: ml_collections.ConfigDict) -> None:
    """Raises a UserError for settings that cannot work."""
    check_seed(config.seed)
    if config.workers < 0:
        raise UserError(f"config.workers is {config.workers}, but must be 1 or more, or 0 for as many as cores.")
    for name in ("train.batch", "train.cycles", "train.epoch_steps", "validation"):
        if not np.size(config[name]) or np.min(config[name]) < 1:
            raise UserError(f"config.{name} is {config[name]}, but must be 1 or larger.")
    if not 0 <= config.train.ema < 1:
        raise UserError(f"config.train.ema is {config.train.ema}, but must be from 0 to below 1.")
    if not 0 <= config.optimizer.warmup < min(config.train.cycles) * config.train.epoch_steps:
        raise UserError(
            f"config.optimizer.warmup is {config.optimizer.warmup} steps, but must be from 0 to below the "
            f"{min(config.train.cycles) * config.train.epoch_steps} of the shortest of config.train.cycles."
        )
    if config.train.batch % VERSIONS or config.train.batch % jax.device_count():
        raise UserError(
            f"config.train.batch is {config.train.batch}, but must be a multiple of {VERSIONS}, the versions of a "
            f"scene, and of {jax.device_count()}, the number of devices."
        )


def comparable(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """All settings that numbers depend on, as a record has them."""
    relevant = {name: value for name, value in config.to_dict().items() if name not in ("output", "workers")}
    return json.loads(json.dumps(relevant))


def sound_network(config: ml_collections.ConfigDict) -> EndToEnd:
    """An untrained network that takes views; raises a UserError for sizes that do not fit each other or the views."""
    try:
        network = make_network(config)
        graph, state = nnx.split(network)
        views = [jax.ShapeDtypeStruct((1, frames, SIDE, SIDE, 3), np.uint8) for frames in (FRAMES, FRAMES // 2)]
        text = jax.ShapeDtypeStruct((2 * len(DIMENSIONS), config.clip_visual.output_width), np.float32)
        jax.eval_shape(
            lambda state, *views: nnx.merge(graph, state).video_scores(views[:2], views[2]), state, *views, text
        )
    except (TypeError, ValueError, ZeroDivisionError, IndexError) as error:
        raise UserError(
            f"the sizes in config.swin, config.clip_visual and config.head do not fit ({first_line(error)})."
        ) from error
    return network


def make_network(config: ml_collections.ConfigDict) -> EndToEnd:
    """An untrained network of the sizes of a config."""
    rngs = nnx.Rngs(config.seed)
    swin, clip_visual = SwinConfig(**config.swin), ResNetConfig(**config.clip_visual)
    clip = CLIPResNet(clip_visual, rngs)
    for path, layer in nnx.iter_graph(clip):
        if isinstance(layer, ConvNorm):
            # Statistics stay 0 and 1: rectifiers halve the variance, sums of a shortcut and a block add it up.
            layer.norm.scale[...] *= 0.5 if path[-1] == "conv3" else np.sqrt(2)
    backbone = VideoSwin(swin, rngs)
    backbone.patch_embed.kernel[...] = whitening_cosines(swin.patch, swin.width)
    # What is normalised next keeps its size where it is small: patches without detail look like their biases.
    backbone.patch_embed.bias[...] = 0.5 * jax.random.normal(rngs.params(), (swin.width,))
    sizes = HeadConfig(
        clip_width=clip_visual.output_width,
        technical_width=swin.output_width,
        prompts=2 * len(DIMENSIONS),
        **config.head,
    )
    return EndToEnd(backbone, clip, MaxVQA(sizes, rngs))


def whitening_cosines(patch: tuple[int, int, int], width: int) -> Float[np.ndarray, "values width"]:
    """Kernels of a patch embedding that all respond about equally to natural clips.

    They are cosines (DCT-II) over a patch: its mean in three colours, then grey ones, from the lowest to the highest
    frequency, as many as there is room for. Responses to natural clips fall with frequency, by a factor of 200 from
    the mean to the finest detail, where most flaws show; kernels grow by as much (cf. Field 1987).
    """
    colours = np.array([[1, 1, 1], [1, -1, 0], [1, 1, -2]]) / np.sqrt([[3], [2], [6]])
    grid = np.stack(np.meshgrid(*map(np.arange, patch), indexing="ij"), axis=-1).reshape(-1, 3)
    # Of normalised training clips; the distance between frames counts less than that between pixels.
    frequency = np.sqrt(0.08 + grid**2 @ np.array([0.4, 1, 1]))
    flat = np.flatnonzero(grid[:, 1:].sum(axis=1) == 0)
    detailed = [index for index in np.argsort(frequency, kind="stable") if index not in flat]
    means = [(index, colour) for colour in range(3) for index in flat][:width]
    spread = np.linspace(0, len(detailed) - 1, width - len(means)).round().astype(int)
    bases = [dct(np.eye(size), axis=0, norm="ortho") for size in patch]
    kernels = []
    for index, colour in means + [(detailed[i], 0) for i in spread]:
        t, y, x = (base[number] for base, number in zip(bases, grid[index], strict=True))
        kernels.append(np.einsum("t,y,x,c->tyxc", t, y, x, colours[colour]).ravel() * frequency[index] ** 1.5 / 2.3)
    return np.stack(kernels, axis=1).astype(np.float32)


def make_optimizer(weight_decay: float) -> optax.GradientTransformation:
    """AdamW for all of a network; as `optimizer.make_optimizer`, its state holds the learning rate.

    Matrices and tables decay, but no biases, scales or statistics. The patch embedding takes steps of a hundredth:
    Adam's are of one size for all pixels, add up over the mean of a patch, and would drown its finer details.
    """

    def rule(learning_rate: float) -> optax.GradientTransformation:
        adamw = optax.adamw(
            learning_rate, weight_decay=weight_decay, mask=lambda p: jax.tree.map(lambda x: x.ndim > 1, p)
        )
        return optax.chain(adamw, optax.masked(optax.scale(0.01), in_patch_embedding))

    return optax.inject_hyperparams(rule)(learning_rate=0.0)


def make_schedule(config: ml_collections.ConfigDict) -> optax.Schedule:
    """Learning rates of steps: warm restarts (SGDR, arXiv:1608.03983), each with a short rise."""
    c = config.optimizer
    return optax.sgdr_schedule(
        [
            {
                "init_value": 0.0,
                "peak_value": c.peak,
                "warmup_steps": c.warmup,
                "decay_steps": epochs * config.train.epoch_steps,
                "end_value": 0.01 * c.peak,
            }
            for epochs in config.train.cycles
        ]
    )


def in_patch_embedding(params: Any) -> Any:
    """Which parameters belong to the patch embedding."""
    return jax.tree.map_with_path(lambda path, _: "patch_embed" in jax.tree_util.keystr(path), params)


def collect(split: str, config: ml_collections.ConfigDict) -> list[Group]:
    """The first `config.validation` groups of a split."""
    with Log().progress(f"rendering {split} scenes") as bar:
        return list(
            bar.track(groups(split, config.seed, range(config.validation), config.workers), total=config.validation)
        )


def batch(some: Iterator[Group]) -> Batch:
    """Groups as a batch, shared out to the devices."""
    technical, aesthetic, targets = map(np.concatenate, zip(*some, strict=True))
    return Batch((shard(technical), shard(aesthetic)), shard(targets))


def predict(step: TrainStep, params: Any, rendered: list[Group]) -> Float[np.ndarray, "n 16"]:
    """Scores of groups by parameters as `first_copy` gives them, as many at a time as there are devices."""
    params, devices = replicate(params), jax.local_device_count()
    text_features = step.text_features(params, NO_TEXT)
    scores = []
    for first in range(0, len(rendered), devices):
        some = rendered[first : first + devices]
        filled = batch(iter(some + some[-1:] * (devices - len(some))))
        scores.append(np.asarray(step.predict(params, text_features, filled.features))[: VERSIONS * len(some)])
    return np.concatenate(scores)


def export(config: ml_collections.ConfigDict, step: TrainStep, network: EndToEnd, params: Any, directory: Path) -> None:
    """Writes a weights directory in float16, with the scales of its scores."""
    scores = predict(step, params, collect("train", config))
    nnx.update(network, jax.tree.map(jnp.asarray, params))
    # What raters would say of the best and the worst clip, at the targets that stand for them; 0 and 1 lie beyond.
    bad = (BEST - np.array([0.0, 1.0])) / (BEST - WORST)
    low, high = SEEN_AT_BEST - SEEN_LOSS * bad
    five = np.array([dimension.code in FIVE_POINTS for dimension in DIMENSIONS])
    scale, quantiles = calibrate(scores)
    card = ModelCard(
        databases=(DATABASE,),
        synthetic=True,
        dimensions=tuple(dimension.code for dimension in DIMENSIONS),
        label_low=np.where(five, 1 + 4 * low, 2 * low - 1).round(9),
        label_high=np.where(five, 1 + 4 * high, 2 * high - 1).round(9),
        scale=scale,
        quantiles=quantiles,
    )
    parts = {"swin": network.swin, "clip_visual": network.clip_visual, "maxvqa": network.maxvqa}
    tensors = {
        name: values.astype(np.float16)
        for part, module in parts.items()
        for name, values in tensors_of(part, module).items()
    }
    configs = {part: module.config for part, module in parts.items()}
    source = {"config": {name: value for name, value in config.to_dict().items() if name != "output"}}
    save_weights(directory, tensors, configs, default_prompts(), [source], card)
