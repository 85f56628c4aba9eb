"""What people would say of a video, by raw scores of the published weights: mean opinion scores with intervals.

`scripts/opinions.py` makes the table from the published predictions for the 909 validation videos of MaxWell, and
their labels.
"""

import functools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ..dimensions import DIMENSIONS
from .find import UNTRAINED
from .model_card import ModelCard

SCALES = np.array([d.ratings for d in DIMENSIONS], float).T
FIELDS = ("low", "high", "center", "width", "half", "deviation")


@dataclass(frozen=True, eq=False)
class Opinions:
    """A logistic curve from raw scores to mean opinion scores, dimension by dimension, and how far they are off.

    Attributes:
        low: opinion score that the curve starts from, on the scale of the ratings.
        high: opinion score that it ends at.
        center: raw score in the middle.
        width: raw scores that it takes.
        half: half-width of an interval that holds the opinion scores of nine in ten videos.
        deviation: root mean square error.
    """

    low: Float[np.ndarray, "16"]
    high: Float[np.ndarray, "16"]
    center: Float[np.ndarray, "16"]
    width: Float[np.ndarray, "16"]
    half: Float[np.ndarray, "16"]
    deviation: Float[np.ndarray, "16"]

    def scores(self, raw: Float[np.ndarray, "*batch 16"]) -> Float[np.ndarray, "*batch 16"]:
        """Returns mean opinion scores on the scales of the ratings, `SCALES`."""
        return np.clip(self.low + (self.high - self.low) / (1 + np.exp((self.center - raw) / self.width)), *SCALES)


def opinions_of(card: ModelCard | None, weights_id: str) -> Opinions | None:
    """Returns what is known of people's opinions for weights: nothing except for the published ones."""
    return None if card or weights_id in UNTRAINED else maxwell_opinions()


@functools.cache
def maxwell_opinions() -> Opinions:
    """Reads the table of MaxWell's validation videos."""
    table = json.loads(Path(__file__).with_name("maxwell_opinions.json").read_text())["dimensions"]
    return Opinions(**{field: np.array([row[field] for row in table.values()]) for field in FIELDS})
