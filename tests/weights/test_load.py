import json
import shutil

import numpy as np
import pytest
from conftest import SMALL, save_random
from flax import nnx
from safetensors.numpy import load_file, save_file

import jaxvqa
from jaxvqa import WeightsError
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


def test_missing_directory_says_how_to_get_one(tmp_path):
    with pytest.raises(WeightsError, match="none does not exist: run `jaxvqa download`"):
        load_weights(tmp_path / "none")


def test_without_the_head_scoring_is_refused(tmp_path):
    directory = save_random(tmp_path / "w", {"swin": PARTS["swin"][1](**SMALL["swin"])})
    with pytest.raises(WeightsError, match="holds the weights of swin, but not of clip_visual, clip_text, maxvqa"):
        load_weights(directory, SCORING_PARTS)


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


def seal(directory):
    """Gives a directory the checksum of its tensors, as whoever makes one to harm would."""
    tensors = directory / "tensors.safetensors"
    edit(directory, tensors={"bytes": tensors.stat().st_size, "sha256": file_sha256(tensors)})


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


def test_weights_that_hold_their_prompts(released_weights):
    loaded = load_weights(released_weights, SCORING_PARTS)
    assert [*loaded.parts] == ["swin", "clip_visual", "maxvqa"]
    assert loaded.parts["maxvqa"].prompts.shape == (32, 32)
    assert loaded.id.startswith("tiny-")
