import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import save_file

from jaxvqa import UserError, WeightsError
from jaxvqa.system.files import file_sha256
from jaxvqa.weights.directory import TENSORS, read_description, read_tensors, save_weights
from jaxvqa.weights.load import load_weights


@pytest.fixture
def copy(small_weights, tmp_path):
    """A copy of the small weights to spoil."""
    return shutil.copytree(small_weights, tmp_path / "weights")


def edit(directory, **changes):
    path = directory / "jaxvqa.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_copy_is_the_same_weights(copy, small_weights):
    assert load_weights(copy, ()).id == load_weights(small_weights, ()).id


def test_id_changes_with_a_prompt(copy):
    before = load_weights(copy, ()).id
    edit(copy, prompts=["x"] * 32)
    assert load_weights(copy, ()).id != before


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


def test_prompts_must_be_those_of_16_dimensions(copy):
    for prompts in (["a"] * 31, [], [1] * 32):
        edit(copy, prompts=prompts)
        with pytest.raises(WeightsError, match="must have 32 prompts"):
            load_weights(copy)


def seal(directory):
    """Gives a directory the checksum of its tensors, as whoever makes one to harm would."""
    tensors = directory / "tensors.safetensors"
    edit(directory, tensors={"bytes": tensors.stat().st_size, "sha256": file_sha256(tensors)})


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


def test_failed_writing_leaves_nothing(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        save_weights(tmp_path / "file" / "weights", {}, {}, [], [])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.hostile
def test_sound_weights_are_not_blamed_for_what_the_system_lacks(small_weights, no_more_files):
    with no_more_files(), pytest.raises(OSError, match="Too many open files"):
        read_description(small_weights)
    with no_more_files(), pytest.raises(OSError, match="Too many open files"):
        read_tensors(small_weights / TENSORS, "swin")
    assert read_tensors(small_weights / TENSORS, "swin")
