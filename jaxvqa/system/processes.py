"""Processes of this package."""

import multiprocessing
import os
import resource
import threading


def cores() -> int:
    """How many processor cores this process may use."""
    from joblib import cpu_count  # it takes a tenth of a second, which a process that decodes need not wait for

    return cpu_count()


def limit_memory(gigabytes: float) -> None:
    """Lets this process have no more than that: whoever asks for more is refused it."""
    limit = int(gigabytes * 1e9)
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (limit if most < 0 else min(limit, most), most))


def follow_parent() -> None:
    """Ends this process with the one that started it, even if that is killed."""

    def wait():
        if parent := multiprocessing.parent_process():
            parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
