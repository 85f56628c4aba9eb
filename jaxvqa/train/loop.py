"""The chunkwise training loop: epoch after epoch, evaluated and saved after each.

Source: MaxVQA (arXiv:2305.12726, section 4.3) and its follow-up's chunkwise training.
"""

import contextlib
import dataclasses
import time
from collections.abc import Generator, Iterable, Sequence
from itertools import islice, repeat
from pathlib import Path
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int, Key

from ..errors import UserError
from ..evaluation.metrics import agreement
from ..features.store import VERSION, Features
from ..models.clip_text import CLIPText, prompt_tree
from ..models.last_stages import LastStages
from ..models.maxvqa import MaxVQA
from ..system.threads import stoppable_threads
from ..text.prompts import codes
from ..text.tokens import tokenize
from ..weights.directory import Weights
from . import checkpoint
from .chunks import plan_epochs, read_ahead, warm
from .data import TrainingSet
from .monitor import Monitor
from .optimizer import learning_rates, make_optimizer
from .settings import TrainSettings
from .step import NO_TEXT, Batch, Frozen, State, TrainStep, replicate, shard, start, unreplicate


class FitResult(NamedTuple):
    """The epoch of a training that is kept: its averaged parameters as a network, and the history of all epochs."""

    network: MaxVQA | LastStages
    epoch: int
    history: list[dict[str, Any]]


