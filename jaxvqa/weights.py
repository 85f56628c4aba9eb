"""The weights directory: everything a model needs, in two files that can be copied anywhere.

`jaxvqa.json` describes (format version, parts and their sizes, prompts, source checkpoints
with SHA-256) and `tensors.safetensors` holds the numbers, named `part/path/to/parameter`.
Neither can contain code.
"""

import dataclasses
import functools
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import platformdirs
from flax import nnx
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from .compilation import keep_compiled
from .dimensions import DIMENSIONS, PERCENTS, default_prompts
from .errors import UserError, first_line
from .files import file_sha256, new_folder
from .models.clip_resnet import CLIPResNet, ResNetConfig
from .models.clip_text import CLIPText, TextConfig
from .models.maxvqa import FastVQAConfig, FastVQAHead, HeadConfig, MaxVQA
from .models.swin3d import SwinConfig, VideoSwin
from .prompts import join, read_pairs, with_pairs

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
ENCODERS = ("swin", "clip_visual")

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

# Weights that come with the package, and go by a name as well.
PACKAGED = {"mini": Path(__file__).with_name("mini")}

HOW_TO_GET = (
    "run `jaxvqa download`, which makes the published ones, named maxvqa, or convert checkpoints by hand "
    "(README.md, Weights)"
)


class WeightsError(UserError):
    """A weights directory that cannot be used as it is."""


@dataclasses.dataclass(frozen=True)
class Weights:
    """A weights directory in memory.

    Attributes:
        id: 12 hexadecimal digits that change with any number, size or prompt; before them the name, if there is one.
        parts: modules by name, float32.
        prompts: positive prompts of all dimensions, then the negative ones.
        training: None, or for a `maxvqa` that this package trained: `databases`, names of what it was trained on;
            `synthetic`, whether all of that is; `dimensions`, codes of those that had labels; `label_low` and
            `label_high`, the labels that raw scores 0 and 1 stand for, null in dimensions without, and
            `display_mean` and `display_deviation`, the scale of `jaxvqa.display`: 16 numbers each; `quantiles`, 21 by
            16, of the raw scores of what it was trained on, at 0, 5, ..., 100 %; if there are any, `own`, the pairs of
            words, each with the labels that raw scores 0 and 1 stand for: [good, bad, low, high]. Weights that are
            released have `name` and `limits`, texts, and `validated`, codes of dimensions that were tested on real
            videos.
        own: pairs of words that were trained beside the 16 dimensions, and have their prompts behind those.
    """

    id: str
    parts: dict[str, nnx.Module]
    prompts: list[str]
    training: dict[str, Any] | None = None
    own: tuple[tuple[str, str], ...] = ()


def build(part: str, config: Any) -> nnx.Module:
    """The module of one part with randomly initialised parameters (seed 0)."""
    return PARTS[part][0](config, nnx.Rngs(0))


@functools.cache
def abstract(part: str, config: Any) -> tuple[nnx.GraphDef, nnx.State]:
    """A part without numbers: its structure, and the shapes of its parameters."""
    # nnx.Rngs counts the keys it gives, which takes a second to trace; for shapes, one key does for all.
    rngs = SimpleNamespace(params=functools.partial(jax.random.key, 0))
    return nnx.split(nnx.eval_shape(lambda: PARTS[part][0](config, rngs)))


def flat_shapes(part: str, config: Any) -> dict[str, tuple[int, ...]]:
    """Shape of every parameter of a part by its `part/path` name."""
    state = abstract(part, config)[1]
    return {parameter_name(part, path): variable.shape for path, variable in nnx.to_flat_state(state)}


def parameter_name(part: str, path: tuple) -> str:
    """The name a parameter has in the tensors file."""
    return "/".join([part, *map(str, path)])


def save(
    directory: str | os.PathLike,
    tensors: dict[str, np.ndarray],
    configs: dict[str, Any],
    prompts: list[str],
    sources: list[dict[str, Any]],
    training: dict[str, Any] | None = None,
) -> str:
    """Writes a weights directory, whole or not at all, and returns its id.

    Args:
        directory: must not exist yet.
        tensors: by `part/path` name, any floating dtype.
        configs: config dataclass of each part.
        prompts: the prompts `maxvqa` goes with.
        sources: file name, size and SHA-256 of each checkpoint the tensors come from.
        training: as in `Weights`.

    Raises:
        UserError: the directory exists, another run is making it, or it cannot be written.
    """
    check_free(directory)
    directory = Path(directory)
    try:
        with new_folder(directory) as scratch:
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
            if training:
                description["training"] = training
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


def find(directory: str | os.PathLike) -> Path:
    """Where weights are: in the directory of that path, or, if they go by a name, where "mini" and "maxvqa" are."""
    if str(directory) == "maxvqa":
        return downloaded()
    return PACKAGED.get(str(directory)) or Path(directory)


