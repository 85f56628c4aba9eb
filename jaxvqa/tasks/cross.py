"""The task of training k-fold: on one or several databases, tested on the part held out and on others."""

from functools import partial
from pathlib import Path

import jax
import ml_collections

from ..datasets.videos import make_folds
from ..evaluation.metrics import METRICS, evaluate
from ..evaluation.summary import Cells, add_values, write_summary
from ..results.table import write_table
from ..system.distributed import is_first, start
from ..system.files import lock_folder
from ..system.terminal import Log
from ..train.chunks import check_devices
from ..train.data import check_apart, check_labels, describe, label_table, prepare
from ..train.fit import load_encoders, predict
from ..train.folds import cut_folds, fit_folds
from ..train.monitor import Monitor
from ..train.to_weights import export_weights
from .evaluation_output import print_summary
from .output import tell_left_out, write_config
from .train_inputs import cluster, data_source, train_settings


def run(config: ml_collections.ConfigDict) -> int:
    """Trains on one or several databases, k-fold, and tests on the part held out and on other databases.

    Figures are those of the last epoch: nothing is chosen by the labels they are of.

    Returns:
        Exit code: 0, or 1 if a video had to be left out and the config does not allow it.
    """
    start(cluster(config))
    settings, source = train_settings(config), data_source(config)
    check_devices(settings.order)
    encoders, failures = load_encoders(config.weights, settings.head.warm_start), {}
    folder = Path(config.output)
    with lock_folder(folder, jax.process_index()):
        training, tests = (
            prepare(names, source, encoders, settings, failures) for names in (config.data.train, config.data.test)
        )
        check_labels(training, tests)
        check_apart(training, tests)
        masks = [make_folds(one.videos, config.folds, config.seed) for one in training]
        monitor = partial(Monitor, started=partial(write_config, config=config))
        cells: Cells = {}
        for fold, trainer, trained in fit_folds(settings, encoders, cut_folds(training, masks, folder), monitor):
            export_weights(trainer, trained, fold.training, fold.folder / "model")
            for one, label in [*((one, "held out") for one in fold.held_out), *((one, "unseen") for one in tests)]:
                scores = predict(trainer, trained.network, one)
                if is_first():
                    file = f"predictions-{one.spec} {label}.csv".replace(":", "-").replace(" ", "-")
                    write_table(fold.folder / file, scores)
                mean = evaluate(scores, label_table(one, trainer.codes), resamples=1)["mean"]
                values = zip(map(str.upper, METRICS), mean.values.tolist(), strict=True)
                add_values(cells, f"{one.spec} ({label})", dict(values))
        if is_first():
            write_summary(folder / "cross", cells)
            title = f"Trained on {describe(training)}, last epoch: mean of dimensions, and its deviation over "
            title += f"{config.folds} folds."
            print_summary(cells, title)
            write_config(folder, config)
    return tell_left_out(failures, config.data.allow_failures, Log(quiet=not is_first()))
