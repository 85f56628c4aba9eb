"""Features of videos on disk: extracted once, read back by the row.

A folder holds the features of one pair of encoders and one sampling seed, in shards: `shard-P-N.npy`, a
memory-mapped float16 array [rows, 64, 49, channels], beside `shard-P-N.jsonl`, a line for each row that is
whole: name and SHA-256 of the video. P is the process that wrote it.
"""

import contextlib
import functools
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import jax
import ml_collections
import numpy as np
from jaxtyping import Float16, Int
from rich.console import Console
from rich.text import Text

from . import datasets, distributed, weights
from .alarms import same
from .compilation import jitted
from .errors import UserError, first_line
from .files import allocate, claim, naming
from .model import encode_ahead
from .models.last_stages import MOMENTS, POSITIONS, encode_first
from .models.visual import encode_views
from .terminal import printable, progress
from .video.decode import VideoError, content_sha256
from .video.sampling import check_seed
from .video.workers import decode_files

VERSION = 1  # of what is sampled from a video, and how it is stored
SHARD_ROWS = 64  # 0.7 GB at full size

Key = tuple[str, str]  # name and SHA-256 of a video: the name decides what is sampled


@dataclass(frozen=True, eq=False)
class Features:
    """Features of some videos, on disk.

    Attributes:
        rows: shard and number in it, for each video.
    """

    rows: list[tuple[Path, int]]

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, indices: Sequence[int] | Int[np.ndarray, " n"]) -> Float16[np.ndarray, "n 64 49 c"]:
        """Copies the features of some videos into memory."""
        # Shards are mapped for as long as this takes: what has been read stays in the system's cache while there is
        # room, and never counts as this process's memory.
        shards: dict[Path, np.ndarray] = {}
        for index in indices:
            path = self.rows[index][0]
            if path not in shards:
                shards[path] = np.load(path, mmap_mode="r")
        rows = [shards[path][row] for path, row in (self.rows[index] for index in indices)]
        return np.stack(rows, out=aligned((len(rows), *rows[0].shape)))


