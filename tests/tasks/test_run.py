import errno
import signal

import ml_collections
import pytest

from jaxvqa import UserError
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
        (KeyboardInterrupt(), 130, "jaxvqa: stopped; "),
        (KeyboardInterrupt(signal.SIGTERM), 143, "jaxvqa: stopped; "),
    ],
)
def test_what_ends_a_task_is_one_sentence_and_an_exit_code(error, code, said, capsys):
    assert exit_code_of(failing(error)) == code
    err = capsys.readouterr().err
    assert err.startswith(said)
    assert err.count("\n") == 1


def test_a_slip_of_ours_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        exit_code_of(failing(ZeroDivisionError()))


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
