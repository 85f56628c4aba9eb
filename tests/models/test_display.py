import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from scipy.ndimage import gaussian_filter, shift

from jaxvqa.models.display import (
    DisplayConfig,
    DisplayEncoder,
    fit_scales,
    motion_signals,
    piece_statistics,
)

SIZES = DisplayConfig(stages=2, local=8, motion=4)


@pytest.fixture(scope="module")
def encoder():
    return DisplayEncoder(SIZES, nnx.Rngs(0))


def some_views(moments=4, rows=2, seed=0):
    generator = np.random.default_rng(seed)
    pieces = generator.integers(0, 256, (moments, 9, 32, 32, 3), np.uint8)
    return jnp.asarray(pieces), jnp.asarray(generator.integers(0, 256, (rows, 32, 36, 64), np.uint8))


def test_a_piece_is_described_by_itself_its_frame_and_its_row(encoder):
    pieces, motion = some_views()
    features = np.asarray(encoder(pieces, motion))
    assert features.shape == (4, 9, SIZES.output_width)
    changed = np.asarray(encoder(pieces.at[0, 0].set(0), motion.at[1].set(0)))
    local, frame, row = slice(0, 8), slice(8, 24), slice(24, 28)
    same = np.isclose(features, changed, atol=1e-5)
    assert same[0, 1:, local].all()
    assert not same[0, 0, local].all()
    assert not same[0, :, frame].all(axis=-1).any()
    assert same[1:, :, :24].all()
    assert same[:2, :, row].all()  # of the first row, which has not changed
    assert not same[2:, :, row].all(axis=-1).any()


def test_statistics_are_those_of_each_channel(encoder):
    pieces, _ = some_views()
    found = np.asarray(piece_statistics(encoder.backbone, pieces[0]))
    assert found.shape == (9, SIZES.statistics)
    stem = np.asarray(encoder.backbone(pieces[0])[0]).reshape(9, -1, 32)
    np.testing.assert_allclose(found[:, :32], stem.mean(axis=1), atol=1e-5)
    np.testing.assert_allclose(np.exp(found[:, 32:64]), stem.std(axis=1) + 0.02, atol=1e-3)


def test_scales_start_from_data():
    encoder, (pieces, motion) = DisplayEncoder(SIZES, nnx.Rngs(1)), some_views(8, 8)
    statistics = jnp.stack([piece_statistics(encoder.backbone, each) for each in pieces])
    fit_scales(encoder.describer, statistics, motion)
    describer = encoder.describer
    known = np.asarray(statistics * describer.statistics_scale[...] + describer.statistics_bias[...])
    np.testing.assert_allclose(known.mean(axis=(0, 1)), 0, atol=1e-3)
    assert 0.2 < np.median(known.std(axis=(0, 1))) <= 1.01
    features = np.asarray(encoder(pieces, motion))
    assert 0.2 < features[..., :8].std() < 2
    assert np.isfinite(features).all()


def test_more_stages_than_there_are_are_refused():
    with pytest.raises(ValueError, match="stages is 6; it must be 5 or smaller"):
        DisplayConfig(stages=6)


def moving(shifts, size=(36, 64), gains=None):
    texture = gaussian_filter(np.random.default_rng(0).normal(size=size), 2)
    texture = 128 + 100 * texture / np.abs(texture).max()
    frames = [shift(texture, s, order=3, mode="nearest") for s in shifts]
    gains = np.ones(len(frames)) if gains is None else gains
    return np.stack([np.clip(f * g, 0, 255) for f, g in zip(frames, gains, strict=True)]).astype(np.uint8)[None]


def test_motion_signals_tell_how_far_frames_are_moved():
    shifts = [(0, 0), (0.5, 0), (0.5, 0.5), (0.5, 0.5), (0, 0.2)]
    signals, _ = motion_signals(moving(shifts))
    np.testing.assert_allclose(signals[0, :, :2], np.diff(shifts, axis=0), atol=0.12)
    change, rest = np.asarray(signals[0, :, 2]), np.asarray(signals[0, :, 3])
    assert change[2] < -0.9 < 0 < change[0]  # the third pair is of one frame
    assert (rest < change)[[0, 1, 3]].all()  # a shift explains most of a change


def test_motion_signals_tell_light_from_movement():
    signals, levels = motion_signals(moving([(0, 0)] * 4, gains=np.array([1, 0.8, 1, 0.8])))
    assert (np.sign(signals[0, :, 5]) == [-1, 1, -1]).all()
    assert np.abs(signals[0, :, :2]).max() < 0.3
    np.testing.assert_allclose(levels.sum(axis=1), 1, atol=1e-4)
    dark = motion_signals(np.zeros((1, 4, 36, 64), np.uint8))
    assert np.isfinite(dark[0]).all()
    np.testing.assert_allclose(dark[1][0], np.eye(8)[0], atol=1e-6)


def test_gradients_are_finite_where_nothing_is_to_be_seen(encoder):
    graph, state = nnx.split(encoder.describer)
    black, motion = jnp.zeros((9, 32, 32, 3), jnp.uint8), jnp.zeros((2, 32, 36, 64), jnp.uint8)
    statistics = jnp.stack([piece_statistics(encoder.backbone, black)] * 2)
    gradients = jax.grad(lambda state: nnx.merge(graph, state)(statistics, motion).sum())(state)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))
