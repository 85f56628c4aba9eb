"""The task of training k-fold: on one or several databases, tested on the part held out and on others."""

from pathlib import Path

import jax
import ml_collections

from ..datasets.videos import split_folds
from ..errors import UserError
from ..evaluation.metrics import METRICS, evaluate
from ..evaluation.summary import Cells, write_summary
from ..results.table import write_table
from ..system.distributed import is_first, start
from ..system.files import lock_folder
from ..train.data import check_labels, describe, label_table, prepare
from ..train.fit import fit, load_encoders, predict
from ..train.settings import check_settings
from ..train.to_weights import export_weights
from .inputs import cluster
from .output import tell_left_out, write_config


def run(config: ml_collections.ConfigDict) -> int:
    """Trains on one or several databases, k-fold, and tests on the part held out and on other databases.

    Returns:
        Exit code: 0, or 1 if a video had to be left out and the config does not allow it.
    """
    start(cluster(config))
    check_settings(config, folds=2)
    if not config.data.train:
        raise UserError("nothing to train on: config.data.train must name databases.")
    encoders, failures = load_encoders(config), {}
    folder = Path(config.output)
    with lock_folder(folder, jax.process_index()):
        training, tests = (
            prepare(config, names, encoders, failures) for names in (config.data.train, config.data.test)
        )
        check_labels(training + tests)
        cells: Cells = {}
        for fold in range(config.folds):
            splits = [split_folds(len(one.features), config.folds, fold, config.seed) for one in training]
            kept, held_out = (
                [one.select(split[part]) for one, split in zip(training, splits, strict=True)] for part in (0, 1)
            )
            title = f"fold {fold + 1} of {config.folds}"
            trainer, trained = fit(config, encoders, kept, held_out, folder / f"fold-{fold}", title)
            export_weights(trainer, trained, kept, folder / f"fold-{fold}" / "model")
            for one, label in [*((one, "held out") for one in held_out), *((one, "unseen") for one in tests)]:
                labels = label_table(one, trainer.codes)
                row = cells.setdefault(f"{one.spec} ({label})", {})
                scores = predict(trainer, trained.network, one)
                if is_first():
                    file = f"predictions-{one.spec} {label}.csv".replace(":", "-").replace(" ", "-")
                    write_table(folder / f"fold-{fold}" / file, scores)
                mean = evaluate(scores, labels, resamples=1)["mean"]
                for metric, value in zip(METRICS, mean.values, strict=True):
                    row.setdefault(metric.upper(), []).append(float(value))
        if is_first():
            title = f"Trained on {describe(training)}: mean of dimensions, and its deviation over {config.folds} folds."
            write_summary(folder / "cross", cells, title)
            write_config(folder, config)
    tell_left_out(failures)
    return 1 if failures and not config.data.allow_failures else 0
