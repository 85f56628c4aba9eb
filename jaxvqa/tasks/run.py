"""Runs the task of a config: exit codes, signals."""

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

import ml_collections

from ..errors import UserError

EXIT_CODES = (
    "Exit code: 0, all done; 1, some of the work failed; 2, wrong usage or unusable input; 130 and 143, stopped by "
    "Ctrl-C and by SIGTERM."
)


def exit_code_of(task: Callable[[], int], say: Callable[[str], str] = str) -> int:
    """Runs a task, and returns its exit code, or what stands for the error that it ended with, and says that.

    Args:
        say: words the sentence of a `UserError`.
    """
    try:
        code = task()
        sys.stdout.flush()
        return code
    except UserError as error:
        print(f"jaxvqa: {say(str(error))}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # who reads stdout has had enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as error:
        print(f"jaxvqa: {error.filename or 'output'}: {error.strerror}; what was finished is kept.", file=sys.stderr)
        return 1
    except KeyboardInterrupt as stopped:
        print("jaxvqa: stopped; the same command goes on with what is left to do.", file=sys.stderr)
        return 128 + (stopped.args[0] if stopped.args else signal.SIGINT)


def start() -> None:
    """Prepares this process for being a command."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a name that the terminal cannot show must not end the run
    signal.signal(signal.SIGTERM, stop)


def stop(number: int, frame: FrameType | None) -> NoReturn:
    """What is done on SIGTERM, by which schedulers and services end a run: the same as on Ctrl-C."""
    raise KeyboardInterrupt(number)


def run(config: ml_collections.ConfigDict) -> int:
    """Runs the task that a config is for and returns the exit code.

    What a task needs is imported with it: scoring waits for nothing that only training needs.
    """
    match config.task:
        case "score":
            from .score import run as task
        case "score_many":
            from .score_many import run as task
        case "zero_shot":
            from .zero_shot import run as task
        case "compare":
            from .compare import run as task
        case "demo":
            from .demo import run as task
        case "evaluate":
            from .evaluate import run as task
        case "train":
            from .train import run as task
        case "finetune":
            from .finetune import run as task
        case "ablate":
            from .ablate import run as task
        case "cross":
            from .cross import run as task
        case "pretrain":
            from .pretrain import run as task
        case "synthesize":
            from .synthesize import run as task
        case "extract":
            from .extract import run as task
        case "convert":
            from .convert import run as task
        case "export":
            from .export import run as task
        case "download":
            from .download import run as task
        case "doctor":
            from .doctor import run as task
        case other:
            raise UserError(
                f"config.task is {other!r}, but must be score, score_many, zero_shot, compare, demo, evaluate, train, "
                "finetune, ablate, cross, pretrain, synthesize, extract, convert, export, download or doctor."
            )
    return task(config)
