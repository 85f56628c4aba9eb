import os
import pickle
import re
import resource
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from jaxvqa.errors import CheckpointError
from jaxvqa.upstream.convert import convert_checkpoints
from jaxvqa.upstream.reader import TORCH, read_checkpoint

ROOT = Path(__file__).parents[2]


def tensors(arrays):
    return {key: torch.from_numpy(np.array(value)) for key, value in arrays.items()}


def save(path, arrays):
    torch.save(tensors(arrays), path)
    return path


def torchscript(path, arrays, **integers):
    """A TorchScript archive with these parameters, as CLIP is published."""
    root = torch.nn.Module()
    for key, value in tensors(arrays).items():
        *folders, leaf = key.split(".")
        module = root
        for folder in folders:
            if not hasattr(module, folder):
                module.add_module(folder, torch.nn.Module())
            module = getattr(module, folder)
        module.register_buffer(leaf, value)
    for key, value in integers.items():
        root.register_buffer(key, torch.tensor(value))
    torch.jit.save(torch.jit.script(root), path)
    return path


def test_torchscript_archive_in_half_precision(full_weights, checkpoints, standin, tmp_path):
    half = {key: np.asarray(value, np.float16) for key, value in standin("clip_rn50").items()}
    integers = {"input_resolution": 224, "context_length": 77, "vocab_size": 49408}
    archive = torchscript(tmp_path / "RN50.pt", half, **integers)
    convert_checkpoints(tmp_path / "weights", clip=archive, maxvqa=checkpoints["maxvqa"])
    ours, full = (load_file(folder / "tensors.safetensors") for folder in (tmp_path / "weights", full_weights))
    for key in (key for key in full if key.startswith("clip")):
        assert ours[key].dtype == np.float16
        np.testing.assert_allclose(ours[key], full[key], rtol=1e-3, atol=1e-6)


class RunsCode:
    """Pickles to a call of os.system."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.hostile
def test_code_in_a_pickle_is_not_run(tmp_path):
    trace = tmp_path / "code-was-run"
    attack = RunsCode(f"touch {trace}")
    torch.save({"state_dict": attack}, tmp_path / "zip.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps({"a": attack}, protocol=2))
    for name in ("zip.pth", "plain.pth"):
        with pytest.raises(CheckpointError, match=f"{name} (was refused and nothing in it was run|cannot be read)"):
            read_checkpoint(tmp_path / name)
        assert not trace.exists()


class RunsOnLoading(torch.nn.Module):
    """TorchScript that writes a file when it is loaded."""

    def __init__(self):
        super().__init__()
        self.x = torch.nn.Parameter(torch.zeros(1))

    @torch.jit.export
    def __getstate__(self):
        return self.x, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]):
        print("code was run")
        self.x = state[0]
        self.training = state[1]

    def forward(self):
        return self.x


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
def test_code_in_torchscript_is_not_run(tmp_path, capfd):
    torch.jit.save(torch.jit.script(RunsOnLoading()), tmp_path / "evil.pt")
    torch.jit.load(tmp_path / "evil.pt")
    assert "code was run" in capfd.readouterr().out
    with pytest.raises(CheckpointError, match="was refused and nothing in it was run"):
        read_checkpoint(tmp_path / "evil.pt")
    assert "code was run" not in capfd.readouterr().out


def repacked(path, source, change, compression=zipfile.ZIP_STORED):
    """An archive like another, whose members a function gives other names or contents."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(path, "w", compression) as copy:
        for name in archive.namelist():
            copy.writestr(*change(name, archive.read(name)))
    return path


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
def test_code_in_torchscript_is_found_wherever_torch_finds_it(tmp_path, capfd):
    torch.jit.save(torch.jit.script(RunsOnLoading()), tmp_path / "evil.pt")
    hidden = repacked(tmp_path / "a.pt", tmp_path / "evil.pt", lambda name, x: (name.replace("/code/", "/CODE/"), x))
    torch.jit.load(hidden)
    assert "code was run" in capfd.readouterr().out
    with pytest.raises(CheckpointError, match="was refused and nothing in it was run"):
        read_checkpoint(hidden)
    assert "code was run" not in capfd.readouterr().out


