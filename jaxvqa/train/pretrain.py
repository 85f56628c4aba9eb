"""Training a small model from scratch: both encoders, the head and features of the prompts, on synthetic scenes.

Sources: MaxVQA (arXiv:2305.12726) for the network, FAST-VQA (arXiv:2207.02595, section 3.4) for the losses. Unlike
them, no part was trained before or stays frozen.
"""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float
from scipy.fft import dct

from ..dimensions import DIMENSIONS, calibrate, default_prompts
from ..errors import UserError, check_lowest, first_line
from ..evaluation.metrics import agreement
from ..geometry import SIDE
from ..models.clip_resnet import CLIPResNet, ConvNorm, ResNetConfig
from ..models.end_to_end import EndToEnd
from ..models.maxvqa import HeadConfig, MaxVQA
from ..models.swin3d import SwinConfig, VideoSwin
from ..synthetic.maxwell import FIVE_POINTS, SEEN_AT_BEST, SEEN_LOSS
from ..synthetic.stream import BEST, FRAMES, VERSIONS, WORST, Group, groups
from ..system.terminal import Log
from ..weights.assemble import tensors_of
from ..weights.directory import check_free, save_weights
from ..weights.model_card import ModelCard
from . import checkpoint
from .loop import check_finite, run_steps
from .monitor import Monitor
from .optimizer import cosine_cycles
from .step import NO_TEXT, Batch, Recipe, TrainStep, replicate, shard, start, unreplicate

DATABASE = "synthetic scenes"


@dataclass(frozen=True)
class PretrainSettings:
    """All settings that the outcome of a training from scratch depends on.

    Attributes:
        seed: of parameters and scenes.
        validation: scenes to validate on.
        swin, clip_visual: sizes of the encoders.
        hidden: width of the fusion MLP.
        depth: linear layers of the fusion MLP.
        batch: clips of a step, over all devices.
        epoch_steps: steps between two validations.
        cycles: epochs between restarts of the learning rate.
        recipe: what the loss is made of, and how parameters follow it.
        peak: learning rate after the rise at the start of a cycle.
        warmup: steps of that rise.
        weight_decay: of AdamW.

    Raises:
        UserError: a value is out of its range, or the devices cannot share a batch equally.
    """

    seed: int
    validation: int
    swin: SwinConfig
    clip_visual: ResNetConfig
    hidden: int
    depth: int
    batch: int
    epoch_steps: int
    cycles: tuple[int, ...]
    recipe: Recipe
    peak: float
    warmup: int
    weight_decay: float

    def __post_init__(self):
        check_lowest(self, seed=0, validation=1, batch=1, epoch_steps=1)
        if not self.cycles or min(self.cycles) < 1:
            raise UserError(f"cycles is {self.cycles}; it must be numbers of epochs, each 1 or larger.")
        shortest = min(self.cycles) * self.epoch_steps
        if not 0 <= self.warmup < shortest:
            raise UserError(
                f"warmup is {self.warmup} steps; it must be from 0 to below {shortest}, the steps of the shortest of "
                "the cycles."
            )
        if self.batch % VERSIONS or self.batch % jax.device_count():
            raise UserError(
                f"batch is {self.batch}; it must be a multiple of {VERSIONS}, the versions of a scene, and of "
                f"{jax.device_count()}, the number of devices."
            )


