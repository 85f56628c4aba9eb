"""Fine-tuning on a user's own labels: k-fold for what to expect, then on all videos for the model."""

from pathlib import Path

import jax
import ml_collections
import numpy as np
from jaxtyping import Bool
from rich.console import Console
from rich.text import Text

from .. import distributed, evaluate, weights
from ..datasets import Videos, own, split_folds
from ..errors import UserError
from ..files import claim
from ..labels import ScoreTable, write_scores
from ..prompts import codes
from ..scoring import choose_weights
from ..terminal import printable, table_console
from .config import check_settings
from .loop import Trainer
from .task import (
    Prepared,
    check_labels,
    export,
    fit,
    label_table,
    load_encoders,
    make_network,
    predict,
    tell_failures,
    with_features,
)


def run(config: ml_collections.ConfigDict) -> int:
    """Fine-tunes a head on a CSV of labels and a folder of videos, and tells what that is worth.

    Each fold is scored by a model that has not seen it, the last epoch of a training on the others: nothing is chosen
    by the labels it is tested on. The model that is written is trained on all videos in the same way.

    Returns:
        Exit code: 0, or 1 if a video had to be left out and the config does not allow it.

    Raises:
        UserError: labels or videos that cannot be used, or too few of them.
    """
    distributed.start(config)
    if not (config.labels and config.folder):
        raise UserError("nothing to train on: add --config.labels=CSV and --config.folder=FOLDER with the videos.")
    check_settings(config, folds=2)
    log = Console(stderr=True, quiet=not distributed.is_first())
    videos = own.load(config.labels, config.folder, config.data.allow_missing)
    make_folds(videos, config.folds, config.seed)  # whether there are enough, before what takes long
    config.weights = choose_weights(config.weights, log)
    encoders, failures = weights.with_own(load_encoders(config), videos.own), {}
    folder = Path(config.output)
    with claim(folder, jax.process_index()):
        rated = with_features(config, videos.database, videos, encoders, failures)
        check_labels([rated])
        folds = make_folds(rated.videos, config.folds, config.seed)
        log.print(Text(printable(f"{config.labels}: {count_labels(rated)}")), soft_wrap=True)
        before, after = [], []
        for number, fold in enumerate(folds):
            kept, held_out = (rated.select(np.flatnonzero(mask)) for mask in (~fold, fold))
            title = f"fold {number + 1} of {len(folds)}"
            trainer, trained = fit(config, encoders, [kept], [held_out], folder / f"fold-{number}", title, brief=True)
            after.append(predict(trainer, trained.network, held_out))
            if config.warm_start:
                before.append(predict(trainer, make_network(config, encoders), held_out))
        trainer, trained = fit(config, encoders, [rated], [rated], folder, "all videos", brief=True)
        export(trainer, trained, [rated], folder / "model")
        if distributed.is_first():
            report(config, trainer, rated, joined(after), joined(before) if before else None, folder)
    tell_failures(failures)
    return 1 if failures and not config.data.allow_failures else 0


def make_folds(videos: Videos, folds: int, seed: int) -> list[Bool[np.ndarray, " videos"]]:
    """Which videos each fold holds out; those of a group are held out together."""
    _, group = np.unique(videos.groups or videos.names, return_inverse=True)
    return [np.isin(group, split_folds(group.max() + 1, folds, fold, seed)[1]) for fold in range(folds)]


def count_labels(rated: Prepared) -> str:
    """How many labels there are of each dimension, in words."""
    labels = label_table(rated, dict(enumerate(codes(rated.videos.own)))).scores
    counts = ", ".join(f"{code} {np.count_nonzero(~np.isnan(column))}" for code, column in labels.items())
    return f"{len(rated.videos.names)} videos; labels: {counts}"


def joined(folds: list[ScoreTable]) -> ScoreTable:
    """The scores of all folds as one table, in the dimensions that all of them have."""
    shared = [code for code in folds[0].scores if all(code in fold.scores for fold in folds)]
    scores = {code: np.concatenate([fold.scores[code] for fold in folds]) for code in shared}
    return ScoreTable(folds[0].path, [name for fold in folds for name in fold.names], scores)


def report(
    config: ml_collections.ConfigDict,
    trainer: Trainer,
    rated: Prepared,
    after: ScoreTable,
    before: ScoreTable | None,
    folder: Path,
) -> None:
    """Writes the scores of videos that were held out, and prints how well they agree with labels, and did before."""
    labels = label_table(rated, trainer.codes)
    results = evaluate.evaluate(after, labels, config.resamples, config.seed)
    write_scores(folder / "predictions.csv", after)
    evaluate.write(folder, results)
    title = f"{config.labels}, each video scored by a model that was trained on the other {config.folds - 1} of "
    title += f"{config.folds} parts of the videos."
    evaluate.print_table(results, len(labels.names), config.resamples, printable(title))
    if before:
        samples = [
            evaluate.resampled(table, labels, config.resamples, config.seed)["mean"][:, 0] for table in (before, after)
        ]
        gain = samples[1] - samples[0]
        low, high = evaluate.interval(gain[1:])
        said = f"Before, {config.weights} reached a mean SRCC of {samples[0][0]:.4f}: training adds {gain[0]:+.4f} "
        said += f"[{low:.3f}, {high:.3f}]."
        table_console().print(Text(printable(said)))
    Console(stderr=True).print(
        Text(
            f"curves and predictions are in {folder}; to score videos with the model that was trained on all:\n"
            f"jaxvqa score VIDEOS --weights {folder / 'model'}"
        ),
        soft_wrap=True,
    )
