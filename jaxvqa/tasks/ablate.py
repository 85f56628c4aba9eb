"""The task of training several recipes with several seeds."""

from pathlib import Path

import jax
import ml_collections

from ..errors import UserError
from ..evaluation.summary import Cells, write_summary
from ..system.distributed import is_first, start
from ..system.files import lock_folder
from ..train.data import check_labels, describe, prepare
from ..train.fit import fit, load_encoders
from ..train.monitor import plot_curves
from ..train.settings import check_settings
from .inputs import cluster
from .output import tell_left_out, write_config


def run(config: ml_collections.ConfigDict) -> int:
    """Trains each recipe of a config with several seeds, and prints what each reaches on the validation videos.

    `config.recipes` is a list of (name, changes to the settings); changes add up from one recipe to the next.

    Returns:
        Exit code: 0, or 1 if a video had to be left out and the config does not allow it.
    """
    start(cluster(config))
    check_settings(config, seeds=1)
    if not config.data.train or not config.data.validation:
        raise UserError("nothing to train on: config.data.train and config.data.validation must name databases.")
    encoders, failures = load_encoders(config), {}
    folder = Path(config.output)
    with lock_folder(folder, jax.process_index()):
        training, validation = (
            prepare(config, names, encoders, failures) for names in (config.data.train, config.data.validation)
        )
        check_labels(training + validation)
        cells: Cells = {}
        curves: dict[str, list] = {}
        changed = ml_collections.ConfigDict(config.to_dict())
        for name, changes in config.recipes:
            changed.update(changes)
            check_settings(changed)
            for seed in range(config.seed, config.seed + config.seeds):
                changed.seed = seed
                title = f"{name}, seed {seed}"
                run = folder / f"{name}-{seed}".replace(" ", "_")
                _, trained = fit(changed, encoders, training, validation, run, title)
                best = trained.history[trained.epoch - 1]
                for column, value in (
                    ("PLCC", best["plcc_mean"]),
                    ("SRCC", best["srcc_mean"]),
                    ("PLCC at the end", trained.history[-1]["plcc_mean"]),
                ):
                    cells.setdefault(name, {}).setdefault(column, []).append(value)
                curves.setdefault(name, []).append(trained.history)
        if is_first():
            plot_curves(folder / "curves.png", curves)
            title = (
                f"Trained on {describe(training)}, tested on {describe(validation)}: mean of dimensions at the best "
            )
            title += f"epoch, and its deviation over {config.seeds} seeds."
            write_summary(folder / "ablation", cells, title)
            write_config(folder, config)
    tell_left_out(failures)
    return 1 if failures and not config.data.allow_failures else 0
