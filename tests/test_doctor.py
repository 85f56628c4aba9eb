import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import jaxvqa
from jaxvqa import doctor
from jaxvqa.configuration import config_path

COMMAND = [sys.executable, "-c", "from jaxvqa.cli import entry; entry()", "doctor"]
WHAT = "versions devices cores memory disk disk compiled codecs convert demo decoder jaxvqa-mini MaxVQA score".split()


def examine(folder=None, **environment):
    done = subprocess.run(COMMAND, cwd=folder, env=os.environ | environment, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    return done.returncode, {line.split()[0]: line for line in done.stdout.splitlines() if line}


def test_a_machine_that_works():
    code, lines = examine()
    assert code == 0
    assert [*lines] == [*dict.fromkeys(WHAT), "Videos"]
    assert "h264, hevc" in lines["codecs"]
    assert " ok " in lines["decoder"]
    assert " limited " in lines["MaxVQA"]
    assert "jaxvqa download" in lines["MaxVQA"]
    assert " ok " in lines["score"]
    assert lines["Videos"] == "Videos can be scored here."


@pytest.fixture
def spoilt(tmp_path):
    """A copy of the package, to harm."""
    shutil.copytree(Path(jaxvqa.__file__).parent, tmp_path / "jaxvqa")
    shutil.copytree(config_path("doctor").parent, tmp_path / "configs", dirs_exist_ok=True)
    return tmp_path


def test_harmed_weights_are_told(spoilt):
    tensors = spoilt / "jaxvqa" / "mini" / "tensors.safetensors"
    content = bytearray(tensors.read_bytes())
    content[-1] ^= 1
    tensors.write_bytes(content)
    code, lines = examine(spoilt)
    assert code == 1
    assert " fails " in lines["jaxvqa-mini"]
    assert "score" not in lines
    assert lines["Videos"] == "Videos cannot be scored here: see jaxvqa-mini."


def test_harmed_published_weights_are_told(small_weights, tmp_path):
    """They are what scores, where they are."""
    folder = tmp_path / "jaxvqa" / "maxvqa"
    shutil.copytree(small_weights, folder)
    code, lines = examine(XDG_DATA_HOME=str(tmp_path))
    assert code == 0
    assert " ok " in lines["MaxVQA"]
    (folder / "tensors.safetensors").write_bytes(b"")
    code, lines = examine(XDG_DATA_HOME=str(tmp_path))
    assert code == 1
    assert lines["Videos"] == "Videos cannot be scored here: see MaxVQA."


def test_cache_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    environment = {"XDG_CACHE_HOME": str(tmp_path / "file" / "cache"), "JAX_COMPILATION_CACHE_DIR": ""}
    code, lines = examine(**environment)
    assert code == 0
    assert " limited " in lines["compiled"]
    assert " ok " in lines["score"]


def test_little_memory():
    states = [doctor.memory(free * 1e9).state for free in (0.5, 1, 3)]
    assert states == ["fails", "limited", "ok"]
    assert 0 < doctor.available() < 1e15


def test_optional_packages():
    assert doctor.installed("test", "pytest", "test").state == "ok"
    said = doctor.installed("sing", "no_such_module", "sing")
    assert said == ("limited", "to sing: pip install 'jaxvqa[sing]'")
