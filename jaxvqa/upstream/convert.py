"""Published checkpoints to a weights directory."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from ..dimensions import default_prompts
from ..errors import CheckpointError, few_of_each
from ..models.maxvqa import HeadConfig
from ..system.files import file_sha256
from ..text.tokens import tokenize
from ..weights.assemble import PARTS, flat_shapes
from ..weights.directory import check_free, is_finite, save_weights
from . import parameter_names
from .reader import read_checkpoint
from .together import check_together
from .values import shown

# The prefixes of backbone and head in DOVER.pth, in FAST_VQA_B_1_4.pth, and in some exports of the latter.
FASTVQA_PREFIXES = (
    ("technical_backbone", "technical_head"),
    ("fragments_backbone", "vqa_head"),
    ("backbone", "vqa_head"),
)


def convert_checkpoints(
    output: str | os.PathLike,
    fastvqa: str | os.PathLike | None = None,
    clip: str | os.PathLike | None = None,
    maxvqa: str | os.PathLike | None = None,
    swin: str | os.PathLike | None = None,
) -> str:
    """Converts published checkpoints into one weights directory and returns its id.

    Args:
        output: directory to make; scoring needs all three checkpoints in it.
        fastvqa: DOVER.pth or FAST_VQA_B_1_4.pth: the technical encoder and FAST-VQA's own head.
        clip: CLIP's RN50.pt: the aesthetic encoder and the text transformer.
        maxvqa: maxvqa_maxwell.pt: context vector and fusion MLP, shallow or deep; goes with `clip`.
        swin: instead of `fastvqa`, the technical encoder as Video Swin's authors trained it on Kinetics-400,
            swin_tiny_patch244_window877_kinetics400_1k.pth: to be trained further.

    Raises:
        CheckpointError: a checkpoint cannot be read, or its tensors are not exactly those of its model.
        WeightsError: the output exists or cannot be written.
    """
    check_together(fastvqa, clip, maxvqa, swin)
    check_free(output)
    configs: dict[str, Any] = {}
    tensors: dict[str, np.ndarray] = {}

    def take(path, state, table, part_configs, required=()):
        configs.update(part_configs)
        shapes = {k: v for part, config in part_configs.items() for k, v in flat_shapes(part, config).items()}
        tensors.update(fit_tensors(path, state, table, shapes, required))

    if fastvqa:
        state = read_checkpoint(fastvqa)
        take(fastvqa, state, fastvqa_table(state), published_sizes("swin", "fastvqa_head"))
    if swin:
        take(swin, read_checkpoint(swin), parameter_names.video_swin(), published_sizes("swin"))
    if clip:
        take(clip, read_checkpoint(clip), parameter_names.clip(), published_sizes("clip_visual", "clip_text"))
    if maxvqa:
        state = read_checkpoint(maxvqa)
        deep = any(key.startswith("implicit_mlp.model.") for key in state)
        config = HeadConfig(depth=4 if deep else 2)
        take(maxvqa, state, parameter_names.maxvqa(deep), {"maxvqa": config}, required=("prefix", "suffix"))
        check_prompts(maxvqa, state, tensors["clip_text/embedding/embedding"])
    sources = [
        {"file": Path(path).name, "bytes": Path(path).stat().st_size, "sha256": file_sha256(path)}
        for path in (fastvqa, swin, clip, maxvqa)
        if path
    ]
    return save_weights(output, tensors, configs, default_prompts(), sources)


def published_sizes(*parts: str) -> dict[str, Any]:
    """The published sizes of some parts."""
    return {part: PARTS[part][1]() for part in parts}


def fastvqa_table(state: dict[str, np.ndarray]) -> parameter_names.Table:
    """The table for the prefixes that a checkpoint of the FAST-VQA family uses."""
    for backbone, head in FASTVQA_PREFIXES:
        if any(key.startswith(backbone + ".") for key in state):
            return parameter_names.fastvqa(backbone, head)
    return parameter_names.fastvqa(*FASTVQA_PREFIXES[0])


def fit_tensors(
    path: str | os.PathLike,
    state: dict[str, np.ndarray],
    table: parameter_names.Table,
    shapes: dict[str, tuple[int, ...]],
    required: Iterable[str] = (),
) -> dict[str, np.ndarray]:
    """Takes every parameter of `shapes` from a state dict, and accounts for every key in it.

    Args:
        required: keys that the table ignores but the checkpoint must have.

    Raises:
        CheckpointError: counts the tensors that do not fit, and lists the first missing, unexpected, misshapen and
            non-finite ones.
    """
    fitted, used = {}, set()
    problems = [f"missing: {key}" for key in required if key not in state]
    for ours, shape in shapes.items():
        row, key = find_row(table, ours)
        used.add(key)
        if key not in state:
            problems.append(f"missing: {key}")
            continue
        try:
            value = row.transform(state[key])
        except (ValueError, IndexError):
            value = None
        if value is None or value.shape != shape:
            problems.append(f"misshapen: {key} is {list(state[key].shape)}, which does not make {ours} {list(shape)}")
            continue
        if value.dtype == ml_dtypes.bfloat16:  # which neither numpy's functions nor its Safetensors know
            value = value.astype(np.float32)
        if is_finite(value):
            fitted[ours] = np.ascontiguousarray(value)
        else:
            problems.append(f"not finite: {key} holds what is no number in float32")
    for key, value in state.items():
        if key not in used and not re.fullmatch(table.ignored, key):
            problems.append(f"unexpected: {shown(key)} {list(value.shape)}")
    if problems:
        parts = " and ".join(sorted({name.split("/")[0] for name in shapes}))
        raise CheckpointError(
            f"{path} is not a checkpoint of {parts}, {len(problems)} tensors do not fit:{few_of_each(problems)}"
        )
    return fitted


def find_row(table: parameter_names.Table, ours: str) -> tuple[parameter_names.Row, str]:
    """The one row of a table for a parameter of ours, and the key it stands for."""
    found = [(row, match.expand(row.theirs)) for row in table.rows if (match := re.fullmatch(row.ours, ours))]
    if len(found) != 1:
        raise LookupError(f"{len(found)} rows of the table match {ours}")
    return found[0]


def check_prompts(path: str | os.PathLike, state: dict[str, np.ndarray], embedding: np.ndarray) -> None:
    """Makes sure that a MaxVQA checkpoint was trained with our prompts and this CLIP.

    The checkpoint repeats the token embeddings of its prompts around the context vector.

    Raises:
        CheckpointError: they are not CLIP's embeddings of the default prompts.
    """
    prompts = default_prompts()
    expected = embedding[tokenize(prompts)].astype(np.float32)
    expected = {"prefix": expected[:, :1], "suffix": expected[:, 2:]}
    for key, wanted in expected.items():
        if state[key].shape != wanted.shape:
            raise CheckpointError(f"{path}: {key} is {list(state[key].shape)} instead of {list(wanted.shape)}.")
        # CLIP is published in float16, which is this coarse for its largest embeddings.
        wrong = ~(np.abs(state[key] - wanted).max(axis=(1, 2)) <= 1e-3)  # NaN as well
        if wrong.any():
            raise CheckpointError(
                f"{path} does not go with this CLIP and the default prompts: its {key} differs from CLIP's token "
                f"embeddings for {wrong.sum()} of {len(prompts)} prompts, the first being {prompts[wrong.argmax()]!r}."
            )
