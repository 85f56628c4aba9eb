"""The state of a training on disk, through Orbax: after a kill at any moment, the last whole epoch is there."""

import contextlib
import copy
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from ..errors import UserError, first_line


@contextlib.contextmanager
def open_checkpoints(folder: str | os.PathLike) -> Iterator[ocp.CheckpointManager]:
    """The checkpoints of a training, by epoch; what is still being written is finished before this is left."""
    logging.getLogger("absl").setLevel(logging.ERROR)
    options = ocp.CheckpointManagerOptions(max_to_keep=2, cleanup_tmp_directories=True)
    with ocp.CheckpointManager(Path(folder).absolute(), options=options) as manager:
        yield manager


def save(manager: ocp.CheckpointManager, epoch: int, arrays: Any, record: dict[str, Any]) -> None:
    """Writes what training stands at after an epoch, in the background.

    Args:
        epoch: number of epochs done.
        arrays: any tree of arrays.
        record: what JSON can hold.
    """
    record = copy.deepcopy(record)  # training goes on with it while it is written
    items = ocp.args.Composite(arrays=ocp.args.StandardSave(named(arrays)), record=ocp.args.JsonSave(record))
    manager.save(epoch, args=items)


def read_record(manager: ocp.CheckpointManager) -> dict[str, Any] | None:
    """The record of the last epoch; None if there is none.

    Raises:
        UserError: the checkpoint is not whole.
    """
    if manager.latest_step() is None:
        return None
    return restore(manager, ocp.args.Composite(record=ocp.args.JsonRestore())).record


def read_arrays(manager: ocp.CheckpointManager, arrays: Any) -> Any:
    """The arrays of the last epoch, in the shape of `arrays`, which is that of those saved.

    Raises:
        UserError: the checkpoint is not whole.
    """
    template = named(arrays)
    restored = restore(manager, ocp.args.Composite(arrays=ocp.args.StandardRestore(template))).arrays
    return jax.tree.unflatten(jax.tree.structure(arrays), [np.asarray(restored[name]) for name in template])


def restore(manager: ocp.CheckpointManager, items: ocp.args.Composite) -> ocp.args.Composite:
    """Items of the last epoch."""
    epoch = manager.latest_step()
    try:
        return manager.restore(epoch, args=items)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"checkpoint {manager.directory / str(epoch)} cannot be read ({first_line(error)}): remove that folder, "
            "and training goes on from the one before."
        ) from error


def named(tree: Any) -> dict[str, np.ndarray]:
    """The leaves of a tree by their path in it."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf) for path, leaf in leaves}
