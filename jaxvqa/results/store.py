"""Scores on disk: one row per video, as CSV and as JSON lines; one per time step, as CSV."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import UserError
from ..system.files import lock_folder, with_filename, write_atomic
from ..system.terminal import Log
from .moments import COLUMNS as MOMENT_COLUMNS
from .rows import COLUMNS, Key, Row, csv_header, csv_row, identity, json_line, key, read_rows, text_of

PARTS = "moments"  # the folder with the time steps of each row


def moments_part(folder: Path, row: Row) -> Path:
    """Where the time steps of a row are, as lines of `moments.csv`, in the folder of results."""
    return folder / PARTS / f"{identity(row)}.csv"


class Results:
    """The files `scores.csv` and `scores.jsonl` of a folder, and `moments.csv` if scores over time are kept.

    Rows are appended as they come, so that a run that is killed loses none; JSON lines are what
    is read back. `close` puts both in order of path, seed and weights, so that the same rows
    make the same files however many runs they came from. The time steps of each video are also in a file of
    the folder `moments`, written before its row, from which `moments.csv` is put together.
    """

    def __init__(self, folder: str | os.PathLike, columns: Sequence[str] = COLUMNS, per_moment: bool = False):
        """Opens the folder, made if need be, with the rows of earlier runs.

        Args:
            per_moment: whether rows come with their time steps.

        Raises:
            UserError: the folder cannot be written, is in use by another run, or holds a `scores.jsonl` of
                something else than such rows.
        """
        self.folder, self.columns = Path(folder), columns
        self.csv_path, self.json_path = self.folder / "scores.csv", self.folder / "scores.jsonl"
        self.per_moment, self.moments_path = per_moment, self.folder / "moments.csv"
        self._claim = lock_folder(folder)
        with contextlib.ExitStack() as failing:
            failing.enter_context(self._claim)
            try:
                self.rows: dict[Key, Row] = {key(row): row for row in read_rows(self.json_path, columns)}
                if per_moment:
                    (self.folder / PARTS).mkdir(exist_ok=True)
                self._write_all()
                self._csv, self._json = self.csv_path.open("ab"), self.json_path.open("ab")
            except OSError as error:
                raise UserError(f"folder {folder} cannot be written: {error.strerror}.") from error
            failing.pop_all()  # the lock is kept until `close`

    def add(self, row: Row, moments: Sequence[Row] = ()) -> None:
        """Appends a row; one of the same path, seed and weights gives way to it.

        Args:
            moments: its time steps, if they are kept.
        """
        if moments:
            lines = "".join(csv_row(moment, MOMENT_COLUMNS) for moment in moments)
            write_atomic(moments_part(self.folder, row), lines)
            with with_filename(self.moments_path), self.moments_path.open("ab") as file:
                file.write(lines.encode("utf-8", "surrogateescape"))
        self.rows[key(row)] = row
        for file, text in ((self._json, json_line(row, self.columns)), (self._csv, csv_row(row, self.columns))):
            with with_filename(file.name):
                file.write(text.encode("utf-8", "surrogateescape"))
                file.flush()

    def __enter__(self) -> "Results":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Puts the files in order."""
        with self._claim:
            for file in (self._json, self._csv):
                with with_filename(file.name):
                    file.close()
            self._write_all()

    def _write_all(self) -> None:
        rows = [self.rows[k] for k in sorted(self.rows)]
        write_atomic(self.json_path, text_of(rows, self.columns, "jsonl"))
        write_atomic(self.csv_path, text_of(rows, self.columns, "csv"))
        if (self.folder / PARTS).is_dir():
            write_atomic(self.moments_path, self._moments(rows))

    def _moments(self, rows: Sequence[Row]) -> Iterator[str]:
        yield csv_header(MOMENT_COLUMNS)
        for path in (moments_part(self.folder, row) for row in rows):
            if path.exists():
                yield path.read_bytes().decode("utf-8", "surrogateescape")


def remove_report(folder: Path, log: Log | None = None) -> None:
    """Removes the report of a folder before its scores change, so that it never stands beside other ones.

    Args:
        log: gets a line if there was one.
    """
    report = folder / "report.html"
    if report.exists():
        report.unlink()
        if log:
            log(f"{report} showed earlier scores and was removed; to have a new one, run jaxvqa report")
