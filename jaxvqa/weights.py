"""The weights directory: everything a model needs, in two files that can be copied anywhere.

`jaxvqa.json` describes (format version, parts and their sizes, prompts, source checkpoints
with SHA-256) and `tensors.safetensors` holds the numbers, named `part/path/to/parameter`.
Neither can contain code.
"""

import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from .dimensions import DIMENSIONS
from .errors import UserError, first_line
from .models.clip_resnet import CLIPResNet, ResNetConfig
from .models.clip_text import CLIPText, TextConfig
from .models.maxvqa import FastVQAConfig, FastVQAHead, HeadConfig, MaxVQA
from .models.swin3d import SwinConfig, VideoSwin

FORMAT, VERSION = "jaxvqa-weights", 1
DESCRIPTION, TENSORS = "jaxvqa.json", "tensors.safetensors"

PARTS = {
    "swin": (VideoSwin, SwinConfig),
    "fastvqa_head": (FastVQAHead, FastVQAConfig),
    "clip_visual": (CLIPResNet, ResNetConfig),
    "clip_text": (CLIPText, TextConfig),
    "maxvqa": (MaxVQA, HeadConfig),
}
SCORING_PARTS = ("swin", "clip_visual", "clip_text", "maxvqa")

HOW_TO_GET = (
    "convert the published checkpoints with "
    "`python scripts/convert.py --fastvqa DOVER.pth --clip RN50.pt --maxvqa maxvqa_maxwell.pt --output weights` "
    "(README.md, Weights)"
)


class WeightsError(UserError):
    """A weights directory that cannot be used as it is."""


@dataclasses.dataclass(frozen=True)
class Weights:
    """A weights directory in memory.

    Attributes:
        id: 12 hexadecimal digits that change with any number, size or prompt.
        parts: modules by name, float32.
        prompts: positive prompts of all dimensions, then the negative ones.
    """

    id: str
    parts: dict[str, nnx.Module]
    prompts: list[str]


def build(part: str, config: Any) -> nnx.Module:
    """The module of one part with randomly initialised parameters (seed 0)."""
    return PARTS[part][0](config, nnx.Rngs(0))


def flat_shapes(part: str, config: Any) -> dict[str, tuple[int, ...]]:
    """Shape of every parameter of a part by its `part/path` name, without making them."""
    abstract = nnx.state(nnx.eval_shape(lambda: build(part, config)))
    return {parameter_name(part, path): variable.shape for path, variable in nnx.to_flat_state(abstract)}


def parameter_name(part: str, path: tuple) -> str:
    """The name a parameter has in the tensors file."""
    return "/".join([part, *map(str, path)])


def save(
    directory: str | os.PathLike,
    tensors: dict[str, np.ndarray],
    configs: dict[str, Any],
    prompts: list[str],
    sources: list[dict[str, Any]],
) -> str:
    """Writes a weights directory, whole or not at all, and returns its id.

    Args:
        directory: must not exist yet.
        tensors: by `part/path` name, any floating dtype.
        configs: config dataclass of each part.
        prompts: the prompts `maxvqa` goes with.
        sources: file name, size and SHA-256 of each checkpoint the tensors come from.

    Raises:
        WeightsError: the directory exists, or cannot be written.
    """
    check_free(directory)
    directory = Path(directory)
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    except OSError as error:
        raise WeightsError(f"{directory} cannot be written: {error.strerror}.") from error
    try:
        save_file(tensors, scratch / TENSORS)
        (scratch / TENSORS).chmod(0o644)
        description = {
            "format": FORMAT,
            "version": VERSION,
            "parts": {part: dataclasses.asdict(config) for part, config in configs.items()},
            "prompts": prompts,
            "tensors": {"bytes": (scratch / TENSORS).stat().st_size, "sha256": file_sha256(scratch / TENSORS)},
            "sources": sources,
        }
        (scratch / DESCRIPTION).write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
        scratch.chmod(0o755)
        scratch.rename(directory)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{directory} cannot be written: {error}.") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return identity(description)


def check_free(directory: str | os.PathLike) -> None:
    """Raises a WeightsError if a directory that is to be made exists."""
    if os.path.lexists(directory):
        raise WeightsError(f"{directory} already exists: remove it or choose another output directory.")


def load(directory: str | os.PathLike, parts: tuple[str, ...] | None = None) -> Weights:
    """Reads and verifies a weights directory.

    Args:
        directory: as written by `save`.
        parts: names of the parts to build; by default all that it holds.

    Raises:
        WeightsError: not a weights directory, of another version, incomplete, altered, or without a wanted part.
    """
    directory = Path(directory)
    description = read_description(directory)
    missing = [part for part in parts or () if part not in description["parts"]]
    if missing:
        held = ", ".join(description["parts"])
        raise WeightsError(
            f"{directory} holds the weights of {held}, but not of {', '.join(missing)}: "
            f"to make a directory with all parts, {HOW_TO_GET}."
        )
    tensors = read_tensors(directory, description)
    modules = {}
    for part in description["parts"] if parts is None else parts:
        modules[part] = fill(directory, part, description["parts"][part], tensors)
    return Weights(identity(description), modules, description["prompts"])


