"""Threads that nobody has to wait for."""

import contextlib
import threading
from collections.abc import Callable, Generator
from concurrent.futures import CancelledError, ThreadPoolExecutor


@contextlib.contextmanager
def stoppable_threads(
    count: int | None = None,
) -> Generator[tuple[ThreadPoolExecutor, Callable[[], None]], None, None]:
    """A pool of threads, and a function that those that take long call again and again.

    When the context is left, by Ctrl-C for instance, what has not begun is cancelled, and that function raises a
    CancelledError in what has: a pool by itself waits for all that it was given, which may take minutes.

    Args:
        count: number of threads; by default as many as the pool of Python chooses.
    """
    ended = threading.Event()

    def each() -> None:
        if ended.is_set():
            raise CancelledError

    with ThreadPoolExecutor(count) as pool:
        try:
            yield pool, each
        finally:
            ended.set()
            pool.shutdown(wait=False, cancel_futures=True)
