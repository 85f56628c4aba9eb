"""The training task: rated videos to a trained, evaluated model."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from flax import nnx
from jax.experimental import multihost_utils
from jaxtyping import Float
from rich.console import Console
from rich.text import Text

from .. import datasets, distributed, evaluate, weights
from ..datasets import Videos
from ..dimensions import DIMENSIONS, calibrate
from ..errors import UserError
from ..features import Features, extract
from ..files import claim
from ..labels import ScoreTable, write_scores
from ..models.maxvqa import HeadConfig, MaxVQA
from ..prompts import tokenize
from ..terminal import printable
from .config import check_settings
from .loop import Rated, Trained, Trainer, train
from .monitor import Monitor

MARGIN = 0.05  # of the labels' range, on either side of it: scores never reach 0 and 1


@dataclass(frozen=True, eq=False)
class Prepared:
    """Videos with their features, and what they were asked for by, such as "maxwell:train"."""

    spec: str
    videos: Videos
    features: Features

    def select(self, indices: np.ndarray) -> "Prepared":
        """Some of the videos."""
        features = Features([self.features.rows[i] for i in indices])
        return Prepared(self.spec, self.videos.select(indices), features)


def run(config: ml_collections.ConfigDict) -> int:
    """Trains on the databases of a config, evaluates the best epoch, and writes its weights.

    Returns:
        Exit code: 0, or 1 if a video had to be left out and the config does not allow it.
    """
    distributed.start(config)
    check_settings(config)
    if not config.data.train or not config.data.validation:
        raise UserError("nothing to train on: config.data.train and config.data.validation must name databases.")
    encoders, failures = load_encoders(config), {}
    folder = Path(config.output)
    with claim(folder, jax.process_index()):
        training, validation, tests = (
            prepare(config, names, encoders, failures)
            for names in (config.data.train, config.data.validation, config.data.test)
        )
        trainer, trained = fit(config, encoders, training, validation, folder)
        report(config, trainer, trained, training, validation + tests, folder)
    tell_failures(failures)
    return 1 if failures and not config.data.allow_failures else 0


def load_encoders(config: ml_collections.ConfigDict) -> weights.Weights:
    """The frozen parts of a model, and with `config.warm_start` the head to go on from."""
    if not config.weights:
        raise UserError(f"no weights given: add --config.weights=DIR; to get them, {weights.HOW_TO_GET}.")
    encoders = weights.load(
        config.weights, (*weights.ENCODERS, "clip_text", *(["maxvqa"] if config.warm_start else []))
    )
    if "clip_text" not in encoders.parts and not config.warm_start:
        raise UserError(f"{config.weights} has no text transformer for a new head: add --config.warm_start.")
    return encoders


def prepare(
    config: ml_collections.ConfigDict, names: str, encoders: weights.Weights, failures: dict[str, str]
) -> list[Prepared]:
    """Databases, named with commas between them, with their features; adds what has none to `failures`."""
    prepared = []
    for spec in filter(None, names.split(",")):
        videos = datasets.load(spec, config.data.root, config.data.allow_missing)
        features, errors = extract(videos.paths, encoders, config.features, config.data.seed, config.workers)
        failures |= errors
        kept = np.array([i for i, path in enumerate(videos.paths) if path not in errors], int)
        if not len(kept):
            raise UserError(f"no video of {spec} could be decoded: {next(iter(errors.values()))}")
        prepared.append(Prepared(spec, videos.select(kept), features))
    return prepared


def fit(
    config: ml_collections.ConfigDict,
    encoders: weights.Weights,
    training: list[Prepared],
    validation: list[Prepared],
    folder: Path,
    title: str = "maxvqa",
) -> tuple[Trainer, Trained]:
    """Trains a head on some databases, in the dimensions that all of them have labels for."""
    rated = [~np.isnan(one.videos.labels).any(axis=0) for one in training + validation]
    dimensions = np.flatnonzero(np.all(rated, axis=0)).tolist()
    if not dimensions:
        raise UserError(f"{config.data.train} and {config.data.validation} have no dimension with labels in common.")
    for one in training + validation:
        if same := [DIMENSIONS[i].code for i in dimensions if np.ptp(one.videos.labels[:, i]) == 0]:
            raise UserError(
                f"{one.spec}: all {len(one.videos.names)} videos have the same label in {', '.join(same)}, nothing "
                "correlates with it."
            )
    scales = {one.videos.database: label_scale(one.videos.labels) for one in training}
    trainer = Trainer(config, encoders, make_head(config, encoders), dimensions)
    monitor = Monitor(folder, title, quiet=not distributed.is_first())
    trained = None
    try:
        trained = train(
            trainer,
            rated_features(training, scales),
            rated_features(validation, scales),
            monitor,
            str(folder / "checkpoints"),
        )
    finally:
        monitor.close(trained.history if trained else ())
    return trainer, trained


def make_head(config: ml_collections.ConfigDict, encoders: weights.Weights) -> MaxVQA:
    """The head to start from: that of the weights, or a new one whose context vector is the word "a"."""
    if config.warm_start:
        return nnx.clone(encoders.parts["maxvqa"])  # training changes it, and others start from it as well
    swin, clip, text = (encoders.parts[part] for part in ("swin", "clip_visual", "clip_text"))
    sizes = HeadConfig(
        clip_width=clip.config.output_width,
        technical_width=swin.config.output_width,
        hidden=config.model.hidden,
        depth=config.model.depth,
        text_width=text.config.width,
    )
    head = MaxVQA(sizes, nnx.Rngs(config.seed))
    head.context[...] = text.embedding(jnp.asarray(tokenize(encoders.prompts[:1])[0, 1]))
    return head


def label_scale(labels: Float[np.ndarray, "n 16"]) -> tuple[Float[np.ndarray, "16"], Float[np.ndarray, "16"]]:
    """The labels that scores of 0 and 1 stand for in each dimension: a little outside of those in training."""
    low, high = labels.min(axis=0), labels.max(axis=0)
    margin = MARGIN * (high - low)
    return low - margin, high + margin


def rated_features(prepared: list[Prepared], scales: dict[str, tuple[np.ndarray, np.ndarray]]) -> Rated:
    """Databases as one, each with its labels on its own scale."""
    targets = []
    for one in prepared:
        low, high = scales.get(one.videos.database) or label_scale(one.videos.labels)
        targets.append((one.videos.labels - low) / (high - low))
    return Rated(Features([row for one in prepared for row in one.features.rows]), np.concatenate(targets))


def report(
    config: ml_collections.ConfigDict,
    trainer: Trainer,
    trained: Trained,
    training: list[Prepared],
    tested: list[Prepared],
    folder: Path,
) -> None:
    """Writes the best epoch's weights, evaluates them on databases, and prints the tables.

    Several processes predict together, and the first one writes.
    """
    export(trainer, trained, training, folder / "model")
    predictions = [predict(trainer, trained.head, one) for one in tested]
    if not distributed.is_first():
        return
    note = f"Epoch {trained.epoch} of {len(trained.history)}, the best on {config.data.validation}; trained on "
    note += describe(training) + "."
    for one, scores in zip(tested, predictions, strict=True):
        name = one.spec.replace(":", "-")
        write_scores(folder / f"predictions-{name}.csv", scores)
        labels = label_table(one, trainer.dimensions)
        results = evaluate.evaluate(scores, labels, config.resamples, config.seed)
        evaluate.write(folder / f"evaluation-{name}", results)
        evaluate.print_table(results, len(labels.names), config.resamples, f"{describe([one])}. {note}")
    Console(stderr=True).print(
        Text(
            f"history, curves and predictions are in {folder}; to score videos with this model:\n"
            f"jaxvqa score VIDEOS --weights {folder / 'model'}"
        ),
        soft_wrap=True,
    )


def export(trainer: Trainer, trained: Trained, training: list[Prepared], directory: Path) -> None:
    """Writes a weights directory that scoring loads, with the scales of its scores, unless an earlier run did."""
    if multihost_utils.broadcast_one_to_all(np.array(is_exported(directory, trained.head))):
        return
    scores = np.concatenate([trainer.predict(nnx.state(trained.head), one.features) for one in training])
    if not distributed.is_first():
        return
    low, high = label_scale(training[0].videos.labels)
    if len(training) > 1:  # each database has its own scale, scores have none of them
        low, high = np.full((2, len(DIMENSIONS)), np.nan)
    account = {
        "databases": [one.spec for one in training],
        "synthetic": all(one.videos.synthetic for one in training),
        "dimensions": [DIMENSIONS[i].code for i in trainer.dimensions],
        "label_low": numbers(low),
        "label_high": numbers(high),
        **calibrate(scores),
    }
    parts = {
        **{part: module for part, module in trainer.encoders.parts.items() if part != "maxvqa"},
        "maxvqa": trained.head,
    }
    tensors = {
        name: values for part, module in parts.items() for name, values in weights.tensors_of(part, module).items()
    }
    configs = {part: module.config for part, module in parts.items()}
    # One of another training, or a damaged one, gives way when the new one is whole.
    fresh = directory.with_name(f"{directory.name}-new")
    shutil.rmtree(fresh, ignore_errors=True)
    weights.save(fresh, tensors, configs, trainer.encoders.prompts, [{"weights": trainer.encoders.id}], account)
    shutil.rmtree(directory, ignore_errors=True)
    fresh.rename(directory)


def is_exported(directory: Path, head: MaxVQA) -> bool:
    """Whether a weights directory is there, whole, and with just this head."""
    try:
        there = weights.load(directory, ("maxvqa",)).parts["maxvqa"]
    except weights.WeightsError:
        return False
    first, second = (weights.tensors_of("maxvqa", module) for module in (there, head))
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


def numbers(values: np.ndarray) -> list[float | None]:
    """Numbers for JSON, which knows no NaN."""
    return [round(float(value), 9) if np.isfinite(value) else None for value in values]


def predict(trainer: Trainer, head: MaxVQA, one: Prepared) -> ScoreTable:
    """A head's scores of a database, in the dimensions it was trained in."""
    scores = trainer.predict(nnx.state(head), one.features)
    columns = {DIMENSIONS[i].code: scores[:, i].astype(np.float64) for i in trainer.dimensions}
    return ScoreTable(Path(f"predictions for {one.spec}"), one.videos.names, columns)


def label_table(one: Prepared, dimensions: list[int]) -> ScoreTable:
    """The labels of a database in those dimensions that it has."""
    labels = one.videos.labels
    columns = {DIMENSIONS[i].code: labels[:, i] for i in dimensions if not np.isnan(labels[:, i]).any()}
    return ScoreTable(Path(f"labels of {one.spec}"), one.videos.names, columns)


def describe(prepared: list[Prepared]) -> str:
    """What databases are, in a table's words."""
    return ", ".join(
        one.spec + (" (synthetic: rendered clips, simulated raters)" if one.videos.synthetic else "")
        for one in prepared
    )


def tell_failures(failures: dict[str, str]) -> None:
    """Names every video that was left out."""
    log = Console(stderr=True, quiet=not distributed.is_first())
    for error in failures.values():
        log.print(Text(printable(f"left out: {error}")), soft_wrap=True)
