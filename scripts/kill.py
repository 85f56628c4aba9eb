"""Kills runs at random moments, starts the same commands again, and compares what comes out with unbroken runs.

usage: kill.py [--kills N] [--seed N] [--tasks TASK ...]

    render    configs/synthetic.py: 15 clips and their labels
    score     configs/score.py of these, with a report: table, lines, time steps, page
    extract   configs/evaluate.py of jaxvqa-mini: labels as a dataset, features, predictions
    train     configs/quickstart.py, 12 epochs on these features: checkpoints, history, curves, model
    export    the same, with nothing left to do but to write the model and the evaluation

Each task runs once unbroken, which tells how long it takes, and then again and again from its start: each run of it is
killed (SIGKILL to the whole process group) at a moment that is as likely as any other in that time, or at one of the
next five changes on disk, until one comes to its end first. Then everything it wrote must be, byte by byte, what the
unbroken run wrote; of checkpoints the arrays, bit by bit, and of histories all but durations. Exit code 1 if anything
differs, or a run fails. Two cores take a quarter of an hour for 60 kills.
"""

import argparse
import functools
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp
from rich.console import Console
from rich.progress import track
from rich.table import Table

from jaxvqa.system.terminal import table_console
from jaxvqa.train import checkpoint

ROOT = Path(__file__).parents[1]
RENDERED = Path("data", "synthetic_maxwell")
TASKS = ("render", "score", "extract", "train", "export")
UNFINISHED = ("*.tmp", "*-tmp", ".*-unfinished", "*-new", "*.room", "incomplete.*")
# What tells when or where it was written, and what is no result: locks, TFDS's form of labels, TensorBoard's events.
APART = ("config.json", ".lock-0", ".tfds", "tensorboard", "checkpoints")


class Unbroken(NamedTuple):
    """A run that nothing disturbed: what it wrote, and how long it took."""

    folder: Path
    seconds: float


class Killed(NamedTuple):
    """What became of the kills of a task.

    Attributes:
        early: of them, how many came before the run changed anything on disk.
        halfway: how many left something unfinished behind.
        ended: runs that came to their end.
        wrong: what differs, or went wrong, a line each.
    """

    kills: int
    early: int
    halfway: int
    ended: int
    wrong: list[str]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", metavar="N", type=int, default=60, help="in all (%(default)s)")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of the moments (%(default)s)")
    parser.add_argument("--tasks", metavar="TASK", nargs="+", choices=TASKS, default=TASKS, help="some of the above")
    args = parser.parse_args()
    generator = np.random.default_rng(args.seed)
    table = Table(
        "task", "unbroken", "kills", "before writing", "left unfinished", "runs to the end", "equal", box=None
    )
    wrong = []
    with tempfile.TemporaryDirectory() as home:
        for number, task in enumerate(track(args.tasks, "killing", console=Console(stderr=True), transient=True)):
            kills = args.kills * (number + 1) // len(args.tasks) - args.kills * number // len(args.tasks)
            found = kill_often(Path(home), task, kills, generator)
            seconds = f"{unbroken(Path(home), task).seconds:.0f} s"
            counts = (found.kills, found.early, found.halfway, found.ended)
            table.add_row(task, seconds, *map(str, counts), "no" if found.wrong else "yes")
            wrong += [f"{task}: {line}" for line in found.wrong]
    table_console().print(table)
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


def kill_often(home: Path, task: str, kills: int, generator: np.random.Generator) -> Killed:
    """Kills a task so many times, and compares each run that comes to its end."""
    expected, seconds = unbroken(home, task)
    folder = prepare(home, task)
    count = early = halfway = ended = 0
    wrong: list[str] = []
    while True:
        moment = generator.uniform(0, seconds) if count < kills else float("inf")
        began = snapshot(folder)
        code = start(home, task, folder, moment, int(generator.integers(6)))
        if code == -signal.SIGKILL:
            count += 1
            early += snapshot(folder) == began
            halfway += any(path for pattern in UNFINISHED for path in folder.rglob(pattern))
            if not (task == "render" and (folder / RENDERED).exists()):  # which it makes last, and never again
                continue
        ended += 1
        if code not in (0, -signal.SIGKILL):
            wrong.append(f"exit code {code}: {(home / 'stderr').read_text()[-500:]}")
        ours, theirs = content(folder), content(expected)
        wrong += [f"{name} differs" for name in sorted(ours | theirs) if ours.get(name) != theirs.get(name)]
        if count == kills:
            return Killed(count, early, halfway, ended, wrong)
        folder = prepare(home, task)


