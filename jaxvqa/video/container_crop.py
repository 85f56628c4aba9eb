"""The part of each frame that a container says to show: `clap` of MP4 and MOV, PixelCrop of Matroska and WebM.

FFmpeg reads both, but PyAV does not hand on what it finds. Of a file only headers on the way to these fields are read,
a limited number of them, and what makes no sense counts as no crop.
Source: ISO/IEC 14496-12, section 12.1.4; QuickTime File Format; RFC 9559, section 5.1.4.1.28.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

MOST = 10_000  # boxes or elements of a file that are looked at
SEGMENT, SEEK_HEAD, TRACKS, CLUSTER = map(bytes.fromhex, ("18538067", "114D9B74", "1654AE6B", "1F43B675"))
SEEK, SEEK_ID, SEEK_POSITION = map(bytes.fromhex, ("4DBB", "53AB", "53AC"))
TRACK_ENTRY, TRACK_TYPE, VIDEO = map(bytes.fromhex, ("AE", "83", "E0"))
PIXEL_CROP = tuple(map(bytes.fromhex, ("54BB", "54AA", "54CC", "54DD")))  # top, bottom, left, right


class Crop(NamedTuple):
    """Rows and columns of a stored frame that are not shown."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0


class Part(NamedTuple):
    """A box or an element: its name, and where its content begins and ends."""

    name: bytes
    start: int
    end: int


def mp4_crop(file: BinaryIO, track: int) -> Crop:
    """The crop of a track of an MP4 or MOV file, by the track's number."""
    budget = iter(range(MOST))
    for moov in named(boxes(file, 0, file.seek(0, 2), budget), b"moov"):
        for trak in named(boxes(file, moov.start, moov.end, budget), b"trak"):
            parts = list(boxes(file, trak.start, trak.end, budget))
            if [track_number(file, part) for part in named(parts, b"tkhd")] != [track]:
                continue
            for name in (b"mdia", b"minf", b"stbl", b"stsd"):
                parts = [inner for part in named(parts, name) for inner in content(file, part, budget)]
            for entry in parts[:1]:
                size = read(file, entry.start + 24, 4)
                for clap in named(boxes(file, entry.start + 78, entry.end, budget), b"clap"):
                    return aperture(read(file, clap.start, 32), *struct.unpack(">2H", size.ljust(4, b"\0")))
    return Crop()


def content(file: BinaryIO, box: Part, budget: Iterator[int]) -> Iterator[Part]:
    """The boxes in a box, which `stsd` begins with its version and their number."""
    return boxes(file, box.start + (8 if box.name == b"stsd" else 0), box.end, budget)


def boxes(file: BinaryIO, start: int, end: int, budget: Iterator[int]) -> Iterator[Part]:
    """The boxes of a part of a file, as far as they make sense."""
    while start + 8 <= end and next(budget, None) is not None:
        header = read(file, start, 16)
        if len(header) < 8:
            return
        size, length = int.from_bytes(header[:4]), 8
        if size == 1:
            size, length = int.from_bytes(header[8:16]), 16
        elif size == 0:
            size = end - start
        if size < length or start + length > end:
            return
        yield Part(header[4:8], start + length, min(start + size, end))
        start += size


def named(parts: Iterator[Part] | list[Part], name: bytes) -> Iterator[Part]:
    """Those of some parts that have a name."""
    return (part for part in parts if part.name == name)


def track_number(file: BinaryIO, tkhd: Part) -> int:
    """The number of a track, which stands behind two times of 4 bytes each, in version 1 of 8."""
    return int.from_bytes(read(file, tkhd.start + (20 if read(file, tkhd.start, 1) == b"\1" else 12), 4))


def aperture(clap: bytes, width: int, height: int) -> Crop:
    """The crop of a clean aperture: width, height, and how far its centre is off, right and down, as fractions."""
    if len(clap) < 32:
        return Crop()
    numbers = struct.unpack(">4I iI iI", clap)
    if 0 in numbers[1::2]:
        return Crop()
    wide, high, right, down = (a / b for a, b in zip(numbers[::2], numbers[1::2], strict=True))
    sides = [(height - high) / 2 + down, (height - high) / 2 - down, (width - wide) / 2 + right]
    sides.append((width - wide) / 2 - right)
    return Crop(*map(int, sides)) if min(sides) >= 0 else Crop()


def matroska_crop(file: BinaryIO, number: int) -> Crop:
    """The crop of a video track of a Matroska or WebM file, by its number among the video tracks, from 0 on."""
    budget = iter(range(MOST))
    end = file.seek(0, 2)
    for segment in named(elements(file, 0, end, budget), SEGMENT):
        for tracks in named(find_tracks(file, segment, budget), TRACKS):
            entries = [
                list(elements(file, entry.start, entry.end, budget))
                for entry in named(elements(file, tracks.start, tracks.end, budget), TRACK_ENTRY)
            ]
            videos = [parts for parts in entries if [value(file, part) for part in named(parts, TRACK_TYPE)] == [1]]
            for video in named(videos[number] if number < len(videos) else [], VIDEO):
                crop = {part.name: value(file, part) for part in elements(file, video.start, video.end, budget)}
                return Crop(*(crop.get(side, 0) for side in PIXEL_CROP))
            return Crop()
    return Crop()


def find_tracks(file: BinaryIO, segment: Part, budget: Iterator[int]) -> Iterator[Part]:
    """The elements of a segment before its first cluster, and what its index names as the tracks behind it."""
    later = []
    for part in elements(file, segment.start, segment.end, budget):
        if part.name == SEEK_HEAD:
            for seek in named(elements(file, part.start, part.end, budget), SEEK):
                entry = {part.name: value(file, part) for part in elements(file, seek.start, seek.end, budget)}
                if entry.get(SEEK_ID) == int.from_bytes(TRACKS):
                    later.append(segment.start + entry.get(SEEK_POSITION, 0))
        if part.name == CLUSTER:
            break
        yield part
    for position in later[:1]:
        yield from list(elements(file, position, segment.end, iter(range(1))))


def elements(file: BinaryIO, start: int, end: int, budget: Iterator[int]) -> Iterator[Part]:
    """The elements of a part of a file, as far as they make sense."""
    while start < end and next(budget, None) is not None:
        header = read(file, start, 12)
        named_by = 9 - header[0].bit_length() if header else 9
        sized_by = 9 - header[named_by].bit_length() if named_by < len(header) else 9
        length = named_by + sized_by
        if named_by > 4 or sized_by > 8 or len(header) < length or start + length > end:
            return
        size = int.from_bytes(header[named_by:length]) - (1 << 7 * sized_by)
        if size == (1 << 7 * sized_by) - 1:  # not known when it was written
            size = end - start - length
        yield Part(header[:named_by], start + length, min(start + length + size, end))
        start += length + size


def value(file: BinaryIO, element: Part) -> int:
    """The number that an element holds, of 8 bytes at most."""
    return int.from_bytes(read(file, element.start, min(element.end - element.start, 8)))


def read(file: BinaryIO, start: int, size: int) -> bytes:
    """Some bytes of a file, fewer at its end."""
    file.seek(start)
    return file.read(size)
