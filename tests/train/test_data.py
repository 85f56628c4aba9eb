"""Labels of databases, and their scales."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from trainings import sentence

from jaxvqa import UserError
from jaxvqa.datasets.videos import RatedVideos, make_folds
from jaxvqa.features.store import Features
from jaxvqa.train.data import (
    EDGE,
    LabeledFeatures,
    check_apart,
    check_labels,
    keep_copies_together,
    label_scales,
    rated_features,
    usual,
    without_outliers,
)


def rated(name, labels, spec=""):
    none = np.full((len(labels), 15), np.nan)
    videos = RatedVideos(name, list(map(str, range(len(labels)))), [], np.column_stack([labels, none]), False)
    rows = [(Path(name), i) for i in range(len(labels))]
    return LabeledFeatures(spec or name, videos, Features(rows, [f"{spec or name} {i}" for i in range(len(labels))]))


def test_labels_of_several_databases_are_standardised():
    random = np.random.default_rng(0)
    both = [rated("a", random.normal(50, 20, 30)), rated("b", random.normal(3, 0.5, 12))]
    targets = rated_features(both, label_scales(both))
    assert targets.database.tolist() == [0] * 30 + [1] * 12
    parts = targets.targets[:30, 0], targets.targets[30:, 0]
    np.testing.assert_allclose([part.mean() for part in parts], 0.5)
    np.testing.assert_allclose(parts[0].std(), parts[1].std())
    assert 0 < targets.targets[:, 0].min() < 0.1 or 0.9 < targets.targets[:, 0].max() < 1
    assert np.isnan(targets.targets[:, 1:]).all()
    [(low, high)] = label_scales(both[:1]).values()  # of one alone, as ever
    assert high[0] - both[0].videos.labels[:, 0].max() == pytest.approx(0.05 / 1.1 * (high[0] - low[0]))


def test_splits_of_a_database_share_its_scale_when_another_one_joins():
    random = np.random.default_rng(0)
    whole = random.normal(3, 1, 60)
    splits = [rated("a", whole[:50], "a:train"), rated("a", whole[50:] - 2, "a:validation")]  # of worse videos
    training = [*splits, rated("b", random.uniform(0, 100, 20))]
    scales = label_scales(training)
    assert [*scales] == ["a", "b"]
    targets = rated_features(training, scales).targets[:, 0]
    assert EDGE - 1e-9 <= targets.min() < targets.max() <= 1 - EDGE + 1e-9
    labels = np.concatenate([one.videos.labels[:, 0] for one in splits])
    np.testing.assert_allclose(np.polyval(np.polyfit(labels, targets[:60], 1), labels), targets[:60], atol=1e-9)
    np.testing.assert_allclose([targets[:60].mean(), targets[60:].mean()], 0.5)


def test_splits_that_no_training_has_share_a_scale():
    labels = np.random.default_rng(0).uniform(1, 5, 20)
    splits = [rated("b", labels[:10], "b:train"), rated("b", labels[10:], "b:validation")]
    np.testing.assert_allclose(rated_features(splits, {}).targets, rated_features([rated("b", labels)], {}).targets)


def test_an_outlier_leaves_the_targets_of_the_others_as_they_are(capfd):
    labels = np.random.default_rng(0).uniform(1, 5, 3634)
    far = labels.copy()
    far[7], far[9] = 350, np.nan
    targets = []
    for values in (labels, far):
        one = rated("a", values)
        check_labels([one])
        targets.append(without_outliers(rated_features([one], label_scales([one]))).targets[:, 0])
    others = np.delete(np.arange(3634), [7, 9])
    np.testing.assert_allclose(targets[1][others], targets[0][others], atol=1e-3)
    assert targets[1][7] == 1 - EDGE
    assert np.isnan(targets[1][9])
    assert np.nanmin(targets[1]) >= EDGE
    assert np.mean(targets[1][others] < 0.06) < 0.02
    said = "a: 1 of 3633 labels in O lie far from the others, such as 350 of 7; training takes each as the nearest"
    [line] = capfd.readouterr().err.splitlines()
    assert line.startswith(said)


def test_maxwell_has_no_outliers(shared):
    """So that the published recipe has the scale of the whole range of labels."""
    labels = np.loadtxt(shared / "maxwell" / "MaxWell_train.csv", delimiter=",", skiprows=1)
    assert labels.shape == (3634, 16)
    assert not np.isnan(usual(labels)).any()


def test_labels_that_lie_far_are_outliers_only_if_they_are_few():
    spread = np.r_[np.zeros(30), np.linspace(0.01, 1, 10)]  # most are the same
    labels = np.column_stack([spread, np.zeros(40), np.arange(40.0), np.full(40, np.nan)])
    np.testing.assert_array_equal(usual(labels), labels)
    labels[3, 2] = 350
    labels[12:, 2] = np.nan
    assert np.isnan(usual(labels)[3, 2])  # one of twelve


def test_a_training_is_known_by_names_contents_and_labels():
    one = rated("a", np.array([1.0, 2.0, 0.0]))

    def identity(one):
        return rated_features([one], {"a": (np.zeros(16), np.ones(16))}).identity

    renamed = replace(one, videos=replace(one.videos, names=["0", "1", "x"]))
    replaced = replace(one, features=Features(one.features.rows, ["a 0", "a 1", "other"]))
    missing = rated("a", np.array([1.0, 2.0, np.nan]))
    scaled = rated("a", np.array([20.0, 40.0, 0.0]))
    assert len({identity(one) for one in (one, renamed, replaced, missing, scaled)}) == 5
    assert identity(rated("a", -np.array([-1.0, -2.0, -0.0]))) == identity(one)


def test_videos_are_not_trained_and_tested_on():
    training, other = rated("a", np.arange(9.0)), rated("b", np.arange(4.0))
    check_apart([training], [other])
    copied = replace(other, features=Features(other.features.rows, ["b 0", "a 5", "a 7", "b 3"]))
    with pytest.raises(UserError, match=r"^2 of 4 videos of b are trained on, such as 1: .*leave them out of one"):
        check_apart([training], [other, copied])


def test_files_of_the_same_content_are_held_out_together():
    videos = rated("a", np.arange(6.0)).videos
    assert keep_copies_together(videos, [*"abcdef"]).groups == ()
    assert keep_copies_together(videos, [*"abcbeb"]).groups == ("0", "1", "2", "1", "3", "1")
    grouped = replace(videos, groups=("", "x", "y", "y", "", ""))
    assert keep_copies_together(grouped, [*"abcbeb"]).groups == ("0", "1", "1", "1", "2", "1")
    for seed in range(5):
        for fold in make_folds(keep_copies_together(videos, [*"abcbeb"]), 3, seed):
            assert len(set(fold[[1, 3, 5]])) == 1


def test_constant_labels(train, data, trained, tmp_path, capfd):
    root = shutil.copytree(data, tmp_path / "data", ignore=shutil.ignore_patterns(".tfds"))
    for file in ("MaxWell_val.csv", "MaxWell_train.csv"):
        path = root / "maxwell" / file
        head, *rows = path.read_text().splitlines()
        path.write_text(
            "\n".join([head, *(",".join([*row.split(",")[:3], "2.5", *row.split(",")[4:]]) for row in rows)])
        )
        assert train(tmp_path / "out", **{"data.root": root}) == 2
        sentence(capfd, "maxwell:(train|validation): all (8|16) videos have the same label in A-3")
