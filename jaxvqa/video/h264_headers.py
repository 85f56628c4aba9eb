"""The quantizer of H.264 pictures, read from the headers of their slices.

FFmpeg exports the quantizer of each block, but of pictures that another thread may not be done with: of every tenth to
fourth frame, it is wrong in part, and each time in others.

Source: ITU-T H.264, sections 7.3.2.1.1 (sequence parameters), 7.3.2.2 (picture parameters) and 7.3.3 (slice headers).
Read is what stands before `slice_qp_delta`, and no more.
"""

from typing import NamedTuple

from .bits import Bits, HeaderError, width_of
from .slices import SliceQuantizers, keep

SLICE, PARTITION, IDR, SEQUENCE, PICTURE = 1, 2, 5, 7, 8  # types of units (table 7-1)
WITH_CHROMA = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)  # profiles that name it
ANY, LARGE = 2**31 - 1, 2**20


class Sequence(NamedTuple):
    """What a sequence parameter set says of slice headers.

    Attributes:
        planes: whether each color is coded as a picture by itself.
        chroma: ChromaArrayType.
        depth: bits of luma.
        number_bits: of a picture's number.
        order_bits: of its place in the order of showing; 0 if slices give differences, or nothing of it.
        differences: whether they give differences.
        fields: whether pictures may be fields.
    """

    planes: bool
    chroma: int
    depth: int
    number_bits: int
    order_bits: int
    differences: bool
    fields: bool


class Picture(NamedTuple):
    """What a picture parameter set says of slice headers.

    Attributes:
        sequence: number of its sequence parameter set.
        cabac: whether the coder is CABAC.
        both_orders: whether slices say where the second field of a frame is in the order of showing.
        references: pictures of both lists, unless a slice says otherwise.
        weighted: whether P and B slices say how to weigh what they predict from.
        quantizer: `pic_init_qp_minus26`.
        redundant: whether slices say that they come again.
    """

    sequence: int
    cabac: bool
    both_orders: bool
    references: tuple[int, int]
    weighted: tuple[bool, bool]
    quantizer: int
    redundant: bool


