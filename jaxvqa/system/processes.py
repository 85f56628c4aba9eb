"""Processes of this package, which import nothing from the current folder.

Python starts processes by `python -c` and `python -m`, which put the current folder in front of the folders that
modules are imported from: a `signal.py` in a folder of downloads would be run.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Generator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnContext, SpawnProcess

try:
    import resource
except ModuleNotFoundError:  # Windows
    resource = None

SAFE_PATH = "PYTHONSAFEPATH"
LIMITS_MEMORY = resource is not None and sys.platform == "linux"  # macOS takes a limit, and does not heed it
MASKS_SIGNALS = hasattr(signal, "pthread_sigmask")
changing = threading.Lock()
before: list[str | None] = []  # what it was, once for each context that is entered


@contextlib.contextmanager
def safe_path() -> Generator[None, None, None]:
    """Keeps the current folder out of the path of all Python processes that are started meanwhile, and of theirs.

    Threads may enter it at once. Source: https://docs.python.org/3/using/cmdline.html#envvar-PYTHONSAFEPATH
    """
    with changing:
        before.append(os.environ.get(SAFE_PATH))
        os.environ[SAFE_PATH] = "1"
    try:
        yield
    finally:
        with changing:
            last = before.pop()  # of threads that overlap, whoever leaves last puts back what was found first
            if last is None:
                del os.environ[SAFE_PATH]
            else:
                os.environ[SAFE_PATH] = last


class SafeProcess(SpawnProcess):
    """A fresh interpreter whose path is that of the process that starts it, from its first import on."""

    def start(self) -> None:
        with safe_path():
            super().start()


class SafeContext(SpawnContext):
    """What `multiprocessing.get_context` gives, for `SafeProcess`."""

    Process = SafeProcess


def fresh_interpreters() -> SafeContext:
    """The context to start processes in: JAX's threads do not survive a fork."""
    if os.name == "posix":
        with safe_path():
            resource_tracker.ensure_running()  # also a process, which would start with the first one
    return SafeContext()


@contextlib.contextmanager
def signals_held() -> Generator[None, None, None]:
    """Keeps what stops a run, which is the parent's affair, from processes that are started meanwhile.

    A process inherits the mask of the thread that starts it; where there are no masks, see `follow_parent`.
    """
    if not MASKS_SIGNALS:
        yield
        return
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextlib.contextmanager
def process_pool(workers: int) -> Generator[ProcessPoolExecutor, None, None]:
    """A pool of processes that end with this one.

    Args:
        workers: their number; 0, as many as there are cores.
    """
    with ProcessPoolExecutor(workers or cores(), fresh_interpreters(), follow_parent) as pool:
        yield pool


def cores() -> int:
    """How many processor cores this process may use."""
    from joblib import cpu_count  # it takes a tenth of a second, which a process that decodes need not wait for

    return cpu_count()


def limit_memory(gigabytes: float) -> None:
    """Lets this process have no more than that, where the system can: whoever asks for more is refused it."""
    if resource is None or not LIMITS_MEMORY:
        return
    limit = int(gigabytes * 1e9)
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (limit if most < 0 else min(limit, most), most))


def follow_parent() -> None:
    """Ends this process with the one that started it, even if that is killed."""

    def wait():
        if parent := multiprocessing.parent_process():
            parent.join()
        os._exit(1)

    if not MASKS_SIGNALS:  # Windows sends Ctrl-C to all processes of a console
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=wait, daemon=True).start()


def unprotected() -> list[str]:
    """What this system cannot protect a run from, each as a clause; nothing on Linux."""
    lacking = {
        "a video may take all memory while it is decoded": not LIMITS_MEMORY,
        "only Ctrl-C ends a run in order": not MASKS_SIGNALS,
        "folders that other users can write to are taken": not hasattr(os, "geteuid"),
    }
    return [clause for clause, lacks in lacking.items() if lacks]
