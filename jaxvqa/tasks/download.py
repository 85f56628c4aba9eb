"""The download task: the published checkpoints, fetched, converted, tried, and put where scoring finds them."""

import os
import shutil
from pathlib import Path

import ml_collections

from ..errors import CheckpointError, UserError, first_line
from ..model import check_weights
from ..system.files import NO_HOME, atomic_folder, lock_folder, private_folder
from ..system.terminal import Log
from ..upstream.convert import convert_checkpoints
from ..upstream.download import PUBLISHED, by_hand, obtain
from ..weights.directory import read_description
from ..weights.load import downloaded


def run(config: ml_collections.ConfigDict) -> int:
    """Makes the weights directory of the published checkpoints, unless it is there.

    Raises:
        UserError: a file cannot be had or is not what it should be, or the directory cannot be written, or is there and
            of no use.
    """
    log = Log()
    folder = Path(config.output) if config.output else downloaded()
    if folder is None:
        raise UserError(f"weights are kept in the home folder, but {NO_HOME}, or choose another folder by --output.")
    if os.path.lexists(folder):
        try:
            print(f"{folder}: weights {check_weights(folder)}, already there and sound")
        except UserError as error:
            raise UserError(
                f"{folder} is there, but of no use ({first_line(error)}): move it away, and run the same command again."
            ) from error
        return 0
    earlier = recorded(downloaded() or folder)
    for file in PUBLISHED:
        log(f"{file.name}: {file.holds}; license: {file.terms}")
    if config.source and not config.source.startswith(("http://", "https://")):
        weights_id = make(folder, by_hand(Path(config.source)))
    else:
        kept = folder.with_name(f".{folder.name}-fetched")
        private_folder(kept)
        with lock_folder(kept):
            paths = {}
            for file in PUBLISHED:
                address = f"{config.source.rstrip('/')}/{file.name}" if config.source else file.address
                paths[file.part] = obtain(file, address, kept, log)
            try:
                weights_id = make(folder, paths)
            except CheckpointError:
                for file in PUBLISHED:
                    if not file.sha256:  # nothing but this conversion could tell that they are not what they should be
                        (kept / file.name).unlink()
                raise
            # The directory holds all that is used of them, and their SHA-256: kept, they would only take up disk.
            shutil.rmtree(kept, ignore_errors=True)
    for name, digest in recorded(folder).items():
        if earlier.get(name, digest) != digest:
            log(f"{name} is not the file of an earlier download, whose SHA-256 is {earlier[name]}")
    print(f"{folder}: weights {weights_id}")
    if not config.output:
        log("scoring, comparing and the demo take them from now on, where no others are given")
    return 0


def make(folder: Path, checkpoints: dict[str, Path]) -> str:
    """Converts checkpoints to a weights directory, which is there once it has been tried, and returns its id.

    Raises:
        CheckpointError: they do not fit, or what they make gives no scores.
        UserError: the directory cannot be written.
    """
    with atomic_folder(folder) as scratch:
        scratch.rmdir()  # conversion makes it
        convert_checkpoints(scratch, **checkpoints)
        try:
            return check_weights(scratch)
        except UserError as error:
            raise CheckpointError(f"the checkpoints were converted, but cannot be used: {error}") from error


def recorded(folder: Path) -> dict[str, str]:
    """SHA-256 of the checkpoints that a weights directory was made from, by name; empty where that is not known."""
    try:
        return {source["file"]: source["sha256"] for source in read_description(folder)["sources"]}
    except (UserError, KeyError, TypeError):
        return {}
