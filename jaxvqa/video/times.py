"""When the frames of a video are shown, from the times of its packets or of its decoded frames."""

from collections.abc import Callable, Iterable
from fractions import Fraction
from numbers import Rational

import av
import numpy as np
from jaxtyping import Float

JUMP = 10  # seconds; a clock that gains more between two packets of a broadcast was set anew, as FFmpeg's tool has it


class Clock:
    """Times of a stream whose clock may be set anew, as of recordings that were joined, made continuous.

    Attributes:
        most: ticks that it may gain at once; None if the container's clock is never set anew.
        last: the time before, ticks.
        usual: ticks between two times.
        offset: what to add to times from here on, ticks.
    """

    def __init__(self, container: av.container.InputContainer, stream: av.VideoStream):
        broadcast = container.format.flags & av.format.Flags.ts_discont.value
        self.most = int(JUMP / stream.time_base) if broadcast and stream.time_base else None
        self.last: int | None = None
        self.usual, self.offset = 1, 0

    def follow(self, ticks: int | None) -> None:
        """Takes the next of times that never fall unless the clock is set anew."""
        if ticks is None or self.most is None:
            return
        step = ticks - self.last if self.last is not None else 0
        if not 0 <= step <= self.most:
            self.offset += self.usual - step
        elif step:
            self.usual = step
        self.last = ticks


def packet_times(
    container: av.container.InputContainer, stream: av.VideoStream, first: int | None, each: Callable[[], None]
) -> tuple[list[int | None], float]:
    """When packets are shown, in the order of decoding, ticks of the stream, None where they do not say.

    Args:
        first: when the first frame that can be decoded is shown.
        each: called after every packet.

    Returns:
        The times, and when the last packet of all streams ends, in seconds.
    """
    clock, times, begun, end = Clock(container, stream), [], False, Fraction(0)
    for packet in container.demux():
        each()
        if packet.pts is not None and packet.time_base:
            end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
        if packet.stream is not stream:
            continue
        if packet.is_keyframe and not begun:
            # Of a recording that begins between two key frames, what comes before the first cannot be decoded.
            times, begun = [], True
        if packet.size == 0 or packet.is_discard:
            continue
        clock.follow(packet.dts)
        times.append(None if packet.pts is None else packet.pts + clock.offset)
    # Nor can what is shown before it.
    return [time for time in times if None in (time, first) or time >= first], float(end)


def decoded_times(frames: Iterable[av.VideoFrame], clock: Clock, each: Callable[[], None]) -> list[int | None]:
    """When decoded frames are shown, in order, ticks of the stream; None where they do not say."""
    times = []
    for frame in frames:
        each()
        clock.follow(frame.pts)
        times.append(None if frame.pts is None else frame.pts + clock.offset)
    return times


def frame_seconds(times: list[int | None], unit: Rational | None, fps: float) -> Float[np.ndarray, " frames"]:
    """When frames are shown, from their times in a container, which stand in the order of decoding."""
    known = [time for time in times if time is not None]
    if not unit or len(set(known)) < len(times):
        return np.arange(len(times)) / (fps or 25.0)
    return (np.sort(np.array(known, np.int64)) - min(known, default=0)) * float(unit)
