import csv
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import jaxvqa
from jaxvqa import weights

ROOT = Path(__file__).parents[1]
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
    "train.epochs": 3,
    "optimizer.warmup": 2,
}


def pretrain(output, **changes):
    fields = {"output": output, **SETTINGS, **changes}
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "jaxvqa.main", f"--config={ROOT / 'configs' / 'mini.py'}"),
            *(f"--config.{name}={value}" for name, value in fields.items()),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )


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
    assert "clip_text" not in weights.load(trained / "model").parts
    assert model.training["synthetic"]
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
        one, other = (weights.read_tensors(folder / "model" / weights.TENSORS, part) for folder in (output, trained))
        assert all(np.array_equal(one[name], other[name]) for name in other)


@pytest.mark.slow
def test_bad_settings_are_said(trained):
    for changes, message in (
        ({"train.batch": 6}, "config.train.batch is 6, but must be a multiple of 4"),
        ({"train.epochs": 0}, "config.train.epochs is 0, but must be 1 or larger"),
        ({"seed": 1}, "has checkpoints of other settings: choose another config.output"),
    ):
        process = pretrain(trained, **changes)
        _, err = process.communicate()
        assert process.returncode == 2
        assert message in err
        assert "Traceback" not in err
