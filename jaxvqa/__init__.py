"""Explainable, no-reference video quality assessment: 16 scores per video, where and when they come from.

import jaxvqa

model = jaxvqa.load("weights")
scores = model.score("clip.mp4")
scores.overall, scores.dimensions, scores.local
"""

import importlib
from typing import TYPE_CHECKING, Any

from .errors import UserError, VideoError, WeightsError

if TYPE_CHECKING:
    from .dimensions import DIMENSIONS, Dimension, display
    from .explain.explanation import Explanation
    from .explain.report import report
    from .model import Model, load
    from .results.schemas import schema
    from .results.scores import Scores
    from .system.compilation import keep_compiled
    from .video.sampling import SamplingPlan
    from .video.views import Views

__version__ = "0.1.0"
__all__ = [
    "DIMENSIONS",
    "Dimension",
    "Explanation",
    "Model",
    "SamplingPlan",
    "Scores",
    "UserError",
    "VideoError",
    "Views",
    "WeightsError",
    "display",
    "keep_compiled",
    "load",
    "report",
    "schema",
]
LAZY = {
    "DIMENSIONS": ".dimensions",
    "Dimension": ".dimensions",
    "Explanation": ".explain.explanation",
    "Model": ".model",
    "SamplingPlan": ".video.sampling",
    "Scores": ".results.scores",
    "Views": ".video.views",
    "display": ".dimensions",
    "keep_compiled": ".system.compilation",
    "load": ".model",
    "report": ".explain.report",
    "schema": ".results.schemas",
}


def __getattr__(name: str) -> Any:
    """Imports what takes NumPy, PyAV or JAX when it is first used.

    Processes that decode never need JAX, and a command line is checked before any of them is imported.
    """
    if name not in LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(LAZY[name], __name__), name)
