"""The task of training a small model from scratch."""

import csv
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from clips import moving_clip, write_photographs

import jaxvqa
from jaxvqa.main import main
from jaxvqa.system.files import lock_folder
from jaxvqa.weights.directory import TENSORS, read_tensors
from jaxvqa.weights.load import load_weights

ROOT = Path(__file__).parents[2]

SETTINGS = {
    "examples": 6,
    "validation": 4,
    "workers": 2,
    "looked_at": 3,
    "display.stages": 2,
    "display.local": 8,
    "display.motion": 4,
    "head.hidden": 8,
    "train.batch": 3,
    "train.pieces": 2,
    "train.epochs": 3,
    "optimizer.warmup": 1,
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("material")
    photos, clips = root / "photos", root / "clips"
    write_photographs(photos, 9, 330)
    clips.mkdir()
    moving_clip(clips / "walk.mp4", 34, 336, 448)
    return {"photos": photos, "clips": clips}


def command(output, folders, **changes):
    fields = {"output": output, **folders, **SETTINGS, **changes}
    config = ROOT / "configs" / "mini.py"
    return ["jaxvqa", f"--config={config}", *(f"--config.{name}={value}" for name, value in fields.items())]


def pretrain(output, folders):
    arguments = [sys.executable, "-m", "jaxvqa.main", *command(output, folders)[1:]]
    return subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, folders):
    output = tmp_path_factory.mktemp("pretrained") / "mini"
    process = pretrain(output, folders)
    _, err = process.communicate()
    assert process.returncode == 0, err
    return output


@pytest.mark.slow
def test_trained_model_scores_what_it_was_trained_in(trained, clips):
    with (trained / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    assert len(history) == 3
    assert all(np.isfinite(float(row["loss"])) for row in history)
    model = jaxvqa.load(trained / "model")
    assert load_weights(trained / "model").parts.keys() == {"display", "maxvqa"}
    assert model.card.synthetic
    assert {*model.card.dimensions} == {"O", "T-all", *(f"T-{i}" for i in range(1, 9))}
    scores = model.score(clips / "a.mp4")
    assert scores.local.shape == (16, 49, 16)
    known = [i for i, dimension in enumerate(jaxvqa.DIMENSIONS) if dimension.code in model.card.dimensions]
    # VMAF 0 and 100 are the targets of the worst and the best; estimates of flaws are shown as they are.
    vmaf = [jaxvqa.DIMENSIONS[i].code in ("O", "T-all", "T-1", "T-7") for i in known]
    expected = np.where(vmaf, np.clip((scores.raw[known] - 0.05) / 0.9, 0, 1), scores.raw[known])
    np.testing.assert_allclose(scores.display[known], expected, atol=1e-6)


@pytest.mark.slow
def test_each_epoch_leaves_a_model(trained, clips):
    models = [trained / name for name in ("epoch-1", "epoch-2", "epoch-3", "model")]
    scores = [jaxvqa.load(model).score(clips / "a.mp4").raw[0] for model in models]
    assert len({*scores[:3]}) == 3
    assert scores[2] == scores[3]


@pytest.mark.slow
def test_killed_training_goes_on_to_the_same_weights(trained, folders, tmp_path):
    output = tmp_path / "mini"
    for sign in ("material/train/000001.npz", "checkpoints/1"):
        process = pretrain(output, folders)
        while not (output / sign).exists():
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not (output / "model").exists()
    process = pretrain(output, folders)
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert "going on after epoch" in err
    for part in ("display", "maxvqa"):
        one, other = (read_tensors(folder / "model" / TENSORS, part) for folder in (output, trained))
        assert all(np.array_equal(one[name], other[name]) for name in other)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train.batch": 7}, "batch is 7; it must be a multiple of 1, the number of devices, and no larger"),
        ({"train.ema": -1}, "ema is -1.0; it must be from 0 to below 1"),
        ({"optimizer.warmup": 6}, "warmup is 6 steps; the whole training has no more than that"),
        ({"workers": -1}, "workers is -1; it must be 0 or larger"),
        ({"display.local": 0}, "the sizes of display do not fit"),
        ({"display.stages": 6}, "the sizes of display do not fit"),
        ({"train.pieces": 4}, r"pieces is 4; it must be no larger than looked_at (3)"),
        ({"photos": "nowhere"}, "nowhere is no folder"),
    ],
)
def test_bad_settings_are_said(tmp_path, folders, capfd, changes, message):
    assert main(command(tmp_path / "out", {**folders}, **changes)) == 2
    err = capfd.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out" / "checkpoints" / "1").exists()


@pytest.mark.slow
def test_a_finished_training_is_left_alone(trained, folders, capfd):
    before = sorted(trained.rglob("*"))
    assert main(command(trained, folders)) == 2
    assert "model already exists: remove it or choose another output" in capfd.readouterr().err
    assert main(command(trained, folders, **{"head.hidden": 9})) == 2
    assert "holds a training with other hidden: choose another output" in capfd.readouterr().err
    assert sorted(trained.rglob("*")) == before


@pytest.mark.slow
def test_two_runs_at_once(tmp_path, folders, capfd):
    with lock_folder(tmp_path):
        assert main(command(tmp_path, folders)) == 2
    assert f"another run is writing to {tmp_path}" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [".lock-0"]
