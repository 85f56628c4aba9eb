import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from jaxvqa import WeightsError
from jaxvqa.system.files import file_sha256
from jaxvqa.weights.load import load_weights


@pytest.fixture
def copy(small_weights, tmp_path):
    """A copy of the small weights to spoil."""
    return shutil.copytree(small_weights, tmp_path / "weights")


def edit(directory, **changes):
    path = directory / "jaxvqa.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_missing_and_extra_tensors_are_listed(copy):
    tensors = load_file(copy / "tensors.safetensors")
    tensors["maxvqa/other"] = tensors.pop("maxvqa/context")
    save_file(tensors, copy / "tensors.safetensors")
    size, digest = (copy / "tensors.safetensors").stat().st_size, file_sha256(copy / "tensors.safetensors")
    edit(copy, tensors={"bytes": size, "sha256": digest})
    with pytest.raises(WeightsError, match=r"missing: maxvqa/context \[16\]\n  unexpected: maxvqa/other \[16\]"):
        load_weights(copy)


def seal(directory):
    """Gives a directory the checksum of its tensors, as whoever makes one to harm would."""
    tensors = directory / "tensors.safetensors"
    edit(directory, tensors={"bytes": tensors.stat().st_size, "sha256": file_sha256(tensors)})


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 1e39, 1, np.complex64(1)])
def test_numbers_that_are_none_in_float32(copy, odd):
    tensors = load_file(copy / "tensors.safetensors")
    tensors["maxvqa/context"] = np.full(16, odd)
    save_file(tensors, copy / "tensors.safetensors")
    seal(copy)
    with pytest.raises(WeightsError, match=r"describes:\n  not finite: maxvqa/context"):
        load_weights(copy)
