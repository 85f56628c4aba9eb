import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import av
import jax
import pytest
from clips import moving_clip

import jaxvqa
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
from jaxvqa.weights.directory import TENSORS
from jaxvqa.weights.load import downloaded, load_weights

COMMAND = [sys.executable, "-m", "jaxvqa", "doctor"]


WHAT = (
    "versions devices cores memory protection disk compiled codecs demo train decoder jaxvqa-mini MaxVQA score".split()
)


def examine(folder=None, **environment):
    done = subprocess.run(COMMAND, cwd=folder, env=os.environ | environment, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    return done.returncode, {line.split()[0]: line for line in done.stdout.splitlines() if line}


def test_a_machine_that_works():
    code, lines = examine()
    assert code == 0
    assert [*lines] == [*WHAT, "Videos"]
    assert "h264, hevc" in lines["codecs"]
    assert " ok " in lines["decoder"]
    assert " ok " in lines["score"]
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
    assert "score" not in lines
    assert lines["Videos"] == "Videos cannot be scored here: see jaxvqa-mini."


def test_cache_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    environment = {"XDG_CACHE_HOME": str(tmp_path / "file" / "cache"), "JAX_COMPILATION_CACHE_DIR": ""}
    code, lines = examine(**environment)
    assert code == 0
    assert " limited " in lines["compiled"]
    assert " ok " in lines["score"]


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
    assert state == "ok"
    assert said.startswith(f"{load_weights(small_weights, ()).id}, whole")
    (downloaded() / TENSORS).unlink()
    code, lines = examine()
    assert code == 1
    assert " fails " in lines["MaxVQA"]
    assert f"move {downloaded()} away, then run jaxvqa download" in lines["MaxVQA"]
    assert " ok " in lines["score"]
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
