"""Folds of rated videos."""

import numpy as np
import pytest

from jaxvqa import UserError
from jaxvqa.datasets.videos import split_folds


def test_folds():
    parts = [split_folds(23, 5, fold, seed=3) for fold in range(5)]
    assert sorted(np.concatenate([test for _, test in parts])) == list(range(23))
    for train, test in parts:
        assert sorted([*train, *test]) == list(range(23))
        assert len(test) in (4, 5)
    again, other = split_folds(23, 5, 2, seed=3)[1], split_folds(23, 5, 2, seed=4)[1]
    assert np.array_equal(again, parts[2][1])
    assert not np.array_equal(other, parts[2][1])
    for n, folds, fold, match in ((3, 4, 0, "3 videos"), (9, 1, 0, "1 folds"), (9, 3, 3, "no fold 3")):
        with pytest.raises(UserError, match=match):
            split_folds(n, folds, fold, seed=0)
