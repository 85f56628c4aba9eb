"""Weights by path or by name, as modules."""

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from flax import nnx

from ..dimensions import default_prompts
from ..errors import WeightsError, few, few_of_each, first_line
from ..models.clip_resnet import ResNetConfig
from ..models.clip_text import TextConfig
from ..models.maxvqa import HeadConfig, MaxVQA
from ..models.swin3d import SwinConfig
from ..system.untrusted import untrusted
from ..text.prompts import PromptPair, with_pairs
from .assemble import ENCODERS, PARTS, SCORING_PARTS, assemble_part, flat_shapes, tensors_of
from .directory import (
    DESCRIPTION,
    HOW_TO_GET,
    Weights,
    card_of,
    check_tensors,
    full_id,
    mismatches,
    read_description,
    read_tensors,
)
from .find import find_weights
from .model_card import trained_pairs

# Untrained weights that go by a name in place of a directory: sizes of their parts.
RANDOM = {
    "random": {part: PARTS[part][1]() for part in SCORING_PARTS},
    "random-small": {
        "swin": SwinConfig(width=16, depths=(1, 1, 2, 1), heads=(1, 1, 2, 4)),
        "clip_visual": ResNetConfig(width=16, depths=(2, 2, 2, 2), heads=8, output_width=256),
        "clip_text": TextConfig(width=128, depth=2, heads=4, output_width=256),
        "maxvqa": HeadConfig(clip_width=256, technical_width=128, text_width=128),
    },
}


def load_weights(directory: str | os.PathLike, parts: tuple[str, ...] | None = None) -> Weights:
    """Reads and verifies a weights directory.

    Args:
        directory: as written by `save_weights`; "mini" for the small model that comes with the package; "maxvqa" for
            the published weights that `jaxvqa download` made; "random" or "random-small" for untrained weights.
        parts: names of the parts to build; by default all that it holds. Where the head holds the features of its
            prompts, there is no `clip_text`, whoever asks for it, and where there is the part `display`, that stands
            for the encoders.

    Raises:
        WeightsError: not a weights directory, of another version, incomplete, altered, or without a wanted part.
        OSError: a file cannot be opened, for want of rights or of open files.
    """
    if str(directory) in RANDOM:
        return random_weights(str(directory), parts or SCORING_PARTS)
    directory = find_weights(directory)
    description = read_description(directory)
    if parts and holds_prompts(description):
        parts = tuple(part for part in parts if part != "clip_text")
    if parts and "display" in description["parts"]:
        parts = tuple(dict.fromkeys("display" if part in ENCODERS else part for part in parts))
    if unknown := description["parts"].keys() - PARTS.keys():
        raise WeightsError(f"{directory / DESCRIPTION} names unknown parts {few(sorted(unknown))}: convert again.")
    missing = [part for part in parts or () if part not in description["parts"]]
    if missing:
        held = ", ".join(description["parts"])
        raise WeightsError(
            f"{directory} holds the weights of {held}, but not of {', '.join(missing)}: "
            f"to make a directory with all parts, {HOW_TO_GET}."
        )
    path = check_tensors(directory, description)
    modules = {}
    for part in description["parts"] if parts is None else parts:
        modules[part] = fill_part(directory, part, description["parts"][part], read_tensors(path, part))
    card = card_of(description)
    return Weights(full_id(description), modules, description["prompts"], card, trained_pairs(card))


def random_weights(name: str, parts: tuple[str, ...]) -> Weights:
    """Parts with random parameters, of full size ("random") or small ("random-small"), always the same ones.

    The scores they give mean nothing; those of full size cost what published ones do.
    """
    generator = np.random.default_rng(0)
    modules = {}
    for part in parts:
        config = RANDOM[name][part]
        tensors = {key: initial(key, shape, generator) for key, shape in flat_shapes(part, config).items()}
        modules[part] = assemble_part(part, config, tensors)
    return Weights(name, modules, default_prompts())


def initial(name: str, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """An untrained parameter: normalisation that changes nothing, no bias, normal numbers that keep variance."""
    match name.rpartition("/")[2]:
        case "scale" | "var":
            return np.ones(shape, np.float32)
        case "bias" | "mean":
            return np.zeros(shape, np.float32)
        case "kernel":
            return generator.standard_normal(shape, np.float32) * np.float32(np.prod(shape[:-1]) ** -0.5)
        case _:  # embeddings, positions, bias tables, the context vector
            return generator.standard_normal(shape, np.float32) * np.float32(0.02)


def with_custom(loaded: Weights, pairs: Iterable[PromptPair]) -> Weights:
    """Adds prompt pairs that weights were not trained in, so that they can be.

    If the head holds the features of its prompts, those of new ones start as the overall ones.
    """
    new = tuple(pair for pair in pairs if pair not in loaded.custom)
    parts, head = dict(loaded.parts), loaded.parts.get("maxvqa")
    if new and isinstance(head, MaxVQA) and head.prompts is not None:
        halves = np.split(np.asarray(head.prompts[...]), 2)
        features = np.concatenate([part for half in halves for part in (half, half[:1].repeat(len(new), 0))])
        config = dataclasses.replace(head.config, prompts=len(features))
        tensors = tensors_of("maxvqa", head) | {"maxvqa/prompts": features}
        parts["maxvqa"] = assemble_part("maxvqa", config, tensors)
    prompts = with_pairs(loaded.prompts, new)
    return dataclasses.replace(loaded, parts=parts, prompts=prompts, custom=loaded.custom + new)


def holds_prompts(description: dict[str, Any]) -> bool:
    """Whether the head that is described holds the features of its prompts."""
    sizes = description["parts"].get("maxvqa")
    return isinstance(sizes, dict) and bool(sizes.get("prompts"))


def fill_part(directory: Path, part: str, sizes: Any, tensors: dict[str, np.ndarray]) -> nnx.Module:
    """One part of the sizes that a description gives, with its parameters as float32."""
    said = f"{directory / DESCRIPTION} gives sizes of {part} that"
    if not isinstance(sizes, dict):
        raise WeightsError(f"{said} are no object: convert again.")
    try:
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in sizes.items()}
        config = PARTS[part][1](**fields)
        blocks = getattr(config, "depth", 0) + sum(getattr(config, "depths", ()))
        if blocks > len(tensors):  # each has some; to lay out a million of them would take forever
            raise ValueError(f"{blocks} blocks, but {len(tensors)} tensors")
    except (TypeError, ValueError) as error:  # unknown fields, sizes of no network
        raise WeightsError(f"{said} do not fit ({first_line(error)}): convert again.") from error
    with untrusted(said, WeightsError, "convert again", "do not fit"):
        shapes = flat_shapes(part, config)
    problems = mismatches(shapes, tensors)
    if problems:
        raise WeightsError(f"{directory} does not hold the {part} it describes:{few_of_each(problems)}")
    return assemble_part(part, config, tensors)
