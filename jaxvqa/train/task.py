"""The training task: rated videos to a trained, evaluated model."""

import shutil
import warnings
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
from ..models.last_stages import LastStages
from ..models.maxvqa import HeadConfig, MaxVQA
from ..prompts import codes, tokenize
from ..terminal import printable
from .chunks import batch_shares
from .config import check_settings
from .loop import Rated, Trained, Trainer, train
from .monitor import Monitor

Scale = tuple[Float[np.ndarray, " dimensions"], Float[np.ndarray, " dimensions"]]

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
        check_labels(training + validation + tests)
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
        prepared.append(with_features(config, spec, videos, encoders, failures))
    return prepared


def with_features(
    config: ml_collections.ConfigDict,
    spec: str,
    videos: Videos,
    encoders: weights.Weights,
    failures: dict[str, str],
) -> Prepared:
    """Videos with their features, and labels in the columns that scores have; adds what has none to `failures`."""
    features, errors = extract(
        videos.paths, encoders, config.features, config.data.seed, config.workers, config.unfreeze.stages
    )
    failures |= errors
    kept = np.array([i for i, path in enumerate(videos.paths) if path not in errors], int)
    if not len(kept):
        raise UserError(f"no video of {spec} could be decoded: {next(iter(errors.values()))}")
    return Prepared(spec, videos.select(kept).with_columns(encoders.own), features)


def check_labels(prepared: list[Prepared]) -> None:
    """Raises a UserError for databases of which all videos have the same label."""
    for one in prepared:
        columns = zip(codes(one.videos.own), one.videos.labels.T, strict=True)
        if same := [code for code, labels in columns if not np.isnan(labels).all() and nanrange(labels) == 0]:
            raise UserError(
                f"{one.spec}: all {len(one.videos.names)} videos have the same label in {', '.join(same)}, nothing "
                "correlates with it."
            )


def fit(
    config: ml_collections.ConfigDict,
    encoders: weights.Weights,
    training: list[Prepared],
    validation: list[Prepared],
    folder: Path,
    title: str = "maxvqa",
    brief: bool = False,
) -> tuple[Trainer, Trained]:
    """Trains a head on some databases, in the dimensions that any of them has labels for.

    Args:
        brief: whether to tell of the last epoch alone.

    Raises:
        UserError: no labels to validate with, or settings that do not go together.
    """
    names, width = ", ".join(one.spec for one in training), training[0].videos.labels.shape[1]
    rated = [[i for i in range(width) if not np.isnan(one.videos.labels[:, i]).all()] for one in training + validation]
    dimensions = sorted({i for some in rated[: len(training)] for i in some})
    if not {i for some in rated[len(training) :] for i in some} & set(dimensions):
        raise UserError(f"{names} and {config.data.validation} have no dimension with labels in common.")
    shares = batch_shares(config.data.mix, len(training), config.train.batch) if config.data.mix else []
    trainer = Trainer(config, encoders, make_network(config, encoders), dimensions, shares)
    scales = label_scales(training)
    monitor = Monitor(folder, title, not distributed.is_first(), brief)
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


def make_network(config: ml_collections.ConfigDict, encoders: weights.Weights) -> MaxVQA | LastStages:
    """What is trained, as it starts: the head, and with `config.unfreeze.stages` the last stages of the encoders."""
    head, last = make_head(config, encoders), config.unfreeze.stages
    return LastStages(encoders.parts["swin"], encoders.parts["clip_visual"], head, last) if last else head


def trained_parts(encoders: weights.Weights, network: MaxVQA | LastStages) -> dict[str, nnx.Module]:
    """The parts of weights that a training changed, whole."""
    if isinstance(network, MaxVQA):
        return {"maxvqa": network}
    parts = {part: nnx.clone(encoders.parts[part]) for part in weights.ENCODERS}
    for part, module in parts.items():
        nnx.update(module, nnx.state(getattr(network, part)))
    return {**parts, "maxvqa": network.maxvqa}


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


def label_scales(training: list[Prepared]) -> dict[str, Scale]:
    """The labels that scores of 0 and 1 stand for in each dimension, by database.

    Those of one database lie a little outside of its labels. Those of several lie as many deviations from the mean of
    each, so that labels of all of them are standardised, and on the scale of scores.
    """
    if len({one.videos.database for one in training}) == 1:
        return {training[0].videos.database: label_scale(np.concatenate([one.videos.labels for one in training]))}
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # dimensions of which there are no labels
        means = [np.nanmean(one.videos.labels, axis=0) for one in training]
        deviations = [np.nanstd(one.videos.labels, axis=0) for one in training]
        farthest = [
            np.nanmax(abs(one.videos.labels - mean), axis=0) / deviation
            for one, mean, deviation in zip(training, means, deviations, strict=True)
        ]
        reach = (1 + 2 * MARGIN) * np.nanmax(farthest, axis=0)
    return {
        one.videos.database: (mean - reach * deviation, mean + reach * deviation)
        for one, mean, deviation in zip(training, means, deviations, strict=True)
    }


