"""A video file to RGB frames, through PyAV."""

import contextlib
import itertools
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from jaxtyping import Float, UInt8

from ..errors import UserError, first_line
from ..files import file_sha256

# Without these names no MP4 or MOV file begins; behind them, anything may be appended to one.
TOP_LEVEL_BOXES = frozenset(b"ftyp moov mdat free skip wide moof mfra meta styp sidx uuid udta pdin".split())


class VideoError(UserError):
    """A video file that cannot be decoded."""


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
        VideoError: no regular file, empty, cut short, not a video, or its first frame cannot be decoded.
    """
    check_file(path)
    try:
        with open_container(path) as container:
            stream = video_stream(container)
            fps = float(stream.average_rate or stream.guessed_rate or 0)
            frame = next(container.decode(stream))
        with open_container(path) as container:
            stream = video_stream(container)
            times = []
            # Of a recording that begins between two key frames, what comes before the first cannot be decoded.
            for packet in itertools.dropwhile(lambda packet: not packet.is_keyframe, container.demux(stream)):
                if packet.size > 0 and not packet.is_discard:
                    times.append(packet.pts)
                each()
            seconds = frame_seconds(times, stream.time_base, fps)
    except (av.FFmpegError, ValueError, StopIteration) as error:
        raise VideoError(f"{path} cannot be opened as a video: {reason(error)}.") from error
    height, width = shown_size(frame)
    return Video(Path(path), len(times), height, width, fps, seconds)


def quarter_turns(frame: av.VideoFrame) -> int:
    """How often a frame is to be turned by 90 degrees, anticlockwise, to be shown."""
    return round(frame.rotation / 90) % 4


def shown_size(frame: av.VideoFrame) -> tuple[int, int]:
    """Height and width of a frame as it is shown."""
    return (frame.width, frame.height) if quarter_turns(frame) % 2 else (frame.height, frame.width)


def frame_seconds(times: list[int | None], unit: Fraction | None, fps: float) -> Float[np.ndarray, " frames"]:
    """When frames are shown, from their times in a container, which stand in the order of decoding."""
    if not unit or None in times or len(set(times)) < len(times):
        return np.arange(len(times)) / (fps or 25.0)
    return (np.sort(np.array(times, np.int64)) - min(times, default=0)) * float(unit)


def read_frames(
    video: Video, indices: np.ndarray, each: Callable[[], None] = lambda: None
) -> Iterator[tuple[int, UInt8[np.ndarray, "h w 3"]]]:
    """Decodes the frames of `indices`, each once and in order, and yields them with their numbers.

    The file is read from its start: seeking gives other frames than asked for in files whose index is wrong, and where
    pictures refer to later ones across key frames (HEVC as x265 makes it, MPEG-4 with B-frames, MPEG-1/2).
    One frame is held at a time: 192 frames of a 4K video in one array would be 5 GB. `each` is called after every
    frame, wanted or not.

    Raises:
        VideoError: a frame up to the last wanted one cannot be decoded.
    """
    wanted = set(indices.tolist())
    with open_container(video.path) as container:
        stream = video_stream(container)
        stream.thread_type = "AUTO"
        decoded = container.decode(stream)
        for index in range(max(wanted) + 1):
            try:
                frame = next(decoded)
                if frame.is_corrupt:
                    raise ValueError("parts of it are missing")
            except (av.FFmpegError, ValueError, StopIteration) as error:
                raise VideoError(
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
            yield index, np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), quarter_turns(frame)))


@contextlib.contextmanager
def open_container(path: str | os.PathLike) -> Iterator[av.container.InputContainer]:
    """Opens a file by its content alone, whatever its name looks like, and none that it refers to."""
    with open(path, "rb") as file, av.open(file, options={"protocol_whitelist": "none"}) as container:
        yield container


def video_stream(container: av.container.InputContainer) -> av.VideoStream:
    """The first video stream of a file."""
    if "image2" in container.format.name or container.format.name.endswith("_pipe"):
        raise ValueError("it is an image")
    if not container.streams.video:
        raise ValueError("no video is in it")
    return container.streams.video[0]


def check_file(path: str | os.PathLike) -> None:
    """Refuses what no decoder should be pointed at, such as pipes, on which decoders wait forever.

    Raises:
        VideoError: says what the path is instead of a whole, readable file.
    """
    path = Path(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise VideoError(f"{path} is not a regular file.")
        if status.st_size == 0:
            raise VideoError(f"{path} is an empty file.")
        needed = container_size(path)
    except OSError as error:
        raise VideoError(f"{path} cannot be read: {error.strerror}.") from error
    if needed > status.st_size:
        raise VideoError(
            f"{path} is cut short: its container speaks of {needed:,} bytes or more, it has {status.st_size:,}; "
            "copy or download it again."
        )


def content_sha256(path: str | os.PathLike, each: Callable[[], None] = lambda: None) -> str:
    """SHA-256 of a video file; `each` is called again and again meanwhile.

    Raises:
        VideoError: as `check_file`, or it cannot be read to its end.
    """
    check_file(path)
    try:
        return file_sha256(path, each)
    except OSError as error:
        raise VideoError(f"{path} cannot be read: {error.strerror}.") from error


def container_size(path: Path) -> int:
    """Bytes that an MP4 or MOV file must have for its top-level boxes to be whole; 0 for other containers.

    Decoders can read the whole frames of a file cut short as if they were all of it.
    Source: ISO/IEC 14496-12, section 4.2.
    """
    end = 0
    with path.open("rb") as file:
        while len(header := file.read(16)) >= 8 and header[4:8] in TOP_LEVEL_BOXES:
            size = int.from_bytes(header[:4])
            if size == 1:
                size = int.from_bytes(header[8:16])
            if size < 8:  # 0: this box reaches to the end of the file, wherever that is
                break
            end += size
            file.seek(end)
    return end


def reason(error: BaseException) -> str:
    """What FFmpeg says went wrong."""
    if isinstance(error, StopIteration):
        return "the file has no more"
    return (getattr(error, "strerror", None) or first_line(error)).strip(" .")
