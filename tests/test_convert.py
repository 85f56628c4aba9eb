import os
import pickle
import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from jaxvqa import UserError
from jaxvqa.errors import CheckpointError
from jaxvqa.system.files import file_sha256
from jaxvqa.upstream.convert import convert_checkpoints
from jaxvqa.upstream.reader import read_checkpoint
from jaxvqa.weights.assemble import ENCODERS, SCORING_PARTS
from jaxvqa.weights.directory import read_description
from jaxvqa.weights.load import load_weights

SCRIPT = Path(__file__).parents[1] / "scripts" / "convert.py"


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


def test_weights_directory_holds_what_the_checkpoints_hold(full_weights, standin):
    held = load_file(full_weights / "tensors.safetensors")
    dover, clip, maxvqa = standin("dover"), standin("clip_rn50"), standin("maxvqa")
    block = "technical_backbone.layers.2.blocks.5"
    for ours, theirs in (
        ("swin/stages/2/5/attention/qkv/kernel", dover[f"{block}.attn.qkv.weight"].T),
        ("swin/stages/2/5/attention/fragment_bias", dover[f"{block}.attn.fragment_position_bias_table"]),
        ("swin/merges/1/reduction/kernel", dover["technical_backbone.layers.1.downsample.reduction.weight"].T),
        ("fastvqa_head/fc_hid/kernel", dover["technical_head.fc_hid.weight"][..., 0, 0, 0].T),
        ("clip_visual/stem/2/norm/var", clip["visual.bn3.running_var"]),
        ("clip_visual/stages/3/0/shortcut/norm/mean", clip["visual.layer4.0.downsample.1.running_mean"]),
        ("clip_visual/stages/1/2/conv2/conv/kernel", clip["visual.layer2.2.conv2.weight"].transpose(2, 3, 1, 0)),
        ("clip_text/projection/kernel", clip["text_projection"]),
        ("maxvqa/context", maxvqa["ctx"][0, 0]),
        ("maxvqa/layers/1/kernel", maxvqa["implicit_mlp.out_ln.weight"].T),
    ):
        assert np.array_equal(held[ours], theirs), ours


def test_id_tells_weights_apart_and_not_containers(full_weights, checkpoints, standin, tmp_path):
    expected = load_weights(full_weights, ()).id
    nested = tmp_path / "nested.pth"
    results = {"srcc": np.float64(0.9), "plcc": np.float32(0.8)}  # numpy numbers, as training scripts leave there
    torch.save({"state_dict": tensors(standin("dover")), "validation_results": results}, nested)
    same = convert_checkpoints(tmp_path / "same", nested, checkpoints["clip_rn50"], checkpoints["maxvqa"])
    deep = convert_checkpoints(tmp_path / "deep", nested, checkpoints["clip_rn50"], checkpoints["maxvqa_deep"])
    assert same == expected != deep
    assert len(load_weights(tmp_path / "deep", ("maxvqa",)).parts["maxvqa"].layers) == 4


@pytest.mark.parametrize("prefix", ["fragments_backbone", "backbone"])
def test_fastvqa_checkpoint(full_weights, standin, tmp_path, prefix):
    renamed = {
        key.replace("technical_backbone", prefix).replace("technical_head", "vqa_head"): value
        for key, value in standin("dover").items()
        if key.startswith("technical")
    }
    torch.save({"state_dict": tensors(renamed)}, tmp_path / "FAST_VQA_B_1_4.pth")
    convert_checkpoints(tmp_path / "weights", fastvqa=tmp_path / "FAST_VQA_B_1_4.pth")
    ours, full = (load_file(folder / "tensors.safetensors") for folder in (tmp_path / "weights", full_weights))
    assert len(ours) > 150
    assert all(np.array_equal(value, full[key]) for key, value in ours.items())


def test_torchscript_archive_in_half_precision(full_weights, checkpoints, standin, tmp_path):
    half = {key: np.asarray(value, np.float16) for key, value in standin("clip_rn50").items()}
    integers = {"input_resolution": 224, "context_length": 77, "vocab_size": 49408}
    archive = torchscript(tmp_path / "RN50.pt", half, **integers)
    convert_checkpoints(tmp_path / "weights", clip=archive, maxvqa=checkpoints["maxvqa"])
    ours, full = (load_file(folder / "tensors.safetensors") for folder in (tmp_path / "weights", full_weights))
    for key in (key for key in full if key.startswith("clip")):
        assert ours[key].dtype == np.float16
        np.testing.assert_allclose(ours[key], full[key], rtol=1e-3, atol=1e-6)


def test_source_files_are_recorded(full_weights, checkpoints):
    sources = read_description(full_weights)["sources"]
    assert [source["file"] for source in sources] == ["dover.pth", "clip_rn50.pth", "maxvqa.pth"]
    assert sources[2]["sha256"] == file_sha256(checkpoints["maxvqa"])
    assert sources[2]["bytes"] == checkpoints["maxvqa"].stat().st_size


def test_every_misfit_is_listed(standin, tmp_path):
    state = standin("dover")
    del state["technical_backbone.norm.weight"]
    del state["technical_head.fc_last.bias"]
    state["technical_backbone.norm.extra"] = np.zeros(3, np.float32)
    state["technical_backbone.patch_embed.proj.bias"] = np.zeros(95, np.float32)
    state["technical_backbone.patch_embed.proj.weight"] = np.zeros((96, 3), np.float32)
    state["technical_backbone.norm.bias"] = np.full(768, np.nan, np.float32)
    with pytest.raises(CheckpointError) as caught:
        convert_checkpoints(tmp_path / "weights", fastvqa=save(tmp_path / "odd.pth", state))
    first, *lines = str(caught.value).splitlines()
    assert first.endswith("6 tensors do not fit:")
    assert sorted(line.split()[0] for line in lines) == [
        "misshapen:", "misshapen:", "missing:", "missing:", "not", "unexpected:",
    ]  # fmt: skip
    for key in (
        "norm.weight",
        "fc_last.bias",
        "norm.extra [3]",
        "proj.bias is [95]",
        "proj.weight is [96, 3]",
        "norm.bias",
    ):
        assert any(key in line for line in lines), key
    assert not (tmp_path / "weights").exists()


