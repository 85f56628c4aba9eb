import numpy as np
import pytest

from jaxvqa.evaluation.samplings import corrected_p


def drawn(generator, samplings, moved=0.0):
    """Scores of two videos in 16 dimensions: one moved, and noise of which most is alike in both, and in dimensions."""
    places = generator.normal(size=(samplings, 16))
    videos = []
    for offset in (0, moved):
        shared, single = generator.normal(size=(samplings, 1)), generator.normal(size=(samplings, 16))
        noise = np.where(np.arange(16) < 8, 0.8 * shared + 0.6 * single, single)
        videos.append(0.5 + 0.05 * places + 0.01 * noise + offset * (np.arange(16) == 9))
    return videos


def found(*videos):
    """The dimensions in which two videos are found to differ."""
    return np.flatnonzero(corrected_p(*videos) <= 0.05).tolist()


@pytest.mark.parametrize("samplings", [2, 3, 5, 20])
def test_videos_that_do_not_differ_are_seldom_found_to(samplings):
    generator = np.random.default_rng(0)
    times = sum(bool(found(*drawn(generator, samplings))) for _ in range(1000))
    assert times < 71  # 50, and three deviations that chance adds to it


def test_a_difference_is_found_below_the_noise_that_both_share():
    generator = np.random.default_rng(0)
    assert [found(*drawn(generator, 8, 0.04)) for _ in range(100)].count([9]) > 80


def differing(t, samplings=4):
    """Scores of two videos whose difference has this t in some dimensions, 0 in all others."""
    first = np.tile(0.5 + 0.1 * np.arange(samplings)[:, None], (1, 16))
    noise = np.resize([1.0, -1.0], samplings) * 0.01
    second = first + noise[:, None]
    for dimension, value in t.items():
        second[:, dimension] += value * noise.std(ddof=1) / np.sqrt(samplings)
    return first, second


def test_values_are_those_of_the_tables():
    """A t of 12.92 with 3 degrees of freedom has a chance of .001; the next one of 15, a t of 7.453, of .005."""
    p = corrected_p(*differing({3: 12.924, 8: -7.453}))
    assert p[[3, 8]] == pytest.approx([16 * 0.001, 15 * 0.005], rel=0.01)
    assert set(np.delete(p, [3, 8])) == {1}


def test_dimensions_without_scores_are_not_tested():
    first, second = differing({3: 12.924})
    first[:, 10:] = second[:, 10:] = np.nan
    p = corrected_p(first, second)
    assert np.isnan(p[10:]).all()
    assert p[3] == pytest.approx(10 * 0.001, rel=0.01)


def test_without_noise_any_difference_is_one():
    first, second = np.full((2, 5, 16), 0.5)
    second[:, 3] += 2.0**-20
    p = corrected_p(first, second)
    assert (p[3], set(np.delete(p, 3))) == (0, {1})
