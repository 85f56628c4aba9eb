"""Weights to what a model computes with, and what of that is kept for the next process."""

import dataclasses
from collections.abc import Sequence

import jax.numpy as jnp
from flax import nnx

from ..errors import WeightsError
from ..geometry import POSITIONS
from ..models.clip_text import prompt_tree
from ..models.maxvqa import MaxVQA
from ..system import kept
from ..system.compilation import compiled, jitted
from ..system.untrusted import untrusted
from ..text.tokens import tokenize
from ..weights.assemble import PUBLISHED_PARTS as PUBLISHED_PARTS
from ..weights.assemble import SCORING_PARTS as SCORING_PARTS
from ..weights.assemble import encoders_of, parameter_name, tensors_of
from ..weights.directory import Weights
from ..weights.load import fill_part as fill_part
from ..weights.load import load_weights as load_weights
from .encoder import Encoder, result_of
from .kept import KeptFunction, Networks, about


def make_networks(loaded: Weights, precision: str, prompts: Sequence[str]) -> Networks:
    """What a model computes with, compiled at the first use.

    Args:
        prompts: the positive ones, then the negative ones.

    Raises:
        WeightsError: the parts do not fit together.
    """
    text, head = loaded.parts.get("clip_text"), loaded.parts["maxvqa"]
    tree = prompt_tree(tokenize(prompts)) if text else None
    encode, localize = Encoder(loaded.parts, precision), jitted(MaxVQA.__call__, head)
    said, remedy = f"the parts of weights {loaded.id}", "copy or convert them again"
    with untrusted(said, WeightsError, remedy, "do not fit together"):
        embeddings = text.embedding(jnp.asarray(tree.tokens)) if text and tree else None
        text_features = jitted(MaxVQA.text_features, head, text)(embeddings, tree)
        features = result_of(encode, *encode.shapes)
        shape = result_of(localize, features, text_features).shape
    if shape[1:] != (POSITIONS, len(prompts) // 2):
        raise WeightsError(f"{said} do not fit together (scores would be {list(shape)}): {remedy}.")
    return Networks(encode.views, encode, localize, text_features)


def keep_networks(loaded: Weights, precision: str, networks: Networks) -> Networks:
    """Compiles what weights of these sizes compute, and keeps it for `load_kept`.

    Where nothing can be kept, or features of prompts depend on a text encoder, networks stay as they are.
    """
    parts, head = loaded.parts, loaded.parts["maxvqa"]
    if head.prompts is None:
        return networks
    encoder = Encoder(parts, precision)
    made = {"encode": encoder.compiled, "localize": jitted(MaxVQA.__call__, head)}
    arrays = {"encode": encoder.shapes, "localize": (result_of(encoder, *encoder.shapes), networks.text_features)}
    functions = kept.write(
        about({part: dataclasses.asdict(module.config) for part, module in parts.items()}, precision),
        {name: lambda name=name: compiled.lower(*made[name].args, *arrays[name]) for name in made},
        views=networks.views,
        shapes={part: {name: x.shape for name, x in tensors_of(part, parts[part]).items()} for part in parts},
        names={"encode": names_of(parts, *encoders_of(parts)), "localize": names_of(parts, "maxvqa")},
    )
    if not functions:
        return networks
    encode, localize = (KeptFunction(functions[name], f.args[-1], f) for name, f in made.items())
    return networks._replace(encode=encode, localize=localize)


def names_of(parts: dict[str, nnx.Module], *wanted: str) -> list[str]:
    """Names of the parameters that a function of `jitted` takes, if it was made of these parts."""
    return [parameter_name(part, path) for part in wanted for path, _ in nnx.to_flat_state(nnx.state(parts[part]))]
