"""Recomputes golden losses, learning rates and training runs of the published implementation.

A golden folder holds `losses.npz`, `schedule.npz`, `train_data.npz` (features, labels) and `train_RECIPE.npz`: 18
steps of a recipe with dropout off, batches of 8 in order, 3 epochs.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import jax
import numpy as np
from flax import nnx

from ..errors import UserError
from ..models.maxvqa import MaxVQA
from ..train.loop import Trainer
from ..train.losses import huber_loss, plcc_loss, rank_loss
from ..train.optimizer import learning_rates
from ..train.settings import ChunkOrder, Recipe, Schedule, TrainSettings
from ..train.step import AXIS, Batch, replicate, shard, start, unreplicate
from ..weights.directory import Weights
from .comparison import Comparison

BATCH, EPOCHS, EVERY = 8, 3, 61  # videos; epochs; stored values of a parameter
RATE = {"peak": 1e-3, "low": 1e-5}

# Recipe: depth of the fusion MLP, learning rates, weight of the Huber loss.
RECIPES = {
    "baseline": (2, "constant", 0.0),
    "cosine": (2, "cosine", 0.0),
    "deep": (4, "cosine", 0.0),
    "full": (4, "cosine", 1.0),
    "huber_shallow": (2, "cosine", 1.0),
}


def compare_losses(path: Path, parts: dict) -> Iterator[Comparison]:
    """Each loss of a batch by dimension."""
    golden = np.load(path)
    predictions, targets = golden["pred"], golden["target"]
    first, second = np.triu_indices(predictions.shape[1], k=1)
    for array, values in (
        ("plcc", plcc_loss(predictions, targets)),
        ("huber", huber_loss(predictions, targets)),
        ("rank", rank_loss(predictions, targets)),
        ("plcc_pairs", plcc_loss(predictions[:, first], predictions[:, second])),
    ):
        yield Comparison(array, np.asarray(values), golden[array], 1e-5)


def compare_schedule(path: Path, parts: dict) -> Iterator[Comparison]:
    """Learning rates of cosine restarts by epoch."""
    golden = np.load(path)
    for growth in (1, 2):
        array = f"per_epoch_T0_10_Tmult_{growth}"
        epochs = len(golden[array])
        rates = learning_rates(Schedule("cosine", **RATE, period=10, growth=growth), epochs)
        yield Comparison(array, np.array([rates(epoch) for epoch in range(epochs)]), golden[array], 1e-6)


def compare_training(path: Path, parts: dict, shallow: Weights, deep: Weights | None) -> Iterator[Comparison | str]:
    """A whole training run: losses, learning rates, first gradients, final and averaged parameters, scores."""
    recipe = path.stem.removeprefix("train_")
    if recipe not in RECIPES:
        raise UserError(f"{path} is of no recipe known here: {', '.join(RECIPES)}.")
    depth, kind, huber = RECIPES[recipe]
    weights = shallow if depth == 2 else deep
    if weights is None:
        yield "not compared: no weights with the deep fusion MLP given"
        return
    data, golden = np.load(path.with_name("train_data.npz")), np.load(path)
    settings = TrainSettings(
        order=ChunkOrder(batch=BATCH),
        recipe=Recipe(huber=huber, dropout=False),
        schedule=Schedule(kind, **RATE, period=2, growth=1),
    )
    features, labels = data["features"], data["labels"]
    yield from compare_run(settings, weights, features, labels, golden)


def compare_run(
    settings: TrainSettings,
    weights: Weights,
    features: np.ndarray,
    labels: np.ndarray,
    golden: np.lib.npyio.NpzFile,
) -> Iterator[Comparison]:
    """The same run by our step on all devices.

    Rounding grows from step to step, so limits leave room for other processors: those of losses, movements and last
    scores are three to thirteen times what instruction sets and numbers of devices came to.
    """
    head = cast(MaxVQA, weights.parts["maxvqa"])
    trainer = Trainer(settings, weights, head, range(labels.shape[1]))
    step, frozen = trainer.step, trainer.frozen
    rates = learning_rates(settings.schedule, EPOCHS)
    batches = [
        Batch(shard(features[i : i + BATCH]), shard(labels[i : i + BATCH])) for i in range(0, len(labels), BATCH)
    ]
    state = replicate(start(head, trainer.optimizer))

    def scores(params):
        return np.asarray(step.predict(params, step.text_features(params, frozen), batches[0].features))

    yield Comparison("first_scores", scores(state.params), golden["first_scores"], 1e-5)
    gradients = jax.pmap(lambda *arguments: step.gradients(*arguments, None)[0], AXIS)
    before, first = unreplicate(state.params), unreplicate(gradients(state.params, frozen, batches[0]))
    losses, used = [], []
    for number in range(EPOCHS * len(batches)):
        rate = rates(number // len(batches))
        state, terms = step.update(state, frozen, batches[number % len(batches)], rate, jax.random.key(0))
        losses.append(float(terms["loss"]))
        used.append(rate)
    yield Comparison("lrs", np.array(used), golden["lrs"], 1e-6)
    each = np.array(losses) / golden["losses"]
    yield Comparison("losses, each relative", each, np.ones_like(each), 5e-5)
    for array, values in published_layout(first, golden, "grad_sample/"):
        yield Comparison(array, values, golden[array], 2e-5)
    yield from compare_movement(before, unreplicate(state.ema), golden, "ema", 1e-2)
    yield from compare_movement(before, unreplicate(state.params), golden, "final", 2e-3)
    yield Comparison("last_scores", scores(state.params), golden["last_scores"], 2e-4)


def compare_movement(
    before: nnx.State, after: nnx.State, golden: np.lib.npyio.NpzFile, kind: str, limit: float
) -> Iterator[Comparison]:
    """How far a run moved its parameters, or their average, in a way that does not depend on the processor.

    Adam divides a gradient by its size, so rounding, which differs between processors, moves a parameter whose gradient
    is near 0 by up to a whole step. The loss does not feel that, because what it feels is the movement times the
    gradient. So each movement counts by its golden first gradient, relative to the largest. Parameters with small
    gradients count in full in the last comparison, which leaves out the tenth that differs most.
    """
    moved, wanted = [], []
    starts, ends = (published_layout(params, golden, f"{kind}_sample/") for params in (before, after))
    for (array, start_), (_, end) in zip(starts, ends, strict=True):
        weights = abs(golden[array.replace(kind, "grad", 1)])
        weights /= weights.max()
        moved.append(end - start_)
        wanted.append(golden[array] - start_)
        yield Comparison(array, weights * moved[-1], weights * wanted[-1], limit)
    if kind == "final":
        ours, theirs = np.concatenate(moved), np.concatenate(wanted)
        nearest = np.argsort(abs(ours - theirs))[: len(ours) * 9 // 10]
        yield Comparison("final, nine tenths", ours[nearest], theirs[nearest], 5e-4)


def published_layout(params: nnx.State, golden: np.lib.npyio.NpzFile, prefix: str) -> Iterator[tuple[str, np.ndarray]]:
    """Sampled parameters by the name of their golden array: the context vector, then layers, [output, input]."""
    layers = params["layers"]
    ours = [params["context"][...], *(layers[i]["kernel"][...].T for i in sorted(layers))]
    arrays = [array for array in golden.files if array.startswith(prefix)]
    for array, values in zip(arrays, ours, strict=True):
        yield array, np.asarray(values).reshape(-1)[::EVERY]
