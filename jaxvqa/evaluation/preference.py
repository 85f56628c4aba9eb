"""Which of two videos is better, and how likely: by VMAF or by people's ratings, depending on the weights."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np

from ..dimensions import DIMENSIONS, Dimension
from ..weights.known_opinions import opinions_of
from ..weights.model_card import ModelCard

OVERALL = DIMENSIONS[0]
# Points from which people see a difference: of VMAF, about a just noticeable one; of ratings from 1 to 5, the same part
# of the scale, because the five ratings are VMAF 20, 40, ..., 100.
# Source: Netflix/vmaf, resource/doc/models.md, by which "bad" is about 20, and "excellent" 100.
VISIBLE_VMAF = 6.0
VISIBLE_PART = VISIBLE_VMAF / 80


@dataclass(frozen=True)
class Preference:
    """How far differences in quality scatter around those of scores.

    The default knows nothing: all chances are None.

    Attributes:
        ending: of the columns of rows that estimate the quality.
        points: of the quality, that 1 in such a column stands for.
        deviations: of differences of the quality of two videos from their estimates, in points, by dimension.
        visible: points of overall quality from which people see a difference.
        better: how the better one of two videos is called, with {} for its name.
        worse: how a video that is worse than before is called.
        condition: what must hold for that.
    """

    ending: str = ""
    points: float = 1
    deviations: Mapping[Dimension, float] = field(default_factory=dict)
    visible: float = 0
    better: str = ""
    worse: str = ""
    condition: str = ""

    def chance_of_higher(
        self, first: Mapping[str, Any], second: Mapping[str, Any], dimension: Dimension = OVERALL, by: float = 0
    ) -> float | None:
        """Returns how likely the second of two videos has the higher quality, from 0 to 1; None if that is not known.

        Args:
            first: its row, or cells of `scores.csv`.
            second: the same.
            dimension: what it is better in.
            by: points of the quality that it is higher by at least.
        """
        before, after = (row.get(f"{dimension.column}{self.ending}") for row in (first, second))
        if dimension not in self.deviations or before in (None, "") or after in (None, ""):
            return None
        return NormalDist(by, self.deviations[dimension]).cdf(self.points * (float(after) - float(before)))


def preference_of(card: ModelCard | None, weights_id: str) -> Preference:
    """Returns what is known of differences of scores by weights.

    By people's ratings, the two errors are taken to be independent, as those of videos of different content are.
    """
    opinions = opinions_of(card, weights_id)
    if opinions and not np.isnan(opinions.deviation[0]):
        deviations = (2**0.5 * opinions.deviation).tolist()
        return Preference(
            ending="_mos",
            deviations={d: each for d, each in zip(DIMENSIONS, deviations, strict=True) if not math.isnan(each)},
            visible=VISIBLE_PART * float(opinions.highest[0] - opinions.lowest[0]),
            better="people would rate {} higher",
            worse="people would rate it lower",
            condition="Overall",
        )
    if card and card.pair_deviation is not None:
        return Preference(
            ending="_display",
            points=100,
            deviations={OVERALL: card.pair_deviation},
            visible=VISIBLE_VMAF,
            better="{} has the higher VMAF",
            worse="lower VMAF",
            condition="If both encode one source",
        )
    return Preference()
