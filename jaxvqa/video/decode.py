"""A video file to RGB frames, through decord."""

import contextlib
import os
import re
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import decord
import numpy as np
from jaxtyping import UInt8

from ..errors import UserError, first_line
from ..files import file_sha256

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
    decord.logging.set_level(decord.logging.QUIET)
    with captured_stderr() as log:
        try:
            reader = make_reader(Path(path))
            height, width = reader.next().shape[:2]
        except (*DECORD_ERRORS, AssertionError) as error:
            raise VideoError(f"{path} cannot be opened as a video: {reason(error, log())}.") from error
    return Video(Path(path), len(reader), height, width, float(reader.get_avg_fps()), reader)


def read_frames(
    video: Video, indices: np.ndarray, each: Callable[[], None] = lambda: None
) -> Iterator[tuple[int, UInt8[np.ndarray, "h w 3"]]]:
    """Decodes the frames of `indices`, each once and in order, and yields them with their numbers.

    The file is read from its start: decord's seeking, and all that rests on it, gives other frames than asked for
    where pictures refer to later ones across key frames (HEVC as x265 makes it, MPEG-4 with B-frames, MPEG-1/2).
    One frame is held at a time: 192 frames of a 4K video in one array would be 5 GB. `each` is called after every
    frame, wanted or not.

    Raises:
        VideoError: a frame up to the last wanted one cannot be decoded.
    """
    wanted = set(indices.tolist())
    video.reader.seek(0)
    for index in range(max(wanted) + 1):
        try:
            frame = video.reader.next()
        except DECORD_ERRORS as error:
            raise VideoError(
                f"{video.path} is damaged: of {video.frames} frames that it lists, number {index} cannot be decoded "
                f"({reason(error)})."
            ) from error
        each()
        if index not in wanted:
            continue
        frame = rgb(frame.asnumpy())
        if frame.shape != (video.height, video.width, 3):
            raise VideoError(
                f"{video.path} changes its size at frame {index}, from {video.width}x{video.height} to "
                f"{frame.shape[1]}x{frame.shape[0]}: cut it into parts of one size."
            )
        yield index, frame


def make_reader(path: Path) -> decord.VideoReader:
    """Opens a file with decord, which takes relative names for addresses, and knows UTF-8 names only."""
    # Any tolerance above 0 makes decord report frames that it would else replace by their neighbours.
    tolerance = 1e-9
    name = os.path.join(os.getcwd(), path)  # abspath would take a/../b for b, even if a is a link
    try:
        name.encode()
    except UnicodeEncodeError:
        with open(name, "rb") as content:
            return decord.VideoReader(content, fault_tol=tolerance)
    return decord.VideoReader(name, fault_tol=tolerance)


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
        transport_stream, needed = is_transport_stream(path), container_size(path)
    except OSError as error:
        raise VideoError(f"{path} cannot be read: {error.strerror}.") from error
    if transport_stream:
        raise VideoError(
            f"{path} is an MPEG transport stream, of which the decoder loses the first frames: "
            "put it into an MP4 file (`ffmpeg -i FILE -c copy NEW.mp4`)."
        )
    if needed > status.st_size:
        raise VideoError(
            f"{path} is cut short: its container speaks of {needed:,} bytes or more, it has {status.st_size:,}; "
            "copy or download it again."
        )


def content_sha256(path: str | os.PathLike, each: Callable[[], None] = lambda: None) -> str:
    """SHA-256 of a video file; `each` is called again and again meanwhile.

    Raises:
        VideoError: as `check_file`, or it cannot be read to its end.
    """
    check_file(path)
    try:
        return file_sha256(path, each)
    except OSError as error:
        raise VideoError(f"{path} cannot be read: {error.strerror}.") from error


def is_transport_stream(path: Path) -> bool:
    """Whether a file is made of packets of 188 bytes, or 192 with a time stamp each (ISO/IEC 13818-1, 2.4.3.2)."""
    with path.open("rb") as file:
        start = file.read(600)
    return any(start[first::size][:3] == b"GGG" for first, size in ((0, 188), (4, 192)))


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
    failed = re.findall(r"\(-?\d+ vs\. -?\d+\)\s*:?\s*([^\n]+)", str(error))
    refused = re.findall(r"ERROR opening: .*, (.+)", log)
    said = (failed or refused or [first_line(error)])[-1]
    return re.sub(r"^\[[\d:]+\] \S+:\d+: (\[.*?\] ?)?", "", said).strip(" .")
