"""NAL units of H.264 and HEVC: what the packets of a stream consist of."""

import re
from collections.abc import Iterator

START = re.compile(b"\0\0\1")
# Units beside those of pictures: parameters, delimiters, messages, filling (ITU-T H.264, table 7-1; H.265, table 7-1).
BESIDE = {"h264": range(6, 14), "hevc": range(32, 41)}


def length_size(codec: str, extradata: bytes) -> int:
    """Bytes of the length before each unit; 0 if start codes separate them.

    Source: ISO/IEC 14496-15, sections 5.3.3.1 and 8.3.3.1.
    """
    if len(extradata) < 23 or extradata[0] != 1:
        return 0
    return (extradata[4 if codec == "h264" else 21] & 3) + 1


def nal_units(data: bytes | memoryview, length: int) -> Iterator[memoryview]:
    """The units of a packet, none of them copied; zeros may follow those that start codes separate.

    Args:
        length: bytes of the length before each; 0 if start codes separate them (Annex B).

    Raises:
        ValueError: they do not fill the packet.
    """
    view = memoryview(data)
    if length:
        at = 0
        while at < len(data):
            size = int.from_bytes(view[at : at + length])
            unit = view[at + length : at + length + size]
            if not size or len(unit) < size:
                raise ValueError("the lengths of its units do not fill a packet")
            yield unit
            at += length + size
        return
    start = START.search(data)
    if not start or any(view[: start.start()]):
        raise ValueError("a packet does not begin with a start code")
    while start:
        following = START.search(data, start.end())
        unit = view[start.end() : following.start() if following else None]
        if len(unit):
            yield unit
        start = following


def unit_type(codec: str, unit: bytes | memoryview) -> int:
    """What kind of unit it is, by the numbers of its standard."""
    return unit[0] & 31 if codec == "h264" else unit[0] >> 1 & 63


def holds_picture(codec: str, extradata: bytes, data: bytes | memoryview) -> bool:
    """Whether a packet holds a part of a picture, as far as it can be told: delimiters and parameters alone do not.

    Args:
        codec: FFmpeg's name of it; of others than H.264 and HEVC, nothing can be told.
        extradata: what the container says of the stream.
    """
    if codec not in BESIDE:
        return True
    units = 0
    try:
        for unit in nal_units(data, length_size(codec, extradata)):
            if unit_type(codec, unit) not in BESIDE[codec]:
                return True
            units += 1
    except ValueError:
        return True
    return not units
