"""A video file to RGB frames, through decord."""

import contextlib
import os
import re
import stat
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import decord
import numpy as np
from jaxtyping import UInt8

from ..errors import UserError

# Without these names no MP4 or MOV file begins; behind them, anything may be appended to one.
TOP_LEVEL_BOXES = frozenset(b"ftyp moov mdat free skip wide moof mfra meta styp sidx uuid udta pdin".split())


DECORD_ERRORS = (decord.DECORDError, decord.DECORDLimitReachedError, RuntimeError, StopIteration, IndexError)


class VideoError(UserError):
    """A video file that cannot be decoded."""


@dataclass(frozen=True)
class Video:
    """An open video file.

    Attributes:
        frames: number of frames.
        height: pixels.
        width: pixels.
        fps: average frames per second.
    """

    path: Path
    frames: int
    height: int
    width: int
    fps: float
    reader: decord.VideoReader


def open_video(path: str | os.PathLike) -> Video:
    """Opens a video file and decodes its first frame.

    Raises:
        VideoError: no regular file, empty, cut short, not a video, or its first frame cannot be decoded.
    """
    check_file(path)
    path = Path(path)
    decord.logging.set_level(decord.logging.QUIET)
    with captured_stderr() as log:
        try:
            # Any tolerance above 0 makes decord report frames that it would else replace by their neighbours.
            reader = decord.VideoReader(source(path), fault_tol=1e-9)
            height, width = reader[0].shape[:2]
        except (*DECORD_ERRORS, AssertionError) as error:
            raise VideoError(f"{path} cannot be opened as a video: {reason(error, log())}.") from error
    return Video(path, len(reader), height, width, float(reader.get_avg_fps()), reader)


def read_frames(video: Video, indices: np.ndarray) -> Iterator[tuple[int, UInt8[np.ndarray, "h w 3"]]]:
    """Decodes the frames of `indices`, each once and in order, and yields them with their numbers.

    One frame is held at a time: 192 frames of a 4K video in one array would be 5 GB, and cost
    more time than one by one.

    Raises:
        VideoError: a frame cannot be decoded.
    """
    for index in np.unique(indices).tolist():
        try:
            frame = rgb(video.reader[index].asnumpy())
        except DECORD_ERRORS as error:
            raise VideoError(
                f"{video.path} is damaged: frame {index} of {video.frames} cannot be decoded ({reason(error)})."
            ) from error
        if frame.shape != (video.height, video.width, 3):
            raise VideoError(
                f"{video.path} changes its size at frame {index}, from {video.width}x{video.height} to "
                f"{frame.shape[1]}x{frame.shape[0]}: cut it into parts of one size."
            )
        yield index, frame


def source(path: Path) -> str | BinaryIO:
    """What decord opens a file by: its name, or where that is no valid text, its content."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return path.open("rb")
    return str(path)


def rgb(frame: UInt8[np.ndarray, "h w c"]) -> UInt8[np.ndarray, "h w 3"]:
    """A frame without the padding at the end of its rows, which decord takes for channels in some narrow videos."""
    height, width = frame.shape[:2]
    return frame.reshape(height, -1)[:, : 3 * width].reshape(height, width, 3)


def check_file(path: str | os.PathLike) -> None:
    """Refuses what no decoder should be pointed at, such as pipes, on which decoders wait forever.

    Raises:
        VideoError: says what the path is instead of a whole, readable file.
    """
    path = Path(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise VideoError(f"{path} is not a regular file.")
        if status.st_size == 0:
            raise VideoError(f"{path} is an empty file.")
        needed = container_size(path)
    except OSError as error:
        raise VideoError(f"{path} cannot be read: {error.strerror}.") from error
    if needed > status.st_size:
        raise VideoError(
            f"{path} is cut short: its container speaks of {needed:,} bytes or more, it has {status.st_size:,}; "
            "copy or download it again."
        )


def container_size(path: Path) -> int:
    """Bytes that an MP4 or MOV file must have for its top-level boxes to be whole; 0 for other containers.

    Decoders can read the whole frames of a file cut short as if they were all of it.
    Source: ISO/IEC 14496-12, section 4.2.
    """
    end = 0
    with path.open("rb") as file:
        while len(header := file.read(16)) >= 8 and header[4:8] in TOP_LEVEL_BOXES:
            size = int.from_bytes(header[:4])
            if size == 1:
                size = int.from_bytes(header[8:16])
            if size < 8:  # 0: this box reaches to the end of the file, wherever that is
                break
            end += size
            file.seek(end)
    return end


@contextlib.contextmanager
def captured_stderr() -> Iterator:
    """Keeps what native code writes to stderr off the terminal, and gives a function that returns it."""
    sys.stderr.flush()
    original = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield lambda: (file.seek(0), file.read().decode(errors="replace"))[1]
        finally:
            os.dup2(original, 2)
            os.close(original)


def reason(error: BaseException, log: str = "") -> str:
    """What decord says went wrong, without the places in its source code."""
    if isinstance(error, decord.DECORDLimitReachedError):
        return "the decoder would have put a neighbouring frame in its place"
    said = re.findall(r"\(-?\d+ vs\. -?\d+\)\s*:?\s*([^\n]+)", str(error)) or re.findall(
        r"ERROR opening: .*, (.+)", log
    )
    return (said[-1] if said else str(error).splitlines()[0] if str(error) else type(error).__name__).strip(" .")
