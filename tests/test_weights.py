import json
import shutil

import numpy as np
import pytest
from conftest import SMALL, save_random
from flax import nnx
from safetensors.numpy import load_file, save_file

import jaxvqa
from jaxvqa import UserError, WeightsError
from jaxvqa.system.files import file_sha256
from jaxvqa.weights.assemble import PARTS, SCORING_PARTS, build, parameter_name
from jaxvqa.weights.directory import save_weights
from jaxvqa.weights.load import load_weights


@pytest.fixture
def copy(small_weights, tmp_path):
    """A copy of the small weights to spoil."""
    return shutil.copytree(small_weights, tmp_path / "weights")


def edit(directory, **changes):
    path = directory / "jaxvqa.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_parameters_survive_and_become_float32(tmp_path):
    config = PARTS["maxvqa"][1](**SMALL["maxvqa"])
    head = build("maxvqa", config)
    arrays = {
        parameter_name("maxvqa", path): np.asarray(variable[...], np.float16)
        for path, variable in nnx.to_flat_state(nnx.state(head))
    }
    written = save_weights(tmp_path / "weights", arrays, {"maxvqa": config}, [f"prompt {i}" for i in range(32)], [])
    loaded = load_weights(tmp_path / "weights")
    assert (loaded.id, loaded.prompts[31]) == (written, "prompt 31")
    assert loaded.parts["maxvqa"].config == config
    context = loaded.parts["maxvqa"].context[...]
    assert context.dtype == np.float32
    assert np.array_equal(context, arrays["maxvqa/context"].astype(np.float32))


def test_a_copy_is_the_same_weights(copy, small_weights):
    assert load_weights(copy, ()).id == load_weights(small_weights, ()).id


def test_id_changes_with_a_prompt(copy):
    before = load_weights(copy, ()).id
    edit(copy, prompts=["x"] * 32)
    assert load_weights(copy, ()).id != before


def test_missing_directory_says_how_to_get_one(tmp_path):
    with pytest.raises(WeightsError, match="none does not exist: run `jaxvqa download`"):
        load_weights(tmp_path / "none")


def test_directory_of_another_model(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    save_file({"a": np.zeros(3)}, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match=r"has no jaxvqa\.json, so it is no jaxvqa weights directory"):
        load_weights(tmp_path)
    (tmp_path / "jaxvqa.json").write_text("[1, 2]")
    with pytest.raises(WeightsError, match="does not describe jaxvqa weights"):
        load_weights(tmp_path)


def test_file_instead_of_a_directory(copy):
    with pytest.raises(WeightsError, match="is a file, not a weights directory"):
        load_weights(copy / "jaxvqa.json")


def test_without_the_head_scoring_is_refused(tmp_path):
    directory = save_random(tmp_path / "w", {"swin": PARTS["swin"][1](**SMALL["swin"])})
    with pytest.raises(WeightsError, match="holds the weights of swin, but not of clip_visual, clip_text, maxvqa"):
        load_weights(directory, SCORING_PARTS)


def test_half_written_directories(copy):
    tensors = copy / "tensors.safetensors"
    whole = tensors.read_bytes()
    tensors.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="was not written or copied whole"):
        load_weights(copy)
    tensors.unlink()
    with pytest.raises(WeightsError, match=r"is incomplete: tensors.safetensors is missing"):
        load_weights(copy)
    (copy / "jaxvqa.json").write_text('{"format": "jaxvqa-wei')
    with pytest.raises(WeightsError, match="cannot be read"):
        load_weights(copy)


def test_altered_numbers_are_noticed(copy):
    tensors = copy / "tensors.safetensors"
    content = bytearray(tensors.read_bytes())
    content[-1] ^= 1
    tensors.write_bytes(content)
    with pytest.raises(WeightsError, match="SHA-256 differs"):
        load_weights(copy)


def test_other_version(copy):
    edit(copy, version=99)
    with pytest.raises(WeightsError, match="has weights format 99, this jaxvqa reads 1"):
        load_weights(copy)


def test_sizes_that_do_not_fit_the_tensors(copy):
    description = json.loads((copy / "jaxvqa.json").read_text())
    edit(copy, parts={**description["parts"], "maxvqa": {**description["parts"]["maxvqa"], "hidden": 9}})
    with pytest.raises(WeightsError, match=r"misshapen: maxvqa/layers/0/kernel is \[96, 8\], not \[96, 9\]"):
        load_weights(copy)
    edit(copy, parts={"maxvqa": {"hiden": 9}})
    with pytest.raises(WeightsError, match="gives sizes of maxvqa that do not fit"):
        load_weights(copy)
    for sizes in (None, [1], {"hidden": "8"}, {"hidden": -1}, {"hidden": 0.5}, {"depth": None}):
        edit(copy, parts={"maxvqa": sizes})
        with pytest.raises(WeightsError, match="maxvqa"):
            load_weights(copy)
    for sizes in ({"heads": 0}, {"heads": 3}, {"image_size": 0.5}, {"depths": 3}):
        edit(copy, parts={"clip_visual": {**SMALL["clip_visual"], **sizes}})
        with pytest.raises(WeightsError, match="clip_visual"):
            load_weights(copy)
    edit(copy, parts={"vgg": {}})
    with pytest.raises(WeightsError, match="names unknown parts vgg"):
        load_weights(copy)
    edit(copy, parts=[1])
    with pytest.raises(WeightsError, match="lacks parts, prompts or tensors"):
        load_weights(copy)


