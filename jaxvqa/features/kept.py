"""What a model computes with, and how the next process finds it without tracing. Nothing here imports Flax."""

import dataclasses
import functools
import importlib
import json
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from ..system import kept
from ..weights.directory import (
    Weights,
    card_of,
    check_tensors,
    full_id,
    mismatches,
    read_description,
    read_tensors,
)
from ..weights.find import UNTRAINED, find_weights
from ..weights.model_card import trained_pairs


class Networks(NamedTuple):
    """What a model computes with.

    Attributes:
        views: what the encoders see: as `Sampling.views` has it.
        encode: views to features.
        localize: features and the features of prompts to local scores.
        text_features: features of prompts.
    """

    views: str
    encode: Callable
    localize: Callable
    text_features: Float[Array, "prompts d"]


class KeptFunction:
    """An executable with its parameters.

    Args:
        executable: takes a list of parameters, and arrays of one shape and type each.
        otherwise: the function for other arrays.
    """

    def __init__(self, executable: jax.stages.Compiled, parameters: list[Array], otherwise: Callable):
        self.executable, self.parameters, self.otherwise = executable, parameters, otherwise
        (_, *arrays), _ = executable.in_avals
        self.takes = [(array.shape, array.dtype) for array in arrays]

    def __call__(self, *arrays: Any) -> Array:
        if [(array.shape, array.dtype) for array in arrays] == self.takes:
            return self.executable(self.parameters, *arrays)
        return self.otherwise(*arrays)


def about(parts: dict[str, Any], precision: str) -> list[Any]:
    """What an entry is found by, of the sizes of parts."""
    return [json.dumps(parts, sort_keys=True), precision]


def load_kept(weights: str | os.PathLike, precision: str) -> tuple[Weights, Networks] | None:
    """Weights, verified but without their parts, and what was kept for their sizes; None if nothing was.

    Raises:
        WeightsError: not a weights directory, of another version, incomplete or altered.
    """
    if str(weights) in UNTRAINED:
        return None
    directory = find_weights(weights)
    description = read_description(directory)
    try:
        entry = kept.read(about(description["parts"], precision))
    except RecursionError:  # sizes of no network
        return None
    if entry is None:
        return None
    path, shapes = check_tensors(directory, description), entry["shapes"]
    tensors = {part: read_tensors(path, part) for part in shapes}
    if any(mismatches(shapes[part], tensors[part]) for part in shapes):
        return None  # whoever loads the parts says what is wrong
    card = card_of(description)
    loaded = Weights(full_id(description), {}, description["prompts"], card, trained_pairs(card))
    numbers = {name: jax.device_put(x.astype(np.float32)) for part in tensors.values() for name, x in part.items()}

    @functools.cache
    def networks() -> Networks:
        made = importlib.import_module(".networks", __package__)
        arrays = {part: {name: np.asarray(numbers[name]) for name in shapes[part]} for part in shapes}
        parts = {part: made.fill_part(directory, part, description["parts"][part], arrays[part]) for part in shapes}
        return made.make_networks(dataclasses.replace(loaded, parts=parts), precision, loaded.prompts)

    def function(name: str, otherwise: Callable) -> KeptFunction:
        return KeptFunction(entry["functions"][name], [numbers[key] for key in entry["names"][name]], otherwise)

    encode = function("encode", lambda *views: networks().encode(*views))
    localize = function("localize", lambda *features: networks().localize(*features))
    return loaded, Networks(entry["views"], encode, localize, numbers["maxvqa/prompts"])
