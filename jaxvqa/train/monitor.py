"""What a training tells while it runs: progress, a line an epoch, a CSV, TensorBoard events, learning curves."""

import csv
import io
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog  # ty: ignore[missing-module-member], which protobuf makes as it runs
from tensorboardX.summary import scalar

from ..system.distributed import is_first
from ..system.files import with_filename, write_atomic
from ..system.terminal import Log

Row = dict[str, Any]


class Monitor:
    """Writes `history.csv`, TensorBoard events and `curves.png` into a folder, and a line an epoch to stderr.

    Only that of the first of several processes does anything.

    Args:
        title: of the training, in lines and curves.
        brief: whether to write a line for the last epoch alone.
        started: called with the folder once the training is known to be one that can run there.
    """

    def __init__(
        self, folder: Path, title: str, brief: bool = False, started: Callable[[Path], None] = lambda folder: None
    ):
        self.folder, self.title, self.brief, self.started = folder, title, brief, started
        self.quiet = not is_first()
        self.log = Log(self.quiet)
        self.bar: Progress | None = None
        self.epochs = 0

    def resume(self, history: Sequence[Row], epochs: int, steps: int) -> None:
        """Begins with what earlier runs did, `steps` steps before the end."""
        self.epochs = epochs
        if self.quiet:
            return
        self.started(self.folder)
        if history and len(history) < epochs:
            self.log(f"{self.title}: going on after epoch {len(history)} of {epochs}")
        # In this thread: tensorboardX's own writer waits for ever for one that a full disk has ended.
        with with_filename(self.folder / "tensorboard"):
            (self.folder / "tensorboard").mkdir(exist_ok=True)
            self.events = EventsWriter(str(self.folder / "tensorboard" / "events"))
            # Events after the last checkpoint are of epochs that are done again.
            session = SessionLog(status=SessionLog.START)
            self.events.write_event(Event(wall_time=time.time(), step=len(history) + 1, session_log=session))
        self.bar = self.log.progress(f"training {self.title}, step")
        self.task = self.bar.add_task("", total=steps)
        self.bar.start()

    def step(self) -> None:
        """Counts a step."""
        if self.bar:
            self.bar.advance(self.task)

    def epoch(self, history: Sequence[Row]) -> None:
        """Tells of the last epoch of a history."""
        if self.quiet:
            return
        row = history[-1]
        if not self.brief or row["epoch"] == self.epochs:
            measured = "plcc_mean" in row  # on videos that are not trained on, if there are such
            self.log(
                f"{self.title}: epoch {row['epoch']}/{self.epochs}, chunk {row['chunk']}, rate {row['rate']:.1e}, "
                f"loss {row['loss']:.3f}, "
                + (f"validation PLCC {row['plcc_mean']:.3f}, SRCC {row['srcc_mean']:.3f}, " if measured else "")
                + f"{row['step_seconds']:.2f} s a step"
            )
        with with_filename(self.folder / "tensorboard"):
            for name, value in row.items():
                summary = scalar(name, value)
                self.events.write_event(Event(wall_time=time.time(), step=row["epoch"], summary=summary))
            self.events.flush()
        write_history(self.folder / "history.csv", history)

    def close(self, history: Sequence[Row] = ()) -> None:
        """Ends the progress bar, and draws the curves of a history, if there is one."""
        if self.bar:
            self.bar.stop()
            with with_filename(self.folder / "tensorboard"):
                self.events.close()
        if history and not self.quiet:
            write_history(self.folder / "history.csv", history)
            plot_curves(self.folder / "curves.png", {self.title: [history]})


def write_history(path: Path, history: Sequence[Row]) -> None:
    """A line for each epoch, as CSV."""
    file = io.StringIO()
    writer = csv.DictWriter(file, history[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    write_atomic(path, file.getvalue())


def plot_curves(path: Path, runs: Mapping[str, Sequence[Sequence[Row]]]) -> None:
    """Draws loss, validation correlations, if there are any, and learning rate by epoch, as PNG.

    Args:
        runs: for each name the histories of one or more seeds, drawn as their mean and range.
    """
    from matplotlib.figure import Figure

    panels = [
        ("loss", "loss", "training loss"),
        ("plcc_mean", "PLCC", "validation PLCC, mean of dimensions"),
        ("srcc_mean", "SRCC", "validation SRCC, mean of dimensions"),
        ("rate", "rate", "learning rate"),
    ]
    panels = [
        panel for panel in panels if all(panel[0] in rows[0] for histories in runs.values() for rows in histories)
    ]
    figure = Figure(figsize=(3 * len(panels), 3.6), layout="constrained")
    for axes, (column, label, title) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        for name, histories in runs.items():
            length = min(map(len, histories))
            values = np.array([[row[column] for row in history[:length]] for history in histories])
            epochs = np.arange(1, length + 1)
            axes.plot(epochs, values.mean(axis=0), label=name, marker="." if length < 3 else None)
            if len(histories) > 1:
                axes.fill_between(epochs, values.min(axis=0), values.max(axis=0), alpha=0.2)
        axes.set(title=title, xlabel="epoch", ylabel=label)
        axes.title.set_fontsize(9)
        axes.grid(alpha=0.3)
        if column == "loss":
            axes.legend(fontsize=8)
    file = io.BytesIO()
    figure.savefig(file, dpi=130)
    write_atomic(path, file.getvalue())
