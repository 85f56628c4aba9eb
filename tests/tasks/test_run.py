import errno
import os
import re
import signal
import subprocess
import sys

import ml_collections
import pytest

from jaxvqa import UserError, __version__
from jaxvqa.tasks.run import exit_code_of, run, stop


def failing(error):
    def task():
        raise error

    return task


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("seed is -1; it must be 0 or larger."), 2, "jaxvqa: seed is -1; it must be 0 or larger.\n"),
        (OSError(errno.ENOSPC, "No space left on device", "a.csv"), 1, "jaxvqa: a.csv: No space left on device; what "),
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE), "a.npy"), 1, "jaxvqa: a.npy: Too many open files; what "),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "jaxvqa: output: No space left on device; what "),
        (MemoryError("4 GB"), 1, "jaxvqa: not enough memory (4 GB); what was finished is kept.\n"),
        (
            RuntimeError("RESOURCE_EXHAUSTED: Out of memory\n..."),
            1,
            "jaxvqa: not enough memory (RESOURCE_EXHAUSTED: Out",
        ),
        (KeyboardInterrupt(), 130, "jaxvqa: stopped; "),
        (KeyboardInterrupt(signal.SIGTERM), 143, "jaxvqa: stopped; "),
    ],
)
def test_what_ends_a_task_is_one_sentence_and_an_exit_code(error, code, said, capsys):
    assert exit_code_of(failing(error)) == code
    err = capsys.readouterr().err
    assert err.startswith(said)
    assert err.count("\n") == 1


@pytest.mark.parametrize("error", [ZeroDivisionError(), RuntimeError("no device"), OSError("what a library says")])
def test_a_slip_of_ours_keeps_its_traceback(error):
    with pytest.raises(type(error)):
        exit_code_of(failing(error))


def test_the_last_line_below_a_traceback_asks_for_a_report():
    program = "from jaxvqa.tasks.run import exit_code_of, start; start(); exit_code_of(lambda: {}['slip'])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    *trace, error, last = done.stderr.splitlines()
    assert (done.returncode, done.stdout, error) == (1, "", "KeyError: 'slip'")
    assert trace[0] == "Traceback (most recent call last):"
    assert re.fullmatch(rf"jaxvqa: this is an error in jaxvqa {__version__}, .* please report it, .*/issues", last)


def test_a_task_says_itself_how_it_ended(capsys):
    assert [exit_code_of(lambda code=code: code) for code in (0, 1)] == [0, 1]
    assert capsys.readouterr() == ("", "")


def test_sigterm_is_as_ctrl_c():
    with pytest.raises(KeyboardInterrupt) as caught:
        stop(signal.SIGTERM, None)
    assert caught.value.args == (signal.SIGTERM,)


def test_there_is_no_other_task():
    with pytest.raises(UserError, match=r"task is .fly.; it must be score, score_many, .* or doctor"):
        run(ml_collections.ConfigDict({"task": "fly"}))


def test_the_current_folder_must_be_there(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(UserError, match=r"^the current folder does not exist anymore: change to another folder\.$"):
        run(ml_collections.ConfigDict({"task": "score"}))


def test_scoring_waits_for_no_library_that_it_does_not_need():
    """Each of them takes a good part of a second."""
    code = "import sys, jaxvqa.tasks.checks, jaxvqa.tasks.score; "
    code += "print(*{'scipy', 'skimage', 'tensorflow', 'torch'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
