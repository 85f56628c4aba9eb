"""Labels of databases, and their scales."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from trainings import sentence

from jaxvqa.datasets.videos import RatedVideos
from jaxvqa.features.store import Features
from jaxvqa.train.data import LabeledFeatures, label_scales, rated_features


def rated(name, labels):
    none = np.full((len(labels), 15), np.nan)
    videos = RatedVideos(name, list(map(str, range(len(labels)))), [], np.column_stack([labels, none]), False)
    return LabeledFeatures(name, videos, Features([(Path(name), i) for i in range(len(labels))]))


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
