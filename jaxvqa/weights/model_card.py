"""What weights were trained on, and what is known of their scores."""

from typing import Any

import numpy as np

from ..dimensions import DIMENSIONS, PERCENTS
from ..errors import UserError
from ..text.prompts import join, read_pairs


def trained_pairs(training: dict[str, Any] | None) -> tuple[tuple[str, str], ...]:
    """The pairs of words that were trained beside the 16 dimensions, by an account of a training."""
    return tuple((good, bad) for good, bad, _, _ in (training or {}).get("own", ()))


def sound_training(training: Any) -> bool:
    """Whether an account of a training has the fields, and 16 numbers in each that has numbers."""
    try:
        numbers = [
            np.array(training[field], float)
            for field in ("label_low", "label_high", "display_mean", "display_deviation")
        ]
        quantiles = np.array(training["quantiles"], float)
        facts = (training["databases"], training["synthetic"], training["dimensions"])
        released = [training[field] for field in ("name", "limits", "validated") if field in training]
        own = [
            (*read_pairs(join((good, bad))), low is high is None or low < high)
            for good, bad, low, high in training.get("own", [])
        ]
    except (TypeError, KeyError, ValueError, OverflowError, UserError):
        return False
    display = np.stack(numbers[2:]) if all(x.shape == (len(DIMENSIONS),) for x in numbers) else np.array(np.nan)
    return (
        list(map(type, facts)) == [list, bool, list]
        and all(len(pair) == 2 and pair[1] for pair in own)
        and len({pair for pair, _ in own}) == len(own)
        and list(map(type, released)) in ([], [str, str, list])
        # They are shown as they are, in terminals as well.
        and all(isinstance(text, str) and text.isprintable() for text in facts[0] + facts[2] + released[:2])
        and quantiles.shape == (len(PERCENTS), len(DIMENSIONS))
        and bool(np.isfinite(display).all() and (display[1] > 0).all() and (np.diff(quantiles, axis=0) >= 0).all())
        and bool(quantiles.min() >= 0 and quantiles.max() <= 1)
    )


def unvalidated(training: dict[str, Any] | None) -> list[str]:
    """Codes of the dimensions in which weights are not known to follow flaws of real videos.

    Those are all but the ones in which they were tested; of weights that were not, all if they were trained on nothing
    but synthetic videos, else the ones without labels. Of published weights nothing is known here.
    """
    if not training:
        return []
    known = training.get("validated", () if training["synthetic"] else training["dimensions"])
    return [dimension.code for dimension in DIMENSIONS if dimension.code not in known]


def notice(training: dict[str, Any] | None) -> str:
    """What there is to say of scores of weights with such an account of their training; empty without one."""
    if not training:
        return ""
    if "validated" in training:
        return f"{training['name']}: {training['limits']}. Dimensions with * are not validated."
    untrained = [dimension.code for dimension in DIMENSIONS if dimension.code not in training["dimensions"]]
    return (
        f"Trained on {', '.join(training['databases'])}."
        + (" That is synthetic: no dimension is validated on real videos (*)." if training["synthetic"] else "")
        + (f" Never trained (*): {', '.join(untrained)}." if untrained else "")
    )
