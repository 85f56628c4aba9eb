"""The quantizer of HEVC pictures, read from the headers of their slices.

Source: ITU-T H.265, section 7.3.6. Read is what stands before `slice_qp_delta`, and no more.
"""

from typing import TypeVar

from .bits import Bits, HeaderError, width_of
from .hevc_parameters import ANY, Picture, Sequence, read_picture, read_sequence, read_set
from .slices import SliceQuantizers, keep

SEQUENCE, PICTURE = 33, 34  # types of units (table 7-1)
SLICES, IRAP, IDR = (*range(10), *range(16, 22)), range(16, 24), (19, 20)

T = TypeVar("T")


class HevcQuantizers(SliceQuantizers):
    """Reads the packets of a stream, in the order of decoding: the mean of SliceQpY of each picture."""

    codec, header = "hevc", 2

    def unit(self, unit: memoryview) -> int | None:
        """Takes parameters of a unit, or gives SliceQpY if it begins a slice; units of other layers are passed over."""
        kind = unit[0] >> 1 & 63
        if len(unit) < 3 or (unit[0] & 1) << 5 | unit[1] >> 3:
            return None
        if kind in SLICES:
            return self.slice(kind, self.payload(unit))
        if kind == SEQUENCE:
            keep(self.sequences, read_sequence, self.payload(unit))
        elif kind == PICTURE:
            keep(self.pictures, read_picture, self.payload(unit))
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
