import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "kill.py"


@pytest.mark.slow
def test_killed_runs_come_to_the_same_end():
    """A few kills of the shortest task; docs/RELIABILITY.md has the figures of many kills of all."""
    command = [sys.executable, SCRIPT, "--kills", "3", "--tasks", "render"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^ *render +\d+ s +3 +\d+ +\d+ +\d+ +yes", done.stdout, re.MULTILINE)
