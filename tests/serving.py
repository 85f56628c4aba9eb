"""The demo as a process of its own."""

import contextlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


@contextlib.contextmanager
def serving(errors, *arguments, folder=None):
    """The demo, started as a user does, at a port that is free: its process and its address."""
    command = [sys.executable, "-m", "jaxvqa.main", "--config", "configs/demo.py", "--config.port=0", *arguments]
    environment = dict(os.environ)
    if folder:
        folder.mkdir()
        environment["TMPDIR"] = str(folder)
    with errors.open("w") as file:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=file, text=True, env=environment)
    try:
        deadline = time.monotonic() + 120
        while not (found := re.search(r"open (http://127\.0\.0\.1:\d+) ", errors.read_text())):
            assert process.poll() is None, errors.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield process, found[1]
    finally:
        process.kill()


def said(address):
    """All that a demo with the default weights puts on stderr."""
    weights = "weights: jaxvqa-mini, for no others are given; `jaxvqa download` fetches the published ones"
    return f"{weights}\nopen {address} (Ctrl-C ends it)\n"
