"""Folds of databases: which videos they train on and hold out, and their scores as one table."""

from pathlib import Path

import numpy as np

from jaxvqa.datasets.videos import RatedVideos, make_folds, random_folds
from jaxvqa.features.store import Features
from jaxvqa.results.table import ScoreTable
from jaxvqa.train.data import LabeledFeatures
from jaxvqa.train.folds import cut_folds, joined


def database(name, videos, groups=()):
    names = [f"{name}-{i}" for i in range(videos)]
    rated = RatedVideos(name, names, names, np.arange(16.0 * videos).reshape(videos, 16), False, groups=groups)
    return LabeledFeatures(name, rated, Features([(Path(name), i) for i in range(videos)]))


def test_each_video_is_held_out_once_and_trained_on_otherwise():
    databases = [database("a", 7), database("b", 5, ("x", "x", "y", "y", "z"))]
    masks = [random_folds(7, 3, 0), make_folds(databases[1].videos, 3, 0)]
    folds = cut_folds(databases, masks, Path("out"))
    assert [fold.title for fold in folds] == ["fold 1 of 3", "fold 2 of 3", "fold 3 of 3"]
    assert [fold.folder for fold in folds] == [Path("out/fold-0"), Path("out/fold-1"), Path("out/fold-2")]
    for number, whole in enumerate(databases):
        held_out = [name for fold in folds for name in fold.held_out[number].videos.names]
        assert sorted(held_out) == whole.videos.names
        for fold in folds:
            parts = fold.training[number], fold.held_out[number]
            assert sorted(parts[0].videos.names + parts[1].videos.names) == whole.videos.names
            for part in parts:
                assert [whole.videos.names[row] for _, row in part.features.rows] == part.videos.names
                assert part.spec == whole.spec
    for fold in folds:  # groups stay together
        assert not {*fold.training[1].videos.groups} & {*fold.held_out[1].videos.groups}


def test_scores_are_joined_in_the_dimensions_of_all_folds():
    one = ScoreTable(Path("one"), ["a", "b"], {"O": np.array([1.0, 2.0]), "T-1": np.array([3.0, 4.0])})
    table = joined([one, ScoreTable(Path("two"), ["c"], {"O": np.array([5.0])})])
    assert table.names == ["a", "b", "c"]
    assert [*table.scores] == ["O"]
    assert table.scores["O"].tolist() == [1, 2, 5]
