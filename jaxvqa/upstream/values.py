"""What the pickles of PyTorch may hold, and the functions that they may call, each done here.

Storages and tensors are descriptions: their numbers stand elsewhere in the file.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

from ..system.terminal import printable

SHOWN = 100  # characters of a name in a sentence
CUT = "it is damaged or truncated"
SETSTATE = "{} in its TorchScript has a __setstate__, which would have to be run"
DTYPES = {
    "torch.FloatStorage": np.dtype("<f4"),
    "torch.DoubleStorage": np.dtype("<f8"),
    "torch.HalfStorage": np.dtype("<f2"),
    "torch.BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "torch.LongStorage": np.dtype("<i8"),
    "torch.IntStorage": np.dtype("<i4"),
    "torch.ShortStorage": np.dtype("<i2"),
    "torch.CharStorage": np.dtype("i1"),
    "torch.ByteStorage": np.dtype("u1"),
    "torch.BoolStorage": np.dtype("?"),
    "torch.ComplexFloatStorage": np.dtype("<c8"),
    "torch.ComplexDoubleStorage": np.dtype("<c16"),
    "torch.storage.UntypedStorage": np.dtype("u1"),
    "torch.uint16": np.dtype("<u2"),  # the last three have no storage of their name: theirs is untyped
    "torch.uint32": np.dtype("<u4"),
    "torch.uint64": np.dtype("<u8"),
}
NUMBERS = frozenset("f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1".split())  # numpy's, as scalars beside the weights


class RefusedError(Exception):
    """What a file holds is not read. The message completes "it was refused: "."""


@dataclasses.dataclass(frozen=True, slots=True)
class Global:
    """The name of a class or function."""

    name: str


@dataclasses.dataclass(frozen=True, slots=True)
class Storage:
    """The numbers of one or more tensors, which stand outside of the pickle.

    Attributes:
        dtype: of the numbers.
        key: where they stand.
        count: how many they are.
    """

    dtype: np.dtype
    key: str
    count: int


@dataclasses.dataclass(frozen=True, slots=True)
class Tensor:
    """A view of a storage. The last three are as the pickle has them: of any type, and in no bounds.

    Attributes:
        dtype: of the numbers.
        storage: that they are in.
        offset: of the first one, in numbers.
        size: of each dimension, a tuple.
        stride: numbers from one to the next in each dimension, a tuple.
    """

    dtype: np.dtype
    storage: Storage
    offset: Any
    size: Any
    stride: Any


@dataclasses.dataclass(frozen=True, slots=True)
class NumberType:
    """The type of a number of numpy's."""

    dtype: np.dtype


@dataclasses.dataclass(slots=True)
class ScriptObject:
    """An object of TorchScript: the name of its class, and its attributes."""

    name: str
    attributes: dict


def shown(name: object) -> str:
    """Text of a stranger's file, made fit for a sentence."""
    text = str(name)
    return printable(text[:SHOWN]) + "..." * (len(text) > SHOWN)


def rebuild(args: tuple) -> Tensor:
    """`torch._utils._rebuild_tensor` and `_rebuild_tensor_v2`."""
    match args:
        # At the end gradients, hooks, and whether numbers are to be conjugated or negated, which is not done here.
        case Storage() as storage, offset, size, stride, *rest if len(rest) <= 3 and not any(rest[2:]):
            return Tensor(storage.dtype, storage, offset, size, stride)
    raise RefusedError("a tensor in its pickle is put together in no known way")


def rebuild_untyped(args: tuple) -> Tensor:
    """`torch._utils._rebuild_tensor_v3`."""
    match args:
        case Storage() as storage, offset, size, stride, _, _, Global(name), *rest if name in DTYPES and not any(rest):
            return Tensor(DTYPES[name], storage, offset, size, stride)
    raise RefusedError("a tensor in its pickle is put together in no known way")


def first(args: tuple) -> Any:
    """What only gives its first argument a type or more attributes, both without meaning here."""
    if not args:
        raise RefusedError(CUT)
    return args[0]


def empty(args: tuple) -> dict:
    """`collections.OrderedDict`, which is filled afterwards."""
    if args:
        raise RefusedError("an OrderedDict in its pickle is put together in no known way")
    return {}


def encode(args: tuple) -> bytes:
    """`_codecs.encode`, by which protocol 2 has the bytes of a number of numpy's."""
    match args:
        case str(text), "latin1" if len(text) <= 8 and max(text, default="") <= "\xff":
            return text.encode("latin1")
    raise RefusedError("its pickle holds bytes, which are no number")


def number_type(args: tuple) -> NumberType:
    """`numpy.dtype`."""
    match args:
        case (str(code), _, _) if code in NUMBERS:
            return NumberType(np.dtype(code))
    raise RefusedError("its pickle holds numbers of numpy's of no known type")


def number(args: tuple) -> int | float | bool:
    """`numpy.core.multiarray.scalar`."""
    match args:
        case NumberType(dtype), bytes(data) if len(data) == dtype.itemsize:
            return np.frombuffer(data, dtype)[0].item()
    raise RefusedError("a number of numpy's in its pickle is put together in no known way")


CALLS: dict[str, Callable[[tuple], Any]] = {
    "collections.OrderedDict": empty,
    "torch._utils._rebuild_tensor": rebuild,
    "torch._utils._rebuild_tensor_v2": rebuild,
    "torch._utils._rebuild_tensor_v3": rebuild_untyped,
    "torch._utils._rebuild_parameter": first,
    "torch._utils._rebuild_parameter_with_state": first,
    "torch.Size": first,
    "torch.device": first,
    "collections.Counter": first,
    "torch.jit._pickle.build_intlist": first,
    "torch.jit._pickle.build_doublelist": first,
    "torch.jit._pickle.build_boollist": first,
    "torch.jit._pickle.build_tensorlist": first,
    "torch.jit._pickle.restore_type_tag": first,
    "_codecs.encode": encode,
    "numpy.dtype": number_type,
    "numpy.core.multiarray.scalar": number,
    "numpy._core.multiarray.scalar": number,
}
