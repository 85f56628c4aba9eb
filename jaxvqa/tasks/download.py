"""The download task: the published checkpoints, fetched, converted, tried, and put where scoring finds them."""

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import ml_collections

from ..errors import CheckpointError, UserError, first_line
from ..model import check_weights, load
from ..scoring.reference import keep, kept, measure
from ..system.files import NO_HOME, atomic_folder, lock_folder, private_folder, user_data, write_atomic
from ..system.terminal import Log
from ..upstream.convert import convert_checkpoints
from ..upstream.download import PUBLISHED, by_hand, obtain
from ..weights.directory import read_description
from ..weights.find import downloaded


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
        check(folder)
        return 0
    for file in PUBLISHED:
        log(f"{file.name}: {file.holds}; license: {file.terms}")
    if config.source and not config.source.startswith(("http://", "https://")):
        reference = make(folder, by_hand(Path(config.source)))
    else:
        fetched = folder.with_name(f".{folder.name}-fetched")
        private_folder(fetched)
        with lock_folder(fetched):
            paths = {}
            for file in PUBLISHED:
                address = f"{config.source.rstrip('/')}/{file.name}" if config.source else file.address
                paths[file.part] = obtain(file, address, fetched, log)
            try:
                reference = make(folder, paths)
            except CheckpointError:
                for file in PUBLISHED:
                    if not file.has_digest:  # only this conversion could tell that it is not what it should be
                        (fetched / file.name).unlink()
                raise
            # The directory holds all that is used of them, and their SHA-256: kept, they would only take up disk.
            shutil.rmtree(fetched, ignore_errors=True)
    compare_with_first_use(read_description(folder)["sources"], log)
    print(f"{folder}: weights {reference['weights']}")
    tell(reference)
    if not config.output:
        log("scoring, comparing and the demo take them from now on, where no others are given")
    return 0


def check(folder: Path) -> None:
    """Makes sure that a weights directory is sound, and gives it reference scores unless it has some.

    Raises:
        UserError: it is not.
    """
    try:
        weights_id = check_weights(folder)
        reference = None if kept(folder) else measure(load(folder))
    except UserError as error:
        raise UserError(
            f"{folder} is there, but of no use ({first_line(error)}): move it away, and run the same command again."
        ) from error
    print(f"{folder}: weights {weights_id}, already there and sound")
    if reference:
        keep(reference, folder)
        tell(reference)


def make(folder: Path, checkpoints: dict[str, Path]) -> dict[str, Any]:
    """Converts checkpoints to a weights directory, which is there once it has been tried, and returns its reference.

    Raises:
        CheckpointError: they do not fit, or what they make gives no scores.
        UserError: the directory cannot be written, or the example not be scored.
    """
    with atomic_folder(folder) as scratch:
        scratch.rmdir()  # conversion makes it
        convert_checkpoints(scratch, **checkpoints)
        try:
            check_weights(scratch)
        except UserError as error:
            raise CheckpointError(f"the checkpoints were converted, but cannot be used: {error}") from error
        keep(reference := measure(load(scratch)), scratch)
        return reference


def tell(reference: Mapping[str, Any]) -> None:
    """Prints the reference scores."""
    print("raw scores of the example, from 0 to 1, which `jaxvqa doctor` will compare with:")
    for name, score in reference["scores"].items():
        print(f"  {score:.4f}  {name}")


def compare_with_first_use(sources: Iterable[Mapping[str, Any]], log: Log) -> None:
    """Records checkpoints that have no published digest at their first use, and names those that differ from it.

    Args:
        sources: name, length and SHA-256 of the checkpoints.

    Raises:
        UserError: the record cannot be read.
    """
    if not (data := user_data()):
        return
    path = data / "first-use.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        unknown = {file.name for file in PUBLISHED if not file.has_digest}
        for source in (source for source in sources if source["file"] in unknown):
            first = record.setdefault(source["file"], {key: source[key] for key in ("bytes", "sha256")})
            if first["sha256"] != source["sha256"]:
                log.warn(
                    f"{source['file']} is not the file of its first use here, which had {first['bytes']} bytes and the "
                    f"SHA-256 {first['sha256']}: its authors publish none, so compare with somebody who uses it"
                )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UserError(f"{path} is damaged: remove it, and run the same command again.") from error
    data.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps(record, indent=1) + "\n")
