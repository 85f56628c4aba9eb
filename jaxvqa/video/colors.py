"""Decoded frames to RGB, whatever format and matrix their pixels are in."""

import av
import numpy as np
from jaxtyping import UInt8, UInt16

from ..errors import VideoError, first_line

UNSPECIFIED, BT709, BT2020 = 2, 1, 9  # matrices, as ISO/IEC 23091-2 numbers them
CONVERTED = {0, BT709, UNSPECIFIED, 4, 5, 6, 7, BT2020}  # those that FFmpeg's scaler has numbers for
# Of all others, their names and the matrix that is the nearest.
NEAREST = {
    3: ("reserved", UNSPECIFIED),
    8: ("YCgCo", 6),
    10: ("BT.2020 constant luminance", BT2020),
    11: ("SMPTE ST 2085", BT2020),
    12: ("chromaticity-derived", UNSPECIFIED),
    13: ("chromaticity-derived constant luminance", UNSPECIFIED),
    14: ("ICtCp", BT2020),
    15: ("IPT-C2", BT2020),
    16: ("YCgCo-Re", 6),
    17: ("YCgCo-Ro", 6),
}
MATRIX_NAMES = {UNSPECIFIED: "BT.601", 6: "BT.601", BT709: "BT.709", 5: "BT.601", 7: "SMPTE 240M", BT2020: "BT.2020"}


def settle_matrix(frame: av.VideoFrame, unspecified: int = UNSPECIFIED) -> str:
    """Gives a frame a matrix that FFmpeg can convert.

    Args:
        unspecified: what to take for a frame that names none.

    Returns:
        What to tell of it; empty if the frame had such a matrix, or needs none.
    """
    matrix = int(frame.colorspace)
    if matrix == UNSPECIFIED:
        frame.colorspace = unspecified
    if matrix in CONVERTED or frame.format.is_rgb or len(frame.format.components) < 3:
        return ""
    name, nearest = NEAREST.get(matrix, (f"number {matrix}", UNSPECIFIED))
    if matrix in (12, 13) and int(frame.color_primaries) in (
        BT709,
        5,
        6,
        7,
        BT2020,
    ):  # whose matrices bear their numbers
        nearest = int(frame.color_primaries)
    frame.colorspace = nearest
    return f"color matrix {name}, converted as {MATRIX_NAMES[nearest]}: hues may be wrong"


def converted(frame: av.VideoFrame, form: str, path: str) -> UInt8[np.ndarray, "h w c"] | UInt16[np.ndarray, "h w c"]:
    """The pixels of a frame in another format, such as "rgb24".

    Raises:
        VideoError: FFmpeg cannot convert them.
    """
    try:
        return frame.to_ndarray(format=form)
    except MemoryError:
        raise
    except (av.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise VideoError(
            f"{path} cannot be shown: FFmpeg cannot convert its pixels ({frame.format.name}, matrix "
            f"{int(frame.colorspace)}) to RGB ({reason}); convert it to yuv420p."
        ) from error


def alpha(frame: av.VideoFrame, path: str) -> UInt8[np.ndarray, "h w"] | None:
    """How opaque each pixel of a frame is, 0 to 255; None if all are."""
    if not (frame.format.has_palette or any(component.is_alpha for component in frame.format.components)):
        return None
    opacity = converted(frame, "rgba", path)[..., 3]
    return None if opacity.min() == 255 else opacity


def over_black(pixels: UInt8[np.ndarray, "h w 3"], opacity: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """A frame as it is seen over black."""
    return ((pixels.astype(np.uint16) * opacity[..., None] + 127) // 255).astype(np.uint8)
