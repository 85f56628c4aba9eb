"""The model card: what weights were trained on, where their scores are valid, and on which scale they are shown.

Published weights have none: functions here take None for them.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ..dimensions import DIMENSIONS, PERCENTS, PUBLISHED, DisplayScale
from ..errors import UserError, WeightsError
from ..text.prompts import PromptPair, read_pairs

QUANTILES = f"quantiles must be {len(PERCENTS)} rows of {len(DIMENSIONS)} numbers from 0 to 1, in ascending order."
RELEASE = ("name", "limits", "validated")  # fields of weights that were released


class CustomDimension(NamedTuple):
    """A dimension that was trained next to the 16.

    Attributes:
        pair: the prompts it stands for.
        label_low: label that a raw score of 0 stands for; NaN if there is none.
        label_high: label that a raw score of 1 stands for, larger; NaN if there is none.
    """

    pair: PromptPair
    label_low: float
    label_high: float


@dataclass(frozen=True, eq=False)
class ModelCard:
    """What is known of weights that this package trained.

    Attributes:
        databases: names of what they were trained on.
        synthetic: whether all of that is rendered.
        dimensions: codes of those that had labels.
        label_low: labels that a raw score of 0 stands for; NaN in dimensions without.
        label_high: labels that a raw score of 1 stands for; NaN in dimensions without.
        scale: display scale on which the average training video is at 0.5.
        quantiles: of the raw scores of the training videos, at 0, 5, ..., 100 %.
        custom: dimensions that were trained next to the 16.
        name: of released weights; empty if they were not released.
        limits: of released weights, a sentence.
        validated: of released weights, codes of the dimensions that were tested on real videos; None if they were not
            released.

    Raises:
        WeightsError: a field has another shape or range, or a text that cannot be printed.
    """

    databases: tuple[str, ...]
    synthetic: bool
    dimensions: tuple[str, ...]
    label_low: Float[np.ndarray, "16"]
    label_high: Float[np.ndarray, "16"]
    scale: DisplayScale
    quantiles: Float[np.ndarray, "21 16"]
    custom: tuple[CustomDimension, ...] = ()
    name: str = ""
    limits: str = ""
    validated: tuple[str, ...] | None = None

    def __post_init__(self):
        if not np.isfinite(self.scale.mean).all():
            raise WeightsError("display_mean must be finite.")
        if not (np.isfinite(self.scale.deviation) & (self.scale.deviation > 0)).all():
            raise WeightsError("display_deviation must be finite and above 0.")
        table = self.quantiles
        if not ((np.diff(table, axis=0) >= 0).all() and table.min() >= 0 and table.max() <= 1):
            raise WeightsError(QUANTILES)
        if len(set(trained_pairs(self))) < len(self.custom):
            raise WeightsError("custom has the same prompt pair twice.")
        # Terminals show them as they are.
        for text in (*self.databases, *self.dimensions, self.name, self.limits):
            if not text.isprintable():
                raise WeightsError("databases, dimensions, name and limits must be printable text in one line.")

    @classmethod
    def from_json(cls, value: Any) -> "ModelCard":
        """Reads what `to_json` returned.

        Raises:
            WeightsError: a field is missing, or has another type, shape or range.
        """
        if not isinstance(value, dict):
            raise WeightsError("it must be a JSON object.")
        if not isinstance(value.get("synthetic"), bool):
            raise WeightsError("synthetic must be true or false.")
        released: dict[str, Any] = {}
        if any(field in value for field in RELEASE):
            released = {field: read_text(value, field) for field in RELEASE[:2]}
            released["validated"] = read_texts(value, "validated")
        return cls(
            databases=read_texts(value, "databases"),
            synthetic=value["synthetic"],
            dimensions=read_texts(value, "dimensions"),
            label_low=read_numbers(value, "label_low"),
            label_high=read_numbers(value, "label_high"),
            scale=DisplayScale(read_numbers(value, "display_mean"), read_numbers(value, "display_deviation")),
            quantiles=read_quantiles(value),
            custom=read_custom(value.get("custom", [])),
            **released,
        )

    def to_json(self) -> dict[str, Any]:
        """Returns the card as JSON has it: lists for arrays and tuples, None for NaN."""
        value: dict[str, Any] = {
            "databases": list(self.databases),
            "synthetic": self.synthetic,
            "dimensions": list(self.dimensions),
            "label_low": [number_or_none(label) for label in self.label_low],
            "label_high": [number_or_none(label) for label in self.label_high],
            "display_mean": self.scale.mean.tolist(),
            "display_deviation": self.scale.deviation.tolist(),
            "quantiles": self.quantiles.tolist(),
        }
        if self.custom:
            value["custom"] = [[*pair, number_or_none(low), number_or_none(high)] for pair, low, high in self.custom]
        if self.validated is not None:
            value |= {"name": self.name, "limits": self.limits, "validated": list(self.validated)}
        return value


def read_text(value: dict[str, Any], field: str) -> str:
    """Returns a field that holds a text."""
    if not isinstance(value.get(field), str):
        raise WeightsError(f"{field} must be a text.")
    return value[field]


def read_texts(value: dict[str, Any], field: str) -> tuple[str, ...]:
    """Returns a field that holds a list of texts."""
    texts = value.get(field)
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise WeightsError(f"{field} must be a list of texts.")
    return tuple(texts)


def read_numbers(value: dict[str, Any], field: str) -> Float[np.ndarray, "16"]:
    """Returns a field that holds a number for each dimension; NaN for null."""
    numbers = read_array(value, field)
    if numbers.shape != (len(DIMENSIONS),):
        raise WeightsError(f"{field} must be {len(DIMENSIONS)} numbers.")
    return numbers


def read_quantiles(value: dict[str, Any]) -> Float[np.ndarray, "21 16"]:
    """Returns the quantiles."""
    table = read_array(value, "quantiles")
    if table.shape != (len(PERCENTS), len(DIMENSIONS)):
        raise WeightsError(QUANTILES)
    return table


def read_array(value: dict[str, Any], field: str) -> Float[np.ndarray, "..."]:
    """Returns a field that holds numbers, of any shape; NaN for null."""
    try:
        return np.array(value.get(field), np.float64)
    except (TypeError, ValueError, OverflowError):
        raise WeightsError(f"{field} must be numbers.") from None


def read_custom(values: Any) -> tuple[CustomDimension, ...]:
    """Returns the custom dimensions of a card: lists of positive and negative prompt, low and high label."""
    custom = []
    try:
        for positive, negative, low, high in values:
            [pair] = read_pairs(" / ".join((positive, negative)))
            if not (low is high is None or low < high):
                raise ValueError
            labels = (np.nan, np.nan) if low is None else (float(low), float(high))
            custom.append(CustomDimension(pair, *labels))
    except (TypeError, ValueError, OverflowError, UserError):
        raise WeightsError(
            "custom must be lists of a positive prompt, a negative prompt, and two ascending labels or nulls."
        ) from None
    return tuple(custom)


def number_or_none(value: float) -> float | None:
    """Returns a number for JSON, which has no NaN."""
    return None if np.isnan(value) else float(value)


def trained_pairs(card: ModelCard | None) -> tuple[PromptPair, ...]:
    """Returns the prompt pairs that weights were trained in, next to the 16 dimensions."""
    return tuple(dimension.pair for dimension in card.custom) if card else ()


def display_scale(card: ModelCard | None) -> DisplayScale:
    """Returns the display scale of weights."""
    return card.scale if card else PUBLISHED


def unvalidated(card: ModelCard | None) -> list[str]:
    """Returns the codes of the dimensions in which scores are not known to follow distortions of real videos.

    Those are all except the ones in which released weights were tested. Of weights that were not released, they are
    all if the weights were trained on synthetic videos only, else the ones without labels. Published weights have
    none.
    """
    if not card:
        return []
    known = card.validated
    if known is None:
        known = () if card.synthetic else card.dimensions
    return [dimension.code for dimension in DIMENSIONS if dimension.code not in known]


def notice(card: ModelCard | None) -> str:
    """Returns what a reader of scores must know of the weights; empty for published ones."""
    if not card:
        return ""
    if card.validated is not None:
        return f"{card.name}: {card.limits}. Dimensions with * are not validated."
    untrained = [dimension.code for dimension in DIMENSIONS if dimension.code not in card.dimensions]
    return (
        f"Trained on {', '.join(card.databases)}."
        + (" That is synthetic: no dimension is validated on real videos (*)." if card.synthetic else "")
        + (f" Never trained (*): {', '.join(untrained)}." if untrained else "")
    )
