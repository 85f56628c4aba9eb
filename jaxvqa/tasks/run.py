"""Runs the task of a config: exit codes, signals."""

import contextlib
import importlib
import io
import logging
import os
import signal
import sys
from collections.abc import Callable, Generator
from types import FrameType, TracebackType
from typing import NoReturn

import ml_collections

from .. import __version__
from ..errors import UserError, first_line
from ..system.extras import extras_told
from ..system.processes import safe_path
from ..system.terminal import Log, hush, open_streams
from ..system.untrusted import PLATFORMS, lacks_device, lacks_memory
from . import TASKS

EXIT_CODES = (
    "Exit code: 0, all done; 1, some of the work failed; 2, wrong usage or unusable input; 130 and 143, stopped by "
    "Ctrl-C and by SIGTERM."
)
ISSUES = "https://github.com/jaxvqa/jaxvqa/issues"
QUIET = ("absl", "asyncio", "apache_beam")  # Orbax and Beam log what they raise as well, and a user is told it once


def exit_code_of(task: Callable[[], int]) -> int:
    """Runs a task, and returns its exit code, or what stands for the error that it ended with, and says that."""
    try:
        code = task()
        sys.stdout.flush()
        return code
    except UserError as error:
        say(f"jaxvqa: {error}")
        logging.getLogger(__name__).info("where this was raised:", exc_info=error)
        return 2
    except BrokenPipeError:  # who reads stdout has had enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + getattr(signal, "SIGPIPE", 13)  # Windows has no such signal
    except OSError as error:
        if error.errno is None:  # a library's, of whatever it means by that
            raise
        say(f"jaxvqa: {error.filename or 'output'}: {error.strerror}; what was finished is kept.")
        return 1
    except (MemoryError, RuntimeError, AssertionError) as error:
        if said := lacks_device():
            say(f"jaxvqa: {said}")
            return 2
        if not lacks_memory(error):
            raise
        say(f"jaxvqa: not enough memory ({first_line(error)}); what was finished is kept.")
        return 1
    except KeyboardInterrupt as stopped:
        say("jaxvqa: stopped; the same command goes on with what is left to do.")
        return 128 + (stopped.args[0] if stopped.args else signal.SIGINT)


def say(text: str) -> None:
    """Writes a sentence to stderr, whatever is hushed."""
    Log().warn(text)


def start() -> None:
    """Prepares this process for being a command."""
    open_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a name that the terminal cannot show must not end the run
    signal.signal(signal.SIGTERM, stop)
    sys.excepthook = ask_for_report


def ask_for_report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Shows the traceback of an error that nothing foresaw, and says where to report it."""
    sys.__excepthook__(kind, error, trace)
    say(
        f"jaxvqa: this is an error in jaxvqa {__version__}, or in a package that it uses; please report it, with the "
        f"lines above and the command: {ISSUES}"
    )


def stop(number: int, frame: FrameType | None) -> NoReturn:
    """What is done on SIGTERM, by which schedulers and services end a run: the same as on Ctrl-C."""
    raise KeyboardInterrupt(number)


def run(config: ml_collections.ConfigDict) -> int:
    """Runs the task that a config is for and returns the exit code.

    What a task needs is imported with it, once its config was checked: what is wrong with that is said at once, and
    scoring waits for nothing that only training needs.

    Raises:
        UserError: the config names no task or cannot work, the current folder was removed, an extra is not installed,
            or JAX finds no such device.
    """
    try:
        os.getcwd()
    except FileNotFoundError:
        raise UserError("the current folder does not exist anymore: change to another folder.") from None
    modules = list(dict.fromkeys(task.module for task in TASKS))
    if config.task not in modules:
        raise UserError(f"task is {config.task!r}; it must be {', '.join(modules[:-1])} or {modules[-1]}.")
    set_log(config.get("quiet", False), config.get("verbose", False))
    importlib.import_module(".checks", __package__).check(config)
    if config.get("dry_run", False):
        return importlib.import_module(".dry_run", __package__).run(config)
    with extras_told(), safe_path(), on_device(config.get("device", "")):
        task = importlib.import_module(f".{config.task}", __package__)
        if "jax" in sys.modules:  # the task computes
            importlib.import_module("..system.compilation", __package__).keep_compiled()
        return task.run(config)


def set_log(quiet: bool, verbose: bool) -> None:
    """Shows warnings only, or what libraries log as well."""
    hush(quiet)
    if verbose:
        logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    for library in QUIET:
        logging.getLogger(library).setLevel(logging.NOTSET if verbose else logging.CRITICAL)


@contextlib.contextmanager
def on_device(device: str) -> Generator[None, None, None]:
    """Has JAX, which is not imported yet, compute on devices of a kind; on those that it chooses if that is empty.

    Raises:
        UserError: it finds none of that kind.
    """
    if not device:
        yield
        return
    # By "gpu", JAX means those of all vendors, and refuses if the package of one is not installed.
    os.environ[PLATFORMS[0]] = "cuda" if device == "gpu" else device
    try:
        yield
    except (RuntimeError, AssertionError) as error:
        if not lacks_device():
            raise
        said = f"device is {device}, but JAX finds none here: leave it out, or see docs/platforms.md."
        raise UserError(said) from error
