"""Quantizers of codecs whose packets consist of NAL units: parameter sets, and slices that refer to them."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from .bits import Bits, HeaderError
from .nal_units import length_size, nal_units

LONGEST = 4096  # bytes of a unit that are looked at


class SliceQuantizers:
    """Reads the packets of a stream, in the order of decoding.

    Attributes:
        codec: FFmpeg's name of it.
        header: bytes of a unit's header.
        sequences: parameter sets, by number.
        pictures: likewise.
    """

    codec: str
    header: int

    def __init__(self, extradata: bytes):
        """Begins with what the container says of the stream."""
        self.length = length_size(self.codec, extradata)
        self.sequences: dict[int, Any] = {}
        self.pictures: dict[int, Any] = {}
        units = configured(self.codec, extradata) if self.length else nal_units(extradata, 0)
        with contextlib.suppress(ValueError):  # what is wrong is missing, and so is what refers to it
            for unit in units:
                self.unit(unit)

    def packet(self, data: bytes | memoryview) -> float:
        """The mean of the quantizers of the slices of a picture.

        Raises:
            HeaderError: they cannot be read.
        """
        try:
            units = list(nal_units(data, self.length))
        except ValueError as error:
            raise HeaderError(str(error)) from error
        quantizers = [quantizer for unit in units if (quantizer := self.unit(unit)) is not None]
        if not quantizers:
            raise HeaderError("a packet holds no slice")
        return sum(quantizers) / len(quantizers)

    def unit(self, unit: memoryview) -> int | None:
        """Takes parameters of a unit, or gives the quantizer if it begins a slice."""
        raise NotImplementedError

    def payload(self, unit: memoryview) -> Bits:
        """What follows a unit's header, without what keeps start codes out of it."""
        return Bits(bytes(unit[self.header : LONGEST]).replace(b"\0\0\3", b"\0\0"))


def keep(kept: dict[int, Any], read: Callable[[Bits], tuple[int, Any]], bits: Bits) -> None:
    """Keeps a parameter set by its number; if it cannot be read, none is left that slices may mean in its place."""
    try:
        number, parameters = read(bits)
    except HeaderError:
        kept.clear()
        raise
    kept[number] = parameters


def configured(codec: str, extradata: bytes) -> Iterator[memoryview]:
    """The units of a decoder configuration record, as far as they are whole.

    Source: ISO/IEC 14496-15, sections 5.3.3.1 (AVC) and 8.3.3.1 (HEVC).
    """
    view = memoryview(extradata)
    at, arrays = (5, 2) if codec == "h264" else (23, view[22])
    for number in range(arrays):
        if codec == "h264":
            count, at = (view[at] & 31 if number == 0 else view[at]) if at < len(view) else 0, at + 1
        else:
            count, at = int.from_bytes(view[at + 1 : at + 3]), at + 3
        for _ in range(count):
            size = int.from_bytes(view[at : at + 2])
            if size == 0 or at + 2 + size > len(view):
                return
            yield view[at + 2 : at + 2 + size]
            at += 2 + size
