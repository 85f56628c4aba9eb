"""The commands for a fresh clone; .ci/run runs the one that tests."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(script, **variables):
    command = ["sh", str(ROOT / "scripts" / script)]
    return subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("script", ["example.sh", "test.sh"])
def test_without_venv_it_says_what_to_install(tmp_path, script):
    """As on Debian, whose python3 has no ensurepip before python3-venv is installed."""
    python = tmp_path / "python3"
    python.write_text(f"#!/bin/sh\nmkdir {tmp_path / 'venv'}\nexit 1\n")
    python.chmod(0o755)
    done = run(script, VENV=str(tmp_path / "venv"), PYTHON=str(python))
    assert done.returncode == 1
    assert done.stderr == "no virtual environment could be made: apt-get install python3-venv\n"
    assert done.stdout == ""
    assert not (tmp_path / "venv").exists()


def test_what_is_installed_and_run(tmp_path):
    """With stand-ins for Python's own commands, which say what they are called with."""
    python, venv = tmp_path / "python3", tmp_path / "venv"
    names = "python pip jaxvqa pytest"
    python.write_text(
        f"#!/bin/sh\nmkdir -p $3/bin\nfor name in {names}; do printf '#!/bin/sh\\necho \"${{0##*/}} $*\"\\n' "
        "> $3/bin/$name; chmod +x $3/bin/$name; done\n"
    )
    python.chmod(0o755)
    install = "pip install --quiet --quiet --disable-pip-version-check"
    variables = {"VENV": str(venv), "PYTHON": str(python)}
    done = run("example.sh", **variables)
    assert done.stdout.splitlines() == [f"{install} -c constraints.txt -e .", "jaxvqa report --example"]
    done = run("test.sh", **variables, CONSTRAINTS="")
    assert done.stdout.splitlines() == [f"{install} -e .[test]", "pytest -n 2"]
    assert done.returncode == 0


def instructions(path):
    """The instructions of a Dockerfile, each with its arguments, comments left out."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return [line.split(maxsplit=1) for line in "\n".join(lines).replace("\\\n", " ").splitlines()]


def test_dockerfile():
    """No Docker is needed: what it starts from, whom it runs as, and that all it takes is there."""
    found = instructions(ROOT / "scripts" / "Dockerfile")
    assert [name for name, _ in found] == ["FROM", "RUN", "USER", "ENV", "VOLUME", "WORKDIR", "ENTRYPOINT", "CMD"]
    values = dict(found)
    assert values["FROM"] == "python:3.12-slim-bookworm"
    assert values["USER"] not in ("root", "0")
    environment = dict(each.split("=") for each in values["ENV"].split())
    assert environment["XDG_DATA_HOME"] == values["VOLUME"]
    assert f"--owner={values['USER']} {values['VOLUME']}" in values["RUN"]
    assert f"useradd --uid 1000 --create-home {values['USER']}" in values["RUN"]
    ignored, *taken = (ROOT / "scripts" / "Dockerfile.dockerignore").read_text().split()
    assert ignored == "*"
    assert [name for name in taken if name[0] == "!" and not (ROOT / name[1:]).exists()] == []
    assert {"!pyproject.toml", "!README.md", "!LICENSE", "!jaxvqa", "!configs", "!constraints.txt"} <= {*taken}
