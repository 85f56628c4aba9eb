"""Databases of rated videos."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cache import load_rated
    from .custom import load_custom

__all__ = ["load_custom", "load_rated"]


def __getattr__(name: str) -> Any:
    """Imports a module when something of it is first asked for: TFDS alone takes a second."""
    modules = {"load_custom": ".custom", "load_rated": ".cache"}
    if name not in modules:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(modules[name], __name__), name)
