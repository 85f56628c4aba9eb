"""What a decoder attaches to a frame besides its pixels: how to turn it, and how bright its display was."""

import functools
import struct
from typing import NamedTuple

import av
import numpy as np
from av.sidedata.sidedata import SideDataContainer, Type
from jaxtyping import Int32, Shaped


@functools.cache
def unnamed(kind: type[Type], number: object) -> Type:
    """A member of PyAV's enumeration of side data for a number that it has no name for."""
    member = object.__new__(kind)
    member._name_, member._value_ = f"UNNAMED_{number}", number
    return member


# Without this, one kind of side data that PyAV has no name for makes all of a frame unreadable: EXIF is one in PyAV 18.
Type._missing_ = classmethod(unnamed)  # ty: ignore[invalid-assignment], a hook of Python's Enum


class Orientation(NamedTuple):
    """How a stored frame is to be turned to be shown.

    Attributes:
        turns: how often, by 90 degrees, anticlockwise.
        mirrored: whether left and right change places after that.
    """

    turns: int = 0
    mirrored: bool = False

    def apply(self, pixels: Shaped[np.ndarray, "h w *channels"]) -> Shaped[np.ndarray, "h2 w2 *channels"]:
        """Turns a frame, or a map over it; the result is a view of it."""
        turned = np.rot90(pixels, self.turns)
        return turned[:, ::-1] if self.mirrored else turned


# Where a display matrix sends a step to the right (a, b) and a step down (c, d), for each way to turn a frame.
STEPS = {
    Orientation(turns, mirrored): np.array([-1 if mirrored else 1, 1] * 2) * step
    for mirrored in (False, True)
    for turns, step in enumerate([(1, 0, 0, 1), (0, -1, 1, 0), (-1, 0, 0, -1), (0, 1, -1, 0)])
}


def attached(frame: av.VideoFrame, kind: str) -> bytes:
    """The side data of a frame of a kind, by PyAV's name; empty if it has none.

    `frame.side_data` would keep the frame and its side data alive by each other, with all pixels, until Python collects
    garbage, which is hundreds of frames later.
    """
    data = SideDataContainer(frame)  # ty: ignore[too-many-positional-arguments], of which PyAV has no types
    return bytes(data.get(kind) or b"")


def orientation(frame: av.VideoFrame) -> Orientation | None:
    """How a frame says that it is to be turned; None if it does not.

    FFmpeg makes one display matrix of what containers, SEI messages and EXIF say.
    """
    return of_matrix(attached(frame, "DISPLAYMATRIX"))


def of_matrix(data: bytes) -> Orientation | None:
    """The one of the eight ways to turn a frame that is the nearest to a display matrix; None if there is none."""
    if len(data) < 20:
        return None
    a, b, _, c, d = struct.unpack("=5i", data[:20])
    return max(STEPS, key=lambda way: float(STEPS[way] @ (a, b, c, d)))


def mastering_peak(frame: av.VideoFrame) -> float | None:
    """Luminance of the display on which a frame was graded, at its brightest, in cd/m2; None if the frame has none."""
    return of_mastering(attached(frame, "MASTERING_DISPLAY_METADATA"))


def of_mastering(data: bytes) -> float | None:
    """The highest luminance of an AVMasteringDisplayMetadata of FFmpeg (SMPTE ST 2086), in cd/m2; None if unknown."""
    if len(data) < 88:
        return None
    *_, numerator, denominator, _, has_luminance = struct.unpack("=22i", data[:88])
    return numerator / denominator if has_luminance and denominator > 0 and numerator > 0 else None


class EncoderParameters(NamedTuple):
    """What FFmpeg exports of how a frame was encoded (AVVideoEncParams).

    Attributes:
        quantizers: of blocks of one size, by rows; a single one if there is one for the frame.
        columns: blocks in a row.
    """

    quantizers: Int32[np.ndarray, " blocks"]
    columns: int


def encoder_parameters(frame: av.VideoFrame) -> EncoderParameters | None:
    """How a frame was encoded, where its decoder exports that; None where it does not."""
    container = SideDataContainer(frame)  # ty: ignore[too-many-positional-arguments], of which PyAV has no types
    data = container.get("VIDEO_ENC_PARAMS")
    if data is None:
        return None
    if not data.nb_blocks:
        return EncoderParameters(np.array([data.qp], np.int32), 1)
    # Of each block: where its left and top are, its width and height, and how its quantizer differs.
    blocks = np.ndarray((data.nb_blocks, 5), np.int32, data, data.blocks_offset, (data.block_size, 4))
    left, _, width, _, _ = blocks[-1]
    return EncoderParameters(blocks[:, 4] + np.int32(data.qp), int(left // width) + 1)
