"""Interlaced video: frames whose odd and even rows are of two moments."""

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from numbers import Rational

import av
import numpy as np
from av.filter import Graph
from jaxtyping import Int

PAIRS = 8  # of consecutive frames, over all of a video, in which combs are searched for
COLUMNS = 128  # of a frame that are searched, about
MOTION = 12  # difference between two frames, of 255, from which a pixel has moved
MOVED = 0.002  # share of pixels that must have moved for a pair of frames to say anything
COMBED = 0.9  # rows next to each other differ by as much as every other row: about half as much is usual


def deinterlaced(frames: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """Passes frames on, each interlaced one as a frame of one moment, in the same order and number.

    FFmpeg's bwdif makes the second moment's rows of those around them, in this frame, the one before and the one after.
    Each frame keeps its times.

    Raises:
        av.FFmpegError, ValueError: what `frames` raises, after all frames before.
    """
    graph, kind, kept, error = None, None, deque(), None
    try:
        for frame in frames:
            if graph and kind != (frame.format.name, frame.width, frame.height):
                yield from pulled(graph, kept, flush=True)
                graph = None
            if graph is None and not frame.interlaced_frame:
                yield frame
                continue
            kept.append((frame.pts, frame.time_base))
            if graph is None:
                graph, kind = bwdif(frame), (frame.format.name, frame.width, frame.height)
                # Twice, the second one to be dropped: a frame that comes alone counts as still, and keeps its combs.
                graph.push(frame)
                kept.append(None)
            graph.push(frame)
            yield from pulled(graph, kept)
    except (av.FFmpegError, ValueError) as caught:
        error = caught
    if graph:
        yield from pulled(graph, kept, flush=True)
    if error:
        raise error


def bwdif(frame: av.VideoFrame) -> Graph:
    """A graph of filters that makes one frame of each, and leaves alone those not flagged as interlaced."""
    graph = Graph()
    unit = frame.time_base or Fraction(1, 1000)
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=unit)
    bwdif = graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced:threads=1")
    graph.link_nodes(source, bwdif, graph.add("buffersink")).configure()
    return graph


def pulled(
    graph: Graph, kept: deque[tuple[int | None, Rational | None] | None], flush: bool = False
) -> Iterator[av.VideoFrame]:
    """The frames that a graph has ready, with the times that were kept of those to pass on; all, to flush."""
    if flush:
        graph.push(None)
    while True:
        try:
            frame = graph.vpull()
        except (av.BlockingIOError, av.EOFError):
            return
        if times := kept.popleft():
            frame.pts, frame.time_base = times  # ty: ignore[invalid-assignment], from PyAV 19 on, no Fraction
            yield frame


class Combs:
    """Searches for the combs of interlaced frames that are not flagged as such, in a few pairs of consecutive frames.

    Where something moves, the rows of one moment are nearer to each other than to those between them.
    """

    def __init__(self, frames: int):
        """Searches in a video of so many frames."""
        self.starts = {frames * pair // PAIRS for pair in range(PAIRS)} if frames > 2 * PAIRS else set()
        self.last = max(self.starts, default=-2) + 1  # frame that is searched
        self.first: Int[np.ndarray, "h w"] | None = None
        self.ratios: list[float] = []

    def see(self, number: int, frame: av.VideoFrame) -> None:
        """Takes the next frame of a video, and its number."""
        first, self.first = self.first, None
        if (first is None and number not in self.starts) or frame.interlaced_frame:
            return
        rows = luma(frame)
        if first is not None and rows is not None and first.shape == rows.shape:
            self.ratios += comb_ratios(first, rows)
        if number in self.starts:
            self.first = rows

    @property
    def found(self) -> bool:
        """Whether most of what moves has combs."""
        return len(self.ratios) >= 3 and float(np.median(self.ratios)) > COMBED


def luma(frame: av.VideoFrame) -> Int[np.ndarray, "h w"] | None:
    """Some columns of a frame's brightness, 0 to 255; None in formats that are not used for interlaced video."""
    name, bits = frame.format.name, frame.format.components[0].bits
    if not (name.startswith("yuv") and frame.format.is_planar) or name.endswith("be") or frame.height < 4:
        return None
    plane = np.frombuffer(memoryview(frame.planes[0]), np.uint16 if bits > 8 else np.uint8).reshape(frame.height, -1)
    return (plane[:, : frame.width : max(1, frame.width // COLUMNS)] >> bits - 8).astype(np.int16)


def comb_ratios(first: Int[np.ndarray, "h w"], second: Int[np.ndarray, "h w"]) -> list[float]:
    """How much rows next to each other differ, over how much every other row does, where the second frame moved.

    Nothing of frames between which too little moves.
    """
    moved = (np.abs(second - first) > MOTION)[1:-1]
    if moved.mean() < MOVED:
        return []
    above, row, below = second[:-2][moved], second[1:-1][moved], second[2:][moved]
    near = np.abs(row - above).sum(dtype=float) + np.abs(row - below).sum(dtype=float)
    return [near / max(2 * np.abs(below - above).sum(dtype=float), 1)]
