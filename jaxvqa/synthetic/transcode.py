"""Frames through a codec."""

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import av
import numpy as np
from jaxtyping import UInt8

from .degradations import compression_crf


def add_video_stream(
    container: av.container.OutputContainer, codec: str, rate: int, size: Sequence[int], options: Mapping[str, str]
) -> av.VideoStream:
    """A stream of a height and width for frames of 8 bits in 4:2:0, encoded by one thread: the same bytes each time."""
    stream = container.add_stream(codec, rate=rate, options=dict(options))
    if not isinstance(stream, av.VideoStream):
        raise ValueError(f"{codec} encodes no video")
    stream.height, stream.width = size
    stream.pix_fmt = "yuv420p"
    stream.codec_context.thread_count = 1
    return stream


def encode(path: Path, clip: UInt8[np.ndarray, "t h w 3"], rate: int, crf: int) -> None:
    """Writes an H.264 file, the same bytes each time.

    x264 promises that, but where its macroblock tree is on, one run in ten comes out otherwise.
    """
    with av.open(str(path), "w") as container:
        options = {"crf": str(crf), "preset": "veryfast", "x264-params": "mbtree=0"}
        stream = add_video_stream(container, "libx264", rate, clip.shape[1:3], options)
        for pixels in clip:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode())


# Encoder: container, options that do not change, options for quality, their values without a flaw and at the worst.
CODECS = {
    "libx264": (
        "mp4",
        {"preset": "veryfast", "x264-params": "mbtree=0"},
        ("crf",),
        compression_crf(0),
        compression_crf(1),
    ),
    "mpeg4": ("avi", {}, ("qmin", "qmax"), 3, 31),
    "libvpx-vp9": ("webm", {"deadline": "realtime", "cpu-used": "8", "b": "0"}, ("crf",), 30, 63),
}


def transmit(
    clip: Iterable[UInt8[np.ndarray, "h w 3"]], codec: str, strength: float
) -> list[UInt8[np.ndarray, "h w 3"]]:
    """What is left of frames after a codec at a strength of compression (T-7), from hardly visible to the worst."""
    clip = list(clip)
    container_format, options, quality, best, worst = CODECS[codec]
    options = options | dict.fromkeys(quality, str(round(best + (worst - best) * strength)))
    file = io.BytesIO()
    with av.open(file, "w", format=container_format) as container:
        stream = add_video_stream(container, codec, 15, clip[0].shape[:2], options)
        for pixels in clip:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file, "r") as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