def test_checkpoint_of_another_model(checkpoints, tmp_path):
    with pytest.raises(CheckpointError, match=r"unexpected: visual\.conv1\.weight"):
        convert_checkpoints(tmp_path / "weights", fastvqa=checkpoints["clip_rn50"])


def test_head_trained_on_other_prompts_or_another_clip(checkpoints, standin, tmp_path):
    state = standin("maxvqa")
    state["suffix"] = state["suffix"][::-1].copy()
    with pytest.raises(CheckpointError, match="its suffix differs from CLIP's token embeddings for 32 of 32 prompts"):
        convert_checkpoints(tmp_path / "weights", clip=checkpoints["clip_rn50"], maxvqa=save(tmp_path / "m.pt", state))
    del state["suffix"]
    with pytest.raises(CheckpointError, match="missing: suffix"):
        convert_checkpoints(tmp_path / "weights", clip=checkpoints["clip_rn50"], maxvqa=save(tmp_path / "m.pt", state))
    with pytest.raises(CheckpointError, match=r"give CLIP's RN50\.pt as well"):
        convert_checkpoints(tmp_path / "weights", maxvqa=tmp_path / "m.pt")


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
        ("huge.pth", "was refused: it is damaged or made to harm|cannot be read"),
    ):
        with pytest.raises(CheckpointError, match=message):
            read_checkpoint(tmp_path / name)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 100_000  # kB
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_numbers_that_are_none_in_float32(standin, tmp_path):
    state = standin("dover")
    shape = state["technical_backbone.norm.bias"].shape
    for values in (np.full(shape, np.inf), np.full(shape, 1e39), np.ones(shape, int), np.ones(shape, complex)):
        state["technical_backbone.norm.bias"] = values
        with pytest.raises(CheckpointError, match=r"1 tensors do not fit:\n  not finite: technical_backbone.norm.bias"):
            convert_checkpoints(tmp_path / "weights", fastvqa=save(tmp_path / "odd.pth", state))


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


def test_output_is_never_overwritten(checkpoints, tmp_path):
    (tmp_path / "weights").mkdir()
    with pytest.raises(UserError, match="already exists"):
        convert_checkpoints(tmp_path / "weights", fastvqa=checkpoints["dover"])
    assert list(tmp_path.iterdir()) == [tmp_path / "weights"]


def test_script(checkpoints, tmp_path):
    command = [sys.executable, SCRIPT, "--fastvqa", checkpoints["dover"], "--output", tmp_path / "weights"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(load_weights(tmp_path / "weights").parts) == {"swin", "fastvqa_head"}
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 2
    assert again.stderr == (
        f"jaxvqa: {tmp_path / 'weights'} already exists: remove it or choose another output directory.\n"
    )


@pytest.fixture(scope="module")
def kinetics(standin, tmp_path_factory):
    """A stand-in in the layout of Video Swin's release: a backbone without fragments, a classifier, an account."""
    backbone = {
        key.replace("technical_backbone.", "backbone."): value
        for key, value in standin("dover").items()
        if key.startswith("technical_backbone.") and "fragment_position" not in key
    }
    classifier = {"cls_head.fc_cls.weight": np.ones((400, 768), np.float32), "cls_head.fc_cls.bias": np.ones(400)}
    path = tmp_path_factory.mktemp("kinetics") / "swin_tiny.pth"
    account = {"epoch": 30, "mmaction_version": "0.15.0", "config": "model = dict(type='Recognizer3D')"}
    torch.save({"meta": account, "state_dict": tensors(backbone | classifier), "optimizer": {"state": {}}}, path)
    return path


def test_video_swin_of_kinetics_starts_both_bias_tables(kinetics, checkpoints, standin, tmp_path):
    convert_checkpoints(tmp_path / "out", clip=checkpoints["clip_rn50"], swin=kinetics)
    held, dover = load_file(tmp_path / "out" / "tensors.safetensors"), standin("dover")
    table = dover["technical_backbone.layers.1.blocks.1.attn.relative_position_bias_table"]
    for name in ("relative", "fragment"):
        np.testing.assert_array_equal(held[f"swin/stages/1/1/attention/{name}_bias"], table)
    np.testing.assert_array_equal(held["swin/norm/scale"], dover["technical_backbone.norm.weight"])
    loaded = load_weights(tmp_path / "out", (*ENCODERS, "clip_text"))  # what a training starts from
    assert loaded.parts.keys() == {"swin", "clip_visual", "clip_text"}
    with pytest.raises(UserError, match="but not of maxvqa"):
        load_weights(tmp_path / "out", SCORING_PARTS)


def test_video_swin_comes_instead_of_fast_vqa_and_whole(kinetics, checkpoints, tmp_path):
    with pytest.raises(CheckpointError, match="both hold a technical encoder: give one"):
        convert_checkpoints(tmp_path / "out", checkpoints["dover"], swin=kinetics)
    with pytest.raises(CheckpointError, match="unexpected: technical_head"):
        convert_checkpoints(tmp_path / "out", swin=checkpoints["dover"])
    assert not (tmp_path / "out").exists()
