"""The quantizer of HEVC pictures, read from the headers of their slices.

Source: ITU-T H.265, sections 7.3.2.2 (sequence parameters), 7.3.2.3 (picture parameters), 7.3.4 (scaling lists), 7.3.6
(slice headers) and 7.3.7 (reference picture sets). Read is what stands before `slice_qp_delta`, and no more.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from .bits import Bits, HeaderError, width_of
from .nal_units import length_size, nal_units, unit_type

SEQUENCE, PICTURE = 33, 34  # types of units (table 7-1)
SLICES, IRAP, IDR = (*range(10), *range(16, 22)), range(16, 24), (19, 20)
LONGEST = 4096  # bytes of a header that are looked at
SLICE_HEAD = 512  # of a slice, likewise
SCREEN_CONTENT = (9, 11)  # profiles whose slice headers have other fields
ANY = 2**31 - 1

T = TypeVar("T")
ReferenceSet = list[tuple[int, bool]]  # how far each picture is, and whether it is used by this one


class Sequence(NamedTuple):
    """What a sequence parameter set says of slice headers.

    Attributes:
        planes: whether each color is coded as a picture by itself.
        chroma: ChromaArrayType.
        depth: bits of luma.
        blocks: coding tree blocks of a picture.
        poc_bits: of a picture's place in the order of showing.
        sao: whether there is a sample adaptive offset.
        sets: of reference pictures that slices choose from.
        long_terms: whether each long-term picture that slices choose from is used; None if there are no such pictures.
        motion: whether motion vectors are predicted from earlier pictures.
    """

    planes: bool
    chroma: int
    depth: int
    blocks: int
    poc_bits: int
    sao: bool
    sets: list[ReferenceSet]
    long_terms: list[bool] | None
    motion: bool


class Picture(NamedTuple):
    """What a picture parameter set says of slice headers.

    Attributes:
        sequence: number of its sequence parameter set.
        dependent: whether slices may go on with the header of the one before.
        output: whether slices say if the picture is shown.
        extra: bits of slice headers that mean nothing.
        cabac: whether slices choose how their coder begins.
        references: pictures of both lists, unless a slice says otherwise.
        quantizer: `init_qp_minus26`.
        weighted: whether P and B slices weigh what they predict from.
        reordered: whether slices may change the order of references.
    """

    sequence: int
    dependent: bool
    output: bool
    extra: int
    cabac: bool
    references: tuple[int, int]
    quantizer: int
    weighted: tuple[bool, bool]
    reordered: bool


class HevcQuantizers:
    """Reads the packets of a stream, in the order of decoding."""

    def __init__(self, extradata: bytes):
        """Begins with what the container says of the stream."""
        self.length = length_size("hevc", extradata)
        self.sequences: dict[int, Sequence] = {}
        self.pictures: dict[int, Picture] = {}
        units = configured(extradata) if self.length else nal_units(extradata, 0)
        with contextlib.suppress(ValueError):  # what is wrong is missing, and so is what refers to it
            for unit in units:
                self.unit(unit)

    def packet(self, data: bytes | memoryview) -> float:
        """The mean of SliceQpY of the slices of a picture.

        Raises:
            HeaderError: it cannot be read.
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
        """Takes parameters of a unit, or gives SliceQpY if it begins a slice; units of other layers are passed over."""
        kind = unit_type("hevc", unit)
        if len(unit) < 3 or (unit[0] & 1) << 5 | unit[1] >> 3:
            return None
        if kind in SLICES:
            return self.slice(kind, payload(unit[:SLICE_HEAD]))
        if kind == SEQUENCE:
            keep(self.sequences, read_sequence, unit)
        elif kind == PICTURE:
            keep(self.pictures, read_picture, unit)
        return None

    def slice(self, kind: int, bits: Bits) -> int | None:
        """SliceQpY; None of a slice that goes on with the header of the one before."""
        first = bits.flag()
        if kind in IRAP:
            bits.u(1)
        picture = self.pictures.get(bits.ue(63))
        sequence = self.sequences.get(picture.sequence) if picture else None
        if picture is None or sequence is None:
            raise HeaderError("a slice refers to parameters that did not come")
        if not first:
            dependent = picture.dependent and bits.flag()
            bits.u(width_of(sequence.blocks))
            if dependent:
                return None
        bits.u(picture.extra)
        slice_type = bits.ue(2)  # 0, B; 1, P; 2, I
        bits.u(picture.output + 2 * sequence.planes)
        used, motion = (0, False) if kind in IDR else references(bits, sequence)
        if sequence.sao:
            bits.u(2 if sequence.chroma else 1)
        if slice_type != 2:
            prediction(bits, sequence, picture, slice_type == 0, used, motion)
        quantizer = 26 + picture.quantizer + bits.se(128)
        if not -6 * (sequence.depth - 8) <= quantizer <= 51:
            raise HeaderError(f"a slice gives a quantizer of {quantizer}")
        return quantizer


