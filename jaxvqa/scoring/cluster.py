"""The task of scoring very large collections: an Apache Beam pipeline, one record in and one row out for each video.

Rows go to OUTPUT/parts, a file for each batch, as soon as it is done; in the end they are put in order. Videos and
output are on file systems that all workers see.
"""

import contextlib
import functools
import io
import json
import logging
import os
import shlex
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import ml_collections
from rich.console import Console
from rich.text import Text

from ..errors import UserError, first_line
from ..model import Model, load
from ..results.rows import COLUMNS, Key, Row, csv_line, csv_row, json_line, key, read_rows
from ..system.files import write_atomic
from ..system.processes import cores
from ..system.terminal import printable, progress
from ..text.prompts import read_pairs
from ..video.workers import Decoders
from .videos import content, decode_samples, same_work, score_row

quiet = logging.root.manager.disable
try:
    logging.disable(logging.WARNING)  # Beam warns of parts that it was installed without
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
except ModuleNotFoundError as error:
    raise UserError(
        "scoring many videos needs Apache Beam: pip install 'jaxvqa[beam]' (in a clone: pip install -e '.[beam]')."
    ) from error
finally:
    logging.disable(quiet)

BATCH = 16  # videos between two writes: what a worker loses at most when it is killed
LOOK = 2  # seconds between two looks at what is done


class Place(NamedTuple):
    """Where a row is: when its batch began, in ns, the file, and the byte that its line begins at."""

    began: int
    path: Path
    start: int


def make_pipeline(config: ml_collections.ConfigDict) -> beam.Pipeline:
    """An empty pipeline of the runner, and with the options, that a config names.

    Raises:
        UserError: Beam does not understand them.
    """
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)  # what breaks a run off is told once
    said = io.StringIO()
    try:
        options = PipelineOptions([f"--runner={config.runner}", *shlex.split(config.beam_options)])
        with contextlib.redirect_stderr(said):
            options.get_all_options()
        return beam.Pipeline(options=options)
    except SystemExit:  # after pages of all options that there are
        reason = said.getvalue().rpartition("error: ")[2].strip()
    except (ValueError, ImportError) as error:
        reason = first_line(error)
    raise UserError(
        f"Beam cannot run by config.runner={config.runner} and config.beam_options={config.beam_options!r}: {reason}."
    )


@functools.lru_cache(maxsize=1)
def load_once(weights: str, precision: str, own: str) -> Model:
    """The model, loaded once a process, however many of Beam's threads ask for it."""
    return load(weights, precision, read_pairs(own))


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


def find_kept(keys: dict[str, Key], places: dict[Key, Place], config: ml_collections.ConfigDict) -> set[str]:
    """The paths that earlier runs scored with the same settings, and whose files have not changed since."""
    own = read_pairs(config.own)

    def is_kept(path):
        place = places[keys[path]]
        row = read_row(place)
        if row["status"] != "ok" or not same_work(row, config, own):
            return False
        with contextlib.suppress(OSError):
            # No other file, however old, can have taken its place without that time: the file need not be read again.
            if max(os.stat(path).st_mtime_ns, os.stat(path).st_ctime_ns) < place.began:
                return True
        return row["sha256"] == content(path)

    known = [path for path in keys if keys[path] in places]
    with ThreadPoolExecutor() as pool:  # shared file systems take their time to answer
        return {path for path, same in zip(known, pool.map(is_kept, known), strict=True) if same}


def score(
    todo: list[str], weights_id: str, pipeline: beam.Pipeline, config: ml_collections.ConfigDict, log: Console
) -> bool:
    """Scores videos in a pipeline; returns whether it came to its end, and says why if not."""
    # A pipeline is sent to its runner as a whole, which may take no more than some megabytes: it gets a list's name.
    listed, parts = Path(config.output, "todo.jsonl").absolute(), Path(config.output, "parts")
    write_atomic(listed, (json.dumps(path) + "\n" for path in todo))
    settings = {**config.to_dict(), "output": str(parts.absolute())}
    (
        pipeline
        | beam.io.ReadFromText(str(listed))
        | beam.Reshuffle()
        | beam.BatchElements(BATCH, BATCH)
        | beam.ParDo(Score(settings, weights_id))
    )
    over, seen = threading.Event(), set(parts.glob("*.jsonl"))
    with progress("scoring", log) as bar:
        task = bar.add_task("scoring", total=len(todo))

        def look():
            while not over.wait(LOOK):
                new = set(parts.glob("*.jsonl")) - seen
                seen.update(new)
                bar.advance(task, sum(path.read_bytes().count(b"\n") for path in new))

        looking = threading.Thread(target=look, daemon=True)
        looking.start()
        try:
            pipeline.run().wait_until_finish()
        except Exception as error:  # of a worker, with all its trace as the text
            lines = [line for line in str(error).splitlines() if "Error: " in line] or [first_line(error)]
            log.print(Text(printable(f"the pipeline broke off: {lines[-1]}")), soft_wrap=True)
            return False
        finally:
            over.set()
            looking.join()
            listed.unlink()
    return True


class Score(beam.DoFn):
    """Scores batches of paths and gives a row for each, as they stand in scores.jsonl.

    Both are JSON: Beam passes on no text that holds names which are no UTF-8. The rows of a batch are on disk, in a
    part of their own, before they are passed on.

    Args:
        settings: fields of configs/score_many.py, with the folder of the parts as `output`.
        weights_id: the weights that a worker must find at `settings["weights"]`.
    """

    def __init__(self, settings: dict[str, Any], weights_id: str):
        self.settings, self.weights_id = settings, weights_id

    def setup(self) -> None:
        """Loads the model, once for all threads of this process, and starts the processes that decode."""
        self.config = ml_collections.ConfigDict({**self.settings, "report": False})
        with loading:
            self.model = load_once(self.config.weights, self.config.precision, self.config.own)
        if self.model.weights_id != self.weights_id:
            raise UserError(
                f"the weights {self.config.weights} are {self.model.weights_id} on this worker, but {self.weights_id} "
                "where the run was started: have all see the same."
            )
        self.decoders = Decoders(self.config.workers or cores(), self.config.decode_gigabytes)

    def process(self, listed: list[str]) -> Iterator[str]:
        """The rows of some videos."""
        began, paths = time.time_ns(), [json.loads(line) for line in listed]
        looked = decode_samples(paths, self.model, self.config, self.decoders)
        rows = [json_line(score_row(self.model, looks, scores, self.config), COLUMNS) for looks, scores in looked]
        write_atomic(Path(self.config.output, f"{began}-{uuid.uuid4().hex}.jsonl"), rows)
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
    write_atomic(folder / "scores.csv", (line for some in ([csv_line(COLUMNS)], lines) for line in some))
