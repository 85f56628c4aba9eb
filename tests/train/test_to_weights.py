"""The model that a training leaves."""

import contextlib
import os
import shutil

import numpy as np
import pytest
from trainings import CODES, history, sentence, tensors

import jaxvqa
from jaxvqa.features.extract import extract
from jaxvqa.results.table import read_table
from jaxvqa.video.sampling import Sampling
from jaxvqa.weights.assemble import ENCODERS
from jaxvqa.weights.load import load_weights


def test_exported_model_is_the_best_epoch(trained, data):
    best = max(float(row["plcc_mean"]) for row in history(trained))
    table = read_table(trained / "predictions-maxwell-validation.csv")
    home = data / "maxwell"
    labels = read_table(home / "MaxWell_val.csv", home / "test_labels.txt")
    assert table.names == labels.names
    correlations = [np.corrcoef(table.scores[code], labels.scores[code])[0, 1] for code in CODES]
    assert np.mean(correlations) == pytest.approx(best, abs=1e-5)


def test_exported_model_scores_like_the_predictions(trained, data, features):
    model = jaxvqa.load(trained / "model")
    table = read_table(trained / "predictions-maxwell-validation.csv")
    for row in (0, 5):
        scores = model.score(data / "maxwell" / "videos" / table.names[row])
        expected = [table.scores[code][row] for code in CODES]
        np.testing.assert_allclose(scores.raw, expected, atol=1e-3)
    assert min(values.std() for values in table.scores.values()) > 5e-3  # else that would say little
    assert model.card.databases == ("maxwell:train",)
    assert model.card.synthetic is False
    assert list(model.card.dimensions) == CODES
    labels = np.loadtxt(data / "maxwell" / "MaxWell_train.csv", delimiter=",", skiprows=1)
    margin = 0.05 * np.ptp(labels, axis=0)
    np.testing.assert_allclose(model.card.label_low, labels.min(axis=0) - margin, atol=1e-5)
    np.testing.assert_allclose(model.card.label_high, labels.max(axis=0) + margin, atol=1e-5)
    paths = [str(path) for path in (data / "maxwell" / "videos").glob("train-*")]
    stored, _ = extract(paths, load_weights(trained / "model", ENCODERS), features, Sampling())
    raw = [model.score_features(values.astype(np.float32)).raw for values in stored.read(range(16))]
    np.testing.assert_allclose(model.card.scale.mean, np.mean(raw, axis=0), atol=1e-3)
    np.testing.assert_allclose(model.card.scale.deviation, np.std(raw, axis=0), atol=1e-3)


def test_full_disk_keeps_the_model_of_an_earlier_training(train, trained, small_disk, capfd):
    output = shutil.copytree(trained, small_disk("20m") / "again")
    earlier = tensors(output)
    shutil.rmtree(output / "checkpoints")
    changes = {"train.passes": 1, "seed": 1}
    assert train(output, **changes) == 0  # what it takes but for the model is there
    after = tensors(output)
    assert after != earlier
    (output / "model" / "tensors.safetensors").write_bytes(earlier)  # to be written again
    filler = output.parent / "filler"
    with contextlib.suppress(OSError):
        filler.write_bytes(bytes(30 << 20))
    os.truncate(filler, filler.stat().st_size - len(earlier) // 2)  # room for all but a model
    capfd.readouterr()
    assert train(output, **changes) == 2
    sentence(capfd, "model-new cannot be written: .*No space left on device")
    assert tensors(output) == earlier
    filler.unlink()
    assert train(output, **changes) == 0
    assert tensors(output) == after
    assert not (output / "model-new").exists()
