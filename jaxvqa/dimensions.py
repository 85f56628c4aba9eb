"""The 16 quality dimensions of MaxWell: code, name, prompt pair and display scale.

Source: MaxVQA (arXiv:2305.12726, table 1 and section 4); the display scale is that of the published demo.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Dimension(NamedTuple):
    """One quality dimension, in the order of the MaxWell columns.

    Attributes:
        code: column of the MaxWell label files, such as "T-3".
        name: what it is about, in plain words.
        positive: description that a perfect video matches.
        negative: its opposite.
        mean: centre of the raw score on the display scale.
        deviation: width of the raw score on the display scale.
    """

    code: str
    name: str
    positive: str
    negative: str
    mean: float
    deviation: float

    @property
    def column(self) -> str:
        """The name as a column of a table, such as "motion_blur"."""
        return self.name.replace(" ", "_")

    @property
    def ratings(self) -> tuple[int, int]:
        """Lowest and highest rating of MaxWell: 1 and 5 of dimensions that sum up others, else -1 and 1."""
        return (1, 5) if self.code in GENERAL else (-1, 1)


DIMENSIONS = (
    Dimension("O", "overall", "high quality", "low quality", 0.64816874, 0.16527903),
    Dimension("A-1", "content", "good content", "bad content", 0.7389499, 0.1164713),
    Dimension("A-2", "composition", "organized composition", "chaotic composition", 0.72287375, 0.12123751),
    Dimension("A-3", "color", "vibrant color", "faded color", 0.7463802, 0.13628706),
    Dimension("A-4", "lighting", "contrastive lighting", "gloomy lighting", 0.8296112, 0.12584831),
    Dimension("A-5", "camera trajectory", "consistent trajectory", "incoherent trajectory", 0.7190873, 0.11652958),
    Dimension("A-all", "aesthetics", "good aesthetics", "bad aesthetics", 0.6247339, 0.15417372),
    Dimension("T-1", "sharpness", "sharp", "fuzzy", 0.54232854, 0.18802027),
    Dimension("T-2", "focus", "in-focus", "out-of-focus", 0.629289, 0.16696042),
    Dimension("T-3", "noise", "noiseless", "noisy", 0.5732389, 0.15306316),
    Dimension("T-4", "motion blur", "clear-motion", "blurry-motion", 0.69551915, 0.153056),
    Dimension("T-5", "stability", "stable", "shaky", 0.49694163, 0.1480174),
    Dimension("T-6", "exposure", "well-exposed", "poorly-exposed", 0.68725526, 0.1273537),
    Dimension("T-7", "compression artifacts", "original", "compressed", 0.60615003, 0.16313092),
    Dimension("T-8", "fluency", "fluent", "choppy", 0.88730884, 0.07106569),
    Dimension("T-all", "technical", "clear", "severely degraded", 0.5536831, 0.1876018),
)
GENERAL = ("O", "A-all", "T-all")  # codes of dimensions that sum up others


def default_prompts() -> list[str]:
    """The 32 prompts: the positive one of each dimension, then the negative ones in the same order."""
    return [prompt(d.positive) for d in DIMENSIONS] + [prompt(d.negative) for d in DIMENSIONS]


def prompt(description: str) -> str:
    """The prompt of a description; for X, MaxVQA puts the context that it has learned."""
    return f"a X {description} photo"


@dataclass(frozen=True, eq=False)
class DisplayScale:
    """A scale from 0 to 1, dimension by dimension.

    Attributes:
        mean: raw scores that become 0.5: of the average of some videos, or of the middle of what was to be estimated.
        deviation: widths of the raw scores, above 0: their deviation between videos, or from the worst to the best.
        linear: whether the scale is that of what the scores estimate; else a sigmoid, on which a score tells how a
            video compares with others.
    """

    mean: Float[np.ndarray, "16"]
    deviation: Float[np.ndarray, "16"]
    linear: bool = False

    def apply(self, raw: Float[np.ndarray, "*batch 16"]) -> Float[np.ndarray, "*batch 16"]:
        """Puts raw scores on the scale: `sigmoid((raw - mean) / deviation)`, or 0.5 more than that, within 0 and 1."""
        off = (raw - self.mean) / self.deviation
        return (off + 0.5).clip(0, 1) if self.linear else 1 / (1 + np.exp(-off))


# That of the published demo, which marks its constants as unfinished; they do not match the published predictions.
PUBLISHED = DisplayScale(np.array([d.mean for d in DIMENSIONS]), np.array([d.deviation for d in DIMENSIONS]))


def display(raw: Float[np.ndarray, "*batch 16"], scale: DisplayScale = PUBLISHED) -> Float[np.ndarray, "*batch 16"]:
    """Puts raw scores on a display scale, `sigmoid((raw - mean) / deviation)`, in (0, 1).

    Compare videos within a dimension, not dimensions with each other.

    Args:
        scale: by default that of the published demo. Weights trained by this package have their own in
            `model.card.scale`, on which 0.5 is the average training video.
    """
    return scale.apply(raw)


PERCENTS = np.linspace(0, 100, 21)  # of the quantiles in a model card


def calibrate(raw: Float[np.ndarray, "videos 16"]) -> tuple[DisplayScale, Float[np.ndarray, "21 16"]]:
    """Computes the display scale of videos from their raw scores, and the quantiles at `PERCENTS`, to 9 digits."""
    raw = raw.astype(np.float64)
    scale = DisplayScale(raw.mean(axis=0).round(9), raw.std(axis=0).round(9))
    return scale, np.percentile(raw, PERCENTS, axis=0).round(9)
