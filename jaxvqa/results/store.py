"""Scores on disk: one row per video, as CSV and as JSON lines."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import UserError
from ..system.files import lock_folder, with_filename, write_atomic
from ..system.terminal import Log
from .rows import COLUMNS, Key, Row, csv_row, json_line, key, read_rows, text_of


class Results:
    """The files `scores.csv` and `scores.jsonl` of a folder.

    Rows are appended as they come, so that a run that is killed loses none; JSON lines are what
    is read back. `close` puts both in order of path, seed and weights, so that the same rows
    make the same files however many runs they came from.
    """

    def __init__(self, folder: str | os.PathLike, columns: Sequence[str] = COLUMNS):
        """Opens the folder, made if need be, with the rows of earlier runs.

        Raises:
            UserError: the folder cannot be written, is in use by another run, or holds a `scores.jsonl` of
                something else than such rows.
        """
        self.folder, self.columns = Path(folder), columns
        self.csv_path, self.json_path = self.folder / "scores.csv", self.folder / "scores.jsonl"
        self._claim = lock_folder(folder)
        with contextlib.ExitStack() as failing:
            failing.enter_context(self._claim)
            try:
                self.rows: dict[Key, Row] = {key(row): row for row in read_rows(self.json_path, columns)}
                self._write_all()
                self._csv, self._json = self.csv_path.open("ab"), self.json_path.open("ab")
            except OSError as error:
                raise UserError(f"folder {folder} cannot be written: {error.strerror}.") from error
            failing.pop_all()  # the lock is kept until `close`

    def add(self, row: Row) -> None:
        """Appends a row; one of the same path, seed and weights gives way to it."""
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
