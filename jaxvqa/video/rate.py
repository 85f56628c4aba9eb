"""How many frames a second a video has."""

import math
from collections.abc import Iterable
from numbers import Rational

import numpy as np
from jaxtyping import Float

HIGHEST = 300  # frames a second that a header is believed without times to compare with
AGREEMENT = 0.05  # between how long a header and times say that frames last: streams have gaps


def header_rate(rates: Iterable[Rational | None]) -> float:
    """The first of the rates that a header gives, or FFmpeg guesses, that can be one; NaN if there is none."""
    return next((float(rate) for rate in rates if rate and 0 < float(rate) <= HIGHEST), math.nan)


def frame_rate(seconds: Float[np.ndarray, " frames"], rates: Iterable[Rational | None]) -> float:
    """Average frames a second, by the times at which frames are shown; NaN if neither these nor the header tell.

    Times are rounded, in WebM to milliseconds, so that a header that agrees with them gives the better number. One that
    does not is a guess, often made of the unit of time.

    Args:
        rates: what the header gives, in order of trust.
    """
    gaps = np.diff(seconds)
    if not len(gaps) or gaps.sum() <= 0:
        return header_rate(rates)
    lasts = float(gaps.sum() + np.median(gaps))
    for rate in rates:
        if rate and abs(len(seconds) / float(rate) - lasts) <= AGREEMENT * lasts:
            return float(rate)
    return float(len(gaps) / gaps.sum())
