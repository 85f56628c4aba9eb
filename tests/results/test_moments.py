import numpy as np
import pytest

from jaxvqa.dimensions import PUBLISHED
from jaxvqa.results.moments import over_time, pool

SCORES = [1, 2, 3, 4, 5, 11, 12, 13, 14, 15]  # those of the doctests of VMAF's tools/stats.py, and what these expect
EXPECTED = {"min": 1, "perc10": 1.9, "mean": 8, "harmonic_mean": 4.5223, "max": 15}


def test_statistics_are_those_of_vmaf():
    display = np.full((10, 16), 0.5)
    display[:, 0] = np.array(SCORES) / 100
    display[:, 1] = np.nan  # not scored
    pooled = pool(display)
    assert {name: 100 * x for name, x in pooled["overall"].items()} == pytest.approx(EXPECTED, abs=1e-4)
    assert list(pooled)[:2] == ["overall", "composition"]
    assert set(pooled["noise"].values()) == {0.5}
    assert pool(np.zeros((3, 16)))["overall"]["harmonic_mean"] == 0


def test_a_time_step_is_the_mean_over_positions():
    local = np.random.default_rng(0).random((5, 49, 16), np.float32)
    local[..., 3] = np.nan
    raw, display = over_time(local, PUBLISHED)
    np.testing.assert_allclose(raw[2, 5], local[2, :, 5].astype(float).sum() / 49, rtol=1e-12)
    np.testing.assert_allclose(
        np.delete(raw, 3, axis=1).mean(axis=0), np.delete(local, 3, axis=2).mean(axis=(0, 1)), 1e-6
    )
    np.testing.assert_array_equal(display, PUBLISHED.apply(raw))
    assert np.isnan(display[:, 3]).all()
