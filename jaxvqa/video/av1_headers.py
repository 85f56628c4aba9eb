"""The quantizer of AV1 frames, read from their headers.

Source: AV1 Bitstream & Decoding Process Specification, sections 5.3 (units), 5.9 (frame headers) and 7.20 (what
becomes of reference frames). Read is what stands before `base_q_idx`, and no more.
"""

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

from .av1_sequence import SELECT, Sequence, read_sequence
from .bits import Bits, HeaderError

SEQUENCE, FRAME_HEADER, FRAME = 1, 3, 6  # types of units (section 6.2.2)
KEY, INTRA_ONLY, SWITCH = 0, 2, 3  # types of frames (section 6.8.2)
REFERENCES, PER_FRAME = 8, 7
LONGEST = 1024  # bytes of a header that are looked at


class Size(NamedTuple):
    """Pixels of a frame: its width as shown and as coded, and its height."""

    shown: int
    coded: int
    height: int


class Kept(NamedTuple):
    """A frame that later ones refer to."""

    quantizer: int
    kind: int
    size: Size


class Av1Quantizers:
    """Reads the packets of a stream, in the order of decoding."""

    def __init__(self, extradata: bytes):
        """Begins with what the container says of the stream."""
        self.sequence: Sequence | None = None
        self.kept: list[Kept | None] = [None] * REFERENCES
        if extradata[:1] == b"\x81":  # AV1CodecConfigurationRecord (AV1 in ISOBMFF, section 2.3.3)
            with contextlib.suppress(HeaderError):  # there is no frame in it; what is wrong is missing
                self.packet(extradata[4:])

    def packet(self, data: bytes | memoryview) -> float:
        """`base_q_idx` of the frame that a packet shows.

        Raises:
            HeaderError: it cannot be read, or the packet does not show one frame.
        """
        try:
            shown = [quantizer for unit in units(data) if (quantizer := self.unit(*unit)) is not None]
        except HeaderError:
            self.kept = [None] * REFERENCES  # what came of it is not known
            raise
        if len(shown) != 1:
            raise HeaderError(f"a packet shows {len(shown)} frames")
        return shown[0]

    def unit(self, kind: int, layers: tuple[int, int] | None, data: memoryview) -> int | None:
        """Takes what a unit says, and gives `base_q_idx` if it shows a frame."""
        if kind == SEQUENCE:
            self.sequence = None
            self.sequence = read_sequence(Bits(bytes(data[:LONGEST])))
        if kind not in (FRAME_HEADER, FRAME):
            return None
        if self.sequence is None:
            raise HeaderError("a frame comes before its sequence")
        point, (temporal, spatial) = self.sequence.points[0][0], layers or (0, 0)
        if layers and point and not (point >> temporal & 1 and point >> 8 + spatial & 1):
            return None  # as the decoder, which leaves out what is not in the first operating point
        if spatial:
            raise HeaderError("spatial layers are not read")
        return self.frame(FrameHeader(Bits(bytes(data[:LONGEST])), self.sequence, self.kept, temporal))

    def frame(self, header: "FrameHeader") -> int | None:
        """Reads a frame header; `base_q_idx` if the frame is shown."""
        if not header.sequence.reduced and header.bits.flag():
            earlier = self.kept[header.bits.u(3)]
            if earlier is None:
                raise HeaderError("a frame is shown that did not come")
            if earlier.kind == KEY:
                self.kept = [earlier] * REFERENCES
            return earlier.quantizer
        frame = header.read()
        for number in range(REFERENCES):
            if header.refreshed >> number & 1:
                self.kept[number] = frame
        return frame.quantizer if header.shown else None


