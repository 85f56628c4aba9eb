"""The network of a training from scratch, its optimizer and its batches."""

import dataclasses

import numpy as np
import pytest
from flax import nnx

from jaxvqa.errors import UserError
from jaxvqa.models.display import DisplayConfig
from jaxvqa.train.pretrain import PretrainSettings, batches, make_network, make_optimizer
from jaxvqa.train.pretrain_material import Material
from jaxvqa.train.step import Recipe

SETTINGS = PretrainSettings(
    seed=0,
    examples=6,
    validation=2,
    looked_at=7,
    display=DisplayConfig(stages=1, local=4, motion=4),
    hidden=4,
    depth=2,
    batch=2,
    pieces=5,
    epochs=2,
    recipe=Recipe(),
    peak=1e-3,
    warmup=1,
    weight_decay=0.1,
)


@pytest.fixture
def material():
    """Statistics that are the numbers of their example, frame and piece."""
    numbers, frames, pieces = np.meshgrid(np.arange(6), np.arange(2), np.arange(7), indexing="ij")
    motion = np.zeros((6, 32, 36, 64), np.uint8) + np.arange(6, dtype=np.uint8)[:, None, None, None]
    motion[..., 0] = 255
    targets = np.full((6, 2, 16), np.nan, np.float32)
    targets[..., 0] = np.arange(6)[:, None] + [0, 100]
    return Material(np.stack([numbers, frames, pieces], axis=-1).astype(np.float16), motion, targets)


def test_an_epoch_has_every_example_once_and_follows_from_its_number(material):
    epoch, again, other = (list(batches(SETTINGS, material, number)) for number in (0, 0, 1))
    assert len(epoch) == 3
    seen = np.concatenate([batch.targets[0][:, 0] for batch in epoch])
    assert sorted(int(x) % 100 for x in seen) == list(range(6))
    for one, same in zip(epoch, again, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one.features, same.features, strict=True))
    assert not np.array_equal(seen, np.concatenate([batch.targets[0][:, 0] for batch in other]))
    for batch in epoch:
        (statistics,), (motion,) = batch.features
        assert statistics.shape == (2, 5, 3)
        assert motion.shape == (2, 32, 36, 64)
        for some, row, target in zip(statistics, motion, batch.targets[0][:, 0], strict=True):
            number, frame = int(target) % 100, int(target) // 100
            assert (some[:, :2] == [number, frame]).all()  # its own, of one frame
            assert len({*some[:, 2].tolist()}) == 5  # several pieces
            assert row[0, 0, 32] == number
            assert sorted((row[0, 0, 0] == 255, row[0, 0, -1] == 255)) == [False, True]  # mirrored or not


def test_matrices_decay_and_scales_do_not():
    params = nnx.state(make_network(SETTINGS))
    optimizer = make_optimizer(weight_decay=0.1)
    state = optimizer.init(params)
    state = state._replace(hyperparams=state.hyperparams | {"learning_rate": 0.5})
    gradients = nnx.state(nnx.clone(make_network(SETTINGS)))
    updates, _ = optimizer.update(gradients, state, params)
    layer, moved = params["describer"]["local"], updates["describer"]["local"]
    kernel = np.asarray(layer["kernel"][...])
    np.testing.assert_allclose(moved["kernel"][...], -0.5 * (np.sign(kernel) + 0.1 * kernel), atol=1e-3)
    np.testing.assert_allclose(moved["scale"][...], -0.5, atol=1e-3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch": 7}, "batch is 7; it must be a multiple of 1, the number of devices, and no larger than examples"),
        ({"looked_at": 50}, "looked_at is 50; it must be 49 or smaller"),
        ({"pieces": 8}, r"pieces is 8; it must be no larger than looked_at \(7\)"),
        ({"pieces": 0}, "pieces is 0; it must be 1 or larger"),
        ({"warmup": 6}, "warmup is 6 steps; the whole training has no more than that"),
        ({"seed": -1}, "seed is -1; it must be 0 or larger"),
    ],
)
def test_settings_out_of_range_are_refused(changes, message):
    with pytest.raises(UserError, match=message):
        dataclasses.replace(SETTINGS, **changes)