class H264Quantizers(SliceQuantizers):
    """Reads the packets of a stream, in the order of decoding: the mean of SliceQPY of each picture."""

    codec, header = "h264", 1

    def unit(self, unit: memoryview) -> int | None:
        """Takes parameters of a unit, or gives SliceQPY if it begins a slice."""
        kind = unit[0] & 31
        if kind in (SLICE, PARTITION, IDR):
            return self.slice(kind == IDR, unit[0] >> 5 & 3 > 0, self.payload(unit))
        if kind == SEQUENCE:
            keep(self.sequences, read_sequence, self.payload(unit))
        elif kind == PICTURE:
            keep(self.pictures, read_picture, self.payload(unit))
        return None

    def slice(self, idr: bool, referred: bool, bits: Bits) -> int | None:
        """SliceQPY; None of a slice that came before.

        Args:
            referred: whether others may be predicted from it.
        """
        bits.ue(LARGE)
        kind = bits.ue(9) % 5  # 0, P; 1, B; 2, I; 3, SP; 4, SI
        picture = self.pictures.get(bits.ue(255))
        sequence = self.sequences.get(picture.sequence) if picture else None
        if picture is None or sequence is None:
            raise HeaderError("a slice refers to parameters that did not come")
        bits.u(2 * sequence.planes + sequence.number_bits)
        field = sequence.fields and bits.flag()
        bits.u(1 if field else 0)
        if idr:
            bits.ue(65535)
        bits.u(sequence.order_bits)
        if sequence.differences:
            bits.se(ANY // 2)
        if (sequence.order_bits or sequence.differences) and picture.both_orders and not field:
            bits.se(ANY // 2)
        if picture.redundant and bits.ue(127):
            return None
        if kind in (0, 1, 3):
            prediction(bits, sequence, picture, kind == 1)
        if referred:
            marking(bits, idr)
        if picture.cabac and kind not in (2, 4):
            bits.ue(2)
        quantizer = 26 + picture.quantizer + bits.se(128)
        if not -6 * (sequence.depth - 8) <= quantizer <= 51:
            raise HeaderError(f"a slice gives a quantizer of {quantizer}")
        return quantizer


def prediction(bits: Bits, sequence: Sequence, picture: Picture, both: bool) -> None:
    """Passes over what P and B slices say of their prediction; `both` of B."""
    bits.u(both)
    counts = picture.references if both else picture.references[:1]
    if bits.flag():
        counts = tuple(bits.ue(31) + 1 for _ in counts)
    for _ in counts:
        if bits.flag():
            while bits.ue(5) != 3:
                bits.ue(ANY)
    if picture.weighted[both]:
        bits.ue(7)
        if sequence.chroma:
            bits.ue(7)
        for count in counts:
            for _ in range(count):
                for numbers in (2, 4) if sequence.chroma else (2,):
                    if bits.flag():
                        for _ in range(numbers):
                            bits.se(128)


def marking(bits: Bits, idr: bool) -> None:
    """Passes over which pictures are kept to predict from."""
    if idr:
        bits.u(2)
    elif bits.flag():
        while operation := bits.ue(6):
            for _ in range((0, 1, 1, 2, 1, 0, 1)[operation]):
                bits.ue(ANY)


def read_sequence(bits: Bits) -> tuple[int, Sequence]:
    """The number of a sequence parameter set, and what it says."""
    profile = bits.u(8)
    bits.u(16)
    number, chroma, planes, depth = bits.ue(31), 1, False, 8
    if profile in WITH_CHROMA:
        chroma = bits.ue(3)
        planes = chroma == 3 and bits.flag()
        depth = 8 + bits.ue(6)
        bits.ue(6)
        bits.u(1)
        if bits.flag():
            for index in range(12 if chroma == 3 else 8):
                if bits.flag():
                    skip_scaling(bits, 16 if index < 6 else 64)
    number_bits, kind, order_bits, differences = bits.ue(12) + 4, bits.ue(2), 0, False
    if kind == 0:
        order_bits = bits.ue(12) + 4
    elif kind == 1:
        differences = not bits.flag()
        bits.se(ANY // 2), bits.se(ANY // 2)
        for _ in range(bits.ue(255)):
            bits.se(ANY // 2)
    bits.ue(16)
    bits.u(1)
    bits.ue(LARGE), bits.ue(LARGE)
    fields = not bits.flag()
    return number, Sequence(planes, 0 if planes else chroma, depth, number_bits, order_bits, differences, fields)


def skip_scaling(bits: Bits, count: int) -> None:
    """Passes over a list of so many weights (section 7.3.2.1.1.1)."""
    weight = 8
    for _ in range(count):
        weight = (weight + bits.se(128)) % 256
        if not weight:
            return


def read_picture(bits: Bits) -> tuple[int, Picture]:
    """The number of a picture parameter set, and what it says."""
    number, sequence, cabac, both_orders = bits.ue(255), bits.ue(31), bits.flag(), bits.flag()
    if groups := bits.ue(7):
        skip_groups(bits, groups + 1)
    references = bits.ue(31) + 1, bits.ue(31) + 1
    weighted = bits.flag(), bits.u(2) == 1
    quantizer = bits.se(26 + 6 * 6)
    bits.se(26), bits.se(12)
    bits.u(2)
    return number, Picture(sequence, cabac, both_orders, references, weighted, quantizer, bits.flag())


def skip_groups(bits: Bits, groups: int) -> None:
    """Passes over how macroblocks are divided into groups of slices."""
    kind = bits.ue(6)
    if kind in (3, 4, 5):
        bits.u(1)
        bits.ue(LARGE)
    elif kind == 6:
        for _ in range(bits.ue(LARGE) + 1):
            bits.u(width_of(groups))
    for _ in range({0: groups, 2: 2 * (groups - 1)}.get(kind, 0)):
        bits.ue(LARGE)
