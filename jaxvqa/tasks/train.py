"""The training task: rated videos to a trained, evaluated model."""

from functools import partial
from pathlib import Path

import jax
import ml_collections

from ..evaluation.metrics import evaluate
from ..evaluation.opinions import opinions_by
from ..evaluation.summary import write_evaluation
from ..results.table import ScoreTable, write_table
from ..system.distributed import is_first, start
from ..system.files import lock_folder
from ..system.terminal import Log
from ..train.chunks import check_devices
from ..train.data import LabeledFeatures, check_labels, describe, label_table, prepare, seen
from ..train.fit import fit, load_encoders, predict, predict_start
from ..train.loop import FitResult, Trainer
from ..train.monitor import Monitor
from ..train.to_weights import export_weights
from ..weights.opinions import Opinions
from .evaluation_output import print_evaluation, print_gain
from .output import tell_left_out, write_config
from .train_inputs import cluster, data_source, train_settings


def run(config: ml_collections.ConfigDict) -> int:
    """Trains on the databases of a config, evaluates the epoch that is kept, and writes its weights.

    Returns:
        Exit code: 0, or 1 if a video had to be left out and the config does not allow it.
    """
    start(cluster(config))
    settings, source = train_settings(config), data_source(config)
    check_devices(settings.order)
    encoders, failures = load_encoders(config.weights, settings.head.warm_start), {}
    folder = Path(config.output)
    with lock_folder(folder, jax.process_index()):
        training, validation, tests = (
            prepare(names, source, encoders, settings, failures)
            for names in (config.data.train, config.data.validation, config.data.test)
        )
        check_labels(training, validation + tests)
        monitor = Monitor(folder, "maxvqa", started=partial(write_config, config=config))
        trainer, trained = fit(settings, encoders, training, validation, monitor)
        predictions = [predict(trainer, trained.network, one) for one in validation + tests]
        tested = [*zip(validation + tests, predictions, strict=True)]
        unbiased = tested[len(validation) :] if settings.keep == "best" else tested
        export_weights(trainer, trained, training, folder / "model", opinions(trainer.codes, training, unbiased))
        report(config, trainer, trained, training, (validation, tests), predictions)
    return tell_left_out(failures, config.data.allow_failures, Log(quiet=not is_first()))


def opinions(
    codes: dict[int, str], training: list[LabeledFeatures], tested: list[tuple[LabeledFeatures, ScoreTable]]
) -> Opinions | None:
    """What people would say, by the first database tested on whose ratings are those trained on, and videos others."""
    first = training[0].videos
    if first.synthetic or len({one.videos.database for one in training}) > 1:
        return None
    for one, scores in tested:
        if one.videos.database == first.database and not seen(one, training):
            return opinions_by(scores, label_table(one, codes))
    return None


def report(
    config: ml_collections.ConfigDict,
    trainer: Trainer,
    trained: FitResult,
    training: list[LabeledFeatures],
    tested: tuple[list[LabeledFeatures], list[LabeledFeatures]],
    predictions: list[ScoreTable],
) -> None:
    """Evaluates the epoch that is kept on databases, and prints the tables.

    Several processes predict together, and the first one writes.

    Args:
        tested: databases for validation, and those for tests.
        predictions: for each of them.
    """
    folder, (validation, tests) = Path(config.output), tested
    starts = [predict_start(trainer, one) if config.warm_start else None for one in validation + tests]
    if not is_first():
        return
    best = config.train.keep == "best"
    note = f"Epoch {trained.epoch} of {len(trained.history)}, the {config.train.keep}"
    note += f" on {config.data.validation}" * best + "; trained on "
    note += describe(training) + "."
    for one, scores, before in zip(validation + tests, predictions, starts, strict=True):
        name = one.spec.replace(":", "-")
        write_table(folder / f"predictions-{name}.csv", scores)
        labels = label_table(one, trainer.codes)
        results = evaluate(scores, labels, config.resamples, config.seed)
        write_evaluation(folder / f"evaluation-{name}", results)
        title = " ".join([f"{describe([one])}.", note, *known(one, training, validation * best)])
        print_evaluation(results, labels, config.resamples, title)
        if before:
            print_gain(config.weights, before, scores, labels, config.resamples, config.seed)
    Log()(
        f"history, curves and predictions are in {folder}; to score videos with this model:\n"
        f"jaxvqa score VIDEOS --weights {folder / 'model'}"
    )


def known(one: LabeledFeatures, training: list[LabeledFeatures], choosing: list[LabeledFeatures]) -> list[str]:
    """Returns sentences about what flatters a database's figures: videos that were trained on, or chose the epoch."""
    there, trained, chose = len(one.videos.names), len(seen(one, training)), len(seen(one, choosing))
    sentences = [f"The labels of {chose} of its {there} videos chose the epoch, which flatters."] * bool(chose)
    return sentences + [f"{trained} of its {there} videos were trained on, which flatters."] * bool(trained)
