"""Decoding in processes of their own, ahead of whoever needs the views: a decoder that hangs costs one video.

What crosses the boundary of a process are finished views, 29 MB a video, however large its frames are.
"""

import contextlib
import dataclasses
import gc
import math
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import NamedTuple

import av

from ..errors import DamagedError, MiscountError, VideoError
from ..system.processes import cores, follow_parent, fresh_interpreters, limit_memory, signals_held
from ..system.untrusted import untrusted
from .decode import Video, open_video
from .display import DisplayPlan, DisplayViews
from .integrity import content_sha256, unchanged
from .limits import DecodeLimits
from .sampling import Sampling, SamplingPlan
from .views import Views, video_views

AHEAD = 2  # videos that are decoded before they are needed, for each process


class Job(NamedTuple):
    """What a decoder is asked for: the first arguments of `decode_file`."""

    path: str
    sampling: Sampling
    number: int
    stills: bool
    longest: float


@dataclasses.dataclass(frozen=True, eq=False)
class Decoded:
    """What became of a video file.

    Attributes:
        facts: `sha256`, `frames`, `height`, `width` and `fps`, as far as they were found out, and the version of PyAV
            that decoded it, `av`.
        views: None if it could not be decoded.
        error: a sentence why not.
        damaged: whether that is because the file is not whole.
        video: what is known of its frames, if it could be opened.
        plan: what was looked at.
        stills: JPEGs of frames by number, if asked for.
    """

    path: str
    facts: dict[str, str | int | float | None]
    views: Views | DisplayViews | None
    error: str = ""
    video: Video | None = None
    plan: SamplingPlan | DisplayPlan | None = None
    stills: dict[int, bytes] | None = None
    damaged: bool = False

    def failure(self) -> VideoError:
        """What kept the file from being decoded, to be raised."""
        return (DamagedError if self.damaged else VideoError)(self.error)

    def checked(self) -> Views | DisplayViews:
        """The views; raises a VideoError if the file could not be decoded."""
        if self.views is None:
            raise self.failure()
        return self.views


def noted(samples: Sequence[Decoded]) -> str:
    """What was met in showing the frames of a video, in one or several samples; empty of an ordinary one."""
    return "; ".join(dict.fromkeys(note for sample in samples if sample.video for note in sample.video.notes))


def decode_samples(
    paths: Sequence[str],
    sampling: Sampling,
    limits: DecodeLimits,
    stills: bool = False,
    decoders: "Decoders | None" = None,
) -> Generator[Decoded, None, None]:
    """Decodes video files as `decode_files` does, each as often as it is to be sampled.

    Where sampling is dense, the first sample of a video tells how many there are.
    """
    if not sampling.dense:
        yield from decode_files(paths, sampling, limits, stills, range(sampling.repeats), decoders)
        return
    for path in paths:
        [first] = decode_files([path], sampling, dataclasses.replace(limits, workers=1), stills, decoders=decoders)
        yield first
        if first.video and first.views:
            rest = range(1, len(sampling.plans(first.video)))
            yield from decode_files([path], sampling, limits, stills, rest, decoders)


def decode_files(
    paths: Sequence[str],
    sampling: Sampling,
    limits: DecodeLimits = DecodeLimits(),  # noqa: B008, it is frozen
    stills: bool = False,
    numbers: Sequence[int] = (0,),
    decoders: "Decoders | None" = None,
) -> Generator[Decoded, None, None]:
    """Decodes video files in parallel and gives what became of each, in order.

    Few videos are held at a time, so that memory depends on neither their number nor their length.

    Args:
        stills: whether to keep pictures of frames.
        numbers: samples of each file to decode, by their numbers among the plans of `sampling`.
        decoders: processes that are there already, and stay, instead of those that `limits` asks for.
    """
    jobs = [Job(path, sampling, number, stills, limits.longest) for path in paths for number in numbers]
    count = min(limits.workers or cores(), len(jobs))
    waiting: deque[Future] = deque()
    todo = iter(jobs)
    with contextlib.nullcontext(decoders) if decoders else contextlib.closing(Decoders(count, limits)) as pool:
        try:
            for _ in jobs:
                while len(waiting) < AHEAD * len(pool.workers) and (job := next(todo, None)) is not None:
                    waiting.append(pool.submit(job))
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


