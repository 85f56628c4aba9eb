"""Learning rates, of epochs and of the encoders."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxvqa import UserError
from jaxvqa.models.last_stages import LastStages
from jaxvqa.train.optimizer import Schedule, cosine_cycles, make_optimizer
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


def test_rates_restart_after_each_cycle():
    rates = Schedule(peak=1e-3, low=1e-5, period=2, growth=2).rates(6)
    values = [rates(epoch) for epoch in range(6)]
    assert values[0] == values[2] == pytest.approx(1e-3)
    assert values[1] == values[4] == pytest.approx((1e-3 + 1e-5) / 2)
    assert values[2] > values[3] > values[4] > values[5] > 1e-5


def test_constant_rates_stay():
    rates = Schedule("constant", peak=0.1).rates(3)
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
