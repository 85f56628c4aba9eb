"""Trainings of all folds."""

import numpy as np

from ..results.table import ScoreTable


def joined(folds: list[ScoreTable]) -> ScoreTable:
    """The scores of all folds as one table, in the dimensions that all of them have."""
    shared = [code for code in folds[0].scores if all(code in fold.scores for fold in folds)]
    scores = {code: np.concatenate([fold.scores[code] for fold in folds]) for code in shared}
    return ScoreTable(folds[0].path, [name for fold in folds for name in fold.names], scores)
