"""Golden losses and learning rates, and how sharply a training run is compared with a golden one."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from conftest import GOLDEN, SMALL

from jaxvqa.dimensions import default_prompts
from jaxvqa.parity import training
from jaxvqa.parity.training import BATCH, EPOCHS, EVERY, RATE, compare_losses, compare_run, compare_schedule
from jaxvqa.train import step
from jaxvqa.train.chunks import ChunkOrder
from jaxvqa.train.loop import Trainer
from jaxvqa.train.optimizer import Schedule
from jaxvqa.train.settings import TrainSettings
from jaxvqa.train.step import AXIS, Batch, Recipe, TrainStep, replicate, shard, start, unreplicate
from jaxvqa.weights.assemble import PARTS, build
from jaxvqa.weights.directory import Weights


def test_golden_losses_and_learning_rates():
    comparisons = [
        *compare_losses(GOLDEN / "seed0" / "losses.npz", {}),
        *compare_schedule(GOLDEN / "seed0" / "schedule.npz", {}),
    ]
    assert len(comparisons) == 6
    for comparison in comparisons:
        assert comparison.passed, (comparison.array, comparison.relative)


SETTINGS = TrainSettings(
    order=ChunkOrder(batch=BATCH),
    recipe=Recipe(huber=1.0, dropout=False),
    schedule=Schedule("cosine", **RATE, period=2, growth=1),
)


@pytest.fixture(scope="module")
def run():
    """Arguments of `compare_run` but the last: a run of a small head."""
    random = np.random.default_rng(0)
    parts = {part: build(part, PARTS[part][1](**SMALL[part])) for part in ("clip_text", "maxvqa")}
    weights = Weights("small", parts, default_prompts())
    features = random.normal(size=(3 * BATCH, 1, 4, 9, 96)).astype(np.float16)
    return SETTINGS, weights, features[:, 0], random.uniform(-1, 2, (3 * BATCH, 16)).astype(np.float32)


def layout(params, kind):
    arrays = [params["context"], *(params["layers"][i]["kernel"].T for i in sorted(params["layers"]))]
    return {f"{kind}_sample/{i}": array.reshape(-1)[::EVERY] for i, array in enumerate(arrays)}


@pytest.fixture(scope="module")
def golden(run, tmp_path_factory):
    """The same run with AdamW (arXiv:1711.05101, algorithm 2) and the moving average written out in float64."""
    settings, weights, features, labels = run
    trainer = Trainer(settings, weights, weights.parts["maxvqa"], range(16))
    differentiate = jax.pmap(lambda *arguments: trainer.step.gradients(*arguments, None), AXIS)
    first = unreplicate(replicate(start(trainer.network, trainer.optimizer).params))
    params = average = jax.tree.map(np.float64, first)
    mean = square = jax.tree.map(np.zeros_like, params)
    found = {"losses": [], "lrs": []}

    def scores():
        ours = replicate(jax.tree.map(np.float32, params))
        text_features = trainer.step.text_features(ours, trainer.frozen)
        return np.asarray(trainer.step.predict(ours, text_features, shard(features[:BATCH])))

    found["first_scores"] = scores()
    for number in range(EPOCHS * 3):
        rate = (RATE["peak"], sum(RATE.values()) / 2, RATE["peak"])[number // 3]
        rows = slice(number % 3 * BATCH, (number % 3 + 1) * BATCH)
        batch = Batch(shard(features[rows]), shard(labels[rows]))
        gradient, terms = differentiate(replicate(jax.tree.map(np.float32, params)), trainer.frozen, batch)
        gradient = jax.tree.map(np.float64, unreplicate(gradient))
        if not number:
            found |= layout(gradient, "grad")
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, gradient)
        square = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g**2, square, gradient)
        m, v = 1 - 0.9 ** (number + 1), 1 - 0.999 ** (number + 1)
        params = jax.tree.map(
            lambda p, mean, square, m=m, v=v, rate=rate: (
                p - rate * (mean / m / (np.sqrt(square / v) + 1e-8) + settings.weight_decay * p)
            ),
            params,
            mean,
            square,
        )
        average = jax.tree.map(lambda a, p: 0.999 * a + 0.001 * p, average, params)
        found["losses"].append(terms["loss"][0])
        found["lrs"].append(rate)
    found |= layout(average, "ema") | layout(params, "final") | {"last_scores": scores()}
    path = tmp_path_factory.mktemp("golden") / "train_small.npz"
    np.savez(path, **found)
    return np.load(path)


def rule(change, **parameters):
    """Another optimizer in place of ours: a function of the learning rate and the decay."""

    def patch(monkeypatch):
        def made(decay, _):
            return optax.inject_hyperparams(lambda learning_rate: change(learning_rate, decay, **parameters))(0.0)

        monkeypatch.setattr("jaxvqa.train.loop.make_optimizer", made)

    return patch


def adamw(rate, decay, **parameters):
    return optax.adamw(rate, weight_decay=decay, **parameters)


def uncorrected(rate, decay):
    correction = optax.scale_by_schedule(lambda t: (1 - 0.9 ** (t + 1)) / (1 - 0.999 ** (t + 1)) ** 0.5)
    return optax.chain(
        optax.scale_by_adam(), correction, optax.add_decayed_weights(decay), optax.scale_by_learning_rate(rate)
    )


def late_rates(monkeypatch):
    rates = training.learning_rates
    monkeypatch.setattr(
        training, "learning_rates", lambda schedule, epochs: lambda epoch: rates(schedule, epochs + 1)(epoch + 1)
    )


def faster_average(monkeypatch):
    update = optax.incremental_update
    monkeypatch.setattr(optax, "incremental_update", lambda new, old, size: update(new, old, 2 * size))


def huber_delta(monkeypatch):
    loss = step.huber_loss
    monkeypatch.setattr(step, "huber_loss", lambda scores, targets, _: loss(scores, targets, 0.5))


WRONG = {
    "beta2": rule(adamw, b2=0.99),
    "no bias correction": rule(uncorrected),
    "no decay": rule(lambda rate, decay: optax.adam(rate)),
    "clipped gradients": rule(lambda *both: optax.chain(optax.clip_by_global_norm(0.5), adamw(*both))),
    "rates of the next epoch": late_rates,
    "decay of the average": faster_average,
    "delta of Huber's loss": huber_delta,
}


def failures(run, golden):
    return [comparison.array for comparison in compare_run(*run, golden) if not comparison.passed]


def test_a_run_by_the_rule_passes(run, golden):
    assert failures(run, golden) == []


@pytest.mark.parametrize("mutant", WRONG)
def test_a_run_by_a_wrong_rule_fails(run, golden, monkeypatch, mutant):
    WRONG[mutant](monkeypatch)
    assert failures(run, golden)


def test_a_run_in_another_order_fails(run, golden):
    settings, weights, features, labels = run
    order = np.arange(3 * BATCH).reshape(3, BATCH)[[0, 2, 1]].ravel()
    assert failures((settings, weights, features[order], labels[order]), golden)


def test_rounding_as_of_another_processor_passes(run, golden, monkeypatch):
    """Gradients each of which is off by up to 1e-6 of itself."""

    def rounded(*arguments):
        gradients, terms = whole(*arguments)
        return jax.tree.map(lambda x: x * (1 + 1e-6 * jnp.sin(1e9 * x)), gradients), terms  # as good as random

    whole = TrainStep.gradients
    monkeypatch.setattr(TrainStep, "gradients", rounded)
    assert failures(run, golden) == []
