"""Processes that are started import nothing from the current folder, and change nothing for those of a user."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from surroundings import plant_modules

from jaxvqa.system.processes import process_pool, safe_path, unprotected

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


# What Windows lacks, as far as Linux runs without it: `multiprocessing` there needs SIGKILL.
LACK = """
import os, signal, sys
import psutil  # that of Linux takes it, too
sys.modules["resource"] = None
for module, names in ((signal, ("pthread_sigmask", "SIGPIPE")), (os, ("geteuid", "posix_fallocate"))):
    for name in names:
        delattr(module, name)
"""


@pytest.mark.slow
def test_without_what_windows_lacks_a_video_is_scored_and_doctor_says_so(clips, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(LACK)
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{root}"}
    command = [sys.executable, "-m", "jaxvqa"]
    arguments = [str(clips / "a.mp4"), "--weights=mini", f"--output={tmp_path / 'scores'}", "--format=csv"]
    done = subprocess.run([*command, "score", *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    plain = [*arguments[:2], f"--output={tmp_path / 'again'}", arguments[3]]
    usual = subprocess.run([*command, "score", *plain], capture_output=True, text=True)
    assert done.stdout == usual.stdout
    done = subprocess.run([*command, "doctor"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    [said] = [line for line in done.stdout.splitlines() if line.startswith("protection")]
    assert " limited " in said
    assert all(clause in said for clause in ("may take all memory", "only Ctrl-C", "other users"))


def test_linux_protects():
    assert unprotected() == []
