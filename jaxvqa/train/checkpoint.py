"""The state of a training on disk, through Orbax: after a kill at any moment, the last whole epoch is there."""

import contextlib
import copy
import json
import os
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from ..errors import UserError, first_line
from ..system.files import allocate, with_filename
from ..system.untrusted import DAMAGE, untrusted

REMEDY = "move that folder away, and training resumes from the one before"
MARGIN = 1 << 20  # bytes of a checkpoint beside its arrays


@contextlib.contextmanager
def open_checkpoints(folder: Path) -> Generator[ocp.CheckpointManager]:
    """The checkpoints of a training, by epoch; what is still being written is finished before this is left.

    Orbax logs what it raises as well: commands silence that in `jaxvqa.tasks.run`.

    Raises:
        UserError: one of them is not whole.
        OSError: one cannot be written; those before it stay.
    """
    options = ocp.CheckpointManagerOptions(max_to_keep=2, cleanup_tmp_directories=True)
    remedy = "move the last folder there away, and training resumes from the one before"
    kinds = tuple(kind for kind in DAMAGE if kind is not OSError)
    with with_filename(folder), untrusted(f"a checkpoint in {folder}", UserError, remedy, kinds=kinds):
        manager = ocp.CheckpointManager(folder.absolute(), options=options)
    try:
        yield manager
    finally:
        with system_errors(folder):
            manager.close()


def save(manager: ocp.CheckpointManager, epoch: int, arrays: Any, record: dict[str, Any]) -> None:
    """Writes what training stands at after an epoch, in the background.

    Args:
        epoch: number of epochs done.
        arrays: any tree of arrays.
        record: what JSON can hold.
    """
    record = copy.deepcopy(record)  # training goes on with it while it is written
    arrays = named(arrays)
    items = ocp.args.Composite(arrays=ocp.args.StandardSave(arrays), record=ocp.args.JsonSave(record))
    with system_errors(manager.directory):
        manager.wait_until_finished()
        reserve(Path(manager.directory), sum(array.nbytes for array in arrays.values()) + MARGIN)
        manager.save(epoch, args=items)


def resume(
    manager: ocp.CheckpointManager, arrays: Any, settings: dict[str, Any], folder: Path
) -> tuple[Any, dict[str, Any]]:
    """What a training starts with: the arrays and the record of its last epoch, or `arrays` and an empty record.

    Args:
        settings: what decides the outcome of the training, as JSON can hold it.
        folder: named in the sentence of an error.

    Raises:
        UserError: the checkpoint is of a training with other settings, or is not whole.
    """
    settings = json.loads(json.dumps(settings))
    record = read_record(manager)
    if not record:
        return arrays, {"settings": settings, "best_epoch": 0, "history": []}
    earlier, now = flat(record["settings"]), flat(settings)
    if differing := [name for name in now if earlier.get(name) != now[name]]:
        names = ", ".join(dict.fromkeys(name.rpartition(".")[2] for name in differing))
        raise UserError(
            f"{folder} holds a training with other {names}: choose another output, or the settings in the config.json "
            "beside it."
        )
    return read_arrays(manager, arrays), record


def flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings within settings by their names with dots."""
    values: dict[str, Any] = {}
    for name, value in settings.items():
        values |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return values


def reserve(folder: Path, size: int) -> None:
    """Makes sure of some room on disk: Orbax, which writes in threads, fills pages about it where there is none.

    Raises:
        OSError: there is not so much.
    """
    path = folder.with_name(f"{folder.name}.room")
    try:
        with with_filename(folder), path.open("wb") as file:
            allocate(file, size)
    finally:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def system_errors(folder: os.PathLike) -> Generator[None]:
    """Turns what Orbax makes of an error of the system into that again, with the name of the folder."""
    try:
        with with_filename(folder):
            yield
    except ValueError as error:
        if not (code := re.search(r"os_error_code='(\d+)'", str(error))):
            raise
        raise OSError(int(code[1]), os.strerror(int(code[1])), str(folder)) from error


def read_record(manager: ocp.CheckpointManager) -> dict[str, Any] | None:
    """The record of the last epoch; None if there is none.

    Raises:
        UserError: the checkpoint is not whole.
    """
    if manager.latest_step() is None:
        return None
    record = restore(manager, ocp.args.Composite(record=ocp.args.JsonRestore())).record
    try:
        numbers = [number for row in record["history"] for number in (*row.values(), record.get("best_epoch", 0))]
        settled = isinstance(record["settings"], dict)
        if not (settled and all(isinstance(number, float | int) for number in numbers)):
            raise TypeError("its record is not one of a training")
    except (TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{last_checkpoint(manager)} cannot be read ({first_line(error)}): {REMEDY}.") from error
    return record


def read_arrays(manager: ocp.CheckpointManager, arrays: Any) -> Any:
    """The arrays of the last epoch, in the shape of `arrays`.

    Raises:
        UserError: the checkpoint is not whole, or it is, but has other arrays.
    """
    template = named(arrays)
    check_structure(manager, template)
    restored = restore(manager, ocp.args.Composite(arrays=ocp.args.StandardRestore(template))).arrays
    return jax.tree.unflatten(jax.tree.structure(arrays), [np.asarray(restored[name]) for name in template])


def check_structure(manager: ocp.CheckpointManager, template: dict[str, np.ndarray]) -> None:
    """Raises a UserError if the checkpoint of the last epoch has not just these arrays, or is not whole.

    A version of this package, of Optax or of Flax that names or shapes them otherwise makes no checkpoint unsound.
    """
    with untrusted(last_checkpoint(manager), UserError, REMEDY):
        folder = manager.directory / str(manager.latest_step()) / "arrays"
        found = ocp.StandardCheckpointHandler().metadata(folder).tree
        saved = {name: (tuple(array.shape), np.dtype(array.dtype)) for name, array in found.items()}
    wanted = {name: (array.shape, array.dtype) for name, array in template.items()}
    if differing := [name for name in saved | wanted if saved.get(name) != wanted.get(name)]:
        raise UserError(
            f"{last_checkpoint(manager)} has other arrays than this training, such as {differing[0]}, as those of "
            "other versions of jaxvqa, Optax or Flax may: go on with these, or choose another output."
        )


def restore(manager: ocp.CheckpointManager, items: ocp.args.Composite) -> Any:
    """Items of the last epoch."""
    with untrusted(last_checkpoint(manager), UserError, REMEDY), system_errors(manager.directory):
        return manager.restore(manager.latest_step(), args=items)


def last_checkpoint(manager: ocp.CheckpointManager) -> str:
    """What the checkpoint of the last epoch is called in sentences."""
    return f"checkpoint {manager.directory / str(manager.latest_step())}"


def named(tree: Any) -> dict[str, np.ndarray]:
    """The leaves of a tree by their path in it."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf) for path, leaf in leaves}
