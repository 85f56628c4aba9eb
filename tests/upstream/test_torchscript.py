import zipfile

import pytest
import torch
from torchscripts import FromTuple

from jaxvqa.upstream.archive import Archive
from jaxvqa.upstream.torchscript import state_dict
from jaxvqa.upstream.values import RefusedError, ScriptObject

pytestmark = [pytest.mark.hostile, pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")]


def archive_of(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return Archive(path, memoryview(path.read_bytes()))


def read(path):
    archive = Archive(path, memoryview(path.read_bytes()))
    return state_dict(archive.load(), archive), archive


class Block(torch.nn.Module):
    def __init__(self, bias=True):
        super().__init__()
        self.linear = torch.nn.Linear(3, 3, bias=bias)
        self.norms = torch.nn.ModuleList([torch.nn.BatchNorm1d(3), torch.nn.BatchNorm1d(3, affine=False)])
        self.register_buffer("mask", torch.ones(3, 3).triu())
        self.plain = torch.zeros(5)  # neither a parameter nor a buffer, and so not in a state dict
        self.listed = [torch.ones(1), torch.ones(2)]
        self.table = {"a": torch.ones(1)}
        self.sizes: list[int] = [1, 2]
        self.name = "block"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for norm in self.norms:
            x = norm(x)
        return self.linear(x) @ self.mask + self.plain[:3] + self.table["a"] * self.listed[0] * self.sizes[0]


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = torch.nn.Sequential(Block(), Block(bias=False))
        self.again = self.blocks[0]
        self.scale = torch.nn.Parameter(torch.tensor(2.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.again(self.blocks(x)) * self.scale


@pytest.mark.parametrize("made", ["scripted", "traced"])
def test_state_dicts_are_those_of_pytorch(tmp_path, made):
    torch.manual_seed(0)
    network = Network().eval()
    script = torch.jit.trace(network, torch.rand(2, 3)) if made == "traced" else torch.jit.script(network)
    torch.jit.save(script, tmp_path / "a.pt")
    expected = torch.jit.load(tmp_path / "a.pt").state_dict()
    found, archive = read(tmp_path / "a.pt")
    assert [*found] == [*expected]
    for key, tensor in found.items():
        assert bytes(archive.numbers(tensor.storage)) == expected[key].numpy().tobytes()
    assert "again.linear.weight" in found


class Loads(FromTuple):
    """TorchScript that is loaded by a function of its own, from a tuple."""

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]):
        self.x = state[0] + 1
        self.training = state[1]


class LoadsTable(Loads):
    """The same from a dictionary, which looks like attributes."""

    @torch.jit.export
    def __getstate__(self):
        return {"x": self.x}

    @torch.jit.export
    def __setstate__(self, state: dict[str, torch.Tensor]):
        self.x = state["x"] + 1
        self.training = False


@pytest.mark.parametrize("kind", [Loads, LoadsTable])
def test_modules_that_only_code_can_load_are_refused(tmp_path, kind):
    torch.jit.save(torch.jit.script(kind()), tmp_path / "a.pt")
    with pytest.raises(RefusedError, match=f"{kind.__name__} in its TorchScript has a __setstate__, which would have"):
        read(tmp_path / "a.pt")


CODE = """
class Module(Module):
  __parameters__ = ["weight", ]
  __buffers__ = []
  weight : Tensor
class Other(NamedTuple):
  a : int
"""
FILES = {"a/data.pkl": b"}.", "a/code/__torch__/torch.py": CODE}


def test_objects_that_are_no_modules_are_left_out(tmp_path):
    archive = archive_of(tmp_path / "a.pt", FILES)
    inner = {"weight": 1, "other": ScriptObject("torch.Other", {"inner": ScriptObject("torch.Module", {"weight": 2})})}
    assert state_dict(ScriptObject("torch.Module", inner), archive) == {"weight": 1}


def test_classes_without_code_are_refused(tmp_path):
    archive = archive_of(tmp_path / "a.pt", FILES)
    for name in ("other.Module", "", "..Module"):
        with pytest.raises(RefusedError, match="it lacks code/__torch__"):
            state_dict(ScriptObject(name, {}), archive)
    with pytest.raises(RefusedError, match="damaged"):
        state_dict(ScriptObject("torch.Module", {}), archive)  # without its weight


def circle():
    module = ScriptObject("torch.Module", {"weight": 1})
    module.attributes["inner"] = module
    return module


def doubling():
    module = ScriptObject("torch.Module", {"weight": 1})
    for _ in range(100):
        module = ScriptObject("torch.Module", {"weight": 1, "left": module, "right": module})
    return module


def long_names():
    leaf = ScriptObject("torch.Module", {"weight": 1})
    wide = ScriptObject("torch.Module", {"weight": 1} | {str(number): leaf for number in range(100_000)})
    return ScriptObject("torch.Module", {"weight": 1, "a" * 1_000_000: wide})


def wide():
    many = ScriptObject("torch.Module", {"weight": 1} | dict.fromkeys(map(str, range(100_000)), 1))
    return ScriptObject("torch.Module", {"weight": 1} | {str(number): many for number in range(100_000)})


@pytest.mark.parametrize("make", [circle, doubling, long_names, wide])
def test_modules_that_contain_each_other_without_end_are_refused(tmp_path, make):
    archive = archive_of(tmp_path / "a.pt", FILES)
    with pytest.raises(RefusedError, match="contain each other too often"):
        state_dict(make(), archive)


def test_code_is_read_once_for_each_class(tmp_path, monkeypatch):
    archive = archive_of(tmp_path / "a.pt", FILES)
    modules = {str(number): ScriptObject("torch.Module", {"weight": number}) for number in range(100)}
    asked = []
    monkeypatch.setattr(archive, "read", lambda name: asked.append(name) or memoryview(CODE.encode()))
    found = state_dict(ScriptObject("torch.Module", {"weight": -1, **modules}), archive)
    assert found == {"weight": -1} | {f"{number}.weight": number for number in range(100)}
    assert asked == ["code/__torch__/torch.py"]
