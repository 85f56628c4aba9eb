"""The task of training several recipes with several seeds."""

from functools import partial
from pathlib import Path

import jax
import ml_collections

from ..evaluation.summary import Cells, add_values, write_summary
from ..system.distributed import is_first, start
from ..system.files import lock_folder
from ..system.terminal import Log
from ..train.chunks import check_devices
from ..train.data import check_labels, describe, prepare
from ..train.fit import fit, load_encoders
from ..train.monitor import Monitor, plot_curves
from .evaluation_output import print_summary
from .output import tell_left_out, write_config
from .train_inputs import cluster, data_source, train_settings


def run(config: ml_collections.ConfigDict) -> int:
    """Trains each recipe of a config with several seeds, and prints what each reaches on the validation videos.

    `config.recipes` is a list of (name, changes to the settings); changes add up from one recipe to the next. Next to
    the last epoch stands the best one, which is what was published; the labels reported on choose it.

    Returns:
        Exit code: 0, or 1 if a video had to be left out and the config does not allow it.
    """
    start(cluster(config))
    settings, source = train_settings(config), data_source(config)
    check_devices(settings.order)
    runs = planned(config)
    encoders, failures = load_encoders(config.weights, settings.head.warm_start), {}
    folder = Path(config.output)
    with lock_folder(folder, jax.process_index()):
        training, validation = (
            prepare(names, source, encoders, settings, failures)
            for names in (config.data.train, config.data.validation)
        )
        check_labels(training, validation)
        cells: Cells = {}
        curves: dict[str, list] = {}
        for name, changed in runs:
            run = folder / f"{name}-{changed.seed}".replace(" ", "_")
            started = partial(write_config, config=changed)
            monitor = Monitor(run, f"{name}, seed {changed.seed}", started=started)
            _, trained = fit(train_settings(changed), encoders, training, validation, monitor)
            best, last = max(trained.history, key=lambda row: row["plcc_mean"]), trained.history[-1]
            epochs = (("", last), (" of the best epoch", best))
            values = {f"{m.upper()}{which}": row[f"{m}_mean"] for which, row in epochs for m in ("plcc", "srcc")}
            add_values(cells, name, values)
            curves.setdefault(name, []).append(trained.history)
        if is_first():
            plot_curves(folder / "curves.png", curves)
            write_summary(folder / "ablation", cells)
            print_summary(
                cells,
                f"Trained on {describe(training)}, tested on {describe(validation)}: mean of dimensions at the last "
                f"epoch, and its deviation over {config.seeds} seeds. The best epoch is chosen by the labels that it "
                "is tested on, which flatters; published figures are of it.",
            )
            write_config(folder, config)
    return tell_left_out(failures, config.data.allow_failures, Log(quiet=not is_first()))


def planned(config: ml_collections.ConfigDict) -> list[tuple[str, ml_collections.ConfigDict]]:
    """The name of each recipe and the config of each of its trainings, one a seed.

    Raises:
        UserError: a recipe with settings that are out of their ranges.
    """
    changed, runs = ml_collections.ConfigDict(config.to_dict()), []
    for name, changes in config.recipes:
        changed.update(changes)
        train_settings(changed).check_nothing_chosen()
        runs += [
            (name, ml_collections.ConfigDict(changed.to_dict() | {"seed": seed}))
            for seed in range(config.seed, config.seed + config.seeds)
        ]
    return runs
