"""Folds of rated videos."""

import numpy as np
import pytest

from jaxvqa import UserError
from jaxvqa.datasets.videos import RatedVideos, make_folds, split_folds


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


def test_videos_of_no_group_are_held_out_one_by_one():
    names = [f"{i}.mp4" for i in range(40)]
    groups = tuple("park" if i in (0, 1) else "0.mp4" if i in (2, 3) else "" for i in range(40))  # a name is no group
    videos = RatedVideos("a", names, names, np.zeros((40, 16)), False, groups=groups)
    for seed in range(5):
        folds = make_folds(videos, 5, seed)
        assert np.sum(folds, axis=0).tolist() == [1] * 40
        assert all(7 <= fold.sum() <= 10 for fold in folds)
        assert all(fold[0] == fold[1] and fold[2] == fold[3] for fold in folds)
    assert any(fold[0] != fold[2] for fold in folds)


def test_folds_follow_the_seed():
    videos = numbered(40)
    same, first, second = (np.stack(make_folds(videos, 5, seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(same, first)
    assert (first != second).any()


def test_videos_without_groups_are_cut_into_as_many_folds_as_there_are_videos():
    videos = numbered(3)
    assert np.sum(make_folds(videos, 3, 0), axis=0).tolist() == [1] * 3
    with pytest.raises(UserError, match=r"^3 videos cannot be divided into 4 folds: take from 2 to 3\.$"):
        make_folds(videos, 4, 0)


def test_videos_are_selected_with_all_that_belongs_to_them():
    some = numbered(4, groups=("x", "", "y", "y")).select(np.array([2, 0]))
    assert some.names == ["2.mp4", "0.mp4"]
    assert some.paths == ["videos/2.mp4", "videos/0.mp4"]
    assert some.labels[:, 0].tolist() == [2, 0]
    assert some.groups == ("y", "x")
    assert numbered(4).select(np.array([2, 0])).groups == ()


def numbered(count, groups=()):
    """Videos whose labels are their numbers."""
    names = [f"{i}.mp4" for i in range(count)]
    labels = np.repeat(np.arange(float(count))[:, None], 16, axis=1)
    return RatedVideos("a", names, [f"videos/{name}" for name in names], labels, False, groups=groups)


def test_groups_that_are_too_few_for_the_folds_are_one_sentence():
    names = [f"{i}.mp4" for i in range(6)]
    videos = RatedVideos("a", names, names, np.zeros((6, 16)), False, groups=tuple("xxxyyy"))
    with pytest.raises(
        UserError, match=r"^6 videos in 2 groups cannot be divided into 3 folds: set folds to 2 or less\.$"
    ):
        make_folds(videos, 3, 0)
