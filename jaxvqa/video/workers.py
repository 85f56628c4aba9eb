"""Decoding in processes of their own, ahead of whoever needs the views: a decoder that hangs costs one video.

What crosses the boundary of a process are finished views, 29 MB a video, however large its frames are.
"""

import contextlib
import math
import multiprocessing
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from queue import SimpleQueue

from ..errors import DamagedError, VideoError
from ..system.processes import cores, follow_parent, limit_memory
from .decode import Video, open_video
from .integrity import content_sha256
from .limits import GIGABYTES, SECONDS, SILENCE, check_limits
from .sampling import SamplingPlan, check_seed
from .views import Views, video_dense_plans, video_plan, video_views

AHEAD = 2  # videos that are decoded before they are needed, for each process
Job = tuple[str, int, bool, int | None, float]  # of `decode_file`: path, seed, stills, dense, longest


@dataclass(frozen=True, eq=False)
class Decoded:
    """What became of a video file.

    Attributes:
        facts: `sha256`, `frames`, `height`, `width` and `fps`, as far as they were found out.
        views: None if it could not be decoded.
        error: a sentence why not.
        damaged: whether that is because the file is not whole.
        video: what is known of its frames, if it could be opened.
        plan: what was looked at.
        stills: JPEGs of frames by number, if asked for.
    """

    path: str
    facts: dict[str, str | int | float]
    views: Views | None
    error: str = ""
    video: Video | None = None
    plan: SamplingPlan | None = None
    stills: dict[int, bytes] | None = None
    damaged: bool = False


def decode_files(
    paths: Sequence[str],
    seed: int,
    workers: int = 0,
    stills: bool = False,
    looks: Sequence[int] = (0,),
    dense: bool = False,
    silence: float = SILENCE,
    longest: float = math.inf,
    seconds: float = SECONDS,
    gigabytes: float = GIGABYTES,
    decoders: "Decoders | None" = None,
) -> Iterator[Decoded]:
    """Decodes video files in parallel and gives what became of each, in order.

    Few videos are held at a time, so that memory depends on neither their number nor their length.

    Args:
        seed: with a file's name, decides which frames and patches are looked at.
        workers: processes; 0, as many as there are cores.
        stills: whether to keep pictures of frames.
        looks: each file is decoded once for each of these, with a plan drawn from `seed` plus that number.
        dense: whether they are numbers of dense plans instead.
        silence: seconds without a sign of life after which a decoder is ended.
        longest: seconds that a video may last to be decoded.
        seconds: that decoding a file may take until the decoder is ended.
        gigabytes: of memory that a decoder may take, 10**9 bytes each.
        decoders: processes that are there already, and stay, instead of so many `workers` with so many `gigabytes`.

    Raises:
        UserError: a negative seed or number of workers, or limits that let nothing through.
    """
    check_seed(seed)
    check_limits(workers, seconds, gigabytes)
    jobs = [(path, seed if dense else seed + n, stills, n if dense else None, longest) for path in paths for n in looks]
    count = min(workers or cores(), len(jobs))
    waiting: deque[Future] = deque()
    todo = iter(jobs)
    with contextlib.nullcontext(decoders) if decoders else contextlib.closing(Decoders(count, gigabytes)) as pool:
        try:
            for _ in jobs:
                while len(waiting) < AHEAD * len(pool.workers) and (job := next(todo, None)) is not None:
                    waiting.append(pool.submit(job, silence, seconds))
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


class Decoders:
    """Processes that decode, until `close`.

    Args:
        count: their number.
        gigabytes: of memory that each may take, 10**9 bytes each.
    """

    def __init__(self, count: int, gigabytes: float):
        self.workers = [Worker(gigabytes) for _ in range(count)]
        self.idle: SimpleQueue[Worker] = SimpleQueue()
        for worker in self.workers:
            self.idle.put(worker)
        self.pool = ThreadPoolExecutor(max(count, 1))  # a thread waits for each process

    def submit(self, job: Job, silence: float, seconds: float) -> "Future[Decoded]":
        """Has a file decoded as soon as a process is free."""
        return self.pool.submit(self.decode, job, silence, seconds)

    def decode(self, job: Job, silence: float, seconds: float) -> Decoded:
        """Waits for a free process, and for what becomes of a file there."""
        worker = self.idle.get()
        try:
            return worker.decode(job, silence, seconds)
        finally:
            self.idle.put(worker)

    def close(self) -> None:
        """Ends the processes, whatever they are at."""
        for worker in self.workers:
            worker.end()
        self.pool.shutdown(cancel_futures=True)


