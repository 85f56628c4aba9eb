"""The model card: what weights were trained on, where their scores are valid, and on which scale they are shown.

Published weights have none: functions here take None for them.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ..dimensions import DIMENSIONS, GENERAL, PERCENTS, PUBLISHED, DisplayScale
from ..errors import UserError, WeightsError
from ..text.prompts import PromptPair, read_pairs
from .opinions import Opinions

QUANTILES = f"quantiles must be {len(PERCENTS)} rows of {len(DIMENSIONS)} numbers from 0 to 1, in ascending order."
RELEASE = ("name", "limits", "validated")  # fields of weights that were released
POINTS = ("vmaf_interval", "pair_deviation")  # fields of those whose overall score estimates VMAF


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
        dimensions: codes of those that had labels. The weights score no other ones, where scale and quantiles are NaN.
        label_low: labels that a raw score of 0 stands for; NaN in dimensions without.
        label_high: labels that a raw score of 1 stands for; NaN in dimensions without.
        scale: display scale on which the average training video is at 0.5.
        quantiles: of the raw scores of the training videos, at 0, 5, ..., 100 %.
        custom: dimensions that were trained next to the 16.
        name: of released weights; empty if they were not released.
        limits: of released weights, a sentence.
        validated: of released weights, codes of the dimensions that were tested on real videos; None if they were not
            released.
        vmaf_interval: of released weights whose overall score on the display scale estimates VMAF, the half-width of an
            interval around it that holds VMAF of nine in ten encodes of scenes not trained on, in points of a hundred.
        pair_deviation: of the same, the deviation of a normal distribution that tells how likely the one of two encodes
            of a source that scores higher has the higher VMAF, in points of a hundred: see `evaluation.preference`.
        opinions: what people would say, by ratings of videos that were not trained on; None if that is not known.

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
    vmaf_interval: float | None = None
    pair_deviation: float | None = None
    opinions: Opinions | None = None

    def __post_init__(self):
        there = scored(self)
        mean, deviation, table = self.scale.mean[there], self.scale.deviation[there], self.quantiles[:, there]
        if not np.isfinite(mean).all():
            raise WeightsError("display_mean must be finite.")
        if not (np.isfinite(deviation) & (deviation > 0)).all():
            raise WeightsError("display_deviation must be finite and above 0.")
        if not ((np.diff(table, axis=0) >= 0).all() and ((table >= 0) & (table <= 1)).all()):
            raise WeightsError(QUANTILES)
        for field in POINTS:
            if getattr(self, field) is not None and not 0 < getattr(self, field) <= 100:
                raise WeightsError(f"{field} must be above 0, and 100 at most.")
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
        for field in POINTS:
            if field in value:
                if not isinstance(value[field], float):
                    raise WeightsError(f"{field} must be a number with a decimal point.")
                released[field] = value[field]
        if "opinions" in value:
            released["opinions"] = read_opinions(value["opinions"])
        return cls(
            databases=read_texts(value, "databases"),
            synthetic=value["synthetic"],
            dimensions=read_texts(value, "dimensions"),
            label_low=read_numbers(value, "label_low"),
            label_high=read_numbers(value, "label_high"),
            scale=read_scale(value),
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
            "label_low": numbers_or_none(self.label_low),
            "label_high": numbers_or_none(self.label_high),
            "display_mean": numbers_or_none(self.scale.mean),
            "display_deviation": numbers_or_none(self.scale.deviation),
            "quantiles": [numbers_or_none(row) for row in self.quantiles],
        }
        if self.scale.linear:
            value["display_linear"] = True
        if self.custom:
            value["custom"] = [[*pair, *numbers_or_none(labels)] for pair, *labels in self.custom]
        if self.validated is not None:
            value |= {"name": self.name, "limits": self.limits, "validated": list(self.validated)}
        if self.opinions:
            value["opinions"] = {field: numbers_or_none(values) for field, values in vars(self.opinions).items()}
        return value | {field: getattr(self, field) for field in POINTS if getattr(self, field) is not None}


def read_scale(value: dict[str, Any]) -> DisplayScale:
    """Returns the display scale."""
    linear = value.get("display_linear", False)
    if not isinstance(linear, bool):
        raise WeightsError("display_linear must be true or false.")
    return DisplayScale(read_numbers(value, "display_mean"), read_numbers(value, "display_deviation"), linear)


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


def read_opinions(value: Any) -> Opinions:
    """Returns what people would say."""
    if not isinstance(value, dict):
        raise WeightsError("opinions must be a JSON object.")
    return Opinions(**{field.name: read_numbers(value, field.name) for field in fields(Opinions)})


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


def numbers_or_none(values: Iterable[float]) -> list[float | None]:
    """Returns numbers for JSON, which has no NaN."""
    return [None if np.isnan(value) else float(value) for value in values]


def trained_pairs(card: ModelCard | None) -> tuple[PromptPair, ...]:
    """Returns the prompt pairs that weights were trained in, next to the 16 dimensions."""
    return tuple(dimension.pair for dimension in card.custom) if card else ()


def display_scale(card: ModelCard | None) -> DisplayScale:
    """Returns the display scale of weights."""
    return card.scale if card else PUBLISHED


def scored(card: ModelCard | None) -> Bool[np.ndarray, "16"]:
    """Returns whether weights score each dimension: published and random ones score all."""
    return np.array([not card or dimension.code in card.dimensions for dimension in DIMENSIONS])


def not_scored(card: ModelCard | None) -> list[str]:
    """Returns the codes of the dimensions that weights do not score, because they were not trained in them."""
    return [dimension.code for dimension, there in zip(DIMENSIONS, scored(card), strict=True) if not there]


def unvalidated(card: ModelCard | None) -> list[str]:
    """Returns the codes of scored dimensions in which scores are not known to follow distortions of real videos.

    Those are all except the ones in which released weights were tested. Of weights that were not released, they are
    all if the weights were trained on synthetic videos only, else none. Published weights have none.
    """
    if not card:
        return []
    known = card.validated
    if known is None:
        known = () if card.synthetic else card.dimensions
    codes = [dimension.code for dimension in DIMENSIONS if dimension.code in card.dimensions]
    return [code for code in codes if code not in known]


def single_validated(card: ModelCard | None) -> Bool[np.ndarray, "16"]:
    """Returns which dimensions may be named as a video's weakest: scored and validated ones that sum up no others."""
    passed_over = {*GENERAL, *unvalidated(card), *not_scored(card)}
    return np.array([dimension.code not in passed_over for dimension in DIMENSIONS])


def margin(card: ModelCard | None) -> str:
    """Returns how far from the overall score VMAF of nine in ten encodes lies; empty where that is not known."""
    return f" ±{math.ceil(card.vmaf_interval)}" if card and card.vmaf_interval is not None else ""


def notice(card: ModelCard | None) -> str:
    """Returns what a reader of scores must know of the weights; empty for published ones.

    The dimensions that they do not score are in a line of their own.
    """
    if not card:
        return ""
    untested = [dimension.name for dimension in DIMENSIONS if dimension.code in unvalidated(card)]
    if card.validated is not None:
        said = f"{card.name}: {card.limits}."
        if card.vmaf_interval is not None:
            said += f" Overall estimates VMAF on a 1080p display,{margin(card)} for 90 % of encodes."
        if untested:
            said += f" Not validated: {', '.join(untested)}."
    else:
        said = f"Trained on {', '.join(card.databases)}."
        said += " That is synthetic: no dimension is validated on real videos." * bool(untested)
    untrained = [dimension.name for dimension in DIMENSIONS if dimension.code in not_scored(card)]
    return said + f"\nNot scored by {card.name or 'this model'}: {', '.join(untrained)}." * bool(untrained)
