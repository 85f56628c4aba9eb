"""Learning rates, of epochs and of the encoders."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import GOLDEN
from flax import nnx

from jaxvqa import UserError
from jaxvqa.models.last_stages import LastStages
from jaxvqa.train.optimizer import Schedule, cosine_cycles, learning_rates, make_optimizer
from jaxvqa.weights.load import load_weights


@pytest.mark.slow
def test_encoders_have_a_rate_of_their_own_and_keep_statistics(encoders):
    parts = load_weights(encoders).parts
    network = LastStages(parts["swin"], parts["clip_visual"], parts["maxvqa"], 1)
    params = nnx.state(network)
    optimizer = make_optimizer(0.5, 0.1)
    state = optimizer.init(params)
    state = state._replace(hyperparams={"learning_rate": jnp.float32(1e-3)})
    updates, _ = jax.jit(optimizer.update)(jax.tree.map(jnp.zeros_like, params), state, params)
    for path, update in nnx.to_flat_state(updates):
        value, rate = np.asarray(dict(nnx.to_flat_state(params))[path][...]), 1e-4 if path[0] != "maxvqa" else 1e-3
        wanted = -0.5 * rate * value if value.ndim > 1 or path[0] == "maxvqa" else np.zeros_like(value)
        np.testing.assert_allclose(update[...], wanted, rtol=1e-5, err_msg=str(path))


PARAMETERS = {
    "swin": {"kernel": (3, 4), "scale": (4,)},
    "clip_visual": {"kernel": (2, 2, 3, 4), "mean": (4,)},
    "maxvqa": {"kernel": (4, 2), "bias": (2,)},
}


@pytest.mark.parametrize("encoder_rates", [(), (0.1,)])
def test_updates_are_those_of_adamw(encoder_rates):
    """Algorithm 2 of AdamW's paper in float64. Vectors of the encoders do not decay; those of the head do."""
    random = np.random.default_rng(0)
    params = {
        part: {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
        for part, shapes in PARAMETERS.items()
    }
    optimizer = make_optimizer(0.5, *encoder_rates)
    state = optimizer.init(params)
    mean = square = jax.tree.map(lambda x: np.zeros(x.shape), params)
    for step, rate in enumerate((1e-2, 3e-3, 1e-2), start=1):
        size = 10.0 ** (-4 - step)  # small, and falling: the constant below the fraction and both averages matter
        gradients = jax.tree.map(lambda x, size=size: (size * random.normal(size=x.shape)).astype(np.float32), params)
        state = state._replace(hyperparams=state.hyperparams | {"learning_rate": jnp.float32(rate)})
        updates, state = optimizer.update(gradients, state, params)
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * np.float64(g), mean, gradients)
        square = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * np.float64(g) ** 2, square, gradients)
        for part, shapes in PARAMETERS.items():
            for name, shape in shapes.items():
                m, v = mean[part][name] / (1 - 0.9**step), square[part][name] / (1 - 0.999**step)
                decay = 0.5 if part == "maxvqa" or len(shape) > 1 else 0
                own = rate if part == "maxvqa" else rate * (encoder_rates or (1,))[0]
                wanted = -own * (m / (np.sqrt(v) + 1e-8) + decay * params[part][name])
                np.testing.assert_allclose(updates[part][name], wanted, rtol=1e-5, atol=1e-5 * own, err_msg=name)
        params = jax.tree.map(np.add, params, updates)


def test_the_default_schedule_is_the_published_one():
    golden = np.load(GOLDEN / "seed0" / "schedule.npz")["per_epoch_T0_10_Tmult_1"]
    rates = learning_rates(Schedule(), len(golden))
    np.testing.assert_allclose([rates(epoch) for epoch in range(len(golden))], golden, rtol=1e-6)


def test_the_last_cycle_may_have_one_epoch_alone():
    rates = learning_rates(Schedule(period=2), 3)
    assert [rates(epoch) for epoch in range(3)] == pytest.approx([1e-3, (1e-3 + 1e-5) / 2, 1e-3])


def test_rates_restart_after_each_cycle():
    rates = learning_rates(Schedule(peak=1e-3, low=1e-5, period=2, growth=2), 6)
    values = [rates(epoch) for epoch in range(6)]
    assert values[0] == values[2] == pytest.approx(1e-3)
    assert values[1] == values[4] == pytest.approx((1e-3 + 1e-5) / 2)
    assert values[2] > values[3] > values[4] > values[5] > 1e-5


def test_constant_rates_stay():
    rates = learning_rates(Schedule("constant", peak=0.1), 3)
    assert [rates(epoch) for epoch in range(3)] == [0.1] * 3


def test_cycles_may_begin_with_a_rise():
    rate = cosine_cycles(1.0, 0.0, [10, 20], warmup=4)
    assert [rate(step) for step in (0, 2, 4, 10, 12, 14)] == pytest.approx([0, 0.5, 1, 0, 0.5, 1], abs=1e-6)
    plain = cosine_cycles(1.0, 0.0, [10])
    assert plain(0) == 1
    assert plain(5) == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"kind": "linear"}, "schedule kind is 'linear'; it must be constant or cosine."),
        ({"period": 0}, "period is 0; it must be 1 or larger."),
        ({"growth": 0}, "growth is 0; it must be 1 or larger."),
    ],
)
def test_schedules_out_of_range_are_one_sentence(values, said):
    with pytest.raises(UserError) as caught:
        Schedule(**values)
    assert str(caught.value) == said
