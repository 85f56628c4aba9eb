"""The training step: what it trains, what it leaves, and that devices and processes change nothing."""

import json
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from trainings import one_step

from jaxvqa.models.maxvqa import dropout
from jaxvqa.tasks.configuration import config_path, read_config
from jaxvqa.tasks.train_inputs import train_settings
from jaxvqa.train.loop import Trainer
from jaxvqa.train.losses import decorrelation_loss, huber_loss, plcc_loss, rank_loss
from jaxvqa.train.settings import TrainSettings
from jaxvqa.train.step import AXIS, Batch, Recipe, replicate, shard, start, unreplicate

PROGRAM = Path(__file__).parents[1] / "steps.py"


def run(*arguments):
    return subprocess.Popen(
        [sys.executable, PROGRAM, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def losses(process):
    try:
        out, err = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 0, err
    return np.array(json.loads(out.splitlines()[-1]))  # Gloo talks on stdout


@pytest.fixture(scope="module")
def one_device():
    return losses(run(1))


@pytest.mark.parametrize("devices", [2, 4, 8])
def test_devices_change_nothing(one_device, devices):
    assert len(one_device) == 20
    assert one_device[-1] < one_device[0]
    np.testing.assert_allclose(losses(run(devices)), one_device, rtol=1e-5)


def test_processes_change_nothing(one_device):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    for process in [run(2, 2, number, port) for number in range(2)]:
        np.testing.assert_allclose(losses(process), one_device, rtol=1e-5)


def changed(trainer, **recipe):
    """The same training by another recipe."""
    settings = replace(trainer.settings, recipe=Recipe(**recipe))
    return Trainer(settings, trainer.encoders, trainer.network, list(trainer.codes))


@pytest.mark.parametrize("devices", [2, 4])
def test_gradients_are_those_of_the_whole_batch_on_each_device(trainer, devices):
    """Devices in one process: to a function, the axis of `vmap` is as that of `pmap`."""
    step = changed(trainer, huber=1.0, rank=0.3, decorrelation=0.005).step
    random = np.random.default_rng(0)
    features = random.normal(size=(8, 4, 9, 96)).astype(np.float16)
    targets = random.uniform(size=(8, 16)).astype(np.float32)
    params, key = nnx.state(trainer.network), jax.random.key(3)
    frozen = jax.tree.map(lambda x: x[0], trainer.frozen)

    def gradients(devices):
        shares = (x.reshape(devices, 8 // devices, *x.shape[1:]) for x in (features, targets))
        function = jax.vmap(step.gradients, in_axes=(None, None, 0, None), axis_name=AXIS)
        return jax.tree.map(np.asarray, function(params, frozen, Batch(*shares), key))

    whole, shared = gradients(1), gradients(devices)
    for one, several in zip(jax.tree.leaves(whole), jax.tree.leaves(shared), strict=True):
        for each in several:  # with the same dropout for each video, too
            np.testing.assert_allclose(each, one[0], rtol=1e-4, atol=1e-5 * np.abs(one).max())


def test_average_starts_from_the_parameters_and_follows_them_slowly(trainer):
    before, after, _ = one_step(trainer)
    for start_, parameter, average in zip(*map(jax.tree.leaves, (before.params, after.params, after.ema)), strict=True):
        assert np.abs(parameter - start_).max() > 1e-4
        np.testing.assert_allclose(average, 0.999 * start_ + 0.001 * parameter, atol=1e-7)


def test_steps_are_those_of_adamw_one_after_the_other(trainer):
    """Parameters, both averages of gradients and the average of parameters go on from the step before."""
    decay, ema = 5.0, 0.5
    settings = replace(trainer.settings, recipe=Recipe(huber=1.0, dropout=False, ema=ema), weight_decay=decay)
    step = (trainer := Trainer(settings, trainer.encoders, trainer.network, list(trainer.codes))).step
    random = np.random.default_rng(1)
    features, targets = random.normal(size=(8, 4, 9, 96)), random.uniform(size=(8, 16))
    batch = Batch(shard(features.astype(np.float16)), shard(targets.astype(np.float32)))
    gradients = jax.pmap(lambda *arguments: step.gradients(*arguments, None)[0], AXIS)
    state = replicate(start(trainer.network, trainer.optimizer))
    params = average = jax.tree.map(np.float64, unreplicate(state.params))
    mean = square = jax.tree.map(np.zeros_like, params)
    for number, rate in enumerate((1e-2, 3e-3, 1e-2, 1e-3), start=1):
        gradient = jax.tree.map(np.float64, unreplicate(gradients(state.params, trainer.frozen, batch)))
        state, _ = step.update(state, trainer.frozen, batch, rate, jax.random.key(0))
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, gradient)
        square = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g**2, square, gradient)
        bias = 1 - 0.9**number, (1 - 0.999**number) ** 0.5
        moves = jax.tree.map(lambda m, v, b=bias: m / b[0] / (np.sqrt(v) / b[1] + 1e-8), mean, square)
        params = jax.tree.map(lambda p, move, rate=rate: p - rate * (move + decay * p), params, moves)
        average = jax.tree.map(lambda a, p: ema * a + (1 - ema) * p, average, params)
        for found, wanted in ((state.params, params), (state.ema, average)):
            for one, other in zip(*map(jax.tree.leaves, (unreplicate(found), wanted)), strict=True):
                # On average: where a gradient is next to nothing, so is what its last digits are divided by.
                assert np.abs(one - other).mean() < 1e-5, number


def test_only_the_context_and_the_fusion_mlp_are_trained(trainer):
    names = {
        "/".join(map(str, path)) for path, _ in nnx.to_flat_state(start(trainer.network, trainer.optimizer).params)
    }
    assert names == {"context", "layers/0/kernel", "layers/1/kernel"}
    frozen = jax.tree.map(np.array, trainer.frozen)
    one_step(trainer)
    assert jax.tree.all(jax.tree.map(np.array_equal, frozen, jax.tree.map(np.array, trainer.frozen)))


def test_rate_is_the_one_given(trainer):
    before, still, _ = one_step(trainer, rate=0.0)
    assert jax.tree.all(jax.tree.map(lambda a, b: np.array_equal(a, b), before.params, still.params))
    _, slow, _ = one_step(trainer, rate=1e-4)
    moved = np.abs(slow.params["context"][...] - before.params["context"][...])
    assert 0 < moved.max() < 1.2e-4  # Adam's first step is the rate, whatever the gradient; and weight decay


def test_terms_are_those_of_the_recipe(trainer):
    terms = one_step(trainer)[2]
    assert set(terms) == {"loss", "loss_plcc", "loss_huber"}
    np.testing.assert_allclose(terms["loss"], terms["loss_plcc"] + terms["loss_huber"], rtol=1e-6)


def test_dropout_is_on_in_training_and_off_in_prediction(trainer):
    loss = one_step(trainer)[2]["loss"]
    assert loss == one_step(trainer)[2]["loss"]
    settings = replace(trainer.settings, recipe=replace(trainer.settings.recipe, dropout=False))
    without = Trainer(settings, trainer.encoders, trainer.network, list(trainer.codes))
    assert loss != one_step(without)[2]["loss"]


def test_dropout_is_another_in_each_step(trainer):
    """Nothing else changes at a rate of 0."""
    random = np.random.default_rng(1)
    features, targets = random.normal(size=(8, 4, 9, 96)), random.uniform(size=(8, 16))
    batch = Batch(shard(features.astype(np.float16)), shard(targets.astype(np.float32)))
    state, losses = replicate(start(trainer.network, trainer.optimizer)), []
    for number in range(3):
        assert state.step.tolist() == [number]
        state, terms = trainer.step.update(state, trainer.frozen, batch, 0.0, jax.random.key(0))
        losses.append(float(terms["loss"]))
    assert len(set(losses)) == 3


def test_dropout_zeros_half_and_doubles_the_rest():
    x = jnp.ones((1000, 77), jnp.float32)
    y = np.asarray(dropout(x, jax.random.key(0)))
    assert set(np.unique(y)) == {0, 2}
    assert abs(y.mean() - 1) < 5 * 77_000**-0.5
    assert np.abs(np.corrcoef(y[:, 0], y[:, 1])[0, 1]) < 0.2
    assert not np.array_equal(y, dropout(x, jax.random.key(1)))
    assert dropout(x, None) is x


def test_losses_compare_within_each_database_and_over_all(trainer):
    recipe = Recipe(plcc=2.0, huber=3.0, huber_delta=0.1, rank=0.3, decorrelation=0.005, dropout=False)
    settings = replace(trainer.settings, recipe=recipe)
    mixed = Trainer(settings, trainer.encoders, trainer.network, [0, 3], [3, 2, 3])
    random = np.random.default_rng(0)
    features = random.normal(size=(8, 4, 9, 96)).astype(np.float16)
    targets = random.uniform(size=(8, 16)).astype(np.float32)
    targets[2, 3] = np.nan
    state = replicate(start(mixed.network, mixed.optimizer))
    text = mixed.step.text_features(state.params, mixed.frozen)
    scores = np.asarray(mixed.step.predict(state.params, text, shard(features)))[:, [0, 3]]
    batch = Batch(shard(features), shard(targets), shard(np.repeat([0, 1, 2], [3, 2, 3])))
    _, terms = jax.pmap(lambda *arguments: mixed.step.gradients(*arguments, None), AXIS)(
        state.params, mixed.frozen, batch
    )
    wanted = targets[:, [0, 3]]
    parts = slice(8), slice(3), slice(3, 5), slice(5, 8)
    for name, loss in (("loss_plcc", plcc_loss), ("loss_rank", rank_loss)):
        expected = sum(loss(scores[rows], wanted[rows]).sum() for rows in parts)
        assert float(terms[name][0]) == pytest.approx(float(expected), rel=1e-4)
    assert float(terms["loss_huber"][0]) == pytest.approx(float(huber_loss(scores, wanted, 0.1).sum()), rel=1e-4)
    assert float(terms["decorrelation"][0]) == pytest.approx(float(decorrelation_loss(scores)), rel=1e-4)
    weights = {"loss_plcc": 2, "loss_huber": 3, "loss_rank": 0.3, "decorrelation": 0.005}
    total = sum(weight * float(terms[name][0]) for name, weight in weights.items())
    assert float(terms["loss"][0]) == pytest.approx(total, rel=1e-5)


def test_copies_for_devices_are_compiled_once():
    trees = [{"a": np.full((2, 3), number, np.float32), "b": np.arange(number + 4.0)} for number in (0, 0, 1)]
    events = []
    jax.monitoring.register_event_duration_secs_listener(lambda name, *_, **__: events.append(name))
    try:
        counts = []
        for tree in [*trees, trees[0]]:
            events.clear()
            copies = replicate(tree)
            counts.append(len([name for name in events if "compile" in name]))
            np.testing.assert_array_equal(copies["a"][-1], tree["a"])
    finally:
        jax.monitoring.clear_event_listeners()
    assert counts[0] > 0
    assert counts[1] == counts[3] == 0
    assert counts[2] > 0  # other shapes


def test_huber_loss_is_linear_within_the_scale_of_scores_by_default_and_never_as_published():
    """Scores and targets lie within (0, 1)."""
    targets = np.linspace(0.05, 0.95, 19, dtype=np.float32)[:, None]
    published = train_settings(read_config(["", f"--config={config_path('maxwell')}"])).recipe
    slopes = {}
    for name, recipe in (("default", TrainSettings().recipe), ("published", published)):
        gradient = jax.grad(lambda p, delta=recipe.huber_delta: huber_loss(p, targets, delta).sum())
        slopes[name] = 19 * np.asarray(gradient(jnp.full_like(targets, 0.5)))[:, 0]
    errors = 0.5 - targets[:, 0]
    np.testing.assert_allclose(slopes["published"], errors, atol=1e-6)  # of half the mean square
    np.testing.assert_allclose(slopes["default"], np.clip(errors, -0.1, 0.1), atol=1e-6)
