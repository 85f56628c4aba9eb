import math
from fractions import Fraction

import numpy as np
import pytest

from jaxvqa.video.rate import frame_rate, header_rate

NTSC = Fraction(30000, 1001)


def seconds(*gaps):
    return np.concatenate([[0.0], np.cumsum(gaps)])


JITTER = [(33 + n * 7 % 5 - 2) / 1000 for n in range(59)]


@pytest.mark.parametrize(
    ("times", "rates", "expected"),
    [
        (np.arange(50) / 25, (25, 25), 25),
        (
            np.round(np.arange(300) / float(NTSC) * 1000) / 1000,
            (NTSC, NTSC),
            float(NTSC),
        ),  # milliseconds, as in Matroska
        (seconds(*JITTER), (1000, 1000), 1 / np.mean(JITTER)),  # WebM of a browser
        (seconds(0.016, 0.017, 1.483, 2.5, 5.0), (1000, 120), 5 / 9.016),
        (seconds(0.04), (60000, 25), 25),  # two frames of DV
        (seconds(0.04), (50, 60), 25),
        (
            seconds(*[0.04] * 10, *[0.2] * 9),
            (Fraction(20 * 100, 224),),
            20 / 2.24,
        ),  # from the first to the last one's end
        (seconds(*[1 / 240] * 99), (), 240),
        (seconds(*[1 / 24] * 30, 3 / 24, *[1 / 24] * 30), (24,), 24),  # some frames were lost
        (np.zeros(5), (30,), 30),
        (np.zeros(1), (30, 25), 30),
        (np.zeros(1), (1000, 25), 25),
    ],
)
def test_rates(times, rates, expected):
    assert frame_rate(times, [Fraction(rate) for rate in rates]) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("rates", [(), (None, None), (Fraction(1000), Fraction(60000)), (Fraction(0), Fraction(-5))])
def test_nothing_is_made_up(rates):
    assert math.isnan(frame_rate(np.zeros(1), rates))
    assert math.isnan(header_rate(rates))
    assert frame_rate(np.arange(5) / 10, rates) == pytest.approx(10)
