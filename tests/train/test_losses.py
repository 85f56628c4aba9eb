"""Losses, by what they are meant to measure."""

import jax
import numpy as np
import pytest

from jaxvqa.train.losses import decorrelation_loss, huber_loss, plcc_loss, rank_loss


@pytest.fixture
def pair():
    return np.random.default_rng(0).normal(size=(2, 16, 3)).astype(np.float32)


def test_plcc_loss_is_a_function_of_the_correlation(pair):
    p, t = pair
    rho = np.array([np.corrcoef(p[:, i], t[:, i])[0, 1] for i in range(3)])
    # (mse(p, t) + mse(rho p, t)) / 8 of standardised p and t
    np.testing.assert_allclose(plcc_loss(p, t), (2 - 2 * rho + 1 - rho**2) / 8, atol=1e-6)
    np.testing.assert_allclose(plcc_loss(3 * t + 5, t), 0, atol=1e-6)
    np.testing.assert_allclose(plcc_loss(-t, t), 0.5, atol=1e-6)


def test_plcc_loss_of_shares_is_not_that_of_the_batch(pair):
    p, t = pair
    halves = (plcc_loss(p[:8], t[:8]) + plcc_loss(p[8:], t[8:])) / 2
    assert np.abs(halves - plcc_loss(p, t)).max() > 1e-2


def test_gradients_are_finite_where_all_predictions_are_the_same(pair):
    for p in (np.zeros_like(pair[0]), np.full_like(pair[0], 0.7)):
        assert np.isfinite(jax.grad(lambda p: plcc_loss(p, pair[1]).sum())(p)).all()


def test_huber_loss_is_linear_beyond_delta():
    errors = np.array([[0.5], [2.0], [-3.0]], np.float32)
    expected = np.mean([0.125, 1.5, 2.5])
    np.testing.assert_allclose(huber_loss(errors, np.zeros_like(errors))[0], expected, rtol=1e-6)
    expected = np.mean([0.1 * (abs(e) - 0.05) for e in errors[:, 0]])
    np.testing.assert_allclose(huber_loss(errors, np.zeros_like(errors), 0.1)[0], expected, rtol=1e-6)


def test_rank_loss_counts_wrong_pairs_alone(pair):
    p, t = pair
    assert np.abs(rank_loss(t, t)).max() == 0
    one, wrong = np.array([[0.0], [0.4]], np.float32), np.array([[1.0], [0.0]], np.float32)
    np.testing.assert_allclose(rank_loss(one, wrong), [0.4 / 1.4], rtol=1e-6)
    assert (rank_loss(p, t) > 0).all()


def test_decorrelation_pushes_dimensions_apart(pair):
    p = pair[0]
    alike = np.stack([p[:, 0], p[:, 0] + 0.1 * p[:, 1]], axis=1)
    assert decorrelation_loss(alike) > decorrelation_loss(p[:, :2])
    gradient = np.asarray(jax.grad(decorrelation_loss)(alike))
    assert np.abs(gradient).max() > 1e-4  # the published code's is 0
    assert decorrelation_loss(alike - 0.1 * gradient) < decorrelation_loss(alike)


@pytest.mark.parametrize("loss", [plcc_loss, huber_loss, rank_loss])
def test_losses_are_of_the_videos_that_are_rated(pair, loss):
    p, t = pair
    holes = np.array(t)
    holes[::3, 0] = np.nan  # some
    holes[1:, 1] = np.nan  # all but one
    holes[:, 2] = np.nan  # all
    values = np.asarray(loss(p, holes))
    rated = ~np.isnan(holes[:, 0])
    np.testing.assert_allclose(values[0], loss(p[rated, 0], t[rated, 0]), rtol=1e-5)
    np.testing.assert_allclose(values[1], loss(p[:1, 1], t[:1, 1]), rtol=1e-5)
    assert values[2] == 0
    gradient = np.asarray(jax.grad(lambda p: loss(p, holes).sum())(p))
    assert np.isfinite(gradient).all()
    assert (gradient[np.isnan(holes)] == 0).all()
    expected = jax.grad(lambda p: loss(p, t[rated, 0]).sum())(p[rated, 0])
    np.testing.assert_allclose(gradient[rated, 0], expected, rtol=1e-4, atol=1e-7)


def test_rank_loss_knows_labels_by_their_order_alone(pair):
    p, t = pair
    np.testing.assert_allclose(rank_loss(p, t), rank_loss(p, np.exp(3 * t)), rtol=1e-6)
    pairs = [
        max(0, -(p[i] - p[j]) * np.sign(t[i] - t[j])) for p, t in [(p[:, 0], t[:, 0])] for i, j in np.ndindex(16, 16)
    ]
    np.testing.assert_allclose(rank_loss(p, t)[0], sum(pairs) / (16 * 15) / (1 + max(pairs)), rtol=1e-5)


def test_decorrelation_sums_over_each_pair_of_dimensions_once(pair):
    p = pair[0]
    each = [0.5 - plcc_loss(p[:, i], p[:, j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    np.testing.assert_allclose(decorrelation_loss(p), sum(each), rtol=1e-6)


def test_plcc_loss_sees_small_differences_between_predictions(pair):
    p, t = pair
    np.testing.assert_allclose(plcc_loss(1e-3 * p, t), plcc_loss(p, t), rtol=1e-3)