def keep(kept: dict, read: Callable[[Bits], tuple[int, NamedTuple]], unit: memoryview) -> None:
    """Keeps a parameter set by its number; where it cannot be read, none is left that slices may mean in its place."""
    try:
        number, parameters = read(payload(unit[:LONGEST]))
    except HeaderError:
        kept.clear()
        raise
    kept[number] = parameters


def payload(unit: memoryview) -> Bits:
    """What follows the two bytes of a unit's header, without what keeps start codes out of it."""
    return Bits(bytes(unit[2:]).replace(b"\0\0\3", b"\0\0"))


def configured(extradata: bytes) -> Iterator[memoryview]:
    """The units of an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, section 8.3.3.1), as far as they are whole."""
    view, at = memoryview(extradata), 23
    for _ in range(extradata[22]):
        count, at = int.from_bytes(view[at + 1 : at + 3]), at + 3
        for _ in range(count):
            size = int.from_bytes(view[at : at + 2])
            if size == 0 or at + 2 + size > len(view):
                return
            yield view[at + 2 : at + 2 + size]
            at += 2 + size


def references(bits: Bits, sequence: Sequence) -> tuple[int, bool]:
    """How many pictures a slice may predict from, and whether motion vectors are predicted from earlier ones."""
    sets = sequence.sets
    bits.u(sequence.poc_bits)
    if not bits.flag():
        chosen = read_set(bits, sets, behind=True)
    else:
        chosen = listed(sets, bits.u(width_of(len(sets)) if sets else 0))
    used = sum(use for _, use in chosen)
    if sequence.long_terms is not None:
        chosen = bits.ue(32) if sequence.long_terms else 0
        for number in range(chosen + bits.ue(32)):
            if number < chosen:
                used += listed(sequence.long_terms, bits.u(width_of(len(sequence.long_terms))))
            else:
                bits.u(sequence.poc_bits)
                used += bits.flag()
            if bits.flag():
                bits.ue(ANY)
    return used, sequence.motion and bits.flag()


def listed(items: list[T], index: int) -> T:
    """One of what parameters list; a HeaderError if there is no such."""
    if index >= len(items):
        raise HeaderError("a slice refers to reference pictures that its parameters do not list")
    return items[index]