def downloaded() -> Path:
    """Where the published weights are, or would be, once `jaxvqa download` made them."""
    return platformdirs.user_data_path("jaxvqa") / "maxvqa"


def default() -> str:
    """The name of the weights that score where none are given: the downloaded ones if there are any, else mini's."""
    return "maxvqa" if downloaded().exists() else "mini"


def load(directory: str | os.PathLike, parts: tuple[str, ...] | None = None) -> Weights:
    """Reads and verifies a weights directory; what is compiled from here on is kept for the next process.

    Args:
        directory: as written by `save`; "mini" for the small model that comes with the package; "maxvqa" for the
            published weights that `jaxvqa download` made; "random" or "random-small" for untrained weights.
        parts: names of the parts to build; by default all that it holds. Where the head holds the features of its
            prompts, there is no `clip_text`, whoever asks for it.

    Raises:
        WeightsError: not a weights directory, of another version, incomplete, altered, or without a wanted part.
    """
    keep_compiled()
    if str(directory) in RANDOM:
        return random_weights(str(directory), parts or SCORING_PARTS)
    directory = find(directory)
    description = read_description(directory)
    if parts and holds_prompts(description):
        parts = tuple(part for part in parts if part != "clip_text")
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
        modules[part] = fill(directory, part, description["parts"][part], read_tensors(path, part))
    training = description.get("training")
    name = f"{training['name']}-" if training and "name" in training else ""
    return Weights(name + identity(description), modules, description["prompts"], training, trained_pairs(training))


def random_weights(name: str, parts: tuple[str, ...]) -> Weights:
    """Parts with random parameters, of full size ("random") or small ("random-small"), always the same ones.

    The scores they give mean nothing; those of full size cost what published ones do.
    """
    generator = np.random.default_rng(0)
    modules = {}
    for part in parts:
        config = RANDOM[name][part]
        tensors = {key: initial(key, shape, generator) for key, shape in flat_shapes(part, config).items()}
        modules[part] = assemble(part, config, tensors)
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


def encoders_id(parts: dict[str, nnx.Module]) -> str:
    """12 hexadecimal digits that change with any size or number of the two encoders."""
    digest = hashlib.sha256()
    for part in ENCODERS:
        digest.update(repr(parts[part].config).encode())
        for name, values in tensors_of(part, parts[part]).items():
            digest.update(name.encode() + values.tobytes())
    return digest.hexdigest()[:12]


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
    except (OSError, ValueError, RecursionError) as error:
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
    if unknown := parts.keys() - PARTS.keys():
        raise WeightsError(
            f"{directory / DESCRIPTION} names unknown parts {', '.join(sorted(unknown))}: convert again."
        )
    if "training" in description and not sound_training(description["training"]):
        raise WeightsError(f"{directory / DESCRIPTION} has no sound account of its training: train or copy again.")
    count = 2 * (len(DIMENSIONS) + len(trained_pairs(description.get("training"))))
    if len(prompts) != count or not all(isinstance(prompt, str) for prompt in prompts):
        raise WeightsError(f"{directory / DESCRIPTION} must have {count} prompts: train or convert again.")
    return description


def trained_pairs(training: dict[str, Any] | None) -> tuple[tuple[str, str], ...]:
    """The pairs of words that were trained beside the 16 dimensions, by an account of a training."""
    return tuple((good, bad) for good, bad, _, _ in (training or {}).get("own", ()))


def with_own(loaded: Weights, pairs: Iterable[tuple[str, str]]) -> Weights:
    """Weights to train in more pairs of words than they were trained in.

    Where the head holds the features of its prompts, those of new ones start as the overall ones.
    """
    new = tuple(pair for pair in pairs if pair not in loaded.own)
    parts, head = dict(loaded.parts), loaded.parts.get("maxvqa")
    if new and head and head.prompts is not None:
        halves = np.split(np.asarray(head.prompts[...]), 2)
        features = np.concatenate([part for half in halves for part in (half, half[:1].repeat(len(new), 0))])
        config = dataclasses.replace(head.config, prompts=len(features))
        tensors = tensors_of("maxvqa", head) | {"maxvqa/prompts": features}
        parts["maxvqa"] = assemble("maxvqa", config, tensors)
    prompts = with_pairs(loaded.prompts, new)
    return dataclasses.replace(loaded, parts=parts, prompts=prompts, own=loaded.own + new)


def holds_prompts(description: dict[str, Any]) -> bool:
    """Whether the head that is described holds the features of its prompts."""
    sizes = description["parts"].get("maxvqa")
    return isinstance(sizes, dict) and bool(sizes.get("prompts"))


