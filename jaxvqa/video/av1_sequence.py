"""Sequence headers of AV1, as far as the headers of frames depend on them.

Source: AV1 Bitstream & Decoding Process Specification, section 5.5.
"""

from typing import NamedTuple

from .bits import Bits

SELECT = 2  # frames choose what the sequence leaves open


class Sequence(NamedTuple):
    """What a sequence header says of frame headers.

    Attributes:
        reduced: whether it is of a single still picture, with a shorter header.
        time_bits: of the time at which a frame is shown; 0 if it is not given.
        removal_bits: of the time at which a buffer gets free; 0 likewise.
        points: for each operating point, which layers are in it, and whether frames give that time.
        size_bits: of width and height.
        size: width and height unless a frame says otherwise.
        id_bits: of the number of a frame and of the difference of two; 0 if frames have none.
        large: whether superblocks have 128 pixels a side, not 64.
        order_bits: of a frame's place in the order of showing; 0 if it is not given.
        motion: whether motion vectors are predicted from earlier frames.
        screen: whether there are tools for screen content; SELECT if frames say so.
        whole: whether motion vectors are whole pixels; likewise.
        superres: whether frames may be coded narrower than they are shown.
    """

    reduced: bool
    time_bits: int
    removal_bits: int
    points: list[tuple[int, bool]]
    size_bits: tuple[int, int]
    size: tuple[int, int]
    id_bits: tuple[int, int]
    large: bool
    order_bits: int
    motion: bool
    screen: int
    whole: int
    superres: bool


def read_sequence(bits: Bits) -> Sequence:
    """What a sequence header says."""
    bits.u(3 + 1)
    reduced = bits.flag()
    points, time_bits, removal_bits = ([(0, False)], 0, 0) if reduced else read_points(bits)
    bits.u(5 if reduced else 0)
    size_bits = bits.u(4) + 1, bits.u(4) + 1
    size = bits.u(size_bits[0]) + 1, bits.u(size_bits[1]) + 1
    id_bits = 0, 0
    if not reduced and bits.flag():
        difference = bits.u(4) + 2
        id_bits = difference + bits.u(3) + 1, difference
    large = bits.flag()
    bits.u(2)
    order_bits, motion, screen, whole = 0, False, SELECT, SELECT
    if not reduced:
        bits.u(4)
        order = bits.flag()
        if order:
            bits.u(1)
            motion = bits.flag()
        screen = SELECT if bits.flag() else bits.u(1)
        if screen:
            whole = SELECT if bits.flag() else bits.u(1)
        order_bits = bits.u(3) + 1 if order else 0
    superres = bits.flag()
    return Sequence(
        reduced,
        time_bits,
        removal_bits,
        points,
        size_bits,
        size,
        id_bits,
        large,
        order_bits,
        motion,
        screen,
        whole,
        superres,
    )


def read_points(bits: Bits) -> tuple[list[tuple[int, bool]], int, int]:
    """Operating points, and how many bits frames give of the times at which they are shown and buffers get free."""
    delay_bits, time_bits, removal_bits = 0, 0, 0
    if bits.flag():
        bits.u(64)
        equal = bits.flag()
        if equal:
            skip_uvlc(bits)
        if bits.flag():
            delay_bits = bits.u(5) + 1
            bits.u(32)
            removal_bits = bits.u(5) + 1
            time_bits = bits.u(5) + 1
            time_bits = 0 if equal else time_bits
    points = []
    delayed = bits.flag()
    for _ in range(bits.u(5) + 1):
        layers, level = bits.u(12), bits.u(5)
        bits.u(1 if level > 7 else 0)
        timed = removal_bits > 0 and bits.flag()
        bits.u(2 * delay_bits + 1 if timed else 0)
        if delayed and bits.flag():
            bits.u(4)
        points.append((layers, timed))
    return points, time_bits, removal_bits


def skip_uvlc(bits: Bits) -> None:
    """Passes over a number of variable length (section 4.10.3)."""
    zeros = 0
    while not bits.flag():
        zeros += 1
    bits.u(zeros if zeros < 32 else 0)
