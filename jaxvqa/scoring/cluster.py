"""The task of scoring very large collections: an Apache Beam pipeline, one record in and one row out for each video.

Rows go to OUTPUT/parts, a file for each batch, as soon as it is done; in the end they are put in order. Videos and
output are on file systems that all workers see.
"""

import contextlib
import functools
import io
import json
import os
import platform
import shlex
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..errors import UserError, first_line
from ..model import Model, load
from ..results.rows import COLUMNS, Key, Row, csv_header, csv_row, json_line, key, read_rows
from ..system.compilation import keep_compiled
from ..system.files import write_atomic
from ..system.processes import cores
from ..system.terminal import Log, without_warnings
from ..system.threads import stoppable_threads
from ..system.untrusted import untrusted
from ..text.prompts import PromptPair
from ..video.limits import DecodeLimits
from ..video.sampling import Sampling
from ..video.workers import Decoders, decode_samples
from .kept import content, same_work
from .videos import score_row, score_samples

with without_warnings():  # of parts that Beam was installed without
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

BATCH = 16  # videos between two writes: what a worker loses at most when it is killed
PAUSE = 2  # seconds after which the progress bar is brought up to date


class Place(NamedTuple):
    """Where a row is: when its batch began, in ns, the file, and the byte that its line begins at."""

    began: int
    path: Path
    start: int


@dataclass(frozen=True)
class Work:
    """What every worker does to its videos.

    Attributes:
        weights: a directory that all workers see, or a name.
        custom: pairs of words to score beside the 16 dimensions.
        parts: folder that gets a file of rows for each batch.
    """

    weights: str
    precision: str
    custom: tuple[PromptPair, ...]
    sampling: Sampling
    limits: DecodeLimits
    parts: Path


def make_pipeline(runner: str, options: str) -> beam.Pipeline:
    """An empty pipeline of a runner, with options of Beam and of the runner in one text.

    Raises:
        UserError: Beam does not understand them.
    """
    said = io.StringIO()
    try:
        parsed = PipelineOptions(shlex.split(options), runner=runner)
        with contextlib.redirect_stderr(said):
            parsed.get_all_options()
        return beam.Pipeline(options=parsed)
    except SystemExit:  # after pages of all options that there are
        reason = said.getvalue().rpartition("error: ")[2].strip()
    except (ValueError, ImportError) as error:
        reason = first_line(error)
    raise UserError(f"Beam cannot run with runner {runner} and beam_options {options!r}: {reason}.")


@functools.lru_cache(maxsize=1)
def load_once(weights: str, precision: str, custom: tuple[PromptPair, ...]) -> Model:
    """The model, loaded once a process, however many of Beam's threads ask for it."""
    return load(weights, precision, custom)


loading = threading.Lock()  # two threads at once would both load it


def find_rows(folder: Path) -> dict[Key, Place]:
    """Where the newest row of each path, seed and weights is: of a million rows, the places alone fit into memory."""
    places: dict[Key, Place] = {}
    for path in sorted(folder.glob("*.jsonl")):
        began, start = int(path.name.partition("-")[0]), 0
        for row in read_rows(path):
            if began >= places.get(key(row), (0,))[0]:
                places[key(row)] = Place(began, path, start)
            start += len(json_line(row, COLUMNS).encode("utf-8", "surrogateescape"))
    return places


def read_row(place: Place) -> Row:
    """The row at a place."""
    with place.path.open("rb") as file:
        file.seek(place.start)
        return json.loads(file.readline().decode("utf-8", "surrogateescape"))


def find_kept(keys: dict[str, Key], places: dict[Key, Place], work: Work) -> set[str]:
    """The paths that earlier runs scored with the same settings, and whose files have not changed since."""

    def is_kept(path, each):
        place = places[keys[path]]
        row = read_row(place)
        if row["status"] != "ok" or not same_work(row, work.sampling, work.custom):
            return False
        with contextlib.suppress(OSError):
            # No other file, however old, can have taken its place without that time: the file need not be read again.
            if max(os.stat(path).st_mtime_ns, os.stat(path).st_ctime_ns) < place.began:
                return True
        return row["sha256"] == content(path, each)

    known = [path for path in keys if keys[path] in places]
    with stoppable_threads() as (pool, each):  # shared file systems take their time to answer
        same = pool.map(functools.partial(is_kept, each=each), known)
        return {path for path, kept in zip(known, same, strict=True) if kept}