def label_scale(labels: Float[np.ndarray, "n dimensions"]) -> Scale:
    """The labels that scores of 0 and 1 stand for in each dimension: a little outside of those in training."""
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # dimensions of which there are no labels
        low, high = np.nanmin(labels, axis=0), np.nanmax(labels, axis=0)
    margin = MARGIN * (high - low)
    return low - margin, high + margin


def nanrange(values: Float[np.ndarray, " n"]) -> float:
    """How far apart the largest and the smallest number are; NaN do not count."""
    return float(np.nanmax(values) - np.nanmin(values))


def rated_features(prepared: list[Prepared], scales: dict[str, Scale]) -> Rated:
    """Databases as one, each with its labels on its own scale."""
    targets = []
    for one in prepared:
        low, high = scales.get(one.videos.database) or label_scale(one.videos.labels)
        targets.append((one.videos.labels - low) / (high - low))
    database = np.repeat(np.arange(len(prepared)), [len(one.features) for one in prepared])
    return Rated(Features([row for one in prepared for row in one.features.rows]), np.concatenate(targets), database)


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
    predictions = [predict(trainer, trained.network, one) for one in tested]
    if not distributed.is_first():
        return
    note = f"Epoch {trained.epoch} of {len(trained.history)}, the {config.train.keep}"
    note += f" on {config.data.validation}" * (config.train.keep == "best") + "; trained on "
    note += describe(training) + "."
    for one, scores in zip(tested, predictions, strict=True):
        name = one.spec.replace(":", "-")
        write_scores(folder / f"predictions-{name}.csv", scores)
        labels = label_table(one, trainer.codes)
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
    parts = trained_parts(trainer.encoders, trained.network)
    if multihost_utils.broadcast_one_to_all(np.array(is_exported(directory, parts))):
        return
    scores = np.concatenate([trainer.predict(nnx.state(trained.network), one.features) for one in training])
    if not distributed.is_first():
        return
    scales, sixteen = [*label_scales(training).values()], len(DIMENSIONS)
    # Where each database has its own scale, scores have none of them.
    low, high = scales[0] if len(scales) == 1 else np.full((2, scores.shape[1]), np.nan)
    account = {
        "databases": [one.spec for one in training],
        "synthetic": all(one.videos.synthetic for one in training),
        "dimensions": [code for i, code in trainer.codes.items() if i < sixteen],
        "label_low": numbers(low[:sixteen]),
        "label_high": numbers(high[:sixteen]),
        **calibrate(scores[:, :sixteen]),
    }
    if own := trainer.encoders.own:
        ends = zip(own, numbers(low[sixteen:]), numbers(high[sixteen:]), strict=True)
        account["own"] = [[*pair, *labels] for pair, *labels in ends]
    parts = trainer.encoders.parts | parts
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


def is_exported(directory: Path, parts: dict[str, nnx.Module]) -> bool:
    """Whether a weights directory is there, whole, and with just these parts."""
    try:
        there = weights.load(directory, tuple(parts)).parts
    except weights.WeightsError:
        return False
    first, second = (
        {name: values for part in parts for name, values in weights.tensors_of(part, modules[part]).items()}
        for modules in (there, parts)
    )
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


def numbers(values: np.ndarray) -> list[float | None]:
    """Numbers for JSON, which knows no NaN."""
    return [round(float(value), 9) if np.isfinite(value) else None for value in values]


def predict(trainer: Trainer, network: MaxVQA | LastStages, one: Prepared) -> ScoreTable:
    """A network's scores of a database, in the dimensions it was trained in."""
    scores = trainer.predict(nnx.state(network), one.features)
    columns = {code: scores[:, i].astype(np.float64) for i, code in trainer.codes.items()}
    return ScoreTable(Path(f"predictions for {one.spec}"), one.videos.names, columns)


def label_table(one: Prepared, codes: dict[int, str]) -> ScoreTable:
    """The labels of a database in those dimensions that it has, of some given by place and code."""
    labels = one.videos.labels
    columns = {code: labels[:, i] for i, code in codes.items() if not np.isnan(labels[:, i]).all()}
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
