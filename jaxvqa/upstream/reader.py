"""Reads published PyTorch checkpoints as numpy arrays, without PyTorch and without running anything in them."""

import math
import os
from pathlib import Path

import numpy as np

from ..errors import CheckpointError
from .archive import ZIP, Archive, Pickles, map_file
from .torchscript import state_dict
from .values import RefusedError, ScriptObject, Tensor, shown

DIMENSIONS = 64  # that an array can have
LARGEST = 1 << 63  # sizes and positions are below


def read_checkpoint(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """The tensors of a state dict, flat, nested under `state_dict`, or in a TorchScript archive.

    Memory and time are bounded by the size of the file, whatever sizes are given in it. The arrays are read-only views
    of the file, which is mapped into memory: it must stay as it is while they are in use.

    Returns:
        {key: array} in the dtypes of the file; bfloat16, which numpy lacks, is that of ml_dtypes.

    Raises:
        CheckpointError: no such file, not a checkpoint, or one that holds more than tensors, numbers and text.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"checkpoint {path} does not exist or is not a file.")
    if path.stat().st_size == 0:
        raise CheckpointError(f"checkpoint {path} is empty: download it again.")
    try:
        data = map_file(path)
        file = Archive(path, data) if data[:4] == ZIP else Pickles(data)
        state = file.load()
        if isinstance(state, ScriptObject) and isinstance(file, Archive):
            state = state_dict(state, file)
        elif isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
            state = state["state_dict"]
        tensors = tensors_of(state)
        if tensors is None:
            raise CheckpointError(f"checkpoint {path} is not a state dict (parameter names to tensors).")
        return {key: as_array(key, tensor, file.numbers(tensor.storage), len(data)) for key, tensor in tensors.items()}
    except RefusedError as error:
        raise CheckpointError(
            f"checkpoint {path} was refused and nothing in it was run: {error}; download it again."
        ) from error


def tensors_of(state: object) -> dict[str, Tensor] | None:
    """A state dict, if it is one."""
    if not isinstance(state, dict):
        return None
    tensors = {key: each for key, each in state.items() if isinstance(key, str) and isinstance(each, Tensor)}
    return tensors if len(tensors) == len(state) else None


def as_array(key: str, tensor: Tensor, data: memoryview, limit: int) -> np.ndarray:
    """A tensor as a view of its storage.

    Args:
        key: its name.
        data: bytes of its storage.
        limit: bytes that it may seem to have.

    Raises:
        RefusedError: it is not inside its storage, or repeats numbers to look larger than the limit.
    """
    shape, strides, width = tensor.size, tensor.stride, tensor.dtype.itemsize
    if not (isinstance(shape, tuple) and isinstance(strides, tuple) and len(shape) == len(strides) <= DIMENSIONS):
        raise RefusedError(f"its tensor {shown(key)} has impossible sizes")
    if not all(type(number) is int and 0 <= number < LARGEST for number in (tensor.offset, *shape, *strides)):
        raise RefusedError(f"its tensor {shown(key)} has impossible sizes")
    if 0 in shape:
        if math.prod(max(size, 1) for size in shape) * width >= LARGEST:
            raise RefusedError(f"its tensor {shown(key)} has impossible sizes")
        return np.empty(shape, tensor.dtype)
    # A dimension of one has a stride, too, which nothing is to be multiplied with.
    strides = [stride if size > 1 else 0 for size, stride in zip(shape, strides, strict=True)]
    last = tensor.offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if (last + 1) * width > len(data):
        raise RefusedError(f"its tensor {shown(key)} goes beyond the numbers that are stored for it")
    if math.prod(shape) * width > limit:
        raise RefusedError(f"its tensor {shown(key)} repeats numbers to look larger than the file")
    return np.ndarray(shape, tensor.dtype, data, tensor.offset * width, [stride * width for stride in strides])
