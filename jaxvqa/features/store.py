"""Features of videos on disk: read back by the row.

A folder holds the features of one pair of encoders, one sampling rule and one seed, in shards: `shard-P-N.npy`, a
memory-mapped float16 array [rows, moments, 49, channels], beside `shard-P-N.jsonl`, a line for each row that is
whole: SHA-256 of the video, by which features are found, its name, and the versions of this package and of PyAV that it
was extracted with. P is the process that wrote it.
"""

import json
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from jaxtyping import Float16, Int

from .. import __version__
from ..errors import UserError
from ..geometry import MOMENTS, POSITIONS
from ..system.files import allocate, with_filename
from ..system.untrusted import DAMAGE, untrusted
from ..video import display

VERSION = 3  # of what is sampled from a video, and how it is stored
SHARD_ROWS = 64  # 0.7 GB at full size


@dataclass(frozen=True, eq=False)
class Features:
    """Features of some videos, on disk.

    Attributes:
        rows: shard and number in it, for each video.
        digests: SHA-256 of each video's content.
    """

    rows: list[tuple[Path, int]]
    digests: list[str]

    def __len__(self) -> int:
        return len(self.rows)

    def select(self, indices: Sequence[int] | Int[np.ndarray, " n"]) -> "Features":
        """Returns those of some of the videos, in the order of the indices."""
        return Features([self.rows[i] for i in indices], [self.digests[i] for i in indices])

    def read(
        self, indices: Sequence[int] | Int[np.ndarray, " n"], each: Callable[[], None] = lambda: None
    ) -> Float16[np.ndarray, "n moments 49 c"]:
        """Copies the features of some videos into memory; `each` is called after every video."""
        # Shards are mapped for as long as this takes: what has been read stays in the system's cache while there is
        # room, and never counts as this process's memory.
        shards: dict[Path, np.ndarray] = {}
        for index in indices:
            path = self.rows[index][0]
            if path not in shards:
                shards[path] = np.load(path, mmap_mode="r")
        rows = [shards[path][row] for path, row in (self.rows[index] for index in indices)]
        copies = aligned((len(rows), *rows[0].shape))
        for row, copy in zip(rows, copies, strict=True):
            copy[...] = row
            each()
        return copies


def aligned(shape: tuple[int, ...]) -> Float16[np.ndarray, "*shape"]:
    """Memory that JAX on a CPU works on where it is; what begins elsewhere than at 64 bytes, it copies."""
    size = 2 * int(np.prod(shape))
    memory = np.empty(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(np.float16).reshape(shape)


def open_shards(folder: Path, process: int, videos: int) -> Iterator[tuple[Path, int, int]]:
    """Free rows for a number of videos, in shards of this process: shard, row, and rows that a new shard is to have."""
    number = 0
    while videos > 0:
        path = folder / f"shard-{process}-{number}.npy"
        used = len(read_lines(path.with_suffix(".jsonl")))
        rows = len(load_shard(path)) if path.exists() else min(videos, SHARD_ROWS)
        for row in range(used, rows):
            yield path, row, rows
            videos -= 1
        number += 1


def store_row(
    place: tuple[Path, int, int], name: str, sha256: str, features: Float16[np.ndarray, "moments 49 c"]
) -> None:
    """Writes one row, and then the line that says so."""
    path, row, rows = place
    if not path.exists():
        create_shard(path, (rows, *features.shape))
    shard = np.load(path, mmap_mode="r+")
    shard[row] = features
    shard.flush()
    line = json.dumps({"name": name, "sha256": sha256, "jaxvqa": __version__, "av": av.__version__}) + "\n"
    index = path.with_suffix(".jsonl")
    with with_filename(index), index.open("ab") as file:
        file.truncate(sum(map(len, read_lines(index))))  # what a killed run left of a line
        file.write(line.encode("utf-8", "surrogateescape"))


def create_shard(path: Path, shape: tuple[int, ...]) -> None:
    """Makes a shard with all its space on disk: a mapped file that runs out of it would kill the process.

    Raises:
        OSError: no space for it; nothing is left of it then.
    """
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.float16)), "fortran_order": False, "shape": shape}
    scratch = path.with_suffix(".tmp")
    try:
        with scratch.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            size = file.tell() + 2 * int(np.prod(shape))
            file.flush()
            allocate(file, size)
        scratch.rename(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        reason = f"{error.strerror}, for {2 * np.prod(shape) / 1e9:.1f} GB of features of {shape[0]} videos"
        raise OSError(error.errno, reason, str(path)) from error


def read_index(folder: Path) -> dict[str, tuple[Path, int]]:
    """Where the features of each video are, by its SHA-256.

    Raises:
        UserError: a shard is not what its index says.
    """
    found, channels = {}, set()
    for index in sorted(folder.glob("shard-*.jsonl")):
        path = index.with_suffix(".npy")
        shard, lines, remedy = load_shard(path), read_lines(index), remedy_of(path)
        with untrusted(path, UserError, remedy, "is truncated or corrupt"):
            videos = [json.loads(line) for line in lines]
        if len(channels := {shard.shape[-1], *channels}) > 1:
            raise UserError(f"{path} has {shard.shape[-1]} channels, unlike others beside it: {remedy}.")
        if len(shard) < len(lines):
            raise UserError(f"{path} has {len(shard)} rows, not the {len(lines)} of its index: {remedy}.")
        try:
            found |= {video["sha256"]: (path, row) for row, video in enumerate(videos)}
        except (TypeError, KeyError) as error:
            raise UserError(f"{path} has an index without SHA-256: {remedy}.") from error
    return found


def load_shard(path: Path) -> np.ndarray:
    """A shard, mapped into memory.

    Raises:
        UserError: the file is truncated or corrupt, or no shard.
        OSError: it cannot be opened, for want of rights or of open files.
    """
    with untrusted(path, UserError, remedy_of(path), "is truncated or corrupt", (*DAMAGE, pickle.UnpicklingError)):
        shard = np.load(path, mmap_mode="r")
    if not is_shard(shard):
        raise UserError(f"{path} is no array of features: {remedy_of(path)}.")
    return shard


def remedy_of(path: Path) -> str:
    """What a user can do about a shard that is truncated or corrupt."""
    return f"move it and {path.stem}.jsonl away, and their videos are extracted again"


def is_shard(loaded: Any) -> bool:
    """Whether what a file holds is an array of features."""
    return (
        isinstance(loaded, np.ndarray)
        and loaded.dtype == np.float16
        and loaded.ndim == 4
        and loaded.shape[1] in (MOMENTS, display.MOMENTS)
        and loaded.shape[2] == POSITIONS
    )


def read_lines(index: Path) -> list[bytes]:
    """The whole lines of an index; of one that a killed run left unfinished, nothing."""
    if not index.exists():
        return []
    return [line for line in index.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
