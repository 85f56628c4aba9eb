import numpy as np

from jaxvqa.dimensions import DIMENSIONS, PUBLISHED, DisplayScale, calibrate, display


def test_the_average_video_is_displayed_in_the_middle():
    raw = np.stack([PUBLISHED.mean, PUBLISHED.mean + PUBLISHED.deviation])
    shown = display(raw)
    np.testing.assert_allclose(shown[0], 0.5)
    np.testing.assert_allclose(shown[1], 1 / (1 + np.exp(-1)))


def test_a_scale_is_that_of_the_videos_it_is_calibrated_on():
    raw = np.random.default_rng(0).uniform(0.2, 0.8, (50, len(DIMENSIONS))).astype(np.float32)
    scale, quantiles = calibrate(raw)
    np.testing.assert_allclose(scale.mean, raw.mean(axis=0, dtype=np.float64), atol=1e-9)
    np.testing.assert_allclose(scale.deviation, raw.std(axis=0, dtype=np.float64), atol=1e-9)
    assert quantiles.shape == (21, len(DIMENSIONS))
    np.testing.assert_allclose(quantiles[[0, -1]], [raw.min(axis=0), raw.max(axis=0)], atol=1e-7)


def test_higher_raw_scores_are_displayed_higher():
    scale = DisplayScale(np.full(16, 0.4), np.full(16, 0.1))
    shown = scale.apply(np.linspace(0, 1, 11)[:, None].repeat(16, axis=1))
    assert (np.diff(shown, axis=0) > 0).all()
    assert ((shown > 0) & (shown < 1)).all()


def test_codes_and_columns_tell_dimensions_apart():
    assert len({d.code for d in DIMENSIONS}) == len({d.column for d in DIMENSIONS}) == 16
