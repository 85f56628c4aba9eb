"""The table of tasks, and the doors that read it."""

import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from jaxvqa.cli import main
from jaxvqa.main import HELP
from jaxvqa.tasks import TASKS
from jaxvqa.tasks.configuration import config_paths, read_config

ROOT = Path(__file__).parents[2]


NOT_TASKS = {"__init__", "run", "configuration", "defaults", "evaluation_output", "inputs", "output"}
NOT_TASKS |= {"check_output", "score_output", "train_inputs", "checks", "dry_run", "pairs"}


def test_every_config_and_every_module_has_a_row():
    assert {task.config for task in TASKS} == config_paths().keys()
    files = {path.stem for path in (ROOT / "jaxvqa" / "tasks").glob("*.py")}
    assert {task.module for task in TASKS} == files - NOT_TASKS
    assert len({task.command for task in TASKS}) == len(TASKS)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.command)
def test_rows_agree_with_configs_and_modules(task):
    config = read_config(["", f"--config={config_paths()[task.config]}"])
    assert config.task == task.module
    assert {*task.positional, *dict(task.fixed)} <= {*config.keys()}
    assert list(inspect.signature(importlib.import_module(f"jaxvqa.tasks.{task.module}").run).parameters) == ["config"]
    assert task.fixed or f"configs/{task.config}.py " in HELP


def test_only_run_imports_the_table():
    found = [
        path.name
        for path in (ROOT / "jaxvqa" / "tasks").glob("*.py")
        if re.search(r"^from \. import .*TASKS|^from \.\.tasks import", path.read_text(), re.MULTILINE)
    ]
    assert found == ["run.py"]


@pytest.mark.parametrize(
    "arguments", [["jaxvqa", "--help"], ["jaxvqa", "score", "--help"], ["jaxvqa", "models"], ["jaxvqa.main", "--help"]]
)
def test_help_imports_no_jax(arguments):
    command = [sys.executable, "-X", "importtime", "-m", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "ml_collections" in imported
    assert imported & {"jax", "jaxlib", "flax", "torch", "numba"} == set()


def test_the_package_is_the_command(capfd):
    done = subprocess.run([sys.executable, "-m", "jaxvqa", "--help"], capture_output=True, text=True)
    assert main(["--help"]) == 0
    assert (done.returncode, done.stdout) == (0, capfd.readouterr().out)