def score(todo: list[str], weights_id: str, pipeline: beam.Pipeline, work: Work) -> bool:
    """Scores videos in a pipeline; returns whether it came to its end, and says why if not."""
    # A pipeline is sent to its runner as a whole, which may take no more than some megabytes: it gets a list's name.
    listed, log = work.parts.with_name("todo.jsonl"), Log()
    write_atomic(listed, (json.dumps(path) + "\n" for path in todo))
    (
        pipeline
        | beam.io.ReadFromText(str(listed))
        | beam.Reshuffle()
        | beam.BatchElements(BATCH, BATCH)
        | beam.ParDo(Score(work, weights_id))
    )
    over, seen = threading.Event(), set(work.parts.glob("*.jsonl"))
    with log.progress("scoring") as bar:
        task = bar.add_task("scoring", total=len(todo))

        def watch():
            while not over.wait(PAUSE):
                new = set(work.parts.glob("*.jsonl")) - seen
                seen.update(new)
                bar.advance(task, sum(path.read_bytes().count(b"\n") for path in new))

        watching = threading.Thread(target=watch, daemon=True)
        watching.start()
        try:
            with untrusted("the pipeline", UserError, "run it again", "broke off", kinds=Exception):
                pipeline.run().wait_until_finish()
        except UserError as error:  # caused by one of a worker, with all its trace as the text
            text = str(error.__cause__ or error)
            lines = [line for line in text.splitlines() if "Error: " in line] or [text.partition("\n")[0]]
            log.warn(f"the pipeline broke off: {lines[-1]}")
            return False
        finally:
            over.set()
            watching.join()
            listed.unlink()
    return True


def at_work() -> contextlib.AbstractContextManager[None]:
    """What a worker does, told as a sentence if it fails: Beam passes on an error without its kind.

    From that alone nobody could tell at the other end whose error it is.
    """
    return untrusted(f"worker {platform.node()}", UserError, "run it again", "broke off", kinds=Exception)


class Score(beam.DoFn):
    """Scores batches of paths and gives a row for each, as they stand in scores.jsonl.

    Both are JSON: Beam passes on no text that holds names which are no UTF-8. The rows of a batch are on disk, in a
    part of their own, before they are passed on.

    Args:
        weights_id: the weights that a worker must find at `work.weights`.
    """

    def __init__(self, work: Work, weights_id: str):
        self.work, self.weights_id = work, weights_id

    def setup(self) -> None:
        """Loads the model, once for all threads of this process, and starts the processes that decode."""
        with at_work():
            keep_compiled()
            with loading:
                self.model = load_once(self.work.weights, self.work.precision, self.work.custom)
        if self.model.weights_id != self.weights_id:
            raise UserError(
                f"the weights {self.work.weights} are {self.model.weights_id} on this worker, but {self.weights_id} "
                "where the run was started: have all see the same."
            )
        with at_work():
            self.decoders = Decoders(self.work.limits.workers or cores(), self.work.limits)

    def process(self, element: list[str]) -> Iterator[str]:
        """The rows of some videos."""
        began, paths = time.time_ns(), [json.loads(line) for line in element]
        with at_work():
            decoded = decode_samples(paths, self.work.sampling, self.work.limits, decoders=self.decoders)
            rows = [
                json_line(score_row(self.model, samples, scores, self.work.sampling), COLUMNS)
                for samples, scores in score_samples(self.model, decoded)
            ]
            write_atomic(self.work.parts / f"{began}-{uuid.uuid4().hex}.jsonl", rows)
        yield from rows

    def teardown(self) -> None:
        """Ends the processes that decode."""
        self.decoders.close()


def write_in_order(places: dict[Key, Place], folder: Path) -> None:
    """Writes the rows of all parts, in order of path, seed and weights, as scores.jsonl and scores.csv."""

    def rows() -> Iterable[Row]:
        return (read_row(places[each]) for each in sorted(places))

    write_atomic(folder / "scores.jsonl", (json_line(row, COLUMNS) for row in rows()))
    lines = (csv_row(row, COLUMNS) for row in rows())
    write_atomic(folder / "scores.csv", (line for some in ([csv_header(COLUMNS)], lines) for line in some))
