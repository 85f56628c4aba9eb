import json
import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from jaxvqa import UserError
from jaxvqa.example import EXAMPLE
from jaxvqa.system.extras import MODULES, extras_told, how_to_install
from jaxvqa.tasks import TASKS

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Modules of packages that were not installed with the base dependencies, in this process and those that it starts.
BLOCK = """
import sys

from importlib.machinery import PathFinder

class Block(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {blocked} else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Block
"""


def closure(requirements):
    """Names of all distributions that requirements bring, as far as they are installed here."""
    found, todo = set(), [Requirement(one) for one in requirements]
    while todo:
        requirement = todo.pop()
        for extra in requirement.extras or {""}:
            if (requirement.name, extra) in found:
                continue
            if not requirement.marker or any(requirement.marker.evaluate({"extra": one}) for one in ("", extra)):
                found.add((requirement.name, extra))
                for text in metadata.requires(requirement.name) or []:
                    inner = Requirement(text)
                    if not inner.marker or inner.marker.evaluate({"extra": extra}):
                        todo.append(Requirement(text.partition(";")[0]))
    return {canonicalize_name(name) for name, _ in found}


@pytest.fixture(scope="module")
def blocked():
    """Top-level modules of all distributions here that the base dependencies do not bring."""
    base = closure(PROJECT["dependencies"]) | {"jaxvqa"}
    return {
        module
        for module, names in metadata.packages_distributions().items()
        if not base & {canonicalize_name(name) for name in names}
    }


@pytest.fixture
def bare(blocked, tmp_path):
    """Runs Python where only the base dependencies can be imported."""
    (tmp_path / "sitecustomize.py").write_text(BLOCK.format(blocked=sorted(blocked)))
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}

    def run(*arguments):
        return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True)

    return run


def test_what_is_blocked_is_what_extras_bring(blocked):
    extras = {module for modules in MODULES.values() for module in modules}
    assert extras | {"torch", "pytest"} <= blocked
    assert not {"jax", "flax", "tokenizers", "numpy", "yaml"} & blocked


def test_base_dependencies_import_what_extras_do_not(bare):
    """Each module of the package can be imported, or lacks a module of an extra; all that scoring takes can."""
    program = """
import importlib, pkgutil, json, jaxvqa
lacking = {}
for module in pkgutil.walk_packages(jaxvqa.__path__, "jaxvqa."):
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        lacking[module.name.removeprefix("jaxvqa.")] = error.name.partition(".")[0]
print(json.dumps(lacking))
"""
    done = bare("-c", program)
    assert done.returncode == 0, done.stderr
    lacking = json.loads(done.stdout)
    assert set(lacking.values()) <= {module for modules in MODULES.values() for module in modules}
    rooms = {name.partition(".")[0] for name in lacking}
    assert rooms <= {"datasets", "demo", "parity", "scoring", "synthetic", "tasks", "train"}
    tasks = {task.module for task in TASKS if f"tasks.{task.module}" in lacking}
    assert tasks == {"ablate", "cross", "demo", "extract", "finetune", "pretrain", "score_many", "synthesize", "train"}


@pytest.mark.slow
def test_commands_work_with_the_base_dependencies_alone(bare, clips, small_weights, tmp_path):
    video, other = str(clips / "a.mp4"), str(clips / "b.mp4")
    scored, labels = tmp_path / "scored", tmp_path / "labels.csv"
    labels.write_text("filename,O\na.mp4,1\nb.mp4,2\ndeep/c.mkv,3\n")
    for command in (
        ["report", str(clips), "--weights=mini", f"--output={scored}"],
        ["score", video, f"--weights={small_weights}", "--prompts=lively / dull", f"--output={tmp_path / 'one'}"],
        ["compare", video, other, "--weights=mini", f"--output={tmp_path / 'two'}"],
        ["zero-shot", video, f"--weights={small_weights}", f"--output={tmp_path / 'three'}"],
        ["evaluate", f"--predictions={scored / 'scores.csv'}", f"--labels={labels}", f"--output={tmp_path / 'four'}"],
        ["export", "--weights=mini", f"--output={tmp_path / 'five'}"],
        ["doctor"],
    ):
        done = bare("-m", "jaxvqa", *command)
        assert done.returncode == 0, done.stderr
    assert (scored / "report.html").exists()


@pytest.mark.parametrize(
    ("command", "module", "extra"),
    [
        ("train quickstart", "tensorflow_datasets", "train"),
        (f"finetune {ROOT}/pyproject.toml {ROOT}/tests", "tensorflow_datasets", "train"),
        ("extract maxwell:train --weights mini", "tensorflow_datasets", "train"),
        ("evaluate --weights mini --database synthetic_maxwell", "tensorflow_datasets", "train"),
        ("synthetic", "skimage", "train"),
        ("demo", None, "demo"),
        (f"score-many {EXAMPLE}", "apache_beam", "beam"),
    ],
)
def test_a_command_without_its_extra_says_what_to_install(bare, command, module, extra):
    done = bare("-m", "jaxvqa", *command.split())
    assert done.returncode == 2
    assert re.fullmatch(
        rf"jaxvqa: {module or '[a-z]+'} is not installed; to get it: pip install .*\[{extra}\].*\n", done.stderr
    )


def test_modules_of_extras_are_those_of_pyproject():
    brought = metadata.packages_distributions()
    for extra, modules in MODULES.items():
        names = {canonicalize_name(name) for module in modules for name in brought[module]}
        assert names <= closure(PROJECT["optional-dependencies"][extra])


class Installed:
    """An installation from somewhere, as pip records it."""

    def __init__(self, origin):
        self.origin = origin

    def read_text(self, name):
        assert name == "direct_url.json"
        return json.dumps(self.origin) if self.origin else None


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        ({"url": "file:///a/b%20c", "dir_info": {"editable": True}}, 'pip install -e "/a/b c[demo]"'),
        ({"url": "file:///a/b", "dir_info": {}}, 'pip install "/a/b[demo]"'),
        (
            {"url": "https://host/x", "vcs_info": {"vcs": "git", "commit_id": "12ab"}},
            'pip install "jaxvqa[demo] @ git+https://host/x@12ab"',
        ),
        ({"url": "file:///x.whl", "archive_info": {}}, 'pip install "jaxvqa[demo] @ file:///x.whl"'),
        (None, 'pip install ".[demo]" in a clone of https://github.com/jaxvqa/jaxvqa'),
    ],
)
def test_an_extra_comes_from_where_the_package_did(monkeypatch, origin, command):
    monkeypatch.setattr(metadata, "distribution", lambda name: Installed(origin))
    assert how_to_install("demo") == command


def test_other_missing_modules_are_no_extras():
    with pytest.raises(ModuleNotFoundError, match="no_such_module"), extras_told():
        import no_such_module  # noqa: F401
    with pytest.raises(UserError, match="sklearn is not installed"), extras_told():
        raise ModuleNotFoundError("No module named 'sklearn.datasets'", name="sklearn.datasets")


def test_nothing_says_to_install_by_the_bare_name():
    files = subprocess.run(
        ["git", "ls-files", "jaxvqa", "configs", "docs", "scripts", "notebooks", "README.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    found = [
        name
        for name in files
        if name.endswith((".py", ".md", ".ipynb", ".txt"))
        if re.search(r"pip install (-\w+ )?['\"]?jaxvqa\b(?!\[[^]]*\] @)", (ROOT / name).read_text())
    ]
    assert found == []
