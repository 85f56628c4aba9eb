"""Many trainings for one table: the ablation of the published recipe, and tests on other databases.

Source: MaxVQA (arXiv:2305.12726, section 5) and its follow-up for the five recipes and the cross-database protocol.
"""

import json
from pathlib import Path

import jax
import ml_collections
import numpy as np
from rich.table import Table
from rich.text import Text

from .. import distributed, evaluate
from ..datasets import split_folds
from ..errors import UserError
from ..files import claim
from ..labels import write_scores
from ..results import replace
from ..terminal import table_console
from .config import check_settings
from .monitor import plot_curves, write_config
from .task import (
    check_labels,
    describe,
    export,
    fit,
    label_table,
    load_encoders,
    predict,
    prepare,
    tell_failures,
)

Cells = dict[str, dict[str, list[float]]]  # values of several trainings by row and column of a table


def ablate(config: ml_collections.ConfigDict) -> int:
    """Trains each recipe of a config with several seeds, and prints what each reaches on the validation videos.

    `config.recipes` is a list of (name, changes to the settings); changes add up from one recipe to the next.

    Returns:
        Exit code: 0, or 1 if a video had to be left out and the config does not allow it.
    """
    distributed.start(config)
    check_settings(config, seeds=1)
    if not config.data.train or not config.data.validation:
        raise UserError("nothing to train on: config.data.train and config.data.validation must name databases.")
    encoders, failures = load_encoders(config), {}
    folder = Path(config.output)
    with claim(folder, jax.process_index()):
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
        if distributed.is_first():
            plot_curves(folder / "curves.png", curves)
            title = (
                f"Trained on {describe(training)}, tested on {describe(validation)}: mean of dimensions at the best "
            )
            title += f"epoch, and its deviation over {config.seeds} seeds."
            write_table(folder / "ablation", cells, title)
            write_config(folder, config)
    tell_failures(failures)
    return 1 if failures and not config.data.allow_failures else 0


def cross(config: ml_collections.ConfigDict) -> int:
    """Trains on one or several databases, k-fold, and tests on the part held out and on other databases.

    Returns:
        Exit code: 0, or 1 if a video had to be left out and the config does not allow it.
    """
    distributed.start(config)
    check_settings(config, folds=2)
    if not config.data.train:
        raise UserError("nothing to train on: config.data.train must name databases.")
    encoders, failures = load_encoders(config), {}
    folder = Path(config.output)
    with claim(folder, jax.process_index()):
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
            export(trainer, trained, kept, folder / f"fold-{fold}" / "model")
            for one, label in [*((one, "held out") for one in held_out), *((one, "unseen") for one in tests)]:
                labels = label_table(one, trainer.codes)
                row = cells.setdefault(f"{one.spec} ({label})", {})
                scores = predict(trainer, trained.network, one)
                if distributed.is_first():
                    file = f"predictions-{one.spec} {label}.csv".replace(":", "-").replace(" ", "-")
                    write_scores(folder / f"fold-{fold}" / file, scores)
                mean = evaluate.evaluate(scores, labels, resamples=1)["mean"]
                for metric, value in zip(evaluate.METRICS, mean.values, strict=True):
                    row.setdefault(metric.upper(), []).append(float(value))
        if distributed.is_first():
            title = f"Trained on {describe(training)}: mean of dimensions, and its deviation over {config.folds} folds."
            write_table(folder / "cross", cells, title)
            write_config(folder, config)
    tell_failures(failures)
    return 1 if failures and not config.data.allow_failures else 0


def write_table(path: Path, cells: Cells, title: str) -> None:
    """Prints means and deviations of cells, and writes them as PATH.csv, and all values as PATH.json."""
    columns = list(next(iter(cells.values())))
    out = table_console()
    table = Table("", *columns, box=None, pad_edge=False)
    lines = [",".join(["", *(f"{column},{column} deviation" for column in columns)])]
    for name, row in cells.items():
        means, deviations = np.mean(list(row.values()), axis=1), np.std(list(row.values()), axis=1)
        pairs = list(zip(means, deviations, strict=True))
        table.add_row(Text(name), *(f"{mean:.3f} ± {deviation:.3f}" for mean, deviation in pairs))
        lines.append(",".join([name.replace(",", ""), *(f"{mean:.6f},{deviation:.6f}" for mean, deviation in pairs)]))
    out.print(Text(f"{title}\n"))
    out.print(table)
    replace(path.with_suffix(".csv"), "\n".join(lines) + "\n")
    replace(path.with_suffix(".json"), json.dumps(cells, indent=1) + "\n")
