import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import av
import jax
import numpy as np
import pytest
from clips import moving_clip
from safetensors.numpy import load_file, save_file

import jaxvqa
from jaxvqa.cli import main
from jaxvqa.system.extras import how_to_install
from jaxvqa.system.files import user_cache
from jaxvqa.tasks.configuration import config_path
from jaxvqa.tasks.doctor import (
    DECODERS,
    available,
    compiled,
    disk,
    finding,
    installed,
    is_decoder,
    memory,
    published,
    unmet,
)
from jaxvqa.weights.directory import DESCRIPTION, TENSORS
from jaxvqa.weights.find import downloaded
from jaxvqa.weights.load import load_weights

COMMAND = [sys.executable, "-m", "jaxvqa", "doctor"]


WHAT = "versions devices cores memory protection disk compiled codecs demo train".split()
WHAT += "decoder jaxvqa-mini stand-ins MaxVQA".split()


def examine(folder=None, **environment):
    done = subprocess.run(COMMAND, cwd=folder, env=os.environ | environment, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    return done.returncode, {line.split()[0]: line.rstrip() for line in done.stdout.splitlines() if line}


def test_a_machine_that_works():
    code, lines = examine()
    assert code == 0
    assert [*lines] == [*WHAT, "Videos"]
    assert "h264, hevc" in lines["codecs"]
    assert " ok " in lines["decoder"]
    assert re.search(" ok .*scores of the example within 0.0000.. of their reference", lines["jaxvqa-mini"])
    assert re.search(" ok .*scores of the example within 0.0000.. of their reference", lines["stand-ins"])
    assert " limited " in lines["MaxVQA"]
    assert "jaxvqa download" in lines["MaxVQA"]
    assert lines["Videos"] == "Videos can be scored here."


@pytest.fixture
def spoilt(tmp_path):
    """A copy of the package, to harm."""
    shutil.copytree(Path(jaxvqa.__file__).parent, tmp_path / "jaxvqa")
    shutil.copytree(config_path("doctor").parent, tmp_path / "configs", dirs_exist_ok=True)
    return tmp_path


def test_harmed_weights_are_told(spoilt):
    tensors = spoilt / "jaxvqa" / "weights" / "mini" / "tensors.safetensors"
    content = bytearray(tensors.read_bytes())
    content[-1] ^= 1
    tensors.write_bytes(content)
    code, lines = examine(spoilt)
    assert code == 1
    assert " fails " in lines["jaxvqa-mini"]
    assert " ok " in lines["stand-ins"]
    assert lines["Videos"] == "Videos cannot be scored here: see jaxvqa-mini."


DIFFER = "scores made here do not compare with scores made elsewhere; "
REINSTALL = "install jaxvqa in a new virtual environment, and report it if this stays"


def change(path, before, after):
    text = path.read_text()
    assert text.count(before) == 1
    path.write_text(text.replace(before, after))


def test_a_decoder_that_swaps_channels_is_told(spoilt):
    change(spoilt / "jaxvqa" / "video" / "presentation.py", '"rgb24"', '"bgr24"')
    code, lines = examine(spoilt)
    assert code == 1
    for name in ("jaxvqa-mini", "stand-ins"):
        said = rf" fails +the example scores [\d.]+ in \w.*, not [\d.]+: {DIFFER}{REINSTALL}$"
        assert re.search(said, lines[name])
    assert lines["Videos"] == "Videos cannot be scored here: see jaxvqa-mini, stand-ins."


def test_networks_that_compute_otherwise_are_told(spoilt):
    """Another GELU in CLIP's text encoder, which jaxvqa-mini does without."""
    change(spoilt / "jaxvqa" / "models" / "clip_text.py", "sigmoid(1.702 * x)", "sigmoid(1.6 * x)")
    code, lines = examine(spoilt)
    assert code == 1
    assert " ok " in lines["jaxvqa-mini"]
    assert DIFFER in lines["stand-ins"]


def change_tensor(folder, name, change):
    """Changes one tensor of a weights directory, and its description, which then goes with it."""
    tensors = load_file(folder / TENSORS)
    tensors[name] = change(tensors[name])
    save_file(tensors, folder / TENSORS)
    description = json.loads((folder / DESCRIPTION).read_text())
    description["tensors"] = {
        "bytes": (folder / TENSORS).stat().st_size,
        "sha256": hashlib.sha256((folder / TENSORS).read_bytes()).hexdigest(),
    }
    (folder / DESCRIPTION).write_text(json.dumps(description))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda values: values / 2, r"the example scores [\d.]+ in \w.*, not [\d.]+"),
        (lambda values: np.nextafter(values, values.dtype.type(1)), "the weights are jaxvqa-mini-[0-9a-f]{12}, and .*"),
    ],
    ids=["much", "by rounding"],
)
def test_a_changed_tensor_of_mini_is_told(spoilt, change, said):
    """By the scores, or by the id of the weights if the change is too small for them."""
    folder = spoilt / "jaxvqa" / "weights" / "mini"
    tensors = load_file(folder / TENSORS)
    change_tensor(folder, max(tensors, key=lambda name: tensors[name].size), change)
    code, lines = examine(spoilt)
    assert code == 1
    assert re.search(f" fails +{said}: {DIFFER}{REINSTALL}$", lines["jaxvqa-mini"])
    assert " ok " in lines["stand-ins"]
    assert lines["Videos"] == "Videos cannot be scored here: see jaxvqa-mini."


