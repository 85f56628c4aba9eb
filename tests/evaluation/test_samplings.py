import numpy as np
import pytest

from jaxvqa.evaluation.samplings import corrected_p


def drawn(generator, samplings, moved=0.0):
    """Means and deviations of a video's scores in 16 dimensions, whose noise is alike in half of them."""
    shared, own = generator.normal(size=(samplings, 1)), generator.normal(size=(samplings, 16))
    raw = 0.5 + 0.01 * np.where(np.arange(16) < 8, 0.8 * shared + 0.6 * own, own) + moved * (np.arange(16) == 9)
    return raw.mean(axis=0), raw.std(axis=0, ddof=1)


def compared(generator, samplings, moved=0.0):
    """The dimensions in which a video is found to differ from one that scores otherwise by so much in one of them."""
    means, deviations = map(np.stack, zip(drawn(generator, samplings), drawn(generator, samplings, moved), strict=True))
    return np.flatnonzero(corrected_p(means, deviations, samplings) <= 0.05).tolist()


@pytest.mark.parametrize("samplings", [2, 3, 5, 20])
def test_videos_that_do_not_differ_are_seldom_found_to(samplings):
    generator = np.random.default_rng(0)
    assert sum(bool(compared(generator, samplings)) for _ in range(1000)) < 60  # 50, and what chance adds to it


def test_a_difference_that_is_there_is_found():
    generator = np.random.default_rng(0)
    assert [compared(generator, 5, 0.05) for _ in range(100)].count([9]) > 80


def test_values_are_those_of_the_tables():
    """A t of 6 with 6 degrees of freedom has a chance of .00096; the next one of 15, a t of 4, of .0071."""
    means, deviations = np.full((2, 16), 0.5), np.full((2, 16), 0.02)
    means[1, 3] += 6 * 0.02 / np.sqrt(2)
    means[1, 8] -= 4 * 0.02 / np.sqrt(2)
    found = corrected_p(means, deviations, 4)
    assert found[[3, 8]] == pytest.approx([16 * 0.00096, 15 * 0.0071], rel=0.01)
    assert set(np.delete(found, [3, 8])) == {1}


def test_dimensions_without_scores_are_not_tested():
    means, deviations = np.full((2, 16), 0.5), np.full((2, 16), 0.02)
    means[1, 3] += 6 * 0.02 / np.sqrt(2)
    means[1, 8] -= 4 * 0.02 / np.sqrt(2)
    means[:, 10:] = np.nan
    found = corrected_p(means, deviations, 4)
    assert np.isnan(found[10:]).all()
    np.testing.assert_array_equal(found[:10], corrected_p(means[:, :10], deviations[:, :10], 4))
    assert found[3] == pytest.approx(10 * 0.00096, rel=0.01)


def test_without_noise_any_difference_is_one():
    means = np.full((2, 16), 0.5)
    means[1, 3] += 1e-6
    found = corrected_p(means, np.zeros((2, 16)), 5)
    assert (found[3], set(np.delete(found, 3))) == (0, {1})
