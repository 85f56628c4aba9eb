"""The chunkwise training loop: epoch after epoch, evaluated and saved after each.

Source: MaxVQA (arXiv:2305.12726, section 4.3) and its follow-up's chunkwise training.
"""

import hashlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from flax import nnx
from jaxtyping import Float

from ..errors import UserError
from ..evaluation.metrics import agreement
from ..features.store import Features
from ..models.clip_text import prompt_tree
from ..models.last_stages import LastStages
from ..models.maxvqa import MaxVQA
from ..text.prompts import codes
from ..text.tokens import tokenize
from ..weights.directory import Weights
from . import checkpoint
from .chunks import chunk_of_epoch, epoch_batches, make_chunks, make_mixed_chunks, mixed_batches, read_ahead, warm
from .data import TrainingSet
from .monitor import Monitor
from .optimizer import learning_rates, make_optimizer
from .step import NO_TEXT, Batch, Frozen, Recipe, State, TrainStep, replicate, shard, start, unreplicate


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
        config: ml_collections.ConfigDict,
        encoders: Weights,
        network: MaxVQA | LastStages,
        dimensions: list[int],
        shares: Sequence[int] = (),
    ):
        text, self.frozen = encoders.parts.get("clip_text"), NO_TEXT
        if text:
            text = nnx.merge(*nnx.split(text))  # the same arrays
            tree = prompt_tree(tokenize(encoders.prompts))
            embeddings = text.embedding(jnp.asarray(tree.tokens))
            del text.embedding  # 100 MB that no step looks at
            self.frozen = replicate(Frozen(nnx.state(text), embeddings, tree))
        self.config, self.encoders, self.network, self.shares = config, encoders, network, shares
        self.codes = {i: codes(encoders.custom)[i] for i in dimensions}
        self.batch = config.train.batch
        self.optimizer = make_optimizer(config.optimizer.weight_decay, config.unfreeze.rate)
        c = config.train
        recipe = Recipe(**config.loss, dropout=c.dropout, ema=c.ema, databases=max(1, len(shares)))
        self.step = TrainStep(network, text, recipe, self.optimizer, dimensions)

    def predict(self, params: Any, features: Features) -> Float[np.ndarray, "n dimensions"]:
        """Scores of videos by parameters as `first_copy` gives them, float32."""
        params = replicate(params)
        text_features = self.step.text_features(params, self.frozen)
        # The last batch is filled up with copies of its last video, whose scores are cut off again.
        count = -(-len(features) // self.batch) * self.batch
        batches = np.minimum(np.arange(count), len(features) - 1).reshape(-1, self.batch)
        scores = [
            np.asarray(self.step.predict(params, text_features, shard(rows)))
            for rows in read_ahead(features, map(local_rows, batches))
        ]
        return np.concatenate(scores)[: len(features)]


def train(trainer: Trainer, training: TrainingSet, validation: TrainingSet, monitor: Monitor, folder: str) -> FitResult:
    """Trains a head, and goes on where an earlier run with the same settings stopped.

    The learning rate is constant within an epoch. After each, the moving average of the parameters is evaluated;
    that of the epoch with the largest sum of PLCCs over dimensions is kept, or that of the last.

    Raises:
        UserError: chunks that do not fit, checkpoints of other settings, or numbers that are no more.
    """
    config, c = trainer.config, trainer.config.train
    order = config.seed if c.shuffle else None
    if trainer.shares:
        chunks = make_mixed_chunks(training.database, c.chunk, trainer.shares, c.chunks, order)
    else:
        chunks = make_chunks(len(training.features), c.chunk, c.batch, c.chunks, order)
    plan = chunk_of_epoch(len(chunks), c.epochs_per_chunk, c.passes)
    rates = learning_rates(**config.optimizer.schedule, epochs=len(plan))
    batches = [
        mixed_batches(chunks[chunk], training.database, trainer.shares, config.seed, epoch)
        if trainer.shares
        else epoch_batches(chunks[chunk], c.batch, config.seed, epoch)
        for epoch, chunk in enumerate(plan)
    ]

    state = start(trainer.network, trainer.optimizer)
    best = state.params
    settings = comparable(trainer, training, validation)
    record: dict[str, Any] = {"settings": settings, "best_epoch": 0, "history": []}
    key = jax.random.key(config.seed)
    with checkpoint.open_checkpoints(folder) as manager, ThreadPoolExecutor(1) as warmer:
        if earlier := checkpoint.read_record(manager):
            check_same(earlier["settings"], settings, folder)
            (state, best), record = checkpoint.read_arrays(manager, (state, best)), earlier
        history = record["history"]
        monitor.resume(config, history, len(plan), sum(len(rows) for rows in batches[len(history) :]))
        state = replicate(state)
        reader = read_ahead(
            training.features, (local_rows(rows) for epoch in batches[len(history) :] for rows in epoch)
        )
        for epoch in range(len(history), len(plan)):
            if epoch + 1 < len(plan) and plan[epoch + 1] != plan[epoch]:
                warmer.submit(warm, training.features, chunks[plan[epoch + 1]])
            began, terms = time.perf_counter(), []
            rate = float(rates(epoch))
            for indices in batches[epoch]:
                targets, database = (
                    shard(local_rows(values[indices]))
                    for values in (training.targets.astype(np.float32), training.database)
                )
                batch = Batch(shard(next(reader)), targets, database)
                state, losses = trainer.step.update(state, trainer.frozen, batch, rate, key)
                terms.append(losses)
                monitor.step()
            means = {name: float(np.mean([losses[name] for losses in terms])) for name in terms[0]}
            seconds = (time.perf_counter() - began) / len(terms)
            copy: State = unreplicate(state)
            predictions = trainer.predict(copy.ema, validation.features)
            if not (np.isfinite(predictions).all() and np.isfinite(list(means.values())).all()):
                raise UserError(
                    f"epoch {epoch + 1} came to numbers that are not finite: lower config.optimizer.schedule.peak."
                )
            row = {
                "epoch": epoch + 1,
                "chunk": plan[epoch] + 1,
                "rate": rate,
                **means,
                "step_seconds": seconds,
                **agreement(predictions, validation.targets, trainer.codes),
            }
            history.append(row)
            if c.keep == "last" or row["plcc_mean"] >= max(epoch["plcc_mean"] for epoch in history):
                best, record["best_epoch"] = copy.ema, epoch + 1
            checkpoint.save(manager, epoch + 1, (copy, best), record)
            monitor.epoch(history)
    nnx.update(trainer.network, jax.tree.map(jnp.asarray, best))
    return FitResult(trainer.network, record["best_epoch"], history)


def local_rows(batch: np.ndarray) -> np.ndarray:
    """The part of a batch that this process works on."""
    return np.split(batch, jax.process_count())[jax.process_index()]


def comparable(trainer: Trainer, training: TrainingSet, validation: TrainingSet) -> dict[str, Any]:
    """What decides what a training comes to: settings, weights, and which videos there are, by their labels."""
    settings = trainer.config.to_dict()
    names = ("seed", "warm_start", "model", "train", "unfreeze", "loss", "optimizer")
    data = {name: settings["data"][name] for name in ("train", "validation", "mix", "seed")}
    labels = [np.nan_to_num(rated.targets.astype(np.float32)).tobytes() for rated in (training, validation)]
    return {
        **{name: settings[name] for name in names},
        "data": data,
        "weights": trainer.encoders.id,
        "custom": list(map(str, trainer.encoders.custom)),
        "videos": [hashlib.sha256(values).hexdigest() for values in labels],
    }


def check_same(earlier: dict[str, Any], now: dict[str, Any], folder: str) -> None:
    """Raises a UserError if a training with other settings stands in the folder."""
    other = [name for name in now if earlier.get(name) != now[name]]
    if other:
        raise UserError(
            f"{folder} holds a training with other {', '.join(other)}: choose another config.output, or what is in "
            "the config.json beside it."
        )
