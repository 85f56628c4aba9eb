"""The weights directory: everything a model needs, in two files that can be copied anywhere.

`jaxvqa.json` describes (format version, parts and their sizes, prompts, source checkpoints
with SHA-256) and `tensors.safetensors` holds the numbers, named `part/path/to/parameter`.
Neither can contain code.
"""

import dataclasses
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ..dimensions import DIMENSIONS
from ..errors import WeightsError, first_line
from ..system.files import atomic_folder, file_sha256
from ..text.prompts import PromptPair
from .model_card import ModelCard, trained_pairs

FORMAT, VERSION = "jaxvqa-weights", 1
DESCRIPTION, TENSORS = "jaxvqa.json", "tensors.safetensors"

HOW_TO_GET = (
    "run `jaxvqa download`, which makes the published ones, named maxvqa, or convert checkpoints by hand "
    "(docs/weights.md)"
)


@dataclasses.dataclass(frozen=True)
class Weights:
    """A weights directory in memory.

    Attributes:
        id: 12 hexadecimal digits that change with any number, size or prompt; before them the name, if there is one.
        parts: modules by name, as in `jaxvqa.weights.assemble.PARTS`, float32.
        prompts: positive prompts of all dimensions, then the negative ones.
        card: what is known of weights that this package trained; None for published and random ones.
        custom: prompt pairs scored next to the 16 dimensions, which have their prompts behind those.
    """

    id: str
    parts: dict[str, Any]
    prompts: list[str]
    card: ModelCard | None = None
    custom: tuple[PromptPair, ...] = ()


def save_weights(
    directory: str | os.PathLike,
    tensors: dict[str, np.ndarray],
    configs: dict[str, Any],
    prompts: list[str],
    sources: list[dict[str, Any]],
    card: ModelCard | None = None,
) -> str:
    """Writes a weights directory, whole or not at all, and returns its id.

    Args:
        directory: must not exist yet.
        tensors: by `part/path` name, any floating dtype.
        configs: config dataclass of each part.
        prompts: the prompts `maxvqa` goes with.
        sources: file name, size and SHA-256 of each checkpoint the tensors come from.
        card: as in `Weights`.

    Raises:
        UserError: the directory exists, another run is making it, or it cannot be written.
    """
    check_free(directory)
    directory = Path(directory)
    try:
        with atomic_folder(directory) as scratch:
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
            if card:
                description["training"] = card.to_json()
            (scratch / DESCRIPTION).write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise WeightsError(f"{directory} cannot be written: {error.strerror}.") from error
    except SafetensorError as error:
        raise WeightsError(f"{directory} cannot be written: {first_line(error)}.") from error
    return identity(description)


def check_free(directory: str | os.PathLike) -> None:
    """Raises a WeightsError if a directory that is to be made exists."""
    if os.path.lexists(directory):
        raise WeightsError(f"{directory} already exists: remove it or choose another output directory.")


def read_description(directory: Path) -> dict[str, Any]:
    """Reads `jaxvqa.json` of a directory, checked for format, version and a valid model card."""
    if not directory.is_dir():
        kind = "is a file, not a weights directory" if directory.exists() else "does not exist"
        raise WeightsError(f"weights directory {directory} {kind}: {HOW_TO_GET}.")
    try:
        description = json.loads((directory / DESCRIPTION).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WeightsError(
            f"{directory} has no {DESCRIPTION}, so it is no jaxvqa weights directory: {HOW_TO_GET}."
        ) from None
    except (ValueError, RecursionError) as error:
        raise WeightsError(
            f"{directory / DESCRIPTION} cannot be read ({first_line(error)}): copy or convert the directory again."
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
    try:
        card = card_of(description)
    except WeightsError as error:
        raise WeightsError(
            f"{directory / DESCRIPTION} has no valid model card ({first_line(error)}): train or copy again."
        ) from error
    count = 2 * (len(DIMENSIONS) + len(trained_pairs(card)))
    if len(prompts) != count or not all(isinstance(prompt, str) for prompt in prompts):
        raise WeightsError(f"{directory / DESCRIPTION} must have {count} prompts: train or convert again.")
    return description


def card_of(description: dict[str, Any]) -> ModelCard | None:
    """Returns the model card in a description, if there is one.

    Raises:
        WeightsError: as `ModelCard.from_json`.
    """
    return ModelCard.from_json(description["training"]) if "training" in description else None


def check_tensors(directory: Path, description: dict[str, Any]) -> Path:
    """The tensors file of a directory, after checking that it is the one its description speaks of."""
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
    return path


def read_tensors(path: Path, part: str) -> dict[str, np.ndarray]:
    """The tensors of one part."""
    path.open("rb").close()  # of what cannot be opened, Safetensors says that it is not there, whatever the cause
    try:
        with safe_open(path, "numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys() if name.startswith(f"{part}/")}  # noqa: SIM118
    except (SafetensorError, TypeError, AttributeError) as error:  # the last two, of dtypes that numpy lacks
        raise WeightsError(f"{path} cannot be read ({first_line(error)}): copy or convert it again.") from error


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
        *(f"not finite: {key} holds what is no number in float32" for key in tensors if not is_finite(tensors[key])),
    ]


def is_finite(values: np.ndarray) -> bool:
    """Whether values are floating-point numbers that remain such in float32."""
    with np.errstate(over="ignore"):
        return np.issubdtype(values.dtype, np.floating) and bool(np.isfinite(values.astype(np.float32)).all())


def identity(description: dict[str, Any]) -> str:
    """12 hexadecimal digits for what a description speaks of, wherever it was converted from."""
    keys = ("version", "parts", "prompts", "tensors", "training")
    content = {key: description[key] for key in keys if key in description}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def full_id(description: dict[str, Any]) -> str:
    """The id of weights: their identity, after their name if they were released."""
    card = card_of(description)
    return (f"{card.name}-" if card and card.name else "") + identity(description)
