"""Processes that are started import nothing from the current folder, and change nothing for those of a user."""

import os
import subprocess
import sys
import threading

import pytest
from surroundings import plant_modules

from jaxvqa.system.processes import process_pool, safe_path

PROGRAM = """
import os, subprocess, sys
from jaxvqa.system.processes import process_pool
from jaxvqa.video.sampling import Sampling
from jaxvqa.video.workers import decode_files

if __name__ == "__main__":
    with process_pool(2) as pool:
        print(*pool.map(os.path.basename, ["a/b", "a/c"]))
    [decoded] = decode_files(["none.mp4"], Sampling())
    print(decoded.error)
    # What a user starts is the user's own affair.
    user = subprocess.run([sys.executable, "-c", "import mine"], stdout=subprocess.PIPE, text=True)
    print(user.stdout.strip(), os.environ.get("PYTHONSAFEPATH"))
"""


def test_foreign_modules_in_the_current_folder_are_not_run(tmp_path):
    """By a program of a user that lies elsewhere, with a pool and with decoders."""
    here = plant_modules(tmp_path / "here")
    (here / "mine.py").write_text("print('mine')")
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run([sys.executable, tmp_path / "program.py"], cwd=here, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["b c", "none.mp4 cannot be read: No such file or directory.", "mine None"]
    assert not (here / "RAN").exists()


@pytest.mark.parametrize("before", [None, "", "yes"])
def test_threads_that_overlap_leave_the_environment_as_it_was(monkeypatch, before):
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    if before is not None:
        monkeypatch.setenv("PYTHONSAFEPATH", before)
    inside, leave = threading.Event(), threading.Event()

    def other():
        with safe_path():
            inside.set()
            leave.wait()

    thread = threading.Thread(target=other)
    with safe_path():
        thread.start()
        inside.wait()
    assert os.environ["PYTHONSAFEPATH"] == "1"
    leave.set()
    thread.join()
    assert os.environ.get("PYTHONSAFEPATH") == before


def test_a_pool_ends_with_its_context():
    with process_pool(1) as pool:
        number = pool.submit(os.getpid).result()
        assert number != os.getpid()
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
