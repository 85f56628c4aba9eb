"""A video file to RGB frames, through PyAV."""

import contextlib
import os
import struct
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from jaxtyping import Float, UInt8

from ..errors import DamagedError, VideoError, first_line
from .integrity import check_file

# Containers whose header tells how long they last; of others, FFmpeg's figure is a guess.
LASTING = ("matroska,webm", "flv", "avi")


@dataclass(frozen=True, eq=False)
class Video:
    """Facts of a video file.

    Attributes:
        frames: number of frames.
        height: pixels, as it is shown: a phone's upright video is stored on its side.
        width: pixels, likewise.
        fps: average frames per second.
        seconds: when each frame is shown, from the first on; by the average rate where the file does not tell.
    """

    path: Path
    frames: int
    height: int
    width: int
    fps: float
    seconds: Float[np.ndarray, " frames"]


def open_video(path: str | os.PathLike, each: Callable[[], None] = lambda: None) -> Video:
    """Counts the frames of a video file, without decoding them, and decodes the first.

    Args:
        each: called after every frame that is counted.

    Raises:
        VideoError: no regular file, empty, not a video, or its first frame cannot be decoded.
        DamagedError: cut short.
    """
    check_file(path)
    try:
        with open_container(path) as container:
            stream = video_stream(container)
            fps = float(stream.average_rate or stream.guessed_rate or 0)
            frame = next(container.decode(stream))
        with open_container(path) as container:
            stream = video_stream(container)
            times, end, begun = [], Fraction(0), False
            for packet in container.demux():
                each()
                if packet.pts is not None and packet.time_base:
                    end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
                # Of a recording that begins between two key frames, what comes before the first cannot be decoded.
                begun |= packet.stream is stream and packet.is_keyframe
                if begun and packet.stream is stream and packet.size > 0 and not packet.is_discard:
                    times.append(packet.pts)
            # Nor can what is shown before it.
            times = [time for time in times if None in (time, frame.pts) or time >= frame.pts]
            seconds = frame_seconds(times, stream.time_base, fps)
            lasting = (container.duration or 0) / av.time_base if container.format.name in LASTING else 0
    except MemoryError:
        raise
    except (av.FFmpegError, OSError, ValueError, StopIteration) as error:
        raise VideoError(f"{path} cannot be opened as a video: {reason(error)}.") from error
    if end < lasting - max(0.5, 0.02 * lasting):  # a track of sound may be let to end a little earlier
        raise DamagedError(
            f"{path} is damaged: it says that it lasts {lasting:.1f} s, but ends after {float(end):.1f} s."
        )
    height, width = shown_size(frame)
    return Video(Path(path), len(times), height, width, fps, seconds)


def orientation(frame: av.VideoFrame) -> tuple[int, bool]:
    """How often a frame is to be turned by 90 degrees, anticlockwise, to be shown, and whether then to be mirrored."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    a, b, _, c, d = struct.unpack("5i", bytes(matrix)[:20]) if matrix else (1, 0, 0, 0, 1)
    mirrored = a * d < b * c
    return round((-180 - frame.rotation if mirrored else frame.rotation) / 90) % 4, mirrored


def shown_size(frame: av.VideoFrame) -> tuple[int, int]:
    """Height and width of a frame as it is shown."""
    return (frame.width, frame.height) if orientation(frame)[0] % 2 else (frame.height, frame.width)


def frame_seconds(times: list[int | None], unit: Fraction | None, fps: float) -> Float[np.ndarray, " frames"]:
    """When frames are shown, from their times in a container, which stand in the order of decoding."""
    known = [time for time in times if time is not None]
    if not unit or len(set(known)) < len(times):
        return np.arange(len(times)) / (fps or 25.0)
    return (np.sort(np.array(known, np.int64)) - min(known, default=0)) * float(unit)


def read_frames(
    video: Video, indices: np.ndarray, each: Callable[[], None] = lambda: None
) -> Iterator[tuple[int, UInt8[np.ndarray, "h w 3"]]]:
    """Decodes the frames of `indices`, each once and in order, and yields them with their numbers.

    The file is read from its start: seeking gives other frames than asked for in files whose index is wrong, and where
    pictures refer to later ones across key frames (HEVC as x265 makes it, MPEG-4 with B-frames, MPEG-1/2).
    One frame is held at a time: 192 frames of a 4K video in one array would be 5 GB. `each` is called after every
    frame, wanted or not. All are decoded, to see whether they are those that the container lists.

    Raises:
        DamagedError: a frame cannot be decoded, or there are more than the file lists.
        VideoError: the size of frames changes.
    """
    wanted = set(indices.tolist())
    with open_container(video.path) as container:
        stream = video_stream(container)
        stream.thread_type = "AUTO"
        decoded = container.decode(stream)
        for index in range(video.frames):
            try:
                frame = next(decoded)
                if frame.is_corrupt:
                    raise ValueError("parts of it are missing")
            except MemoryError:
                raise
            except (av.FFmpegError, ValueError, StopIteration) as error:  # not the system's: its errors are no damage
                raise DamagedError(
                    f"{video.path} is damaged: of {video.frames} frames that it lists, number {index} cannot be "
                    f"decoded ({reason(error)})."
                ) from error
            each()
            if index not in wanted:
                continue
            height, width = shown_size(frame)
            if (height, width) != (video.height, video.width):
                raise VideoError(
                    f"{video.path} changes its size at frame {index}, from {video.width}x{video.height} to "
                    f"{width}x{height}: cut it into parts of one size."
                )
            turns, mirrored = orientation(frame)
            pixels = np.rot90(frame.to_ndarray(format="rgb24"), turns)
            yield index, np.ascontiguousarray(pixels[:, ::-1] if mirrored else pixels)
        with contextlib.suppress(av.FFmpegError):
            if next(decoded, None) is not None:
                raise DamagedError(f"{video.path} is damaged: it lists {video.frames} frames, but holds more.")


@contextlib.contextmanager
def open_container(path: str | os.PathLike) -> Generator[av.container.InputContainer, None, None]:
    """Opens a file by its content alone, whatever its name looks like, and none that it refers to."""
    with open(path, "rb") as file, av.open(file, "r", options={"protocol_whitelist": "none"}) as container:
        yield container


def video_stream(container: av.container.InputContainer) -> av.VideoStream:
    """The first video stream of a file."""
    if "image2" in container.format.name or container.format.name.endswith("_pipe"):
        raise ValueError("it is an image")
    if not container.streams.video:
        raise ValueError("no video is in it")
    if container.streams.video[0].codec_context is None:
        raise ValueError("nothing is known that decodes it")
    return container.streams.video[0]


def reason(error: BaseException) -> str:
    """What FFmpeg says went wrong."""
    if isinstance(error, StopIteration):
        return "the file has no more"
    return (getattr(error, "strerror", None) or first_line(error)).strip(" .")