def sound_network(settings: PretrainSettings) -> EndToEnd:
    """An untrained network that takes views; raises a UserError for sizes that do not fit each other or the views."""
    try:
        network = make_network(settings)
        graph, state = nnx.split(network)
        views = [jax.ShapeDtypeStruct((1, frames, SIDE, SIDE, 3), np.uint8) for frames in (FRAMES, FRAMES // 2)]
        text = jax.ShapeDtypeStruct((2 * len(DIMENSIONS), settings.clip_visual.output_width), np.float32)
        jax.eval_shape(
            lambda state, *views: nnx.merge(graph, state).video_scores(views[:2], views[2]), state, *views, text
        )
    except (TypeError, ValueError, ZeroDivisionError, IndexError) as error:
        raise UserError(f"the sizes of swin, clip_visual and head do not fit ({first_line(error)}).") from error
    return network


def make_network(settings: PretrainSettings) -> EndToEnd:
    """An untrained network of the sizes of some settings."""
    rngs, swin, clip_visual = nnx.Rngs(settings.seed), settings.swin, settings.clip_visual
    clip = CLIPResNet(clip_visual, rngs)
    for path, layer in nnx.iter_graph(clip):
        if isinstance(layer, ConvNorm):
            # Statistics stay 0 and 1: rectifiers halve the variance, sums of a shortcut and a block add it up.
            layer.norm.scale[...] *= 0.5 if path[-1] == "conv3" else np.sqrt(2)
    backbone = VideoSwin(swin, rngs)
    backbone.patch_embed.kernel[...] = whitening_cosines(swin.patch, swin.width)
    assert backbone.patch_embed.bias is not None
    # What is normalised next keeps its size where it is small: patches without detail look like their biases.
    backbone.patch_embed.bias[...] = 0.5 * jax.random.normal(rngs.params(), (swin.width,))
    sizes = HeadConfig(
        clip_width=clip_visual.output_width,
        technical_width=swin.output_width,
        hidden=settings.hidden,
        depth=settings.depth,
        prompts=2 * len(DIMENSIONS),
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
    frequency = np.sqrt(0.08 + np.square(grid) @ np.array([0.4, 1, 1]))
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

    def rule(learning_rate: float | Float[Array, ""]) -> optax.GradientTransformation:
        adamw = optax.adamw(
            learning_rate, weight_decay=weight_decay, mask=lambda p: jax.tree.map(lambda x: x.ndim > 1, p)
        )
        return optax.chain(adamw, optax.masked(optax.scale(0.01), in_patch_embedding))

    return optax.inject_hyperparams(rule)(learning_rate=0.0)


def learning_rates(settings: PretrainSettings) -> Callable[[int], float]:
    """Learning rates of steps: warm restarts (SGDR, arXiv:1608.03983), each with a short rise."""
    lengths = [epochs * settings.epoch_steps for epochs in settings.cycles]
    return cosine_cycles(settings.peak, 0.01 * settings.peak, lengths, settings.warmup)


def in_patch_embedding(params: Any) -> Any:
    """Which parameters belong to the patch embedding."""
    return jax.tree.map_with_path(lambda path, _: "patch_embed" in jax.tree_util.keystr(path), params)


def pretrain(settings: PretrainSettings, network: EndToEnd, folder: Path, workers: int, monitor: Monitor) -> None:
    """Trains a network on scenes rendered meanwhile, validates it on other ones, and writes its weights.

    Stopped at any moment and started again, it resumes after the last whole epoch, to the same numbers.

    Args:
        network: from `sound_network`.
        folder: gets the checkpoints, and the weights as `model`.
        workers: processes that render; 0 for one per core.

    Raises:
        UserError: a folder with the checkpoints of other settings, or with a model; numbers that are not finite.
    """
    optimizer, history = make_optimizer(settings.weight_decay), []
    step = TrainStep(network, None, settings.recipe, optimizer, range(len(DIMENSIONS)))
    state, key, rates = start(network, optimizer), jax.random.key(settings.seed), learning_rates(settings)
    steps, epochs, scenes = settings.epoch_steps, sum(settings.cycles), settings.batch // VERSIONS
    codes = {i: dimension.code for i, dimension in enumerate(DIMENSIONS)}
    try:
        with checkpoint.open_checkpoints(folder / "checkpoints") as manager:
            state, record = checkpoint.resume(manager, state, dataclasses.asdict(settings), folder)
            history = record["history"]
            check_free(folder / "model")
            validation = collect("validation", settings, workers)
            targets = np.concatenate([group.targets for group in validation])
            left = range(len(history) * steps, epochs * steps)
            monitor.resume(history, epochs, len(left))
            numbers = range(left.start * scenes, left.stop * scenes)
            rendered = groups("train", settings.seed, numbers, workers)
            batches = ((batch(islice(rendered, scenes)), rates(number)) for number in left)
            state = replicate(state)
            for epoch in range(len(history), epochs):
                state, means = run_steps(step, NO_TEXT, state, islice(batches, steps), key, monitor)
                copy = unreplicate(state)
                predictions = predict(step, copy.ema, validation)
                check_finite(epoch, means, [predictions])
                row = {"epoch": epoch + 1, "chunk": epoch + 1, **means}
                history.append(row | agreement(predictions, targets, codes))
                checkpoint.save(manager, epoch + 1, copy, record)
                monitor.epoch(history)
            best = unreplicate(state).ema
    finally:
        monitor.close(history)
    export(settings, step, network, best, folder / "model", workers)


def collect(split: str, settings: PretrainSettings, workers: int) -> list[Group]:
    """The first groups of a split, as many as there are to validate on."""
    with Log().progress(f"rendering {split} scenes") as bar:
        rendered = groups(split, settings.seed, range(settings.validation), workers)
        return list(bar.track(rendered, total=settings.validation))


def batch(some: Iterator[Group]) -> Batch:
    """Groups as a batch, shared out to the devices."""
    technical, aesthetic, targets = map(np.concatenate, zip(*some, strict=True))
    return Batch((shard(technical), shard(aesthetic)), shard(targets))


def predict(step: TrainStep, params: Any, rendered: list[Group]) -> Float[np.ndarray, "n 16"]:
    """Scores of groups by parameters as `unreplicate` gives them, as many at a time as there are devices."""
    params, devices = replicate(params), jax.local_device_count()
    text_features = step.text_features(params, NO_TEXT)
    scores = []
    for first in range(0, len(rendered), devices):
        some = rendered[first : first + devices]
        filled = batch(iter(some + some[-1:] * (devices - len(some))))
        scores.append(np.asarray(step.predict(params, text_features, filled.features))[: VERSIONS * len(some)])
    return np.concatenate(scores)


def export(
    settings: PretrainSettings, step: TrainStep, network: EndToEnd, params: Any, directory: Path, workers: int
) -> None:
    """Writes a weights directory in float16, with the scales of its scores."""
    scores = predict(step, params, collect("train", settings, workers))
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
    source = {"settings": dataclasses.asdict(settings)}
    save_weights(directory, tensors, configs, default_prompts(), [source], card)
