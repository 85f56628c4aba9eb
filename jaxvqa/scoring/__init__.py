"""Scores of many videos."""

import importlib
from typing import TYPE_CHECKING, Any

from ..system.extras import extras_told

if TYPE_CHECKING:
    from .database import score_database

__all__ = ["score_database"]


def __getattr__(name: str) -> Any:
    """Imports what takes JAX and TFDS when it is first used: an evaluation of two tables does without."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with extras_told():
        return getattr(importlib.import_module(".database", __name__), name)