class FrameHeader:
    """Reads the header of a frame that was not there before, behind its first bit.

    Attributes:
        shown: whether the frame is shown at once.
        refreshed: a bit for each of the kept frames that this one takes the place of.
    """

    def __init__(self, bits: Bits, sequence: Sequence, kept: list[Kept | None], temporal: int):
        self.bits, self.sequence, self.kept, self.temporal = bits, sequence, kept, temporal
        self.shown, self.refreshed = True, (1 << REFERENCES) - 1
        self.kind, self.resilient, self.sized, self.screen, self.whole = KEY, True, False, False, False

    def read(self) -> Kept:
        """What later frames need of this one."""
        bits, sequence = self.bits, self.sequence
        if not sequence.reduced:
            self.kind, self.shown = bits.u(2), bits.flag()
            bits.u(sequence.time_bits if self.shown else 1)
            self.resilient = self.kind == SWITCH or (self.kind == KEY and self.shown) or bits.flag()
        fixed = bits.flag()  # that statistics do not follow symbols
        self.screen = bits.flag() if sequence.screen == SELECT else bool(sequence.screen)
        if self.screen:
            self.whole = bits.flag() if sequence.whole == SELECT else bool(sequence.whole)
        bits.u(sequence.id_bits[0])
        self.sized = self.kind == SWITCH or (not sequence.reduced and bits.flag())
        bits.u(sequence.order_bits)
        intra = self.kind in (KEY, INTRA_ONLY)
        if not (intra or self.resilient):
            bits.u(3)
        self.times()
        if not (self.kind == SWITCH or (self.kind == KEY and self.shown)):
            self.refreshed = bits.u(REFERENCES)
        if (not intra or self.refreshed != 0xFF) and self.resilient:
            bits.u(REFERENCES * sequence.order_bits)
        size = self.intra_size() if intra else self.inter_size()
        if not (sequence.reduced or fixed):
            bits.u(1)
        skip_tiles(bits, size, sequence.large)
        return Kept(bits.u(8), self.kind, size)

    def times(self) -> None:
        """Passes over when buffers get free."""
        if self.sequence.removal_bits and self.bits.flag():
            for layers, timed in self.sequence.points:
                if timed and (not layers or (layers >> self.temporal & 1 and layers >> 8 & 1)):
                    self.bits.u(self.sequence.removal_bits)

    def intra_size(self) -> Size:
        """The size of a frame that is not predicted from others, and what follows it."""
        size = self.size()
        if self.screen and size.shown == size.coded:
            self.bits.u(1)
        return size

    def inter_size(self) -> Size:
        """The size of a frame that is predicted from others, and what stands around it."""
        bits, sequence = self.bits, self.sequence
        short = sequence.order_bits > 0 and bits.flag()
        bits.u(6 if short else 0)
        used = []
        for _ in range(PER_FRAME):
            used.append(None if short else bits.u(3))
            bits.u(sequence.id_bits[1])
        size = self.referred_size(used) if self.sized and not self.resilient else self.size()
        if not self.whole:
            bits.u(1)
        if not bits.flag():
            bits.u(2)
        bits.u(1)
        if sequence.motion and not self.resilient:
            bits.u(1)
        return size

    def size(self) -> Size:
        """A size that the header gives."""
        width, height = self.sequence.size
        if self.sized:
            width, height = (self.bits.u(count) + 1 for count in self.sequence.size_bits)
        size = self.narrowed(width, height)
        if self.bits.flag():
            self.bits.u(32)
        return size

    def referred_size(self, used: list[int | None]) -> Size:
        """A size that the header gives, or that of the first of the frames in `used` that it points to."""
        for number in used:
            if self.bits.flag():
                sizes = {kept and kept.size[::2] for kept in (self.kept if number is None else [self.kept[number]])}
                size = sizes.pop()
                if size is None or sizes:  # which frame is meant would follow from their order
                    raise HeaderError("a frame has the size of one that is not known")
                return self.narrowed(*size)
        return self.size()

    def narrowed(self, width: int, height: int) -> Size:
        """A size, and the width at which the frame is coded."""
        if not (self.sequence.superres and self.bits.flag()):
            return Size(width, width, height)
        denominator = self.bits.u(3) + 9
        return Size(width, (width * 8 + denominator // 2) // denominator, height)


def units(data: bytes | memoryview) -> Iterator[tuple[int, tuple[int, int] | None, memoryview]]:
    """The units of a packet: their kind, temporal and spatial layer if they name them, and what is in them."""
    view, at = memoryview(data), 0
    while at < len(view):
        head, at = view[at], at + 1
        layers = None
        if head & 4:
            if at == len(view):
                raise HeaderError("a unit breaks off")
            layers, at = (view[at] >> 5, view[at] >> 3 & 3), at + 1
        size = len(view) - at
        if head & 2:
            size, at = leb128(view, at)
        if head & 0x80 or at + size > len(view):
            raise HeaderError("units do not fill a packet")
        yield head >> 3 & 15, layers, view[at : at + size]
        at += size


def leb128(view: memoryview, at: int) -> tuple[int, int]:
    """A number in groups of seven bits (section 4.10.5), and where it ends."""
    number = 0
    for place in range(8):
        if at + place >= len(view):
            break
        number |= (view[at + place] & 127) << 7 * place
        if not view[at + place] & 128:
            return number, at + place + 1
    raise HeaderError("the size of a unit breaks off")


def skip_tiles(bits: Bits, size: Size, large: bool) -> None:
    """Passes over how a frame is divided into tiles (section 5.9.15)."""
    side = 128 if large else 64
    columns, rows = (-(-(-(-pixels // 8) * 8) // side) for pixels in (size.coded, size.height))
    widest, area = 4096 // side, 4096 * 2304 // side**2
    least_columns = doublings(widest, columns)
    least = max(least_columns, doublings(area, rows * columns))
    if bits.flag():
        log_columns = counted(bits, least_columns, doublings(1, min(columns, 64)))
        log_rows = counted(bits, max(least - log_columns, 0), doublings(1, min(rows, 64)))
    else:
        widths = divided(bits, columns, widest)
        log_columns = doublings(1, len(widths))
        largest = rows * columns >> least + 1 if least else rows * columns
        log_rows = doublings(1, len(divided(bits, rows, max(largest // max(widths), 1))))
    if log_columns or log_rows:
        bits.u(log_columns + log_rows + 2)


def counted(bits: Bits, least: int, most: int) -> int:
    """A number that bits count up from `least`, to `most` at most."""
    while least < most and bits.flag():
        least += 1
    return least


def divided(bits: Bits, total: int, most: int) -> list[int]:
    """The parts, none above `most`, that a header divides a total into."""
    parts = []
    while total > 0:
        parts.append(bits.below(min(total, most)) + 1)
        total -= parts[-1]
    return parts


def doublings(start: int, target: int) -> int:
    """How often a number is to be doubled to reach another."""
    return next(count for count in range(64) if start << count >= target)
