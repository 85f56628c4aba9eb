import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from jaxvqa import UserError
from jaxvqa.errors import CheckpointError
from jaxvqa.system.files import file_sha256
from jaxvqa.upstream import parameter_names
from jaxvqa.upstream.convert import convert_checkpoints, fit_tensors
from jaxvqa.upstream.reader import read_checkpoint
from jaxvqa.weights.assemble import ENCODERS, SCORING_PARTS
from jaxvqa.weights.directory import read_description
from jaxvqa.weights.load import load_weights


def tensors(arrays):
    return {key: torch.from_numpy(np.array(value)) for key, value in arrays.items()}


def save(path, arrays):
    torch.save(tensors(arrays), path)
    return path


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


def test_numbers_that_are_none_in_float32(standin, tmp_path):
    state = standin("dover")
    shape = state["technical_backbone.norm.bias"].shape
    for values in (np.full(shape, np.inf), np.full(shape, 1e39), np.ones(shape, int), np.ones(shape, complex)):
        state["technical_backbone.norm.bias"] = values
        with pytest.raises(CheckpointError, match=r"1 tensors do not fit:\n  not finite: technical_backbone.norm.bias"):
            convert_checkpoints(tmp_path / "weights", fastvqa=save(tmp_path / "odd.pth", state))


def test_bfloat16_becomes_float32(tmp_path):
    generator = torch.Generator().manual_seed(0)
    state = {"implicit_mlp.in_ln.weight": torch.randn((4, 16), generator=generator).bfloat16()}
    state |= {"implicit_mlp.out_ln.weight": torch.randn((9, 4), generator=generator).bfloat16()}
    state |= {"ctx": torch.randn((1, 1, 8), generator=generator).bfloat16()}
    shapes = {"maxvqa/context": (8,), "maxvqa/layers/0/kernel": (16, 4), "maxvqa/layers/1/kernel": (4, 9)}
    found = []
    for name, each in (("half", state), ("full", {key: value.float() for key, value in state.items()})):
        torch.save(each, tmp_path / name)
        found.append(fit_tensors(name, read_checkpoint(tmp_path / name), parameter_names.maxvqa(False), shapes))
    half, full = found
    assert half.keys() == full.keys() == shapes.keys()
    for key, value in half.items():
        assert value.dtype == np.float32
        assert value.flags.c_contiguous
        np.testing.assert_array_equal(value, full[key])


def test_keys_of_strangers_do_not_steer_the_terminal(standin, tmp_path):
    state = standin("dover") | {"\x1b[2J\nunexpected": np.zeros(3)}
    with pytest.raises(CheckpointError, match=r"unexpected: \ufffd\[2J\ufffdunexpected \[3\]"):
        convert_checkpoints(tmp_path / "weights", fastvqa=save(tmp_path / "odd.pth", state))


def test_output_is_never_overwritten(checkpoints, tmp_path):
    (tmp_path / "weights").mkdir()
    with pytest.raises(UserError, match="already exists"):
        convert_checkpoints(tmp_path / "weights", fastvqa=checkpoints["dover"])
    assert list(tmp_path.iterdir()) == [tmp_path / "weights"]


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
    with pytest.raises(CheckpointError, match="unexpected: technical_backbone"):
        convert_checkpoints(tmp_path / "out", swin=checkpoints["dover"])
    assert not (tmp_path / "out").exists()
