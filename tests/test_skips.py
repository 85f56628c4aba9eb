"""What a run says of the tests that it skipped, and when it fails for them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = """
import pytest

def test_passes():
    pass

def test_of_the_page():
    pytest.skip("no Chromium is installed")

@pytest.mark.parametrize("number", [1, 2])
def test_of_golden_arrays(number):
    pytest.skip("outside of a clone: the golden arrays")
"""


def run(folder, *options):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "skips", "-c", "/dev/null", f"--rootdir={folder}", *options]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    return subprocess.run([*command, folder], capture_output=True, text=True, env=environment)


@pytest.fixture
def suite(tmp_path):
    (tmp_path / "test_page.py").write_text(SUITE)
    (tmp_path / "test_engine.py").write_text("import pytest\npytest.importorskip('an_engine')\n")
    return tmp_path


def test_each_skipped_test_is_counted_and_named(suite):
    done = run(suite)
    assert done.returncode == 0, done.stdout + done.stderr
    section = done.stdout.split(" 4 skipped ")[1].splitlines()
    assert section[1:8] == [
        "could not import 'an_engine': No module named 'an_engine' (1)",
        "  test_engine.py",
        "no Chromium is installed (1)",
        "  test_page.py::test_of_the_page",
        "outside of a clone: the golden arrays (2)",
        "  test_page.py::test_of_golden_arrays[1]",
        "  test_page.py::test_of_golden_arrays[2]",
    ]


@pytest.mark.parametrize("options", [[], ["-n", "2"]])
def test_a_complete_run_fails_if_it_skips_what_a_clone_can_run(suite, options):
    done = run(suite, "--complete", *options)
    assert done.returncode == 1
    wrong = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert [line.split(": ")[1].split(" (")[0] for line in wrong] == [
        "could not import 'an_engine'",
        "no Chromium is installed",
    ]
    assert run(suite, "--complete", "-k", "golden", "--ignore", suite / "test_engine.py").returncode == 0


def test_ci_runs_complete():
    """By the command that the README names."""
    root = Path(__file__).parents[1]
    assert (root / ".ci" / "run").read_text().splitlines()[-1] == "sh scripts/test.sh --complete"
    assert "sh scripts/test.sh " in (root / "README.md").read_text()
    assert (root / "scripts" / "test.sh").read_text().endswith('pytest -n 2 "$@"\n')