def test_cache_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    environment = {"XDG_CACHE_HOME": str(tmp_path / "file" / "cache"), "JAX_COMPILATION_CACHE_DIR": ""}
    code, lines = examine(**environment)
    assert code == 0
    assert " limited " in lines["compiled"]
    assert " ok " in lines["jaxvqa-mini"]


def test_little_memory():
    states = [memory(free * 1e9).state for free in (0.5, 1, 3)]
    assert states == ["fails", "limited", "ok"]
    assert 0 < available() < 1e15


def test_optional_packages():
    assert installed("test", "pytest", "test").state == "ok"
    said = installed("sing", "no_such_module", "sing")
    assert said == ("limited", f"to sing: {how_to_install('sing')}")


def test_published_weights(small_weights, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    shutil.copytree(small_weights, downloaded())
    state, said = finding(published)
    assert state == "limited"
    assert said.startswith(f"{load_weights(small_weights, ()).id}, whole")
    assert said.endswith("without scores of this version's example: jaxvqa download adds them")
    assert main(["download"]) == 0
    state, said = finding(published)
    assert state == "ok"
    assert re.fullmatch(rf"{load_weights(small_weights, ()).id}, scores of the example within 0.0000.. of .*", said)

    change_tensor(downloaded(), "maxvqa/layers/0/kernel", lambda values: 0.9 * values)
    code, lines = examine()
    assert code == 1
    remedy = f"move {downloaded()} away, then run jaxvqa download; if jaxvqa-mini fails too, first {REINSTALL}"
    assert re.search(rf" fails +the example scores [\d.]+ in .*: {DIFFER}{re.escape(remedy)}$", lines["MaxVQA"])
    assert " ok " in lines["jaxvqa-mini"]

    (downloaded() / TENSORS).unlink()
    code, lines = examine()
    assert code == 1
    assert " fails " in lines["MaxVQA"]
    assert f"move {downloaded()} away, then run jaxvqa download" in lines["MaxVQA"]
    assert " ok " in lines["jaxvqa-mini"]
    assert lines["Videos"] == "Videos cannot be scored here: see MaxVQA."


def test_without_a_home_nothing_is_kept(no_home):
    chosen = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", None)
    try:
        found = [disk(user_cache()), disk(downloaded()), compiled(), published()]
    finally:
        jax.config.update("jax_compilation_cache_dir", chosen)
    assert [one.state for one in found] == ["limited"] * 4
    assert [one.said.startswith("there is no home folder: set HOME") for one in found] == [True, True, True, False]


def test_no_device():
    code, lines = examine(JAX_PLATFORMS="nothing")
    assert code == 1
    assert "JAX_PLATFORMS=nothing asks for devices that are not there" in lines["devices"]
    assert lines["Videos"].startswith("Videos cannot be scored here: see devices, jaxvqa-mini")


def test_an_nvidia_gpu_that_jax_does_not_use(tmp_path):
    (tmp_path / "nvidia-smi").touch(0o755)
    _, lines = examine(PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}", JAX_PLATFORMS="cpu")
    assert " limited " in lines["devices"]
    assert how_to_install("cuda") in lines["devices"]


def test_unmet_requirements():
    required = [
        "numpy>=2.0",
        "no-such-package>=1",
        "pytest<1",
        "other>=1; extra == 'test'",
        "old; python_version < '3'",
    ]
    assert unmet(required) == ["'no-such-package>=1'", "'pytest<1'"]
    assert unmet(required, "test") == ["'no-such-package>=1'", "'pytest<1'", "'other>=1'"]


def test_an_optional_package_that_is_too_old(monkeypatch):
    monkeypatch.setattr("jaxvqa.tasks.doctor.requirements", lambda: ["pillow>=10; extra == 'sing'"])
    assert installed("sing", "PIL", "sing").state == "ok"
    version = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "9.5.0" if name == "pillow" else version(name))
    assert installed("sing", "PIL", "sing") == ("limited", "to sing: pip install 'pillow>=10'")
    assert installed("demo", "gradio", "show scores").state == "ok"


ENCODERS = {"h264": "libx264", "hevc": "libx265", "vp8": "libvpx", "vp9": "libvpx-vp9", "av1": "libsvtav1"}


@pytest.mark.parametrize("codec", [*ENCODERS, "mpeg4", "mpeg2video"])
def test_codecs_are_decoded_by_the_decoders_that_are_looked_for(codec, tmp_path):
    path = moving_clip(tmp_path / "clip.mkv", frames=3, codec=ENCODERS.get(codec, codec))
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
    with av.open(str(path)) as container:
        decoder = container.streams.video[0].codec_context.codec
        assert decoder.canonical_name == codec
        assert decoder.name in DECODERS.get(codec, (codec,))
        assert is_decoder(decoder.name)
        assert len([*container.decode(video=0)]) == 3


def test_encoders_are_no_decoders():
    assert is_decoder("theora")
    assert not is_decoder("libx264")
    assert not is_decoder("nothing")
