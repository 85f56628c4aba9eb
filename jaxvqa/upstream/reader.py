"""Reads published PyTorch checkpoints as numpy arrays, without running anything that is in them."""

import contextlib
import io
import os
import pickle
import resource
import struct
import warnings
import zipfile
import zlib
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
from packaging.version import Version

from ..errors import CheckpointError, first_line
from ..system.untrusted import DAMAGE, lacks_memory, untrusted

TORCH = "2.6"  # the oldest whose restricted unpickling runs no code (CVE-2025-32434); as in pyproject.toml
SLACK = 1 << 26  # bytes that an archive may unpack to beyond its own size: tensors are stored as they are, code is not
# What torch makes of a damaged file, beside what other readers do.
TORCH_DAMAGE = (
    *DAMAGE,
    RuntimeError,
    AssertionError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    pickle.UnpicklingError,
)
WORK = 4 << 30  # bytes that reading may take beyond four copies of the checkpoint, of which two are needed


def check_torch() -> None:
    """Raises a CheckpointError if PyTorch, which conversion takes, is missing or older than `TORCH`."""
    try:
        import torch
    except ImportError as error:
        raise CheckpointError(
            "conversion needs PyTorch: pip install 'jaxvqa[convert]' (in a clone: pip install -e '.[convert]')."
        ) from error
    if Version(str(torch.__version__)) < Version(TORCH):
        raise CheckpointError(
            f"PyTorch {torch.__version__} can run code that a checkpoint holds; conversion needs {TORCH} or newer: pip "
            f"install 'torch>={TORCH}'."
        )


def read_checkpoint(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """The tensors of a state dict, flat, nested under `state_dict`, or in a TorchScript archive.

    Pickles are read with torch's restricted unpickler (`weights_only=True`, plus the numpy scalars
    that training scripts store beside the weights), TorchScript archives with `torch.jit.load`,
    which builds modules and would call nothing but a `__setstate__` of theirs: archives with one are refused.
    Memory is bounded by the size of the file, whatever sizes are given in it.

    Returns:
        {key: array} in the dtypes of the file; bfloat16, which numpy lacks, becomes float32.

    Raises:
        CheckpointError: no such file, not a checkpoint, or one that holds more than tensors.
    """
    check_torch()
    import torch

    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"checkpoint {path} does not exist or is not a file.")
    if path.stat().st_size == 0:
        raise CheckpointError(f"checkpoint {path} is empty: download it again.")
    with untrusted(
        f"checkpoint {path}", CheckpointError, "download it again", "cannot be read as a PyTorch file", TORCH_DAMAGE
    ):
        state = read_state(path)
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(
        isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in state.items()
    ):
        raise CheckpointError(f"checkpoint {path} is not a state dict (parameter names to tensors).")
    arrays = {}
    for key, value in state.items():
        try:
            if value.numel() * value.element_size() > value.untyped_storage().nbytes():
                raise TypeError("it repeats numbers to look larger than it is")
            arrays[key] = (value.float() if value.dtype == torch.bfloat16 else value).detach().numpy()
        except (TypeError, RuntimeError) as error:
            if lacks_memory(error):
                raise
            raise CheckpointError(f"checkpoint {path}: {key} is no plain tensor ({first_line(error)}).") from error
    return arrays


def read_state(path: Path) -> Any:
    """What a checkpoint holds, with tensors of torch.

    Raises:
        CheckpointError: it was refused, and nothing in it was run.
    """
    import torch

    try:
        with bounded_memory(4 * path.stat().st_size + WORK):
            archive = repack(path)
            if archive and is_torchscript(path, archive):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # TorchScript is deprecated, but it is what CLIP is published in
                    return torch.jit.load(archive, map_location="cpu").state_dict()
            with torch.serialization.safe_globals(numpy_scalars()):
                return torch.load(archive or path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:  # torch's own words go on to advise loading the file without protection
        raise CheckpointError(
            f"checkpoint {path} was refused and nothing in it was run: it is damaged, no PyTorch file, or its pickle "
            "holds more than tensors."
        ) from error
    except (MemoryError, RuntimeError) as error:
        if not lacks_memory(error):
            raise
        raise CheckpointError(
            f"checkpoint {path} was refused: reading it takes more memory than its size accounts for, or than this "
            "process may have."
        ) from error


@contextlib.contextmanager
def bounded_memory(size: int) -> Generator[None, None, None]:
    """Lets this process take some bytes more than it has, and no more: beyond, there is a MemoryError.

    Systems other than Linux neither say what a process has nor keep to such a limit: there is none on them.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        yield
        return
    limits = resource.getrlimit(resource.RLIMIT_DATA)
    size += 1024 * int(status.read_text().partition("VmData:")[2].split()[0])
    size = min(size, *(limit for limit in (*limits, size) if limit != resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_DATA, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, limits)


def repack(path: Path) -> io.BytesIO | None:
    """A zip archive, checked and packed anew; None for what is none.

    Archives can be made so that different programs find different files in them: here, what is checked is what torch
    reads.

    Raises:
        CheckpointError: it would unpack to much more than its size.
    """
    with path.open("rb") as file:
        if file.read(4) != b"PK\3\4":  # as torch tells them apart
            return None
    packed = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(packed, "w") as copy:
        size, unpacked = path.stat().st_size, sum(member.file_size for member in archive.infolist())
        if unpacked > size + SLACK:
            raise CheckpointError(
                f"checkpoint {path} was refused: its {size} bytes unpack to {unpacked}, as no PyTorch file does."
            )
        for member in archive.infolist():
            copy.writestr(member.filename, archive.read(member))
    return packed


def is_torchscript(path: Path, archive: io.BytesIO) -> bool:
    """Whether an archive is TorchScript: one with a `constants.pkl`.

    Raises:
        CheckpointError: its code has a `__setstate__`, which torch would run while loading.
    """
    with zipfile.ZipFile(archive) as members:
        if not any(name.endswith("/constants.pkl") for name in members.namelist()):
            archive.seek(0)
            return False
    # Wherever it stands: torch finds code under CODE/ as well.
    if b"__setstate__" in archive.getvalue():
        raise CheckpointError(
            f"checkpoint {path} was refused and nothing in it was run: its TorchScript has a __setstate__."
        )
    archive.seek(0)
    return True


def numpy_scalars() -> list:
    """What torch's restricted unpickler must know to read numpy numbers; none of it has side effects."""
    scalar = np.float64(0).__reduce__()[0]
    dtypes = [type(np.dtype(code)) for code in ("f2", "f4", "f8", "i4", "i8", "?")]
    return [np.dtype, *dtypes, *((scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core"))]
