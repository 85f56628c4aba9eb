"""Reads published PyTorch checkpoints as numpy arrays, without running anything that is in them."""

import contextlib
import pickle
import warnings
import zipfile
from pathlib import Path

import numpy as np

from ..errors import UserError, first_line


class CheckpointError(UserError):
    """A checkpoint that cannot be read, or does not fit the model it is meant for."""


def read_checkpoint(path: str | Path) -> dict[str, np.ndarray]:
    """The tensors of a state dict, flat, nested under `state_dict`, or in a TorchScript archive.

    Pickles are read with torch's restricted unpickler (`weights_only=True`, plus the numpy scalars
    that training scripts store beside the weights), TorchScript archives with `torch.jit.load`,
    which builds modules and would call nothing but a `__setstate__` of theirs: archives with one are refused.

    Returns:
        {key: array} in the dtypes of the file; bfloat16, which numpy lacks, becomes float32.

    Raises:
        CheckpointError: no such file, not a checkpoint, or one that holds more than tensors.
    """
    try:
        import torch
    except ImportError:
        raise CheckpointError("conversion needs PyTorch: install it with `pip install torch`.") from None

    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"checkpoint {path} does not exist or is not a file.")
    if path.stat().st_size == 0:
        raise CheckpointError(f"checkpoint {path} is empty: download it again.")
    try:
        if is_torchscript(path):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # TorchScript is deprecated, but it is what CLIP is published in
                state = torch.jit.load(path, map_location="cpu").state_dict()
        else:
            with torch.serialization.safe_globals(numpy_scalars()):
                state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:  # torch's own words go on to advise loading the file without protection
        raise CheckpointError(
            f"checkpoint {path} was refused and nothing in it was run: it is damaged, no PyTorch file, or its pickle "
            "holds more than tensors."
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError) as error:
        raise CheckpointError(
            f"checkpoint {path} cannot be read as a PyTorch file: {first_line(error)}. Download it again."
        ) from error

    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(
        isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in state.items()
    ):
        raise CheckpointError(f"checkpoint {path} is not a state dict (parameter names to tensors).")
    arrays = {}
    for key, value in state.items():
        try:
            arrays[key] = (value.float() if value.dtype == torch.bfloat16 else value).detach().numpy()
        except (TypeError, RuntimeError, NotImplementedError) as error:
            raise CheckpointError(f"checkpoint {path}: {key} is no plain tensor ({first_line(error)}).") from error
    return arrays


def is_torchscript(path: Path) -> bool:
    """Whether a file is a TorchScript archive: a zip file with a `constants.pkl`.

    Raises:
        CheckpointError: its code has a `__setstate__`, which torch would run while loading.
    """
    with contextlib.suppress(zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
        if any(name.endswith("/constants.pkl") for name in archive.namelist()):
            for member in archive.infolist():
                if "/code/" in member.filename and b"__setstate__" in archive.read(member):
                    raise CheckpointError(
                        f"checkpoint {path} was refused and nothing in it was run: its TorchScript has a __setstate__."
                    )
            return True
    return False


def numpy_scalars() -> list:
    """What torch's restricted unpickler must know to read numpy numbers; none of it has side effects."""
    scalar = np.float64(0).__reduce__()[0]
    dtypes = [type(np.dtype(code)) for code in ("f2", "f4", "f8", "i4", "i8", "?")]
    return [np.dtype, *dtypes, *((scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core"))]
