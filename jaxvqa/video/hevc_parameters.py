"""Parameter sets of HEVC, as far as the headers of slices depend on them.

Source: ITU-T H.265, sections 7.3.2.2 (sequences), 7.3.2.3 (pictures), 7.3.4 (scaling lists), 7.3.7 (reference sets).
"""

from typing import NamedTuple

from .bits import Bits, HeaderError

SCREEN_CONTENT = (9, 11)  # profiles whose slice headers have other fields
ANY = 2**31 - 1

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