def sound_training(training: Any) -> bool:
    """Whether an account of a training has the fields, and 16 numbers in each that has numbers."""
    try:
        numbers = [
            np.array(training[field], float)
            for field in ("label_low", "label_high", "display_mean", "display_deviation")
        ]
        quantiles = np.array(training["quantiles"], float)
        facts = (training["databases"], training["synthetic"], training["dimensions"])
        released = [training[field] for field in ("name", "limits", "validated") if field in training]
        own = [
            (*read_pairs(join((good, bad))), low is high is None or low < high)
            for good, bad, low, high in training.get("own", [])
        ]
    except (TypeError, KeyError, ValueError, OverflowError, UserError):
        return False
    display = np.stack(numbers[2:]) if all(x.shape == (len(DIMENSIONS),) for x in numbers) else np.array(np.nan)
    return (
        list(map(type, facts)) == [list, bool, list]
        and all(len(pair) == 2 and pair[1] for pair in own)
        and len({pair for pair, _ in own}) == len(own)
        and list(map(type, released)) in ([], [str, str, list])
        # They are shown as they are, in terminals as well.
        and all(isinstance(text, str) and text.isprintable() for text in facts[0] + facts[2] + released[:2])
        and quantiles.shape == (len(PERCENTS), len(DIMENSIONS))
        and bool(np.isfinite(display).all() and (display[1] > 0).all() and (np.diff(quantiles, axis=0) >= 0).all())
        and bool(quantiles.min() >= 0 and quantiles.max() <= 1)
    )


def unvalidated(training: dict[str, Any] | None) -> list[str]:
    """Codes of the dimensions in which weights are not known to follow flaws of real videos.

    Those are all but the ones in which they were tested; of weights that were not, all if they were trained on nothing
    but synthetic videos, else the ones without labels. Of published weights nothing is known here.
    """
    if not training:
        return []
    known = training.get("validated", () if training["synthetic"] else training["dimensions"])
    return [dimension.code for dimension in DIMENSIONS if dimension.code not in known]


def notice(training: dict[str, Any] | None) -> str:
    """What there is to say of scores of weights with such an account of their training; empty without one."""
    if not training:
        return ""
    if "validated" in training:
        return f"{training['name']}: {training['limits']}. Dimensions with * are not validated."
    untrained = [dimension.code for dimension in DIMENSIONS if dimension.code not in training["dimensions"]]
    return (
        f"Trained on {', '.join(training['databases'])}."
        + (" That is synthetic: no dimension is validated on real videos (*)." if training["synthetic"] else "")
        + (f" Never trained (*): {', '.join(untrained)}." if untrained else "")
    )


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
    try:
        with safe_open(path, "numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys() if name.startswith(f"{part}/")}  # noqa: SIM118
    except (SafetensorError, OSError, TypeError, AttributeError) as error:  # the last two, of dtypes that numpy lacks
        raise WeightsError(f"{path} cannot be read ({first_line(error)}): copy or convert it again.") from error


def fill(directory: Path, part: str, sizes: dict[str, Any], tensors: dict[str, np.ndarray]) -> nnx.Module:
    """One part of the sizes that a description gives, with its parameters as float32."""
    try:
        config = PARTS[part][1](**{k: tuple(v) if isinstance(v, list) else v for k, v in sizes.items()})
        blocks = sum(sum(np.atleast_1d(sizes.get(key, 0)).tolist()) for key in ("depth", "depths"))
        if blocks > len(tensors):  # each has some; to lay out a million of them would take for ever
            raise ValueError(f"{blocks} blocks, but {len(tensors)} tensors")
        shapes = flat_shapes(part, config)
    except Exception as error:  # Flax and JAX meet sizes that make no sense with whatever fails first
        raise WeightsError(
            f"{directory / DESCRIPTION} gives sizes of {part} that do not fit ({first_line(error)}): convert again."
        ) from error
    problems = mismatches(shapes, tensors)
    if problems:
        raise WeightsError(f"{directory} does not hold the {part} it describes:\n  " + "\n  ".join(problems))
    return assemble(part, config, tensors)


def assemble(part: str, config: Any, tensors: dict[str, np.ndarray]) -> nnx.Module:
    """A part of given sizes with its parameters, by name, as float32."""
    graph, state = abstract(part, config)
    filled = [
        (path, variable.replace(jnp.asarray(tensors[parameter_name(part, path)].astype(np.float32))))
        for path, variable in nnx.to_flat_state(state)
    ]
    return nnx.merge(graph, nnx.from_flat_state(filled))


def tensors_of(part: str, module: nnx.Module) -> dict[str, np.ndarray]:
    """The parameters of a part by name: the inverse of `assemble`."""
    return {
        parameter_name(part, path): np.asarray(variable[...]) for path, variable in nnx.to_flat_state(nnx.state(module))
    }


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
