"""What people would say of a video, by its raw scores: mean opinion scores with intervals."""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float

from ..dimensions import DIMENSIONS
from ..errors import WeightsError

RAW = np.linspace(0, 1, 1001)  # where a curve is looked up


@dataclass(frozen=True, eq=False)
class Opinions:
    """A logistic curve from raw scores to mean opinion scores, dimension by dimension, and how far they are off.

    All is NaN in dimensions of which nothing is known.

    Attributes:
        low: opinion score that the curve starts from, on the scale of the ratings.
        high: opinion score that it ends at.
        center: raw score in the middle.
        width: raw scores that it takes.
        half: half-width of an interval that holds the opinion scores of nine in ten videos.
        deviation: root mean square error.
        lowest: rating that no opinion score is below.
        highest: rating that none is above.

    Raises:
        WeightsError: a curve falls or is flat, or ends and errors are in the wrong order.
    """

    low: Float[np.ndarray, "16"]
    high: Float[np.ndarray, "16"]
    center: Float[np.ndarray, "16"]
    width: Float[np.ndarray, "16"]
    half: Float[np.ndarray, "16"]
    deviation: Float[np.ndarray, "16"]
    lowest: Float[np.ndarray, "16"]
    highest: Float[np.ndarray, "16"]

    def __post_init__(self):
        values = np.stack([getattr(self, field.name) for field in fields(self)])
        known = np.isfinite(values).all(axis=0)
        if not (known | np.isnan(values).all(axis=0)).all():
            raise WeightsError("opinions must be numbers or null in all of a dimension.")
        rises = (self.high - self.low) * self.width > 0
        if not (rises & (self.half > 0) & (self.deviation > 0) & (self.lowest < self.highest))[known].all():
            raise WeightsError("opinions must rise with scores, with errors above 0 and lowest below highest.")

    def scores(self, raw: Float[np.ndarray, "*batch 16"]) -> Float[np.ndarray, "*batch 16"]:
        """Returns mean opinion scores on the scales of the ratings; NaN where they are not known."""
        with np.errstate(over="ignore"):  # of a steep curve: 1 / inf is its end
            curve = self.low + (self.high - self.low) / (1 + np.exp((self.center - raw) / self.width))
        return np.clip(curve, self.lowest, self.highest)

    def overall_interval(self, raw: Float[np.ndarray, "16"]) -> Float[np.ndarray, "2"]:
        """Returns the raw overall scores of which opinion scores are the ends of the interval for some raw scores."""
        curve = self.scores(np.repeat(RAW[:, None], len(DIMENSIONS), axis=1))[:, 0]
        mean, half = self.scores(raw)[0], self.half[0]
        return np.interp([mean - half, mean + half], curve, RAW)

    def overall_words(self, raw: Float[np.ndarray, "16"]) -> str:
        """Returns what people would say of a video overall; empty if that is not known."""
        mean, half, lowest, highest = self.scores(raw)[0], self.half[0], self.lowest[0], self.highest[0]
        if np.isnan(half):
            return ""
        digits = 1 if highest - lowest < 20 else 0
        scale = f"of {highest:g}" if (lowest, highest) == DIMENSIONS[0].ratings else f"({lowest:g} to {highest:g})"
        return f"people would say {mean:.{digits}f} ±{half:.{digits}f} {scale}"
