"""Training k-fold, on one database and on several."""

import json
import shutil

import numpy as np
import pytest
from trainings import ROOT, history, sentence, textured_clip

import jaxvqa
from jaxvqa.main import main
from jaxvqa.results.table import read_table
from jaxvqa.weights.load import load_weights


def test_cross_database_protocol(train, data, trained, tmp_path, capfd):
    """Two folds, from the head of weights, tested on a database with one score a video."""
    root = shutil.copytree(data, tmp_path / "data", ignore=shutil.ignore_patterns(".tfds"))
    (root / "konvid_1k").mkdir()
    for i in range(4):
        shutil.copy(root / "maxwell" / "videos" / f"validation-{i}.mp4", root / "konvid_1k")
    (root / "konvid_1k" / "labels.txt").write_text("".join(f"validation-{i}.mp4, {i * i}\n" for i in range(4)))
    changes = {"data.root": root, "data.train": "maxwell:train", "data.test": "konvid_1k", "folds": 2}
    changes |= {"train.passes": 1, "train.chunk": 4, "train.epochs_per_chunk": 1}
    changes |= {"warm_start": True, "weights": trained / "model"}
    output = tmp_path / "out"
    assert train(output, config=ROOT / "configs" / "cross.py", **changes) == 0
    assert "konvid_1k (unseen)" in capfd.readouterr().out
    values = json.loads((output / "cross.json").read_text())
    assert [*values] == ["maxwell:train (held out)", "konvid_1k (unseen)"]
    for row in values.values():
        assert [*row] == ["SRCC", "PLCC", "KRCC", "RMSE"]
        assert [len(cells) for cells in row.values()] == [2, 2, 2, 2]
    for fold in range(2):
        rows = history(output / f"fold-{fold}")
        assert len(rows) == 2
        assert values["maxwell:train (held out)"]["PLCC"][fold] == pytest.approx(float(rows[-1]["plcc_mean"]), abs=1e-5)
        assert (output / f"fold-{fold}" / "curves.png").exists()
        held_out, unseen = (
            read_table(output / f"fold-{fold}" / f"predictions-{name}.csv")
            for name in ("maxwell-train-held-out", "konvid_1k-unseen")
        )
        assert 2 * len(held_out.names) == len(list((root / "maxwell" / "videos").glob("train-*.mp4")))
        assert len(unseen.names) == 4
        model = jaxvqa.load(output / f"fold-{fold}" / "model")
        score = model.score(root / "konvid_1k" / "validation-0.mp4").overall
        assert score == pytest.approx(unseen.scores["O"][unseen.names.index("validation-0.mp4")], abs=1e-3)
    assert (output / "cross.csv").read_text().count("\n") == 3
    assert json.loads((output / "config.json").read_text())["folds"] == 2

    first = history(output / "fold-1")
    shutil.rmtree(output / "fold-1")  # each fold starts from the weights, whatever was trained before
    shutil.rmtree(output / "fold-0" / "checkpoints")
    assert train(output, config=ROOT / "configs" / "cross.py", **changes, seed=0) == 0
    assert history(output / "fold-1") == first
    again = json.loads((output / "cross.json").read_text())
    for name, row in values.items():  # the last digits of a logistic fit follow where in memory its numbers lie
        assert again[name] == {metric: pytest.approx(cells, rel=1e-6) for metric, cells in row.items()}
    assert train(output, config=ROOT / "configs" / "cross.py", **changes | {"folds": 17}) == 2
    sentence(capfd, "16 videos cannot be divided into 17 folds")
    assert train(output, config=ROOT / "configs" / "cross.py", **changes | {"data.test": "konvid_1k,maxwell"}) == 2
    sentence(capfd, "16 of 24 videos of maxwell are trained on, such as train-0.mp4")


@pytest.mark.parametrize("name", ["cross", "mixed", "ablation"])
def test_no_epoch_is_chosen_by_the_labels_that_are_reported_on(train, tmp_path, capfd, name):
    assert train(tmp_path / "out", config=ROOT / "configs" / f"{name}.py", **{"train.keep": "best"}) == 2
    sentence(capfd, r"^jaxvqa: keep is 'best'; it must be last here, because the best epoch would be chosen by")
    assert not (tmp_path / "out").exists()


SIZES = {"live_vqc": (9, 100), "konvid_1k": (6, 5), "cvd2014": (4, 80)}  # videos, and best score


@pytest.fixture(scope="module")
def rated_once(tmp_path_factory):
    """A root with three databases of one score a video, on different scales."""
    root = tmp_path_factory.mktemp("data")
    for number, (name, (count, best)) in enumerate(SIZES.items()):
        (root / name).mkdir()
        scores = np.random.default_rng(number).uniform(0, best, count)
        for i in range(count):
            textured_clip(root / name / f"{i}.mp4", 50 * number + i)
        (root / name / "labels.txt").write_text("".join(f"{i}.mp4, {score}\n" for i, score in enumerate(scores)))
    return root


def test_trains_on_two_tests_on_a_third(rated_once, encoders, features, tmp_path, capfd):
    fields = {"data.root": rated_once, "weights": encoders, "features": features, "output": tmp_path / "out"}
    fields["workers"] = 2
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
    assert np.isnan(card.label_low).all()  # each has its own

    fields["data.mix"] = "1,9"
    command = [f"--config={ROOT / 'configs' / 'mixed.py'}", *(f"--config.{name}={x}" for name, x in fields.items())]
    assert main(["jaxvqa", *command]) == 2
    assert "each must have 2 or more" in capfd.readouterr().err