def test_prompts_must_be_those_of_16_dimensions(copy):
    for prompts in (["a"] * 31, [], [1] * 32):
        edit(copy, prompts=prompts)
        with pytest.raises(WeightsError, match="must have 32 prompts"):
            load_weights(copy)


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


def test_what_is_no_tensors_file(copy):
    for content in (b"", b"\xff" * 8, (2**40).to_bytes(8, "little") + b"{}", b"\2\0\0\0\0\0\0\0{}more"):
        (copy / "tensors.safetensors").write_bytes(content)
        seal(copy)
        with pytest.raises(WeightsError, match=r"tensors\.safetensors cannot be read"):
            load_weights(copy)


def test_descriptions_made_to_harm(copy, released_weights, tmp_path):
    parts = json.loads((copy / "jaxvqa.json").read_text())["parts"]
    for part, sizes in (
        ("swin", {"depths": [10**9, 1, 1, 1]}),
        ("clip_text", {"depth": 10**9}),
        ("maxvqa", {"depth": 10**9}),
    ):
        edit(copy, parts={part: parts[part] | sizes})
        with pytest.raises(WeightsError, match=f"gives sizes of {part} that do not fit .*blocks, but"):
            load_weights(copy)
    (copy / "jaxvqa.json").write_text("[" * 10**5)
    with pytest.raises(WeightsError, match="cannot be read"):
        load_weights(copy)
    released = shutil.copytree(released_weights, tmp_path / "w")
    training = json.loads((released / "jaxvqa.json").read_text())["training"]
    for change, reason in (
        ({"name": "\x1b[2J"}, "name and limits must be printable text"),
        ({"limits": "a\nb"}, "name and limits must be printable text"),
        ({"databases": ["\x07"]}, "databases, .* must be printable text"),
        ({"label_low": [10**400] * 16}, "label_low must be numbers"),
    ):
        edit(released, training=training | change)
        with pytest.raises(WeightsError, match=rf"jaxvqa\.json has no valid model card \(.*{reason}"):
            load_weights(released)


@pytest.mark.hostile
def test_parts_that_do_not_fit_together(tmp_path):
    for part, sizes in (
        ("clip_visual", {"output_width": 16}),
        ("clip_visual", {"image_size": 192}),
        ("clip_text", {"output_width": 16}),
        ("swin", {"depths": (1, 1, 1), "heads": (1, 2, 2), "gated": (True, True, False)}),
        ("maxvqa", {"prompts": 30}),
    ):
        every = SMALL | {part: SMALL[part] | sizes}
        configs = {name: PARTS[name][1](**every[name]) for name in SCORING_PARTS}
        directory = save_random(tmp_path / f"{part}-{next(iter(sizes))}", configs)
        with pytest.raises(WeightsError, match="do not fit together"):
            jaxvqa.load(directory)


def test_weights_whose_scores_are_no_numbers(copy, clips):
    tensors = load_file(copy / "tensors.safetensors")
    tensors["clip_visual/pool/c/kernel"][:] = 3e38  # their sums are beyond float32
    save_file(tensors, copy / "tensors.safetensors")
    seal(copy)
    with pytest.raises(jaxvqa.UserError, match="give scores that are no numbers"):
        jaxvqa.load(copy).score(clips / "a.mp4")


def test_failed_writing_leaves_nothing(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        save_weights(tmp_path / "file" / "weights", {}, {}, [], [])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_weights_that_hold_their_prompts(released_weights):
    loaded = load_weights(released_weights, SCORING_PARTS)
    assert [*loaded.parts] == ["swin", "clip_visual", "maxvqa"]
    assert loaded.parts["maxvqa"].prompts.shape == (32, 32)
    assert loaded.id.startswith("tiny-")


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"validated": "T-1"}, "validated must be a list of texts"),
        ({"name": 3}, "name must be a text"),
        ({"limits": None}, "limits must be a text"),
        ({"validated": None}, "validated must be a list of texts"),
        ({"synthetic": "yes"}, "synthetic must be true or false"),
        ({"quantiles": None}, "quantiles must be 21 rows of 16 numbers"),
        ({"quantiles": [[0.5] * 16]}, "quantiles must be 21 rows of 16 numbers"),
        ({"quantiles": [[0.5 - i] * 16 for i in range(21)]}, "from 0 to 1, in ascending order"),
    ],
)
def test_cards_of_released_weights_are_checked(released_weights, tmp_path, wrong, reason):
    directory = shutil.copytree(released_weights, tmp_path / "w")
    description = json.loads((directory / "jaxvqa.json").read_text())
    description["training"] |= wrong
    (directory / "jaxvqa.json").write_text(json.dumps(description))
    with pytest.raises(WeightsError, match=rf"has no valid model card \(.*{reason}"):
        load_weights(directory)
