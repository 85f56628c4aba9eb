"""Rated videos of a user."""

from pathlib import Path

import numpy as np
from trainings import LABELS, WORDS

from jaxvqa.datasets.custom import load_custom
from jaxvqa.datasets.videos import make_folds


def test_labels_of_ones_own(rated):
    videos = load_custom(rated / LABELS, rated / "videos")
    assert videos.custom == (WORDS,)
    assert videos.labels.shape == (12, 17)
    there = ~np.isnan(videos.labels)
    assert np.flatnonzero(there.any(axis=0)).tolist() == [0, 7, 16]
    assert there[:, [0, 7, 16]].sum(axis=0).tolist() == [12, 9, 10]
    assert [Path(path).name for path in videos.paths] == videos.names
    folds = make_folds(videos, 3, 0)
    assert np.sum(folds, axis=0).tolist() == [1] * 12
    for fold in folds:
        assert not {videos.groups[i] for i in np.flatnonzero(fold)} & {videos.groups[i] for i in np.flatnonzero(~fold)}
