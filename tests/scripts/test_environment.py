"""The commands for a fresh clone; .ci/run runs the one that tests."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

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


INSTALL = "pip install --quiet --quiet --disable-pip-version-check"


@pytest.fixture
def python(tmp_path):
    """A stand-in for Python: its venv holds stand-ins for commands, which say what they are called with."""
    path = tmp_path / "python3"
    names = "python pip jaxvqa pytest ruff codespell ty"
    path.write_text(
        f"#!/bin/sh\nmkdir -p $3/bin\nfor name in {names}; do printf '#!/bin/sh\\necho \"${{0##*/}} $*\"\\n' "
        "> $3/bin/$name; chmod +x $3/bin/$name; done\n"
    )
    path.chmod(0o755)
    return path


def test_what_is_installed_and_run(python, tmp_path):
    install, variables = INSTALL, {"VENV": str(tmp_path / "venv"), "PYTHON": str(python)}
    done = run("example.sh", **variables)
    assert done.stdout.splitlines() == [f"{install} -c constraints.txt -e .", "jaxvqa report --example"]
    done = run("test.sh", **variables, CONSTRAINTS="")
    assert done.stdout.splitlines() == [f"{install} -e .[test]", "pytest -n 2"]
    assert done.returncode == 0


@pytest.mark.parametrize(("arguments", "constraints"), [([], "-c constraints.txt "), (["newest"], "")])
def test_ci_takes_a_python_that_starts(python, tmp_path, arguments, constraints):
    """Without constraints, the newest; python3.14 is here what pyenv leaves of a Python that is not chosen."""
    folder = tmp_path / "bin"
    folder.mkdir()
    wanted = "python3.13" if arguments else "python3.11"
    for name, start in {"python3.14": "exit 127", "python3.13": "", "python3.11": "", "chromium": ""}.items():
        made = f'echo {name} >> {tmp_path / "taken"}; exec {python} "$@"'
        (folder / name).write_text(f"#!/bin/sh\n{start}\ntest $1 = --version || {{ {made}; }}\n")
        (folder / name).chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHON", "CONSTRAINTS")}
    environment["PATH"] = f"{folder}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        ["bash", str(ROOT / ".ci" / "run"), *arguments], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "taken").read_text() == f"{wanted}\n"
    install = f"{INSTALL} {constraints}-e .[test]"
    checks = ["ruff check .", "ruff format --check .", "codespell ", "ty check jaxvqa"]
    assert done.stdout.splitlines()[1:] == [install, *checks, install, "pytest -n 2 --complete"]


def test_workflows_run_what_is_tested_here():
    """Actions are pinned to commits, may only read, and the Pythons are those of pyproject.toml at their ends."""
    workflows = [yaml.safe_load(path.read_text()) for path in (ROOT / ".github" / "workflows").iterdir()]
    assert all(workflow["permissions"] == {"contents": "read"} for workflow in workflows)
    steps = [step for workflow in workflows for job in workflow["jobs"].values() for step in job["steps"]]
    assert all(re.search("@[0-9a-f]{40}$", step["uses"]) for step in steps if "uses" in step)
    assert {step["run"].split()[0] for step in steps if "run" in step} >= {".ci/run"}
    [matrix] = [
        job["strategy"]["matrix"] for workflow in workflows for job in workflow["jobs"].values() if "strategy" in job
    ]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    known = [line.split(" :: ")[-1] for line in project["classifiers"] if "Python :: 3." in line]
    assert {row["python"] for row in matrix["include"]} == {known[0], known[-1]}


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
    assert int(values["USER"]) > 0  # a number, which tells Kubernetes that it is not root
    environment = dict(each.split("=") for each in values["ENV"].split())
    assert environment["XDG_DATA_HOME"] == values["VOLUME"]
    assert f"--owner={values['USER']} {values['VOLUME']}" in values["RUN"]
    assert f"useradd --uid {values['USER']} --create-home " in values["RUN"]
    ignored, *taken = (ROOT / "scripts" / "Dockerfile.dockerignore").read_text().split()
    assert ignored == "*"
    assert [name for name in taken if name[0] == "!" and not (ROOT / name[1:]).exists()] == []
    assert {"!pyproject.toml", "!README.md", "!LICENSE", "!jaxvqa", "!configs", "!constraints.txt"} <= {*taken}