def aligned(shape: tuple[int, ...]) -> Float16[np.ndarray, "*shape"]:
    """Memory that JAX on a CPU works on where it is; what begins elsewhere than at 64 bytes, it copies."""
    size = 2 * int(np.prod(shape))
    memory = np.empty(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(np.float16).reshape(shape)


def run(config: ml_collections.ConfigDict) -> int:
    """Extracts the features of the databases that `config` names; several processes share the videos.

    Returns:
        Exit code: 0, or 1 if a video could not be decoded.

    Raises:
        UserError: the config names no databases or no usable weights, or a database is not whole.
    """
    if not config.databases:
        raise UserError("no databases given: add --config.databases=NAME, such as maxwell:train.")
    if not config.weights:
        raise UserError(f"no weights given: add --config.weights=DIR; to get them, {weights.HOW_TO_GET}.")
    check_seed(config.seed)
    distributed.start(config)
    encoders, failed = weights.load(config.weights, weights.ENCODERS), {}
    log = Console(stderr=True, quiet=not distributed.is_first())
    for spec in config.databases.split(","):
        videos = datasets.load(spec, config.data, config.allow_missing)
        features, errors = extract(videos.paths, encoders, config.features, config.seed, config.workers, config.last)
        log.print(Text(f"{spec}: {len(features)} of {len(videos.paths)} videos have features in {config.features}"))
        failed |= errors
    for error in failed.values():
        log.print(Text(printable(f"failed: {error}")), soft_wrap=True)
    return 1 if failed else 0


def extract(
    paths: Sequence[str],
    encoders: weights.Weights,
    root: str | os.PathLike,
    seed: int,
    workers: int = 0,
    last: int = 0,
) -> tuple[Features, dict[str, str]]:
    """Features of video files; those that `root` has already are not computed again.

    Where several processes work on one training, each extracts its share.

    Args:
        paths: video files. What is sampled depends on the file name and `seed`.
        encoders: with the parts `swin` and `clip_visual`.
        root: folder of all features; these go into a folder of their encoders and seed.
        workers: processes that decode; 0, as many as there are cores.
        last: where so many of the encoders' last stages are to be trained, what goes into them is stored instead.

    Returns:
        Features of the videos that could be decoded, in order, and a sentence for each other path.

    Raises:
        UserError: the folder is in use or cannot be written, or a shard in it is not whole.
        OSError: no space is left; what was finished is kept.
    """
    name = f"{weights.encoders_id(encoders.parts)}-seed{seed}-v{VERSION}"
    folder = Path(root) / (f"{name}-before-last{last}" if last else name)
    process, processes = jax.process_index(), jax.process_count()
    share = range(process, len(paths), processes)
    keys, errors = find_keys([paths[i] for i in share])
    if lacking(keys, folder):
        with claim(folder, process):
            function = functools.partial(encode_first, last=last) if last else encode_views
            encode = jitted(function, encoders.parts["swin"], encoders.parts["clip_visual"])
            errors |= write_features(lacking(keys, folder), encode, folder, process, seed, workers)
    return gather(paths, keys, errors, folder)


def lacking(keys: dict[str, Key], folder: Path) -> dict[str, Key]:
    """The videos whose features are not there, given and returned as path and key."""
    known = read_index(folder)
    return {path: key for path, key in keys.items() if key not in known}


def find_keys(paths: list[str]) -> tuple[dict[str, Key], dict[str, str]]:
    """Key of each video file, and a sentence for each that cannot be read."""
    keys, errors = {}, {}
    with ThreadPoolExecutor() as pool:
        for path, (digest, error) in zip(paths, pool.map(hash_file, paths), strict=True):
            if error:
                errors[path] = error
            else:
                keys[path] = (os.path.basename(path), digest)
    return keys, errors


def hash_file(path: str) -> tuple[str, str]:
    """SHA-256 of a video file, or a sentence why there is none."""
    try:
        return content_sha256(path), ""
    except VideoError as error:
        return "", str(error)


def write_features(
    todo: dict[str, Key], encode: Callable, folder: Path, process: int, seed: int, workers: int
) -> dict[str, str]:
    """Decodes, encodes and stores videos, given as path and key, and returns a sentence for each that failed."""
    errors, outcomes = {}, []
    shards, log = open_shards(folder, process, len(todo)), Console(stderr=True)
    bar = progress("extracting", log)
    with bar, contextlib.closing(decode_files([*todo], seed, workers)) as decoded:
        for video, encoded in bar.track(encode_ahead(encode, decoded), total=len(todo)):
            if encoded is None:
                errors[video.path] = video.error
                continue
            with np.errstate(over="ignore"):
                features = np.asarray(encoded).astype(np.float16)
            if video.facts["sha256"] != todo[video.path][1]:
                errors[video.path] = f"{video.path} changed while it was read: start again when it is whole."
            elif not np.isfinite(features).all():
                errors[video.path] = f"{video.path} has features beyond float16: are the weights sound?"
            else:
                store(next(shards), todo[video.path], features)
                outcomes.append((video.path, video.facts["sha256"], hashlib.sha256(features.data).digest()))
    for sentence in same(outcomes, "features"):
        log.print(Text(sentence), soft_wrap=True)
    return errors


def open_shards(folder: Path, process: int, videos: int) -> Iterator[tuple[Path, int, int]]:
    """Free rows for a number of videos, in shards of this process: shard, row, and rows that a new shard is to have."""
    number = 0
    while videos > 0:
        path = folder / f"shard-{process}-{number}.npy"
        used = len(read_lines(path.with_suffix(".jsonl")))
        rows = len(np.load(path, mmap_mode="r")) if path.exists() else min(videos, SHARD_ROWS)
        for row in range(used, rows):
            yield path, row, rows
            videos -= 1
        number += 1


def store(place: tuple[Path, int, int], key: Key, features: Float16[np.ndarray, "64 49 c"]) -> None:
    """Writes one row, and then the line that says so."""
    path, row, rows = place
    if not path.exists():
        create(path, (rows, *features.shape))
    shard = np.load(path, mmap_mode="r+")
    shard[row] = features
    shard.flush()
    line = json.dumps({"name": key[0], "sha256": key[1]}) + "\n"
    index = path.with_suffix(".jsonl")
    with naming(index), index.open("ab") as file:
        file.truncate(sum(map(len, read_lines(index))))  # what a killed run left of a line
        file.write(line.encode("utf-8", "surrogateescape"))


def create(path: Path, shape: tuple[int, ...]) -> None:
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


def read_index(folder: Path) -> dict[Key, tuple[Path, int]]:
    """Where the features of each video are.

    Raises:
        UserError: a shard is not what its index says.
    """
    found, channels = {}, set()
    for index in sorted(folder.glob("shard-*.jsonl")):
        path = index.with_suffix(".npy")
        remedy = f"remove it and {index.name}, and their videos are extracted again"
        lines = read_lines(index)
        try:
            shard = np.load(path, mmap_mode="r")
            if shard.dtype != np.float16 or shard.shape[1:-1] != (MOMENTS, POSITIONS):
                raise ValueError(f"{shard.dtype} {list(shard.shape)}")
            rows, channels = len(shard), {shard.shape[-1], *channels}
            if len(channels) > 1:
                raise ValueError(f"{shard.shape[-1]} channels, unlike others beside it")
            keys = [json.loads(line) for line in lines]
            found |= {(key["name"], key["sha256"]): (path, row) for row, key in enumerate(keys)}
        except Exception as error:  # NumPy and JSON meet what is damaged with whatever fails first
            raise UserError(f"{path} is cut short or not whole ({first_line(error)}): {remedy}.") from error
        if rows < len(lines):
            raise UserError(f"{path} has {rows} rows, not the {len(lines)} of its index: {remedy}.")
    return found


def read_lines(index: Path) -> list[bytes]:
    """The whole lines of an index; of one that a killed run left unfinished, nothing."""
    if not index.exists():
        return []
    return [line for line in index.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


def gather(
    paths: Sequence[str], keys: dict[str, Key], errors: dict[str, str], folder: Path
) -> tuple[Features, dict[str, str]]:
    """Features of all paths, and all errors, from what each process knows of its share."""
    if jax.process_count() > 1:
        from jax.experimental import multihost_utils

        known = json.dumps([keys, errors]).encode()
        length = int(multihost_utils.process_allgather(np.array(len(known))).max())
        everyone = multihost_utils.process_allgather(np.frombuffer(known.ljust(length), np.uint8))
        for row in everyone:
            other_keys, other_errors = json.loads(row.tobytes())
            keys |= {path: tuple(key) for path, key in other_keys.items()}
            errors |= other_errors
    index = read_index(folder)
    return Features([index[keys[path]] for path in paths if path not in errors]), errors
