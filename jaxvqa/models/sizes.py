"""Sizes of networks: what no network can have is refused before JAX meets it."""

import dataclasses
from collections.abc import Sequence
from typing import Any

PRECISIONS = ("float32", "bfloat16")  # in which encoders compute


def check_sizes(config: Any, but: Sequence[str] = ()) -> None:
    """Checks that each field of a config is a positive integer, or a tuple of such.

    Args:
        config: a dataclass whose fields are annotated as integers or tuples.
        but: names of fields that are not checked.

    Raises:
        ValueError: a field is something else.
    """
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        sizes = (value,) if field.type is int else value
        sound = isinstance(sizes, tuple) and sizes and all(type(size) is int and size > 0 for size in sizes)
        if field.name not in but and not sound:
            raise ValueError(f"{field.name} is {value!r}; it must be 1 or larger")


def check_heads(heads: int, width: int) -> None:
    """Raises a ValueError if attention heads cannot share a width equally."""
    if width % heads:
        raise ValueError(f"{heads} heads do not divide a width of {width}")
