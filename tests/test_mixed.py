"""Training on several databases at once: their scales, the losses within each, and the table."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest
from test_step import one_step, trainer  # noqa: F401
from test_train import encoders, features, textured_clip  # noqa: F401

from jaxvqa.datasets.videos import RatedVideos
from jaxvqa.features.store import Features
from jaxvqa.main import main
from jaxvqa.train.data import LabeledFeatures, label_scales, rated_features
from jaxvqa.train.loop import Trainer
from jaxvqa.train.losses import huber_loss, plcc_loss, rank_loss
from jaxvqa.train.step import AXIS, Batch, replicate, shard, start
from jaxvqa.weights.load import load_weights

ROOT = Path(__file__).parents[1]
SIZES = {"live_vqc": (9, 100), "konvid_1k": (6, 5), "cvd2014": (4, 80)}  # videos, and best score


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    for number, (name, (count, best)) in enumerate(SIZES.items()):
        (root / name).mkdir()
        scores = np.random.default_rng(number).uniform(0, best, count)
        for i in range(count):
            textured_clip(root / name / f"{i}.mp4", 50 * number + i)
        (root / name / "labels.txt").write_text("".join(f"{i}.mp4, {score}\n" for i, score in enumerate(scores)))
    return root


def test_trains_on_two_tests_on_a_third(data, encoders, features, tmp_path, capfd):  # noqa: F811
    fields = {"data.root": data, "weights": encoders, "features": features, "output": tmp_path / "out", "workers": 2}
    fields |= {"data.train": "live_vqc,konvid_1k", "data.mix": "2,1", "train.batch": 6, "folds": 3, "model.hidden": 8}
    fields |= {"train.epochs_per_chunk": 2}
    command = [f"--config={ROOT / 'configs' / 'mixed.py'}", *(f"--config.{name}={x}" for name, x in fields.items())]
    assert main(["jaxvqa", *command]) == 0
    values = json.loads((tmp_path / "out" / "cross.json").read_text())
    assert [*values] == ["live_vqc (held out)", "konvid_1k (held out)", "cvd2014 (unseen)"]
    assert all(len(cells) == 3 for row in values.values() for cells in row.values())
    assert "cvd2014 (unseen)" in capfd.readouterr().out
    card = load_weights(tmp_path / "out" / "fold-0" / "model").card
    assert card.databases == ("live_vqc", "konvid_1k")
    assert card.dimensions == ("O",)
    assert card.to_json()["label_low"] == [None] * 16  # each has its own

    fields["data.mix"] = "1,9"
    command = [f"--config={ROOT / 'configs' / 'mixed.py'}", *(f"--config.{name}={x}" for name, x in fields.items())]
    assert main(["jaxvqa", *command]) == 2
    assert "each must have 2 or more" in capfd.readouterr().err


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


def test_losses_compare_within_each_database_and_over_all(trainer):  # noqa: F811
    config = trainer.config
    config.train.dropout = False
    config.loss.update({"plcc": 1.0, "huber": 1.0, "rank": 0.3})
    mixed = Trainer(config, trainer.encoders, trainer.network, [0, 3], [5, 3])
    random = np.random.default_rng(0)
    features = random.normal(size=(8, 4, 9, 96)).astype(np.float16)  # noqa: F811
    targets = random.uniform(size=(8, 16)).astype(np.float32)
    targets[2, 3] = np.nan
    state = replicate(start(mixed.network, mixed.optimizer))
    text = mixed.step.text_features(state.params, mixed.frozen)
    scores = np.asarray(mixed.step.predict(state.params, text, shard(features)))[:, [0, 3]]
    batch = Batch(shard(features), shard(targets), shard(np.repeat([0, 1], [5, 3])))
    _, terms = jax.pmap(lambda *arguments: mixed.step.gradients(*arguments, None), AXIS)(
        state.params, mixed.frozen, batch
    )
    wanted = targets[:, [0, 3]]
    for name, loss in (("plcc", plcc_loss), ("rank", rank_loss)):
        expected = sum(loss(scores[rows], wanted[rows]).sum() for rows in (slice(8), slice(5), slice(5, 8)))
        assert float(terms[name][0]) == pytest.approx(float(expected), rel=1e-4)
    assert float(terms["huber"][0]) == pytest.approx(float(huber_loss(scores, wanted).sum()), rel=1e-4)
