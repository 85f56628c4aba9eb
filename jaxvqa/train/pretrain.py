"""Training a small model: on EfficientNet-Lite0 as it is, all the rest from scratch, on VMAF and made flaws.

The backbone looks at each example once; what it finds is kept. Sources: FAST-VQA (arXiv:2207.02595, section 3.4) for
the losses; VMAF for most targets (`synthetic.vmaf`).
"""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float

from ..dimensions import DIMENSIONS, PERCENTS, DisplayScale, default_prompts
from ..errors import UserError, check_lowest
from ..evaluation.metrics import agreement
from ..geometry import POSITIONS
from ..models.display import Describer, DisplayConfig, DisplayEncoder, fit_scales
from ..models.efficientnet_lite import EfficientNetLite
from ..models.end_to_end import EndToEnd
from ..models.maxvqa import HeadConfig, MaxVQA
from ..synthetic.material import BEST, INDEX, VMAF_OF, WORST
from ..synthetic.sources import Source, split
from ..upstream.efficientnet_lite import published_backbone
from ..weights.assemble import tensors_of
from ..weights.directory import check_free, save_weights
from ..weights.model_card import ModelCard
from . import checkpoint
from .loop import check_finite, run_steps
from .monitor import Monitor
from .optimizer import cosine_cycles
from .pretrain_material import Material, make_material, observe
from .step import NO_TEXT, Batch, Recipe, TrainStep, replicate, shard, start, unreplicate

TRAINED = ("O", "T-1", "T-2", "T-3", "T-4", "T-5", "T-6", "T-7", "T-8", "T-all")


