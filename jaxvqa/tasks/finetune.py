"""Fine-tuning on a user's own labels: k-fold for what to expect, then on all videos for the model."""

from functools import partial
from pathlib import Path

import jax
import ml_collections
import numpy as np

from ..datasets.custom import load_custom
from ..datasets.videos import make_folds
from ..evaluation.metrics import evaluate
from ..evaluation.opinions import opinions_by
from ..evaluation.summary import write_evaluation
from ..results.table import ScoreTable, write_table
from ..system.distributed import is_first, start
from ..system.files import lock_folder
from ..system.terminal import Log
from ..text.prompts import codes
from ..train.chunks import check_devices
from ..train.data import LabeledFeatures, check_labels, label_table, with_features
from ..train.fit import fit, load_encoders, predict, predict_start
from ..train.folds import cut_folds, fit_folds, joined
from ..train.monitor import Monitor
from ..train.to_weights import export_weights
from ..weights.find import choose_weights
from ..weights.load import with_custom
from .evaluation_output import Gain, print_evaluation, print_gain
from .output import tell_left_out, write_config
from .train_inputs import cluster, data_source, train_settings


def run(config: ml_collections.ConfigDict) -> int:
    """Fine-tunes a head on a CSV of labels and a folder of videos, and tells what that is worth.

    Each fold is scored by a model that has not seen it, the last epoch of a training on the others: nothing is chosen
    by the labels it is tested on. The model that is written is trained on all videos in the same way.

    Returns:
        Exit code: 0, or 1 if a video had to be left out and the config does not allow it.

    Raises:
        UserError: labels or videos that cannot be used, or too few of them.
    """
    start(cluster(config))
    settings, source = train_settings(config), data_source(config)
    check_devices(settings.order)
    log = Log(quiet=not is_first())
    videos = load_custom(config.labels, config.folder, config.data.allow_missing)
    make_folds(videos, config.folds, config.seed)  # whether there are enough, before what takes long
    weights, failures = choose_weights(config.weights, log), {}
    encoders = with_custom(load_encoders(weights, settings.head.warm_start), videos.custom)
    folder = Path(config.output)
    with lock_folder(folder, jax.process_index()):
        rated = with_features(videos.database, videos, source, encoders, settings, failures)
        check_labels([rated])
        folds = cut_folds([rated], [make_folds(rated.videos, config.folds, config.seed)], folder)
        log(f"{config.labels}: {count_labels(rated)}")
        chosen = ml_collections.ConfigDict(config.to_dict() | {"weights": weights})
        monitor = partial(Monitor, brief=True, started=partial(write_config, config=chosen))
        before, after = [], []
        for fold, trainer, trained in fit_folds(settings, encoders, folds, monitor):
            after.append(predict(trainer, trained.network, fold.held_out[0]))
            if settings.head.warm_start:
                before.append(predict_start(trainer, fold.held_out[0]))
        trainer, trained = fit(settings, encoders, [rated], [], monitor(folder, "all videos"))
        labels = label_table(rated, trainer.codes)
        export_weights(trainer, trained, [rated], folder / "model", opinions_by(joined(after), labels))
        if is_first():
            report(config, labels, joined(after))
            gain = None
            if before:
                gain = print_gain(weights, joined(before), joined(after), labels, config.resamples, config.seed)
            log(f"curves and predictions are in {folder}")
            log(advice(gain, weights, str(folder / "model")))
    return tell_left_out(failures, config.data.allow_failures, log)


def count_labels(rated: LabeledFeatures) -> str:
    """How many labels there are of each dimension, in words."""
    labels = label_table(rated, dict(enumerate(codes(rated.videos.custom)))).scores
    counts = ", ".join(f"{code} {np.count_nonzero(~np.isnan(column))}" for code, column in labels.items())
    groups = f" in {len(set(rated.videos.groups))} groups" * bool(rated.videos.groups)
    return f"{len(rated.videos.names)} videos{groups}; labels: {counts}"


def report(config: ml_collections.ConfigDict, labels: ScoreTable, scores: ScoreTable) -> None:
    """Writes the scores of videos that were held out, and prints how well they agree with labels."""
    folder = Path(config.output)
    results = evaluate(scores, labels, config.resamples, config.seed)
    write_table(folder / "predictions.csv", scores)
    write_evaluation(folder, results)
    title = f"{config.labels}, each video scored by a model that was trained on the other {config.folds - 1} of "
    title += f"{config.folds} parts of the videos."
    print_evaluation(results, labels, config.resamples, title)


def advice(gain: Gain | None, start: str, trained: str) -> str:
    """Returns which weights to score with, after what training added to those it started from, if it is known."""
    command = "jaxvqa score VIDEOS --weights"
    if gain is None or gain.low > 0:
        return f"to score videos with the model that was trained on all:\n{command} {trained}"
    if gain.high <= 0:
        said = f"training made scores worse: {start} as it was is the better model. To score videos with it:"
        return f"{said}\n{command} {start}\n(the trained model is in {trained}.)"
    said = f"these videos do not show whether training helps. To score with {start} as it was, or as trained on all:"
    return f"{said}\n{command} {start}\n{command} {trained}"
