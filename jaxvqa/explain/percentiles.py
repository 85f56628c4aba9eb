"""Where scores lie among those of reference videos, and which dimensions are weakest."""

import json
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ..dimensions import PERCENTS
from ..weights.model_card import ModelCard, display_scale, single_validated


def reference_quantiles(card: ModelCard | None) -> Float[np.ndarray, "21 16"]:
    """Of the raw scores of the reference videos of weights, at `PERCENTS`; NaN in dimensions not scored."""
    return card.quantiles if card else published_quantiles()


def percentiles(raw: Float[np.ndarray, "16"], card: ModelCard | None) -> Float[np.ndarray, "16"]:
    """Of how many of a hundred reference videos raw scores are better; NaN in dimensions not scored."""
    pairs = zip(raw, reference_quantiles(card).T, strict=True)
    return np.array([np.interp(score, quantiles, PERCENTS) for score, quantiles in pairs])


def weakest_dimensions(
    raw: Float[np.ndarray, "16"], display: Float[np.ndarray, "16"], card: ModelCard | None
) -> list[int]:
    """Numbers of the dimensions that a video is weakest in, weakest first: of lowest percentile.

    On a linear scale, which is one of distortion, they are those of lowest score: nearly all videos are free of
    noise, so that a trace of it is a low percentile. General and unvalidated dimensions, and those that are not
    scored, are passed over.

    Args:
        raw: raw scores; what is given where the weights do not score is not used.
        display: the same on the display scale.
        card: what is known of the weights; None for published ones.
    """
    order = display if display_scale(card).linear else percentiles(raw, card)
    return sorted(np.flatnonzero(single_validated(card)).tolist(), key=lambda i: order[i])


@cache
def published_quantiles() -> Float[np.ndarray, "21 16"]:
    """Reads the quantiles of the published model's scores of MaxWell's validation videos."""
    return np.array(json.loads(Path(__file__).with_name("maxwell_quantiles.json").read_text()))
