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
from jaxvqa.models.visual_encoders import normalize
from jaxvqa.synthetic.scenes import Camera, film, load
from jaxvqa.system.files import lock_folder
from jaxvqa.train.pretrain import make_optimizer, whitening_cosines
from jaxvqa.weights.directory import TENSORS, read_tensors
from jaxvqa.weights.load import load_weights

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


def test_patches_of_natural_clips_are_seen_evenly():
    frames = film([load("china.jpg")] * 2, 224, 224, 0, Camera(wander=0.5), np.random.default_rng(0))
    pixels = np.asarray(normalize(frames)).reshape(2, 28, 8, 28, 8, 3).transpose(1, 3, 0, 2, 4, 5).reshape(28 * 28, -1)
    kernels = whitening_cosines((2, 8, 8), 64)
    assert kernels.shape == (384, 64)
    assert np.linalg.matrix_rank(kernels) == 64
    plain = (pixels @ (kernels / np.linalg.norm(kernels, axis=0))).std(axis=0)
    even = (pixels @ kernels).std(axis=0)
    assert plain.max() / plain.min() > 100
    assert even.max() / even.min() < 40
    assert whitening_cosines((2, 8, 8), 4).shape == (384, 4)


def test_patch_embeddings_take_small_steps():
    params = {"swin": {"patch_embed": {"kernel": np.ones((2, 2))}, "norm": {"scale": np.ones(2)}}}
    optimizer = make_optimizer(weight_decay=0.1)
    state = optimizer.init(params)
    state = state._replace(hyperparams=state.hyperparams | {"learning_rate": 0.5})
    updates, _ = optimizer.update(params, state, params)
    np.testing.assert_allclose(updates["swin"]["patch_embed"]["kernel"], -0.01 * 0.5 * 1.1, rtol=1e-5)
    np.testing.assert_allclose(updates["swin"]["norm"]["scale"], -0.5, rtol=1e-5)


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
        ({"train.batch": 6}, "config.train.batch is 6, but must be a multiple of 4"),
        ({"train.cycles": (3, 0)}, "config.train.cycles is (3, 0), but must be 1 or larger"),
        ({"train.cycles": ()}, "config.train.cycles is (), but must be 1 or larger"),
        ({"train.ema": -1}, "config.train.ema is -1.0, but must be from 0 to below 1"),
        ({"optimizer.warmup": 2}, "config.optimizer.warmup is 2 steps, but must be from 0 to below the 2 of"),
        ({"optimizer.warmup": -1}, "config.optimizer.warmup is -1 steps"),
        ({"seed": -1}, "seed is -1, but must be 0 or larger"),
        ({"workers": -1}, "config.workers is -1, but must be 1 or more"),
        ({"swin.heads": "(3, 2, 2)"}, "config.swin, config.clip_visual and config.head do not fit"),
        ({"swin.depths": "(1, 1)"}, "config.swin, config.clip_visual and config.head do not fit"),
        ({"swin.patch": "(2, 16, 16)"}, "config.swin, config.clip_visual and config.head do not fit"),
        ({"clip_visual.heads": 7}, "config.swin, config.clip_visual and config.head do not fit"),
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
    assert "holds a training with other seed: choose another config.output" in capfd.readouterr().err
    assert sorted(trained.rglob("*")) == before


@pytest.mark.slow
def test_two_runs_at_once(tmp_path, capfd):
    with lock_folder(tmp_path):
        assert main(command(tmp_path)) == 2
    assert f"another run is writing to {tmp_path}" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [".lock-0"]
