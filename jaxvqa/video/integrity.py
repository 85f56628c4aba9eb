"""Whether a video file is whole, and what tells one content from another."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from ..errors import DamagedError, VideoError
from ..system.files import file_sha256

# Without these names no MP4 or MOV file begins; behind them, anything may be appended to one.
TOP_LEVEL_BOXES = frozenset(b"ftyp moov mdat free skip wide moof mfra meta styp sidx uuid udta pdin".split())


def check_file(path: str | os.PathLike) -> None:
    """Refuses what no decoder should be pointed at, such as pipes, on which decoders wait forever.

    Raises:
        VideoError: says what the path is instead of a readable file.
        DamagedError: it is cut short.
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
        raise DamagedError(
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


def container_size(path: Path) -> int:
    """Bytes that a file must have for what its container lists at the top to be whole; 0 if it does not tell.

    Decoders can read the whole frames of a file cut short as if they were all of it.
    Source: ISO/IEC 14496-12, section 4.2 (MP4, MOV); RFC 8794, section 4 (Matroska, WebM); RIFF (AVI).
    """
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(0)
        if start == b"\x1a\x45\xdf\xa3":
            return ebml_size(file)
        return riff_size(file) if start == b"RIFF" else boxes_size(file)


def boxes_size(file: BinaryIO) -> int:
    """Where the last of the top-level boxes of an MP4 or MOV file ends."""
    end = 0
    while len(header := file.read(16)) >= 8 and header[4:8] in TOP_LEVEL_BOXES:
        size = int.from_bytes(header[:4])
        if size == 1:
            size = int.from_bytes(header[8:16])
        if size < 8:  # 0: this box reaches to the end of the file, wherever that is
            break
        end += size
        file.seek(end)
    return end


def ebml_size(file: BinaryIO) -> int:
    """Where the second element of a Matroska or WebM file, its segment, ends, behind the first, a header."""
    end = 0
    for _ in range(2):
        file.seek(end + 4)  # behind an identifier
        first = file.read(1)
        length = 9 - first[0].bit_length() if first else 9
        size = int.from_bytes(first + file.read(length - 1)) - (1 << 7 * length)
        if length > 8 or size == (1 << 7 * length) - 1:  # a recording that nobody has completed, or another thing
            return 0
        end += 4 + length + size
    return end


def riff_size(file: BinaryIO) -> int:
    """Where the last of the RIFF chunks of an AVI file ends: a large one has several."""
    end = 0
    while len(header := file.read(8)) == 8 and header[:4] == b"RIFF":
        size = int.from_bytes(header[4:], "little")
        if size == 0:  # a recording that nobody has completed
            break
        end += 8 + size
        file.seek(end)
    return end