@functools.cache
def unbroken(home: Path, task: str) -> Unbroken:
    """Runs a task without killing it, after those that it needs."""
    folder = prepare(home, task)
    began = time.monotonic()
    if code := start(home, task, folder):
        sys.exit(f"{task}, unbroken, ended with exit code {code}:\n{(home / 'stderr').read_text()}")
    seconds = time.monotonic() - began
    return Unbroken(folder.rename(home / f"{task}-unbroken"), seconds)


def prepare(home: Path, task: str) -> Path:
    """The folder that a task writes to, as it is before its first run; nothing is compiled yet."""
    folder = home / task
    for path in (folder, home / "compiled"):
        shutil.rmtree(path, ignore_errors=True)
    match task:
        case "extract":
            shutil.copytree(unbroken(home, "render").folder, folder)
        case "export":
            shutil.copytree(unbroken(home, "train").folder, folder)
            for path in (folder / "model", *folder.glob("predictions*"), *folder.glob("evaluation*")):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        case _:
            folder.mkdir()
    return folder


def arguments(home: Path, task: str, folder: Path) -> list[str]:
    """The command line of a task, but for the program."""
    match task:
        case "render":
            config, fields = "synthetic", {"output": folder / RENDERED, "clips": 15}
        case "score":
            videos = unbroken(home, "render").folder / RENDERED / "videos"
            config, fields = "score", {"videos": videos, "output": folder / "scores", "report": True}
            fields["per_moment"] = True
        case "extract":
            config, fields = "evaluate", {"weights": "mini", "database": "synthetic_maxwell", "data": folder / "data"}
            fields |= {"features": folder / "features", "output": folder / "evaluation", "resamples": 20}
        case _:
            there = unbroken(home, "extract").folder
            config, fields = "quickstart", {"data.root": there / "data", "features": there / "features"}
            fields |= {"train.batch": 4, "train.chunk": 6, "train.epochs_per_chunk": 3, "train.passes": 2}
            fields |= {"resamples": 20, "output": folder}
    return [f"--config=configs/{config}.py", *(f"--config.{name}={value}" for name, value in fields.items())]


def start(home: Path, task: str, folder: Path, moment: float = float("inf"), changes: int = 0) -> int:
    """Runs a task, kills it after so many seconds and then so many changes on disk, and returns its exit code."""
    command = [sys.executable, "-m", "jaxvqa.main", *arguments(home, task, folder)]
    environment = {**os.environ, "JAX_COMPILATION_CACHE_DIR": str(home / "compiled")}
    with (
        (home / "stderr").open("w") as errors,
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
        ) as process,
    ):
        try:
            process.wait(None if moment == float("inf") else moment)
        except subprocess.TimeoutExpired:
            for _ in range(changes):
                began = snapshot(folder)
                while process.poll() is None and snapshot(folder) == began:
                    time.sleep(0.0005)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    return process.returncode


def snapshot(folder: Path) -> set[tuple[str, int, int]]:
    """What is in a folder: names, sizes and times of change."""
    found, todo = set(), [str(folder)]
    while todo:
        try:
            with os.scandir(todo.pop()) as entries:
                for entry in entries:
                    stat = entry.stat(follow_symlinks=False)
                    found.add((entry.path, stat.st_size, stat.st_mtime_ns))
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(entry.path)
        except FileNotFoundError:  # gone meanwhile
            continue
    return found


def content(folder: Path) -> dict[str, Any]:
    """What a task wrote, by name: SHA-256 of files, arrays and record of each checkpoint."""
    found: dict[str, Any] = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        if path.is_file() and not set(name.parts) & set(APART):
            text = path.read_bytes()
            if path.name == "history.csv":
                rows = [line.split(",") for line in text.decode().splitlines()]
                column = rows[0].index("step_seconds")
                text = repr([row[:column] + row[column + 1 :] for row in rows]).encode()
            found[str(name)] = hashlib.sha256(text).hexdigest()
    if (folder / "checkpoints").exists():
        with checkpoint.open_checkpoints(folder / "checkpoints") as manager:
            for epoch in manager.all_steps():
                items = ocp.args.Composite(arrays=ocp.args.StandardRestore(), record=ocp.args.JsonRestore())
                restored = manager.restore(epoch, args=items)
                leaves = jax.tree_util.tree_leaves_with_path(restored.arrays)
                arrays = {jax.tree_util.keystr(path): np.asarray(leaf).tobytes() for path, leaf in leaves}
                history = [{**row, "step_seconds": 0} for row in restored.record["history"]]
                found[f"checkpoints/{epoch}"] = (arrays, {**restored.record, "history": history})
    return found


if __name__ == "__main__":
    sys.exit(main())
