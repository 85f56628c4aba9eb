"""Arrays to networks, and back."""

import functools
import hashlib
from collections.abc import Container
from typing import Any

import jax
import numpy as np
from flax import nnx

from ..models.clip_resnet import CLIPResNet, ResNetConfig
from ..models.clip_text import CLIPText, TextConfig
from ..models.display import DisplayConfig, DisplayEncoder
from ..models.maxvqa import FastVQAConfig, FastVQAHead, HeadConfig, MaxVQA
from ..models.swin3d import SwinConfig, VideoSwin

PARTS = {
    "swin": (VideoSwin, SwinConfig),
    "fastvqa_head": (FastVQAHead, FastVQAConfig),
    "clip_visual": (CLIPResNet, ResNetConfig),
    "clip_text": (CLIPText, TextConfig),
    "display": (DisplayEncoder, DisplayConfig),
    "maxvqa": (MaxVQA, HeadConfig),
}
# MaxVQA's; weights that hold the part "display" have that for both encoders, and features of their prompts.
SCORING_PARTS = ("swin", "clip_visual", "clip_text", "maxvqa")
PUBLISHED_PARTS = ("swin", "fastvqa_head", "clip_visual", "clip_text", "maxvqa")
ENCODERS = ("swin", "clip_visual")


def encoders_of(parts: Container[str]) -> tuple[str, ...]:
    """Names of the encoders among the parts of weights."""
    return ("display",) if "display" in parts else ENCODERS


def feature_widths(parts: dict[str, Any]) -> tuple[int, int]:
    """How many channels of features the head adds to, and how many others it takes."""
    if "display" in parts:
        sizes = parts["display"].config
        return sizes.local, sizes.output_width - sizes.local
    return parts["clip_visual"].config.output_width, parts["swin"].config.output_width


def build(part: str, config: Any) -> nnx.Module:
    """The module of one part with randomly initialised parameters (seed 0)."""
    return PARTS[part][0](config, nnx.Rngs(0))


class OneKey(nnx.Rngs):
    """The same key each time, which does for shapes: to trace the keys that nnx.Rngs counts takes a second."""

    def __init__(self):
        pass

    def params(self) -> jax.Array:
        """Returns the key."""
        return jax.random.key(0)


@functools.cache
def abstract(part: str, config: Any) -> tuple[nnx.GraphDef, nnx.State]:
    """A part without numbers: its structure, and the shapes of its parameters."""
    return nnx.split(nnx.eval_shape(lambda: PARTS[part][0](config, OneKey())))


def flat_shapes(part: str, config: Any) -> dict[str, tuple[int, ...]]:
    """Shape of every parameter of a part by its `part/path` name."""
    state = abstract(part, config)[1]
    return {parameter_name(part, path): variable.shape for path, variable in nnx.to_flat_state(state)}


def parameter_name(part: str, path: tuple) -> str:
    """The name a parameter has in the tensors file."""
    return "/".join([part, *map(str, path)])


def encoders_id(parts: dict[str, Any]) -> str:
    """12 hexadecimal digits that change with any size or number of the encoders."""
    digest = hashlib.sha256()
    for part in encoders_of(parts):
        digest.update(repr(parts[part].config).encode())
        for name, values in tensors_of(part, parts[part]).items():
            digest.update(name.encode() + values.tobytes())
    return digest.hexdigest()[:12]


def assemble_part(part: str, config: Any, tensors: dict[str, np.ndarray]) -> nnx.Module:
    """A part of given sizes with its parameters, by name, as float32."""
    graph, state = abstract(part, config)
    filled = [
        (path, variable.replace(jax.device_put(tensors[parameter_name(part, path)].astype(np.float32))))
        for path, variable in nnx.to_flat_state(state)
    ]
    return nnx.merge(graph, nnx.from_flat_state(filled))


def tensors_of(part: str, module: nnx.Module) -> dict[str, np.ndarray]:
    """The parameters of a part by name: the inverse of `assemble_part`."""
    return {
        parameter_name(part, path): np.asarray(variable[...]) for path, variable in nnx.to_flat_state(nnx.state(module))
    }
