"""Scores over time: the columns of a time step, and statistics over all of them."""

import numpy as np
from jaxtyping import Float, Int

from ..dimensions import DIMENSIONS, DisplayScale
from .rows import DISPLAY, RAW, STATISTICS, Row

# A time step is one index of `Scores.local`. MaxVQA's two encoders see different frames at the same index.
TIMES = ["moment", "frame", "seconds", "technical_frame", "technical_seconds"]
COLUMNS = ["path", "seed", "weights", *TIMES, *RAW, *DISPLAY]


def over_time(
    local: Float[np.ndarray, "moments 49 16"], scale: DisplayScale
) -> tuple[Float[np.ndarray, "moments 16"], Float[np.ndarray, "moments 16"]]:
    """Returns the scores of time steps, raw and on the display scale: means of local scores over positions."""
    raw = local.mean(axis=1, dtype=np.float64)
    return raw, scale.apply(raw)


def pool(display: Float[np.ndarray, "moments 16"]) -> dict[str, dict[str, float]]:
    """Returns `STATISTICS` over time of each scored dimension, by its column, as VMAF's tools compute them.

    Args:
        display: scores of time steps on the display scale, 0 to 1; NaN in dimensions that are not scored.
    """
    # The harmonic mean is VMAF's: of scores from 0 to 100, each raised by 1, so that a score of 0 is possible.
    raised = display + 0.01
    statistics = (
        display.min(axis=0),
        np.percentile(display, 10, axis=0),
        display.mean(axis=0),
        1 / (1 / raised).mean(axis=0) - 0.01,
        display.max(axis=0),
    )
    return {
        dimension.column: {name: round(float(x), 6) for name, x in zip(STATISTICS, values, strict=True)}
        for dimension, *values in zip(DIMENSIONS, *statistics, strict=True)
        if not np.isnan(values[0])
    }


def moment_rows(
    key: Row,
    frames: Int[np.ndarray, "2 moments"],
    seconds: Float[np.ndarray, "2 moments"],
    local: Float[np.ndarray, "moments 49 16"],
    scale: DisplayScale,
) -> list[Row]:
    """Returns a row of `COLUMNS` for each time step; None in dimensions that are not scored.

    Args:
        key: the path, the seed and the weights.
        frames: numbers of the frames that the aesthetic and the technical encoder saw.
        seconds: when these are shown.
        local: scores of positions.
        scale: the display scale.
    """
    times = zip(*(column.tolist() for pair in zip(frames, seconds, strict=True) for column in pair), strict=True)
    scores = np.concatenate(over_time(local, scale), axis=1).tolist()
    return [
        {
            **key,
            **dict(zip(TIMES, (moment, *when), strict=True)),
            **{name: number_or_none(score) for name, score in zip((*RAW, *DISPLAY), values, strict=True)},
        }
        for moment, (when, values) in enumerate(zip(times, scores, strict=True))
    ]


def number_or_none(value: float) -> float | None:
    """A number for JSON, which has no NaN."""
    return None if np.isnan(value) else float(value)