def prediction(bits: Bits, sequence: Sequence, picture: Picture, both: bool, used: int, motion: bool) -> None:
    """Passes over what P and B slices say of their prediction; `both` of B."""
    counts = picture.references if both else picture.references[:1]
    if bits.flag():
        counts = tuple(bits.ue(15) + 1 for _ in counts)
    if picture.reordered and used > 1:
        for count in counts:
            if bits.flag():
                bits.u(width_of(used) * count)
    bits.u(both + picture.cabac)
    if motion:
        from_second = both and not bits.flag()
        if counts[from_second] > 1:
            bits.ue(15)
    if picture.weighted[both]:
        bits.ue(7)
        if sequence.chroma:
            bits.se(7)
        for count in counts:
            luma = [bits.flag() for _ in range(count)]
            chroma = [bits.flag() for _ in range(count)] if sequence.chroma else [False] * count
            for numbers in (2 * a + 4 * b for a, b in zip(luma, chroma, strict=True)):
                for _ in range(numbers):
                    bits.se(ANY // 4)
    bits.ue(4)


def read_set(bits: Bits, sets: list[ReferenceSet], behind: bool = False) -> ReferenceSet:
    """The set of short-term reference pictures that follows `sets`; one `behind` all of them stands in a slice."""
    if sets and bits.flag():  # as another one, moved
        back = bits.ue(len(sets) - 1) + 1 if behind else 1
        sign, step = bits.flag(), bits.ue(32767) + 1
        moved = []
        for distance, _ in [*sets[-back], (0, False)]:
            used = bits.flag()
            if used or bits.flag():
                moved.append((distance + (-step if sign else step), used))
        earlier = sorted((entry for entry in moved if entry[0] < 0), reverse=True)
        return checked([*earlier, *sorted(entry for entry in moved if entry[0] > 0)])
    counts, entries = (bits.ue(16), bits.ue(16)), []
    for count, sign in zip(counts, (-1, 1), strict=True):
        distance = 0
        for _ in range(count):
            distance += sign * (bits.ue(32767) + 1)
            entries.append((distance, bits.flag()))
    return checked(entries)


def checked(entries: ReferenceSet) -> ReferenceSet:
    """A set of no more pictures than a decoder holds."""
    if len(entries) > 16:
        raise HeaderError("a set of reference pictures is too large")
    return entries


def read_sequence(bits: Bits) -> tuple[int, Sequence]:
    """The number of a sequence parameter set, and what it says."""
    bits.u(4)
    layers = bits.u(3)
    bits.u(1)
    read_profile(bits, layers)
    number, chroma = bits.ue(15), bits.ue(3)
    planes = chroma == 3 and bits.flag()
    width, height = bits.ue(65535), bits.ue(65535)
    if bits.flag():
        for _ in range(4):
            bits.ue(65535)
    depth = 8 + bits.ue(8)
    bits.ue(8)
    poc_bits = 4 + bits.ue(12)
    for _ in range(1 if not bits.flag() else layers + 1):
        for most in (16, 16, ANY):
            bits.ue(most)
    smallest = 3 + bits.ue(3)
    side = 1 << smallest + bits.ue(3)
    for _ in range(4):
        bits.ue(5)
    if bits.flag() and bits.flag():
        skip_scaling(bits)
    bits.u(1)
    sao = bits.flag()
    if bits.flag():
        bits.u(8)
        bits.ue(3), bits.ue(3)
        bits.u(1)
    sets: list[ReferenceSet] = []
    for _ in range(bits.ue(64)):
        sets.append(read_set(bits, sets))
    long_terms = None
    if bits.flag():
        long_terms = [bool(bits.u(poc_bits + 1) & 1) for _ in range(bits.ue(32))]
    motion = bits.flag()
    blocks = -(-width // side) * -(-height // side)
    if not blocks:
        raise HeaderError("a sequence has no pixels")
    return number, Sequence(planes, 0 if planes else chroma, depth, blocks, poc_bits, sao, sets, long_terms, motion)


def read_profile(bits: Bits, layers: int) -> None:
    """Passes over profiles and levels (section 7.3.3); a HeaderError of one with other slice headers."""
    bits.u(3)
    profile = bits.u(5)
    compatible = f"{bits.u(32):032b}"
    bits.u(48 + 8)
    if profile in SCREEN_CONTENT or any(compatible[number] == "1" for number in SCREEN_CONTENT):
        raise HeaderError("extensions for screen content are not read")
    present = [(bits.flag(), bits.flag()) for _ in range(layers)]
    if layers:
        bits.u(2 * (8 - layers))
    for profile_present, level_present in present:
        bits.u(88 * profile_present + 8 * level_present)


def skip_scaling(bits: Bits) -> None:
    """Passes over scaling lists."""
    for size in range(4):
        for _ in range(2 if size == 3 else 6):
            if not bits.flag():
                bits.ue(6)
                continue
            for _ in range(min(64, 16 << 2 * size) + (size > 1)):
                bits.se(128)


def read_picture(bits: Bits) -> tuple[int, Picture]:
    """The number of a picture parameter set, and what it says."""
    number, sequence = bits.ue(63), bits.ue(15)
    dependent, output, extra = bits.flag(), bits.flag(), bits.u(3)
    bits.u(1)
    cabac, references = bits.flag(), (bits.ue(14) + 1, bits.ue(14) + 1)
    quantizer = bits.se(26 + 6 * 8)
    bits.u(2)
    if bits.flag():
        bits.ue(3)
    bits.se(12), bits.se(12)
    bits.u(1)
    weighted = bits.flag(), bits.flag()
    bits.u(1)
    tiles = bits.flag()
    bits.u(1)
    if tiles:
        lines = bits.ue(1023) + bits.ue(1023)
        if not bits.flag():
            for _ in range(lines):
                bits.ue(65535)
        bits.u(1)
    bits.u(1)
    if bits.flag():
        bits.u(1)
        if not bits.flag():
            bits.se(6), bits.se(6)
    if bits.flag():
        skip_scaling(bits)
    reordered = bits.flag()
    bits.ue(4)
    bits.u(1)
    if bits.flag() and bits.u(8) & 0b00010000:
        raise HeaderError("extensions for screen content are not read")
    return number, Picture(sequence, dependent, output, extra, cabac, references, quantizer, weighted, reordered)
