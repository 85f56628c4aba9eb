"""What passes for the same as a golden array."""

import numpy as np

from jaxvqa.parity.comparison import EXACT, Comparison


def test_limits_tell_right_from_wrong():
    golden = np.linspace(0, 100, 50, dtype=np.float32)
    near, far = golden + np.float32(1e-3), golden + np.float32(4e-3)
    assert Comparison("x", near, golden, 2e-5).passed
    assert not Comparison("x", far, golden, 2e-5).passed
    assert not Comparison("x", golden[:-1], golden, 2e-5).passed
    assert not Comparison("x", np.where(golden > 50, np.nan, golden), golden, 2e-5).passed
    assert not Comparison("x", near, golden, EXACT).passed
    pixels = np.zeros(100_000, np.uint8)
    for count, passed in ((9, True), (10, False)):
        other = pixels.copy()
        other[:count] = 1
        assert Comparison("x", other, pixels, EXACT, fraction=1e-4).passed == passed
    other[:1] = 2
    assert not Comparison("x", other, pixels, EXACT, fraction=1e-4).passed
