"""Whether a video file is whole, and what tells one content from another."""

import contextlib
import os
import stat
from collections.abc import Callable, Generator
from pathlib import Path
from typing import BinaryIO

from ..errors import DamagedError, VideoError
from ..system.files import file_sha256

APPLE_DOUBLE = b"\x00\x05\x16\x07"  # begins such files (RFC 1740, appendix B)
# Without these names no MP4 or MOV file begins; behind them, anything may be appended to one.
TOP_LEVEL_BOXES = frozenset(b"ftyp moov mdat free skip wide moof mfra meta styp sidx uuid udta pdin".split())
FLV_TAGS = (8, 9, 18)  # sound, video, data


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
        with path.open("rb") as file:
            if file.read(4) == APPLE_DOUBLE:
                of = path.name.removeprefix("._")
                raise VideoError(
                    f"{path} is not a video: it holds what macOS notes about {of} (AppleDouble); leave it out."
                )
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


@contextlib.contextmanager
def unchanged(path: str | os.PathLike) -> Generator[None, None, None]:
    """Makes sure that a file stays as it is meanwhile, so that all that is read of it is of one content.

    Raises:
        VideoError: it was replaced, written to or removed; or as `check_file`.
    """

    def state() -> tuple[int, ...] | None:
        try:
            status = Path(path).stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns

    check_file(path)
    before = state()
    yield
    if state() != before:
        raise VideoError(f"{path} changed while it was read: score it again when nothing writes to it any more.")


def container_size(path: Path) -> int:
    """Bytes that a file must have for what its container lists at the top to be whole; 0 if it does not tell.

    Decoders can read the whole frames of a file cut short as if they were all of it.
    Source: ISO/IEC 14496-12, section 4.2 (MP4, MOV); RFC 8794, section 4, and RFC 9559 (Matroska, WebM); RIFF (AVI);
    Adobe Flash Video File Format Specification 10.1, annex E (FLV).
    """
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(0)
        if start == b"\x1a\x45\xdf\xa3":
            return ebml_size(file)
        if start[:3] == b"FLV":
            return flv_size(file)
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
    """Where the second element of a Matroska or WebM file, its segment, ends, behind the first, a header.

    Of a segment of unknown size, as recordings have, where the last element in it ends that tells its size.
    """
    end = 0
    for _ in range(2):
        file.seek(end)
        element = ebml_header(file)
        if element is None:
            return 0
        header, size = element
        if size is None:
            end += header
            break
        end += header + size
    else:
        return end
    whole = end  # of the header; what is in the segment follows
    while (element := ebml_header(file)) and element[1] is not None:
        whole += element[0] + element[1]
        file.seek(whole)
    return whole if whole > end else 0


def ebml_header(file: BinaryIO) -> tuple[int, int | None] | None:
    """Bytes of an element's identifier and size, and that size, None if it is unknown; None if there is no element."""
    first = file.read(1)
    width = 9 - first[0].bit_length() if first else 9
    if width > 4:
        return None
    file.read(width - 1)
    first = file.read(1)
    length = 9 - first[0].bit_length() if first else 9
    if length > 8:
        return None
    size = int.from_bytes(first + file.read(length - 1)) - (1 << 7 * length)
    return width + length, None if size == (1 << 7 * length) - 1 else size


def riff_size(file: BinaryIO) -> int:
    """Where the last of the RIFF chunks of an AVI file ends: a large one has several.

    Of one of unknown size, as recordings have, where the last chunk in it ends that tells its size.
    """
    end, header = 0, file.read(8)
    if header[4:] == bytes(4):
        end = 12  # behind the size stands the kind of file
        file.seek(end)
        while len(header := file.read(8)) == 8 and (size := int.from_bytes(header[4:], "little")):
            end += 8 + size + size % 2
            file.seek(end)
        return end if end > 12 else 0
    while len(header) == 8 and header[:4] == b"RIFF":
        size = int.from_bytes(header[4:], "little")
        if size == 0:
            break
        end += 8 + size
        file.seek(end)
        header = file.read(8)
    return end


def flv_size(file: BinaryIO) -> int:
    """Where the last tag of an FLV file ends."""
    header = file.read(9)
    end = int.from_bytes(header[5:9]) + 4
    file.seek(end)
    while len(header := file.read(11)) == 11 and header[0] & 31 in FLV_TAGS and header[8:11] == bytes(3):
        end += 11 + int.from_bytes(header[1:4]) + 4
        file.seek(end)
    return end