class Trainer:
    """A head in training on all devices, and the text transformer it works with, if it does with one.

    Attributes:
        network: the head, or the last stages of the encoders with it.
        codes: of the dimensions that are trained, by their place among scores; custom ones come after the 16.
        shares: videos of each database in a batch; empty, as they come.
    """

    def __init__(
        self,
        settings: TrainSettings,
        encoders: Weights,
        network: MaxVQA | LastStages,
        dimensions: Sequence[int],
        shares: Sequence[int] = (),
    ):
        text, self.frozen = cast(CLIPText | None, encoders.parts.get("clip_text")), NO_TEXT
        if text:
            text = nnx.merge(*nnx.split(text))  # the same arrays
            tree = prompt_tree(tokenize(encoders.prompts))
            embeddings = text.embedding(jnp.asarray(tree.tokens))
            del text.embedding  # 100 MB that no step looks at
            self.frozen = replicate(Frozen(nnx.state(text), embeddings, tree))
        self.settings, self.encoders, self.network, self.shares = settings, encoders, network, shares
        self.codes = {i: codes(encoders.custom)[i] for i in dimensions}
        self.optimizer = make_optimizer(settings.weight_decay, settings.unfreeze.rate)
        recipe = dataclasses.replace(settings.recipe, databases=max(1, len(shares)))
        self.step = TrainStep(network, text, recipe, self.optimizer, dimensions)

    def predict(self, params: Any, features: Features) -> Float[np.ndarray, "n dimensions"]:
        """Scores of videos by parameters as `unreplicate` gives them, float32."""
        params, batch = replicate(params), self.settings.order.batch
        text_features = self.step.text_features(params, self.frozen)
        # The last batch is filled up with copies of its last video, whose scores are cut off again.
        count = -(-len(features) // batch) * batch
        batches = np.minimum(np.arange(count), len(features) - 1).reshape(-1, batch)
        scores = [
            np.asarray(self.step.predict(params, text_features, shard(rows)))
            for rows in read_ahead(features, map(local_rows, batches))
        ]
        return np.concatenate(scores)[: len(features)]


def train(
    trainer: Trainer, training: TrainingSet, validation: TrainingSet | None, monitor: Monitor, folder: Path
) -> FitResult:
    """Trains a head, and resumes an earlier run with the same settings.

    The learning rate is constant within an epoch. After each, the moving average of the parameters is evaluated;
    that of the epoch with the largest sum of PLCCs over dimensions is kept, or that of the last.

    Args:
        validation: videos that are not trained on, to evaluate on; None, and the history has no correlations.
        folder: of checkpoints.

    Raises:
        UserError: chunks that do not fit, checkpoints of other settings, nothing to choose the best epoch by, or
            numbers that are not finite.
    """
    settings = trainer.settings
    if settings.keep == "best" and validation is None:
        raise UserError("keep is 'best', but no videos are left to choose an epoch by; set keep to last.")
    plan = plan_epochs(settings.order, settings.seed, training.database, trainer.shares)
    epochs, rates = len(plan.batches), learning_rates(settings.schedule, len(plan.batches))
    state, key = start(trainer.network, trainer.optimizer), jax.random.key(settings.seed)
    compared = comparable(trainer, training, validation)
    with (
        checkpoint.open_checkpoints(folder) as manager,
        stoppable_threads(1) as (warmer, each),
        contextlib.ExitStack() as leaving,
    ):
        (state, best), record = checkpoint.resume(manager, (state, state.params), compared, folder)
        history = record["history"]
        left = plan.batches[len(history) :]
        monitor.resume(history, epochs, sum(map(len, left)))
        if left and (batch := plan.batches[0].shape[1]) < settings.order.batch:
            monitor.log(f"{monitor.title}: batches of {batch} videos, because there are no more to train on")
        state, batches = replicate(state), leaving.enter_context(contextlib.closing(read_batches(training, left)))
        for epoch in range(len(history), epochs):
            chunk, *following = plan.chunk_of_epoch[epoch : epoch + 2]
            if following not in ([], [chunk]):
                warmer.submit(warm, training.features, plan.chunks[following[0]], each)
            steps = zip(islice(batches, len(plan.batches[epoch])), repeat(rates(epoch)))
            state, means = run_steps(trainer.step, trainer.frozen, state, steps, key, monitor)
            copy: State = unreplicate(state)
            predictions = [trainer.predict(copy.ema, validation.features)] if validation else []
            check_finite(epoch, means, [*predictions, *jax.tree.leaves(copy.ema)])
            scores = agreement(predictions[0], validation.targets, trainer.codes) if validation else {}
            row = {"epoch": epoch + 1, "chunk": chunk + 1, **means, **scores}
            history.append(row)
            if settings.keep == "last" or row["plcc_mean"] >= max(row["plcc_mean"] for row in history):
                best, record["best_epoch"] = copy.ema, epoch + 1
            checkpoint.save(manager, epoch + 1, (copy, best), record)
            monitor.epoch(history)
    nnx.update(trainer.network, jax.tree.map(jnp.asarray, best))
    return FitResult(trainer.network, record["best_epoch"], history)


def run_steps(
    step: TrainStep,
    frozen: Frozen,
    state: State,
    batches: Iterable[tuple[Batch, float]],
    key: Key[Array, ""],
    monitor: Monitor,
) -> tuple[State, dict[str, float]]:
    """Trains on the batches of an epoch, each with its learning rate.

    Args:
        state: with a copy for each device; it is donated.

    Returns:
        The state after them; the last rate, the means of the terms of the loss, and the seconds that a step took.
    """
    began, terms, rate = time.perf_counter(), [], 0.0
    for batch, rate in batches:
        state, losses = step.update(state, frozen, batch, rate, key)
        terms.append(losses)
        monitor.step()
    means = {name: float(np.mean([losses[name] for losses in terms])) for name in terms[0]}
    return state, {"rate": rate, **means, "step_seconds": (time.perf_counter() - began) / len(terms)}


def check_finite(epoch: int, means: dict[str, float], arrays: Iterable[np.ndarray]) -> None:
    """Raises a UserError if a number that an epoch came to is not finite."""
    if not (np.isfinite([*means.values()]).all() and all(np.isfinite(array).all() for array in arrays)):
        raise UserError(f"epoch {epoch + 1} came to numbers that are not finite: lower peak, the learning rate.")


def read_batches(training: TrainingSet, epochs: Iterable[Int[np.ndarray, "_ batch"]]) -> Generator[Batch]:
    """The batches of epochs, read ahead; of each the rows of this process, shared out to its devices."""
    rows = [local_rows(indices) for batches in epochs for indices in batches]
    with contextlib.closing(read_ahead(training.features, rows)) as read:
        for indices, features in zip(rows, read, strict=True):
            targets = training.targets[indices].astype(np.float32)
            yield Batch(shard(features), shard(targets), shard(training.database[indices]))


def local_rows(batch: np.ndarray) -> np.ndarray:
    """The part of a batch that this process works on."""
    return np.split(batch, jax.process_count())[jax.process_index()]


def comparable(trainer: Trainer, training: TrainingSet, validation: TrainingSet | None) -> dict[str, Any]:
    """What decides what a training comes to: settings, weights, and names, contents and labels of the videos."""
    return {
        **dataclasses.asdict(trainer.settings),
        "data": {"train": training.specs, "validation": validation.specs if validation else []},
        "features": VERSION,
        "weights": trainer.encoders.id,
        "custom": list(map(str, trainer.encoders.custom)),
        "videos": [rated.identity for rated in (training, validation) if rated],
    }