@pytest.mark.hostile
def test_memory_is_bounded_by_the_size_of_the_file(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_DATA)
    save(tmp_path / "whole.pth", {"a": np.zeros(1 << 28, np.uint8)})
    bomb = repacked(tmp_path / "bomb.pth", tmp_path / "whole.pth", lambda *member: member, zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 1 << 20
    (tmp_path / "whole.pth").unlink()
    torch.save({"a": torch.zeros(1).expand(1 << 20, 1 << 20)}, tmp_path / "wide.pth")
    torch.save({"a": torch.zeros(1)}, tmp_path / "legacy.pth", _use_new_zipfile_serialization=False)
    legacy = (tmp_path / "legacy.pth").read_bytes()
    number = pickle.dumps(1, 2)[2:-1]  # of numbers in the storage, as its pickle has it: the last but for the end
    at = legacy.index(b"cpu") + legacy[legacy.index(b"cpu") :].index(number)
    huge = legacy[:at] + pickle.dumps(1 << 34, 2)[2:-1] + legacy[at + len(number) :]
    (tmp_path / "huge.pth").write_bytes(huge)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, message in (
        ("bomb.pth", "was refused: its .* bytes unpack to 268.* as no PyTorch file does"),
        ("wide.pth", "a is no plain tensor .it repeats numbers to look larger than it is"),
        ("huge.pth", "was refused: reading it takes more memory|cannot be read"),
    ):
        with pytest.raises(CheckpointError, match=message):
            read_checkpoint(tmp_path / name)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 100_000  # kB
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


@pytest.mark.hostile
def test_names_in_archives_go_nowhere(tmp_path):
    whole = save(tmp_path / "whole.pth", {"a": np.zeros(3, np.float32)})
    (tmp_path / "deep" / "er").mkdir(parents=True)
    climbing = repacked(tmp_path / "deep" / "er" / "a.pth", whole, lambda name, x: (f"../../{name}", x))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(CheckpointError):
        read_checkpoint(climbing)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.hostile
def test_what_is_no_checkpoint(tmp_path):
    (tmp_path / "empty.pth").touch()
    (tmp_path / "text.pth").write_text("hello")
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"a": 1}, tmp_path / "numbers.pth")
    torch.save({1: torch.zeros(1)}, tmp_path / "integer.pth")
    torch.save({"a": torch.eye(3).to_sparse()}, tmp_path / "sparse.pth")
    whole = save(tmp_path / "whole.pth", {"a": np.zeros(1000, np.float32)}).read_bytes()
    (tmp_path / "cut.pth").write_bytes(whole[: len(whole) // 2])
    for name, message in (
        ("none.pth", "does not exist"),
        ("empty.pth", "is empty"),
        ("text.pth", "text.pth (was refused|cannot be read)"),
        ("list.pth", "is not a state dict"),
        ("numbers.pth", "is not a state dict"),
        ("integer.pth", "is not a state dict"),
        ("sparse.pth", "a is no plain tensor"),
        ("cut.pth", "cannot be read"),
    ):
        with pytest.raises(CheckpointError, match=message):
            read_checkpoint(tmp_path / name)


@pytest.mark.parametrize("version", ["2.5.1", "2.5.1+cpu", "2.6.0rc1", "1.13.0"])
def test_versions_of_torch_whose_restricted_unpickling_runs_code_are_refused(tmp_path, monkeypatch, version):
    path = save(tmp_path / "sound.pth", {"a": [1.0]})
    monkeypatch.setattr(torch, "__version__", version)
    with pytest.raises(CheckpointError, match=rf"PyTorch {re.escape(version)} can run code .* 'torch>=2.6'"):
        read_checkpoint(path)
    monkeypatch.setattr(torch, "__version__", "2.6.0+cu124")
    assert read_checkpoint(path)["a"] == 1


def test_the_package_asks_for_the_same_torch():
    assert f'convert = ["torch>={TORCH}"]' in (ROOT / "pyproject.toml").read_text()