class Worker:
    """A process that decodes one file after another, and is replaced where it dies or falls silent."""

    def __init__(self, gigabytes: float):
        self.lock, self.ended, self.gigabytes = threading.Lock(), False, gigabytes
        self.start()

    def start(self) -> None:
        # A fresh interpreter: JAX's threads do not survive a fork.
        context = multiprocessing.get_context("spawn")
        self.connection, far_end = context.Pipe()
        self.process = context.Process(target=serve, args=(far_end, self.gigabytes), daemon=True)
        # What stops a run is the parent's: a process inherits the mask of the thread that starts it. Python's resource
        # tracker, were it to start with the first process, would lift it.
        resource_tracker.ensure_running()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        self.process.start()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        far_end.close()

    def decode(self, job: Job, silence: float, seconds: float) -> Decoded:
        """Asks for a file and waits for what becomes of it."""
        with self.lock:
            if not (self.ended or self.process.is_alive()):  # it died between two files: no fault of this one
                self.start()
        try:
            self.connection.send(job)
            deadline = time.monotonic() + seconds
            while self.connection.poll(max(0, min(silence, deadline - time.monotonic()))):
                if answer := self.connection.recv():
                    return answer
            late = time.monotonic() >= deadline
            reason = f"was not done after {seconds:g} s" if late else f"gave no sign of life for {silence:g} s"
        except (EOFError, OSError):
            self.process.join(5)  # one that hangs in ending is killed below
            reason = died(self.process.exitcode)
        with self.lock:
            self.stop()
            if not self.ended:
                self.start()
        return Decoded(job[0], {}, None, f"{job[0]} cannot be decoded: the decoder {reason}.")

    def end(self) -> None:
        """Ends the process, whatever it is at."""
        with self.lock:
            self.ended = True
            self.stop()

    def stop(self) -> None:
        """Kills the process and waits for its end."""
        self.process.kill()
        self.process.join()


def died(exitcode: int | None) -> str:
    """How a process ended, as far as it is known: where several end at once, another thread may have been told."""
    if exitcode is None:
        return "ended"
    if exitcode == -signal.SIGKILL:
        return "was killed, for want of memory perhaps"
    return f"crashed ({signal.Signals(-exitcode).name})" if exitcode < 0 else f"ended with exit code {exitcode}"


def serve(connection: Connection, gigabytes: float) -> None:
    """The life of a worker: a file after another, with a sign of life about every second while it gets on."""
    follow_parent()
    limit_memory(gigabytes)
    said = time.monotonic()

    def alive():
        nonlocal said
        if time.monotonic() > said + 1:
            connection.send(None)
            said = time.monotonic()

    with contextlib.suppress(EOFError, BrokenPipeError):  # the parent is gone
        while True:
            connection.send(decode_file(*connection.recv(), alive=alive))


def decode_file(
    path: str,
    seed: int,
    stills: bool = False,
    dense: int | None = None,
    longest: float = math.inf,
    alive: Callable[[], None] = lambda: None,
) -> Decoded:
    """Decodes a video file in this process.

    Args:
        seed: with the file's name, decides which frames and patches are looked at.
        stills: whether to keep pictures of frames.
        dense: the number of the dense plan to look by, instead of one drawn from the seed.
        longest: seconds that it may last to be decoded.
        alive: called again and again while it gets on.
    """
    facts, video, kept = {}, None, {} if stills else None
    try:
        facts["sha256"] = content_sha256(path, alive)
        video = open_video(path, alive)
        facts |= {"frames": video.frames, "height": video.height, "width": video.width}
        facts["fps"] = round(video.fps, 6) if math.isfinite(video.fps) else None
        if (seconds := max(video.seconds, default=0)) > longest:
            raise VideoError(f"{path} lasts {seconds:.0f} s: no more than {longest:g} s are taken here.")
        plan = video_plan(video, seed) if dense is None else video_dense_plans(video)[dense]
        return Decoded(path, facts, video_views(video, plan, alive, kept), "", video, plan, kept)
    except VideoError as error:
        return Decoded(path, facts, None, str(error), video, damaged=isinstance(error, DamagedError))
    except MemoryError:
        return Decoded(
            path, facts, None, f"{path} cannot be decoded: it takes more memory than there is for it.", video
        )
    except OSError as error:
        return Decoded(path, facts, None, f"{path} cannot be read: {error.strerror}.", video)
