"""The training loop: resumed after kills, and numbers beyond all bounds."""

import functools
import os
import shutil
import signal
import time

import jax
import numpy as np
import pytest
from trainings import EPOCHS, checkpoints, history, launch, random_views, sentence, tensors

from jaxvqa.models.last_stages import LastStages, encode_first
from jaxvqa.system.compilation import jitted
from jaxvqa.train.chunks import ChunkOrder
from jaxvqa.train.loop import Trainer
from jaxvqa.train.settings import TrainSettings
from jaxvqa.train.step import Batch, Recipe, replicate, shard, start
from jaxvqa.weights.load import load_weights


@pytest.mark.slow
def test_killed_training_ends_with_the_same_bits(train, trained, command, tmp_path):
    output = tmp_path / "killed"
    random = np.random.default_rng(0)
    reached = []
    for epoch, delay in ((1, 0), (3, random.uniform(0, 0.3)), (5, random.uniform(0, 0.3))):
        with launch(command(output)) as process:
            while process.poll() is None and not any((output / "checkpoints").glob(f"{epoch}*")):
                time.sleep(0.002)
            time.sleep(delay)
            assert process.poll() is None, process.stderr.read()
            process.send_signal(signal.SIGKILL)
        reached.append(len(history(output)) if (output / "history.csv").exists() else 0)
    assert 2 <= reached[1] < EPOCHS
    assert train(output) == 0
    assert history(output) == history(trained)
    assert tensors(output) == tensors(trained)
    file = "predictions-maxwell-validation.csv"
    assert (output / file).read_bytes() == (trained / file).read_bytes()


@pytest.mark.parametrize("epochs", [7, 0])
def test_without_the_last_checkpoints_it_is_done_again(train, trained, again, epochs):
    for epoch in checkpoints(again):
        if epoch > epochs:
            shutil.rmtree(again / "checkpoints" / str(epoch))
    if not epochs:
        shutil.rmtree(again / "checkpoints" / "7", ignore_errors=True)
    (again / "history.csv").unlink()
    assert train(again) == 0
    assert history(again) == history(trained)
    assert tensors(again) == tensors(trained)


def test_numbers_that_grow_beyond_all_bounds(train, trained, tmp_path, capfd):
    assert train(tmp_path, **{"optimizer.schedule.peak": 1e30}) == 2
    sentence(capfd, "epoch 1 came to numbers that are not finite: lower peak, the learning rate")


def test_constant_predictions(train, trained, tmp_path, capfd):
    changes = {"optimizer.schedule.peak": 1e9, "optimizer.schedule.kind": "constant"}
    assert train(tmp_path, **changes) == 2
    sentence(capfd, "not finite|is the same for all 8 videos")


def test_batch_that_devices_cannot_share(command, tmp_path):
    environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=3"}
    process = launch(command(tmp_path), env=environment)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert err == "jaxvqa: batch is 4; it must be a multiple of 3, the number of devices.\n"


@pytest.mark.slow
def test_steps_lower_the_loss_of_a_batch(encoders):
    loaded = load_weights(encoders)
    settings = TrainSettings(order=ChunkOrder(batch=4), recipe=Recipe(huber=1.0, dropout=False))
    swin, clip_visual, head = (loaded.parts[part] for part in ("swin", "clip_visual", "maxvqa"))
    encode = jitted(functools.partial(encode_first, last=1), swin, clip_visual)
    encoded = np.stack([encode(*random_views(seed)) for seed in range(4)]).astype(np.float16)
    targets = np.random.default_rng(0).uniform(size=(4, 16)).astype(np.float32)
    network = LastStages(swin, clip_visual, head, 1)
    trainer = Trainer(settings, loaded, network, range(16))
    state, losses = replicate(start(network, trainer.optimizer)), []
    for _ in range(8):
        batch = Batch(shard(encoded), shard(targets))
        state, terms = trainer.step.update(state, trainer.frozen, batch, 3e-3, jax.random.key(0))
        losses.append(float(terms["loss"]))
    assert losses[-1] < 0.95 * losses[0], losses
