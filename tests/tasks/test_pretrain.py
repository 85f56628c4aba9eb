"""The task of training a small model from scratch."""

import csv
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import jaxvqa
from jaxvqa.main import main
from jaxvqa.system.files import lock_folder
from jaxvqa.weights.directory import TENSORS, read_tensors
from jaxvqa.weights.load import load_weights

ROOT = Path(__file__).parents[2]

SETTINGS = {
    "validation": 1,
    "workers": 2,
    "swin.width": 8,
    "swin.heads": "(1, 2, 2)",
    "clip_visual.heads": 2,
    "clip_visual.output_width": 16,
    "head.hidden": 8,
    "train.batch": 4,
    "train.epoch_steps": 2,
    "train.cycles": (1, 2),
    "optimizer.warmup": 1,
}


def command(output, **changes):
    fields = {"output": output, **SETTINGS, **changes}
    config = ROOT / "configs" / "mini.py"
    return ["jaxvqa", f"--config={config}", *(f"--config.{name}={value}" for name, value in fields.items())]


def pretrain(output):
    arguments = [sys.executable, "-m", "jaxvqa.main", *command(output)[1:]]
    return subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    output = tmp_path_factory.mktemp("pretrained") / "mini"
    process = pretrain(output)
    _, err = process.communicate()
    assert process.returncode == 0, err
    return output


@pytest.mark.slow
def test_trained_model_scores_without_text_transformer(trained, clips):
    with (trained / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    assert len(history) == 3
    assert all(np.isfinite(float(value)) for row in history for value in row.values())
    model = jaxvqa.load(trained / "model")
    assert "clip_text" not in load_weights(trained / "model").parts
    assert model.card.synthetic
    scores = model.score(clips / "a.mp4")
    assert scores.local.shape == (64, 49, 16)
    assert np.isfinite(scores.display).all()
    assert np.ptp(scores.raw) > 0


@pytest.mark.slow
def test_killed_training_goes_on_to_the_same_weights(trained, tmp_path):
    output = tmp_path / "mini"
    process = pretrain(output)
    while not (output / "checkpoints" / "1").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (output / "model").exists()
    process = pretrain(output)
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert "going on after epoch" in err
    for part in ("swin", "clip_visual", "maxvqa"):
        one, other = (read_tensors(folder / "model" / TENSORS, part) for folder in (output, trained))
        assert all(np.array_equal(one[name], other[name]) for name in other)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train.batch": 6}, "batch is 6; it must be a multiple of 4"),
        ({"train.cycles": (3, 0)}, "cycles is (3, 0); it must be numbers of epochs, each 1 or larger"),
        ({"train.cycles": ()}, "cycles is (); it must be numbers of epochs, each 1 or larger"),
        ({"train.ema": -1}, "ema is -1.0; it must be from 0 to below 1"),
        ({"optimizer.warmup": 2}, "warmup is 2 steps; it must be from 0 to below 2, the steps of"),
        ({"optimizer.warmup": -1}, "warmup is -1 steps"),
        ({"seed": -1}, "seed is -1; it must be 0 or larger"),
        ({"workers": -1}, "workers is -1; it must be 0 or larger"),
        ({"swin.heads": "(3, 2, 2)"}, "the sizes of swin, clip_visual and head do not fit"),
        ({"swin.depths": "(1, 1)"}, "the sizes of swin, clip_visual and head do not fit"),
        ({"swin.patch": "(2, 16, 16)"}, "the sizes of swin, clip_visual and head do not fit"),
        ({"clip_visual.heads": 7}, "the sizes of swin, clip_visual and head do not fit"),
    ],
)
def test_bad_settings_are_said(tmp_path, capfd, changes, message):
    assert main(command(tmp_path / "out", **changes)) == 2
    err = capfd.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out" / "checkpoints" / "1").exists()


@pytest.mark.slow
def test_a_finished_training_is_left_alone(trained, capfd):
    before = sorted(trained.rglob("*"))
    assert main(command(trained)) == 2
    assert "model already exists: remove it or choose another output" in capfd.readouterr().err
    assert main(command(trained, seed=1)) == 2
    assert "holds a training with other seed: choose another output" in capfd.readouterr().err
    assert sorted(trained.rglob("*")) == before


@pytest.mark.slow
def test_two_runs_at_once(tmp_path, capfd):
    with lock_folder(tmp_path):
        assert main(command(tmp_path)) == 2
    assert f"another run is writing to {tmp_path}" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [".lock-0"]
