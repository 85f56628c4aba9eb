"""Fine-tuning on a user's own labels: k-fold for what to expect, then on all videos for the model."""

from pathlib import Path

import jax
import ml_collections
import numpy as np
from rich.text import Text

from ..datasets.custom import load_custom
from ..datasets.videos import make_folds
from ..errors import UserError
from ..evaluation.metrics import evaluate, interval, resampled
from ..evaluation.summary import write_evaluation
from ..results.table import ScoreTable, write_table
from ..system.distributed import is_first, start
from ..system.files import lock_folder
from ..system.terminal import Log, printable, table_console
from ..text.prompts import codes
from ..train.data import LabeledFeatures, check_labels, label_table, with_features
from ..train.fit import fit, load_encoders, make_network, predict
from ..train.folds import joined
from ..train.loop import Trainer
from ..train.settings import check_settings
from ..train.to_weights import export_weights
from ..weights.load import with_custom
from .inputs import choose_weights, cluster
from .output import print_evaluation, tell_left_out


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
    if not (config.labels and config.folder):
        raise UserError("nothing to train on: add --config.labels=CSV and --config.folder=FOLDER with the videos.")
    check_settings(config, folds=2)
    log = Log(quiet=not is_first())
    videos = load_custom(config.labels, config.folder, config.data.allow_missing)
    make_folds(videos, config.folds, config.seed)  # whether there are enough, before what takes long
    config.weights = choose_weights(config.weights, log)
    encoders, failures = with_custom(load_encoders(config), videos.custom), {}
    folder = Path(config.output)
    with lock_folder(folder, jax.process_index()):
        rated = with_features(config, videos.database, videos, encoders, failures)
        check_labels([rated])
        folds = make_folds(rated.videos, config.folds, config.seed)
        log(f"{config.labels}: {count_labels(rated)}")
        before, after = [], []
        for number, fold in enumerate(folds):
            kept, held_out = (rated.select(np.flatnonzero(mask)) for mask in (~fold, fold))
            title = f"fold {number + 1} of {len(folds)}"
            trainer, trained = fit(config, encoders, [kept], [held_out], folder / f"fold-{number}", title, brief=True)
            after.append(predict(trainer, trained.network, held_out))
            if config.warm_start:
                before.append(predict(trainer, make_network(config, encoders), held_out))
        trainer, trained = fit(config, encoders, [rated], [rated], folder, "all videos", brief=True)
        export_weights(trainer, trained, [rated], folder / "model")
        if is_first():
            report(config, trainer, rated, joined(after), joined(before) if before else None, folder)
    tell_left_out(failures)
    return 1 if failures and not config.data.allow_failures else 0


def count_labels(rated: LabeledFeatures) -> str:
    """How many labels there are of each dimension, in words."""
    labels = label_table(rated, dict(enumerate(codes(rated.videos.custom)))).scores
    counts = ", ".join(f"{code} {np.count_nonzero(~np.isnan(column))}" for code, column in labels.items())
    return f"{len(rated.videos.names)} videos; labels: {counts}"


def report(
    config: ml_collections.ConfigDict,
    trainer: Trainer,
    rated: LabeledFeatures,
    after: ScoreTable,
    before: ScoreTable | None,
    folder: Path,
) -> None:
    """Writes the scores of videos that were held out, and prints how well they agree with labels, and did before."""
    labels = label_table(rated, trainer.codes)
    results = evaluate(after, labels, config.resamples, config.seed)
    write_table(folder / "predictions.csv", after)
    write_evaluation(folder, results)
    title = f"{config.labels}, each video scored by a model that was trained on the other {config.folds - 1} of "
    title += f"{config.folds} parts of the videos."
    print_evaluation(results, len(labels.names), config.resamples, printable(title))
    if before:
        samples = [resampled(table, labels, config.resamples, config.seed)["mean"][:, 0] for table in (before, after)]
        gain = samples[1] - samples[0]
        low, high = interval(gain[1:])
        said = f"Before, {config.weights} reached a mean SRCC of {samples[0][0]:.4f}: training adds {gain[0]:+.4f} "
        said += f"[{low:.3f}, {high:.3f}]."
        table_console().print(Text(printable(said)))
    Log()(
        f"curves and predictions are in {folder}; to score videos with the model that was trained on all:\n"
        f"jaxvqa score VIDEOS --weights {folder / 'model'}"
    )