def random_weights(parts: tuple[str, ...], prompts: list[str]) -> Weights:
    """Full-size parts with random parameters: the scores they give mean nothing, but cost the same to compute."""
    return Weights("random", {part: build(part, PARTS[part][1]()) for part in parts}, prompts)


def read_description(directory: Path) -> dict[str, Any]:
    """The parsed `jaxvqa.json` of a directory, checked for format and version."""
    if not directory.is_dir():
        kind = "is a file, not a weights directory" if directory.exists() else "does not exist"
        raise WeightsError(f"weights directory {directory} {kind}: {HOW_TO_GET}.")
    try:
        description = json.loads((directory / DESCRIPTION).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WeightsError(
            f"{directory} has no {DESCRIPTION}, so it is no jaxvqa weights directory: {HOW_TO_GET}."
        ) from None
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"{directory / DESCRIPTION} cannot be read ({error}): copy or convert the directory again."
        ) from error
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise WeightsError(f"{directory / DESCRIPTION} does not describe jaxvqa weights: {HOW_TO_GET}.")
    if description.get("version") != VERSION:
        raise WeightsError(
            f"{directory} has weights format {description.get('version')}, this jaxvqa reads {VERSION}: "
            "convert the checkpoints again."
        )
    parts, prompts, tensors = (description.get(field) for field in ("parts", "prompts", "tensors"))
    if not (isinstance(parts, dict) and isinstance(prompts, list) and isinstance(tensors, dict)):
        raise WeightsError(f"{directory / DESCRIPTION} lacks parts, prompts or tensors: convert again.")
    if len(prompts) != 2 * len(DIMENSIONS) or not all(isinstance(prompt, str) for prompt in prompts):
        raise WeightsError(f"{directory / DESCRIPTION} must have {2 * len(DIMENSIONS)} prompts: convert again.")
    if unknown := parts.keys() - PARTS.keys():
        raise WeightsError(
            f"{directory / DESCRIPTION} names unknown parts {', '.join(sorted(unknown))}: convert again."
        )
    return description


def read_tensors(directory: Path, description: dict[str, Any]) -> dict[str, np.ndarray]:
    """All tensors of a directory, after checking that they are the ones its description speaks of."""
    path = directory / TENSORS
    if not path.is_file():
        raise WeightsError(f"{directory} is incomplete: {TENSORS} is missing; copy or convert it again.")
    size, expected = path.stat().st_size, description["tensors"]
    if size != expected.get("bytes"):
        raise WeightsError(
            f"{path} has {size} bytes instead of {expected.get('bytes')}: it was not written or copied whole; "
            "do that again."
        )
    if file_sha256(path) != expected.get("sha256"):
        raise WeightsError(
            f"{path} is not the file that {DESCRIPTION} describes (SHA-256 differs): copy or convert it again."
        )
    return load_file(path)


def fill(directory: Path, part: str, sizes: dict[str, Any], tensors: dict[str, np.ndarray]) -> nnx.Module:
    """One part of the sizes that a description gives, with its parameters from `tensors`, as float32."""
    try:
        config = PARTS[part][1](**{k: tuple(v) if isinstance(v, list) else v for k, v in sizes.items()})
        graph, abstract = nnx.split(nnx.eval_shape(lambda: build(part, config)))
    except (TypeError, ValueError, AttributeError, ArithmeticError, IndexError) as error:
        raise WeightsError(
            f"{directory / DESCRIPTION} gives sizes of {part} that do not fit ({first_line(error)}): convert again."
        ) from error
    variables = {parameter_name(part, path): (path, variable) for path, variable in nnx.to_flat_state(abstract)}
    shapes = {key: variable.shape for key, (_, variable) in variables.items()}
    problems = mismatches(shapes, {key: value for key, value in tensors.items() if key.startswith(part + "/")})
    if problems:
        raise WeightsError(f"{directory} does not hold the {part} it describes:\n  " + "\n  ".join(problems))
    filled = [
        (path, variable.replace(jnp.asarray(tensors[key], jnp.float32))) for key, (path, variable) in variables.items()
    ]
    return nnx.merge(graph, nnx.from_flat_state(filled))


def mismatches(shapes: dict[str, tuple[int, ...]], tensors: dict[str, np.ndarray]) -> list[str]:
    """Every way in which `tensors` are not exactly the parameters that `shapes` asks for."""
    return [
        *(f"missing: {key} {list(shapes[key])}" for key in shapes if key not in tensors),
        *(f"unexpected: {key} {list(tensors[key].shape)}" for key in tensors if key not in shapes),
        *(
            f"misshapen: {key} is {list(tensors[key].shape)}, not {list(shape)}"
            for key, shape in shapes.items()
            if key in tensors and tensors[key].shape != shape
        ),
    ]


def identity(description: dict[str, Any]) -> str:
    """12 hexadecimal digits for what a description speaks of, wherever it was converted from."""
    content = {key: description[key] for key in ("version", "parts", "prompts", "tensors")}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def file_sha256(path: str | os.PathLike) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