class Decoders:
    """Processes that decode, until `close`; `count` of them, each within `limits`."""

    def __init__(self, count: int, limits: DecodeLimits):
        self.workers = [Worker(limits) for _ in range(count)]
        self.idle: SimpleQueue[Worker] = SimpleQueue()
        for worker in self.workers:
            self.idle.put(worker)
        self.pool = ThreadPoolExecutor(max(count, 1))  # a thread waits for each process

    def submit(self, job: Job) -> "Future[Decoded]":
        """Has a file decoded as soon as a process is free."""
        return self.pool.submit(self.decode, job)

    def decode(self, job: Job) -> Decoded:
        """Waits for a free process, and for what becomes of a file there."""
        worker = self.idle.get()
        try:
            return worker.decode(job)
        finally:
            self.idle.put(worker)

    def close(self) -> None:
        """Ends the processes, whatever they are at."""
        for worker in self.workers:
            worker.end()
        self.pool.shutdown(cancel_futures=True)


class Worker:
    """A process that decodes one file after another, and is replaced where it dies or falls silent."""

    def __init__(self, limits: DecodeLimits):
        self.lock, self.ended, self.limits = threading.Lock(), False, limits
        self.start()

    def start(self) -> None:
        # Before the mask, which Python's resource tracker would lift, were it to start with the first process.
        context = fresh_interpreters()
        self.connection, far_end = context.Pipe()
        self.process = context.Process(target=serve, args=(far_end, self.limits.gigabytes), daemon=True)
        with signals_held():
            self.process.start()
        far_end.close()

    def decode(self, job: Job) -> Decoded:
        """Asks for a file and waits for what becomes of it."""
        silence, seconds = self.limits.silence, self.limits.seconds
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
        return Decoded(job.path, {}, None, f"{job.path} cannot be decoded: the decoder {reason}.")

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
    if exitcode == -getattr(signal, "SIGKILL", 9):  # Windows has no such signal
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
            decoded = decode_file(*connection.recv(), alive=alive)
            if decoded.error:
                gc.collect()  # frames hang on the error in circles of references, and the next file needs the room
            connection.send(decoded)


def decode_file(
    path: str,
    sampling: Sampling,
    number: int = 0,
    stills: bool = False,
    longest: float = math.inf,
    alive: Callable[[], None] = lambda: None,
) -> Decoded:
    """Decodes a video file in this process.

    Whatever the file makes a decoder raise becomes its error; slips of this package keep their traceback.

    Args:
        number: of the sample, among the plans of `sampling`.
        stills: whether to keep pictures of frames.
        longest: seconds that it may last to be decoded.
        alive: called again and again while it gets on.
    """
    facts: dict[str, str | int | float | None] = {"av": av.__version__}
    video, kept = None, {} if stills else None
    try:
        refusal = untrusted(path, VideoError, "convert it, with FFmpeg for example", "cannot be decoded", Exception)
        with refusal, unchanged(path):
            facts["sha256"] = content_sha256(path, alive)
            for decode in (False, True):  # where packets are no frames, frames are listed by decoding them
                video = open_video(path, alive, decode)
                facts |= {"frames": video.frames, "height": video.height, "width": video.width}
                facts["fps"] = round(video.fps, 6) if math.isfinite(video.fps) else None
                if (seconds := max(video.seconds, default=0)) > longest:
                    raise VideoError(f"{path} lasts {seconds:.0f} s: no more than {longest:g} s are taken here.")
                plan = sampling.plans(video)[number]
                try:
                    views = video_views(video, plan, alive, kept)
                    break
                except MiscountError:
                    if decode:
                        raise
        return Decoded(path, facts, views, "", video, plan, kept)
    except VideoError as error:
        return Decoded(path, facts, None, str(error), video, damaged=isinstance(error, DamagedError))
    except MemoryError:
        return Decoded(
            path, facts, None, f"{path} cannot be decoded: it takes more memory than there is for it.", video
        )
    except OSError as error:  # FFmpeg borrows the system's errors, to say that it cannot do a thing
        problem = "decoded" if isinstance(error, av.FFmpegError) else "read"
        return Decoded(path, facts, None, f"{path} cannot be {problem}: {error.strerror}.", video)
