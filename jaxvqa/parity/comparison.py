"""One golden array beside ours."""

from typing import NamedTuple

import numpy as np

EXACT = 0.0


class Comparison(NamedTuple):
    """One golden array beside ours.

    Attributes:
        limit: largest allowed difference, relative to the largest golden value.
        fraction: of values that may differ by one level, for uint8; they count as equal then.
    """

    array: str
    ours: np.ndarray
    golden: np.ndarray
    limit: float
    fraction: float = 0.0

    @property
    def difference(self) -> float:
        """Largest absolute difference; infinite where shapes differ or a value is not a number."""
        if self.ours.shape != self.golden.shape:
            return np.inf
        difference = np.abs(self.ours.astype(np.float64) - self.golden.astype(np.float64))
        return float(np.nan_to_num(difference, nan=np.inf).max(initial=0))

    @property
    def relative(self) -> float:
        """The same relative to the largest golden value."""
        return self.difference / max(float(np.abs(self.golden.astype(np.float64)).max(initial=0)), 1e-30)

    @property
    def passed(self) -> bool:
        """Whether the difference is within the limit."""
        if self.fraction:
            return self.difference <= 1 and float((self.ours != self.golden).mean()) < self.fraction
        return self.difference == 0 if self.limit == EXACT else self.relative <= self.limit
