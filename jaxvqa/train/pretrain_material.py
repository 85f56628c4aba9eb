"""What a small model is trained on: examples, made once, and what its backbone finds in them, which is kept."""

import functools
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from ..errors import UserError
from ..geometry import POSITIONS
from ..models.display import piece_statistics
from ..models.efficientnet_lite import EfficientNetLite
from ..synthetic.material import CELL, make_example
from ..synthetic.sources import Source
from ..system.compilation import jitted
from ..system.files import write_atomic
from ..system.processes import process_pool
from ..system.terminal import Log
from ..video.display import PIECE


class Material(NamedTuple):
    """Examples as the backbone leaves them.

    Attributes:
        statistics: of some pieces of each frame.
        motion: consecutive frames in grey, small.
        targets: of each frame and dimension, NaN where nothing is known.
    """

    statistics: Float[np.ndarray, "n frames pieces s"]
    motion: UInt8[np.ndarray, "n 32 36 64"]
    targets: Float[np.ndarray, "n frames 16"]


def make_material(sources: Sequence[Source], seed: int, count: int, folder: Path, workers: int) -> list[Path]:
    """Makes the examples that a folder lacks, in processes of their own, and gives the files of all.

    Raises:
        UserError: there are no sources.
    """
    if not sources:
        raise UserError("there are too few scenes: of photographs or of clips, eight are needed at least.")
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:06d}.npz" for number in range(count)]
    todo = [(number, path) for number, path in enumerate(paths) if not path.exists()]
    if todo:
        make = functools.partial(write_example, sources, seed)
        with Log().progress(f"making material, {folder.name}") as bar, process_pool(workers) as pool:
            for _ in bar.track(pool.map(make, *zip(*todo, strict=True)), total=len(todo)):
                pass
    return paths


def write_example(sources: Sequence[Source], seed: int, number: int, path: Path) -> None:
    """Makes one example and writes it, whole or not at all."""
    file = io.BytesIO()
    np.savez(file, **make_example(sources, seed, number)._asdict())
    write_atomic(path, file.getvalue())


def observe(
    backbone: EfficientNetLite, paths: Sequence[Path], seed: int, looked_at: int | None, folder: Path
) -> Material:
    """What the backbone finds in examples: once for all, and kept in a folder.

    Args:
        looked_at: of each frame so many pieces, from anywhere in their cells, mirrored or turned over; None for the
            middles of all pieces.
    """
    folder.mkdir(parents=True, exist_ok=True)
    see, found = jitted(piece_statistics, backbone), []
    with Log().progress(f"looking at material, {folder.name}") as bar:
        for number, path in enumerate(bar.track(paths)):
            kept = folder / f"{path.stem}.npy"
            with np.load(path) as example:  # of which only what is asked for is read
                if not kept.exists():
                    pieces = cut_pieces(example["cells"], looked_at, np.random.default_rng([seed, number]))
                    flat = see(pieces.reshape(-1, PIECE, PIECE, 3))
                    file = io.BytesIO()
                    np.save(file, np.asarray(flat, np.float16).reshape(*pieces.shape[:2], -1))
                    write_atomic(kept, file.getvalue())
                found.append((np.load(kept), example["motion"], example["targets"]))
    return Material(*map(np.stack, zip(*found, strict=True)))


def cut_pieces(
    cells: UInt8[np.ndarray, "frames 49 80 80 3"], looked_at: int | None, generator: np.random.Generator
) -> UInt8[np.ndarray, "frames pieces 64 64 3"]:
    """Pieces of the cells of an example, as `look` describes them."""
    room = CELL - PIECE
    if looked_at is None:
        middle = slice(room // 2, room // 2 + PIECE)
        return cells[:, :, middle, middle]
    pieces = []
    for frame in cells:
        y, x = generator.integers(0, room + 1, 2)
        some = frame[generator.permutation(POSITIONS)[:looked_at], y : y + PIECE, x : x + PIECE]
        mirrored, upright = generator.random(2) < 0.5
        some = some[:, :, ::-1] if mirrored else some
        some = some.swapaxes(1, 2) if upright else some
        # A light of another colour changes no flaw.
        pieces.append(np.clip(some * generator.uniform(0.9, 1.1, 3).astype(np.float32), 0, 255).astype(np.uint8))
    return np.stack(pieces)
