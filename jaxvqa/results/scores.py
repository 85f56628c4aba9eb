"""What a model says of one video."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from ..dimensions import DIMENSIONS
from ..text.prompts import PromptPair


@dataclass(frozen=True, eq=False)
class Scores:
    """What a model says of one video. Higher is always better, for noise or compression as well.

    All arrays are NaN in dimensions that the model was not trained in: it does not score them.

    Attributes:
        local: float32 in (0, 1), score of each of the 64 moments and 7x7 positions (row by row) in each
            of the 16 dimensions, in the order of `jaxvqa.DIMENSIONS`; of several samplings, one after the other.
        raw: the means over moments and positions: MaxVQA's own scores, in (0, 1). They are comparable
            between videos within a dimension, not between dimensions.
        display: the same on the display scale of the weights, see `jaxvqa.display`. Both are float32.
        samplings: raw scores of each of several samplings, of which `raw` are the means.
        custom: raw scores of custom dimensions, by prompt pair: of those that the weights were trained in, and of those
            of the caller, which are zero-shot.
    """

    local: Float[np.ndarray, "moments 49 16"]
    raw: Float[np.ndarray, "16"]
    display: Float[np.ndarray, "16"]
    samplings: Float[np.ndarray, "samplings 16"] | None = None
    custom: dict[PromptPair, float] = field(default_factory=dict)

    @property
    def deviation(self) -> Float[np.ndarray, "16"] | None:
        """Standard deviation of the raw scores between samplings, if there are several."""
        return None if self.samplings is None else self.samplings.std(axis=0, ddof=1, dtype=float).astype(np.float32)

    @property
    def overall(self) -> float:
        """The overall raw score; NaN if the model does not score it."""
        return float(self.raw[0])

    @property
    def dimensions(self) -> dict[str, float]:
        """Raw score by dimension name, such as "sharpness", without the dimensions that the model does not score."""
        pairs = zip(DIMENSIONS, self.raw, strict=True)
        return {dimension.name: float(score) for dimension, score in pairs if not np.isnan(score)}
