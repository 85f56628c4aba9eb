"""Frames kept as pictures to show, while a video is decoded for the encoders."""

import io
from collections.abc import Container, Iterable, Iterator

import numpy as np
from jaxtyping import UInt8
from PIL import Image

SIDE = 480  # of a still's longer side at most, pixels


def keep_stills(
    frames: Iterable[tuple[int, UInt8[np.ndarray, "h w 3"]]], wanted: Container[int], stills: dict[int, bytes]
) -> Iterator[tuple[int, UInt8[np.ndarray, "h w 3"]]]:
    """Passes frames on, and puts JPEGs of those wanted into `stills` by number."""
    for number, frame in frames:
        if number in wanted:
            stills[number] = jpeg(frame)
        yield number, frame


def jpeg(frame: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """A frame as JPEG, made smaller if need be, in its aspect ratio."""
    picture = Image.fromarray(frame)
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=2)
    file = io.BytesIO()
    picture.save(file, "jpeg", quality=75)
    return file.getvalue()
