"""Trainings fold by fold, and the scores of the videos that each holds out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from ..results.table import ScoreTable
from ..weights.directory import Weights
from .data import LabeledFeatures
from .fit import fit
from .loop import FitResult, Trainer
from .monitor import Monitor
from .settings import TrainSettings


class Fold(NamedTuple):
    """A training on some videos of databases, and the videos that it holds out."""

    folder: Path
    title: str
    training: list[LabeledFeatures]
    held_out: list[LabeledFeatures]


def cut_folds(
    databases: Sequence[LabeledFeatures], masks: Sequence[Sequence[Bool[np.ndarray, " _"]]], folder: Path
) -> list[Fold]:
    """Cuts databases into folds.

    Args:
        masks: for each database, which of its videos each fold holds out.
        folder: gets a folder for each fold.
    """
    folds = []
    for number, fold in enumerate(zip(*masks, strict=True)):
        held_out, training = (
            [one.select(np.flatnonzero(mask == part)) for one, mask in zip(databases, fold, strict=True)]
            for part in (True, False)
        )
        title = f"fold {number + 1} of {len(masks[0])}"
        folds.append(Fold(folder / f"fold-{number}", title, training, held_out))
    return folds


def fit_folds(
    settings: TrainSettings, encoders: Weights, folds: Iterable[Fold], monitor: Callable[[Path, str], Monitor]
) -> Iterator[tuple[Fold, Trainer, FitResult]]:
    """Trains once for each fold, from the same start; each epoch is measured on the videos held out.

    Args:
        settings: which keep the last epoch: nothing is chosen by labels that are held out.
        monitor: makes that of a fold, of its folder and title.

    Raises:
        UserError: settings that keep the best epoch, or as `fit`.
    """
    settings.check_nothing_chosen()
    for fold in folds:
        yield fold, *fit(settings, encoders, fold.training, fold.held_out, monitor(fold.folder, fold.title))


def joined(folds: list[ScoreTable]) -> ScoreTable:
    """The scores of all folds as one table, in the dimensions that all of them have."""
    shared = [code for code in folds[0].scores if all(code in fold.scores for fold in folds)]
    scores = {code: np.concatenate([fold.scores[code] for fold in folds]) for code in shared}
    return ScoreTable(folds[0].path, [name for fold in folds for name in fold.names], scores)