@dataclass(frozen=True)
class PretrainSettings:
    """All settings that the outcome of a training from scratch depends on, beside the material.

    Attributes:
        seed: of parameters, examples and batches.
        examples: how many are trained on.
        validation: how many there are to validate on.
        looked_at: of each frame that is trained on, how many of its 49 pieces the backbone sees.
        display: sizes of the encoder.
        hidden: width of the fusion MLP.
        depth: linear layers of the fusion MLP.
        batch: frames of a step, over all devices.
        pieces: of each frame of a step, how many of those.
        epochs: how often each example is seen.
        recipe: what the loss is made of, and how parameters follow it.
        peak: learning rate after the rise at the start.
        warmup: steps of that rise.
        weight_decay: of AdamW.

    Raises:
        UserError: a value is out of its range, or the devices cannot share a batch equally.
    """

    seed: int
    examples: int
    validation: int
    looked_at: int
    display: DisplayConfig
    hidden: int
    depth: int
    batch: int
    pieces: int
    epochs: int
    recipe: Recipe
    peak: float
    warmup: int
    weight_decay: float

    def __post_init__(self):
        check_lowest(self, seed=0, examples=1, validation=1, looked_at=1, batch=1, pieces=1, epochs=1, warmup=0)
        if self.looked_at > POSITIONS:
            raise UserError(f"looked_at is {self.looked_at}; it must be {POSITIONS} or smaller.")
        if self.pieces > self.looked_at:
            raise UserError(f"pieces is {self.pieces}; it must be no larger than looked_at ({self.looked_at}).")
        if self.batch > self.examples or self.batch % jax.device_count():
            raise UserError(
                f"batch is {self.batch}; it must be a multiple of {jax.device_count()}, the number of devices, and no "
                f"larger than examples ({self.examples})."
            )
        if self.warmup >= self.epochs * (self.examples // self.batch):
            raise UserError(f"warmup is {self.warmup} steps; the whole training has no more than that.")


def make_network(settings: PretrainSettings) -> EndToEnd:
    """An untrained network of the sizes of some settings, without its backbone."""
    rngs, sizes = nnx.Rngs(settings.seed), settings.display
    head = HeadConfig(
        clip_width=sizes.local,
        technical_width=sizes.output_width - sizes.local,
        hidden=settings.hidden,
        depth=settings.depth,
        prompts=2 * len(DIMENSIONS),
    )
    return EndToEnd(Describer(sizes, rngs), MaxVQA(head, rngs))


def make_optimizer(weight_decay: float) -> optax.GradientTransformation:
    """AdamW for all of a network; matrices and kernels decay, scales and biases do not.

    As `optimizer.make_optimizer`, its state holds the learning rate.
    """

    def rule(learning_rate: float | Float[Array, ""]) -> optax.GradientTransformation:
        return optax.adamw(
            learning_rate, weight_decay=weight_decay, mask=lambda p: jax.tree.map(lambda x: x.ndim > 1, p)
        )

    return optax.inject_hyperparams(rule)(learning_rate=0.0)


def pretrain(
    settings: PretrainSettings, sources: Sequence[Source], folder: Path, workers: int, monitor: Monitor
) -> None:
    """Makes the material, trains a network on it, validates it on other scenes, and writes its weights.

    Stopped at any moment and started again, it goes on after the last example and the last whole epoch.

    Args:
        sources: photographs and clips.
        folder: gets the material, the checkpoints, the weights after each epoch as `epoch-1` and so on, and those after
            the last as `model`.
        workers: processes that make material; 0 for one per core.

    Raises:
        UserError: a folder with the checkpoints of other settings, or with a model; numbers that are not finite;
            EfficientNet-Lite0 is not installed.
    """
    backbone, material = published_backbone(settings.display.stages), {}
    for part, count in (("train", settings.examples), ("validation", settings.validation)):
        paths = make_material(split(sources, part), settings.seed, count, folder / "material" / part, workers)
        looked_at = settings.looked_at if part == "train" else None
        material[part] = observe(backbone, paths, settings.seed, looked_at, folder / "statistics" / part)
    training, validation = material["train"], material["validation"]
    network, steps = make_network(settings), settings.examples // settings.batch
    some = slice(8 * settings.batch)
    fit_scales(network.describer, training.statistics[some, 0].astype(np.float32), jnp.asarray(training.motion[some]))
    optimizer, history = make_optimizer(settings.weight_decay), []
    step = TrainStep(network, None, settings.recipe, optimizer, [INDEX[code] for code in TRAINED])
    state, key = start(network, optimizer), jax.random.key(settings.seed)
    rates = cosine_cycles(settings.peak, 0.01 * settings.peak, [steps * settings.epochs], settings.warmup)
    codes = {INDEX[code]: code for code in TRAINED}
    try:
        with checkpoint.open_checkpoints(folder / "checkpoints") as manager:
            state, record = checkpoint.resume(manager, state, dataclasses.asdict(settings), folder)
            history = record["history"]
            check_free(folder / "model")
            monitor.resume(history, settings.epochs, (settings.epochs - len(history)) * steps)
            state = replicate(state)
            for epoch in range(len(history), settings.epochs):
                numbered = enumerate(batches(settings, training, epoch), start=epoch * steps)
                state, means = run_steps(
                    step, NO_TEXT, state, ((batch, rates(number)) for number, batch in numbered), key, monitor
                )
                copy = unreplicate(state)
                predictions = predict(step, copy.ema, validation)
                check_finite(epoch, means, [predictions])
                row = {"epoch": epoch + 1, "chunk": epoch + 1, **means}
                history.append(row | agreement(predictions, validation.targets[:, 0], codes))
                after = folder / f"epoch-{epoch + 1}"
                if not after.exists():  # it is the same as before an interruption
                    export(settings, backbone, step, copy.ema, after, training)
                checkpoint.save(manager, epoch + 1, copy, record)
                monitor.epoch(history)
            last = unreplicate(state).ema
    finally:
        monitor.close(history)
    export(settings, backbone, step, last, folder / "model", training)


def batches(settings: PretrainSettings, material: Material, epoch: int) -> Iterator[Batch]:
    """The batches of an epoch: of each example one frame, and some of its pieces."""
    generator = np.random.default_rng([settings.seed, epoch])
    count = len(material.motion)
    order = generator.permutation(count)[: count // settings.batch * settings.batch]
    for numbers in order.reshape(-1, settings.batch):
        frames = generator.integers(0, material.targets.shape[1], len(numbers))
        places = generator.permuted(np.tile(np.arange(settings.looked_at), (len(numbers), 1)), axis=1)
        statistics = material.statistics[numbers[:, None], frames[:, None], places[:, : settings.pieces]]
        mirrored = generator.random((len(numbers), 1, 1, 1)) < 0.5
        motion = material.motion[numbers]
        motion = np.where(mirrored, motion[..., ::-1], motion)
        yield Batch((shard(statistics), shard(motion)), shard(material.targets[numbers, frames]))


def predict(step: TrainStep, params: Any, material: Material) -> Float[np.ndarray, "n 16"]:
    """Scores of the first frames of examples by parameters as `unreplicate` gives them, some on each device at once."""
    params, few = replicate(params), 4 * jax.local_device_count()
    text_features = step.text_features(params, NO_TEXT)
    views = (material.statistics[:, 0], material.motion)
    scores, count = [], len(material.motion)
    for first in range(0, count, few):
        filled = np.minimum(np.arange(first, first + few), count - 1)
        scores.append(np.asarray(step.predict(params, text_features, tuple(shard(view[filled]) for view in views))))
    return np.concatenate(scores)[:count]


def export(
    settings: PretrainSettings,
    backbone: EfficientNetLite,
    step: TrainStep,
    params: Any,
    directory: Path,
    training: Material,
) -> None:
    """Writes a weights directory in float16, with the scales of its scores."""
    scores = predict(step, params, Material(*(array[:256] for array in training)))
    network = make_network(settings)
    nnx.update(network, jax.tree.map(jnp.asarray, params))
    one = np.where([dimension.code in TRAINED for dimension in DIMENSIONS], 1, np.nan)
    # VMAF of 0 and 100 is shown as such: the raw scores that these were as targets. Of flaws, raw scores are shown as
    # they are, since an estimate that ends where targets do could not tell little of a flaw from none.
    span = np.where([dimension.code in VMAF_OF for dimension in DIMENSIONS], BEST - WORST, 1.0)
    low, high = -100 * (0.5 / span - 0.5), 100 * (0.5 / span + 0.5)
    scale = DisplayScale(0.5 * one, span * one, linear=True)
    quantiles = np.percentile(scores.astype(np.float64), PERCENTS, axis=0).round(9) * one
    card = ModelCard(
        databases=("photographs and clips, encoded and spoilt",),
        synthetic=True,
        dimensions=TRAINED,
        label_low=(low * one).round(9),
        label_high=(high * one).round(9),
        scale=scale,
        quantiles=quantiles,
    )
    display = DisplayEncoder(settings.display, nnx.Rngs(0))
    display.backbone, display.describer = backbone, network.describer
    parts = {"display": display, "maxvqa": network.maxvqa}
    tensors = {
        name: values.astype(np.float16)
        for part, module in parts.items()
        for name, values in tensors_of(part, module).items()
    }
    configs = {part: module.config for part, module in parts.items()}
    save_weights(directory, tensors, configs, default_prompts(), [{"settings": dataclasses.asdict(settings)}], card)
