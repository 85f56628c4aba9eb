"""A video file to RGB frames, through PyAV."""

import contextlib
import itertools
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from jaxtyping import Float, UInt8

from ..errors import DamagedError, MiscountError, VideoError, first_line
from .coding import CodedStream, Coding, Decode, Record, Recorder
from .ffmpeg_log import ffmpeg_errors
from .integrity import check_file
from .nal_units import BESIDE, holds_picture
from .presentation import Presentation, Screen
from .rate import frame_rate, header_rate
from .streams import JPEG_SUFFIXES, READERS, choose_stream, holds_images, what_it_is
from .times import Clock, decoded_times, frame_seconds, packet_times

# Containers whose header tells how long they last; of others, FFmpeg's figure is a guess.
LASTING = ("matroska,webm", "flv", "avi")


@dataclass(frozen=True, eq=False)
class Video:
    """Facts of a video file.

    Attributes:
        frames: number of frames.
        height: pixels, as it is shown: a phone's upright video is stored on its side.
        width: pixels, likewise.
        fps: average frames per second; NaN if that is not known.
        seconds: when each frame is shown, from the first on; by the average rate where the file does not tell.
        presentation: how frames are shown.
        record: how frames were coded.
    """

    path: Path
    frames: int
    height: int
    width: int
    fps: float
    seconds: Float[np.ndarray, " frames"]
    presentation: Presentation = field(default_factory=Presentation)
    record: Record = field(default_factory=Record)

    @property
    def coding(self) -> Coding | None:
        """How frames were coded; None until `read_frames` came to its end."""
        return self.record.coding

    @property
    def notes(self) -> tuple[str, ...]:
        """What was met in showing frames, as far as they were read, such as HDR; empty of an ordinary video."""
        return tuple(self.presentation.notes)


def open_video(path: str | os.PathLike, each: Callable[[], None] = lambda: None, decode: bool = False) -> Video:
    """Lists the frames of a video file.

    Its packets list them, which takes little time. Where a packet is no frame (a field, a hidden picture), that list is
    wrong; then `read_frames` raises MiscountError, and `decode` is the way to a list that is right.

    Args:
        each: called after every frame that is listed.
        decode: whether to decode all frames to list them, instead of the first alone.

    Raises:
        VideoError: no regular file, empty, not a video, or its first frame cannot be decoded.
        DamagedError: cut short, or a frame cannot be decoded while all are.
    """
    check_file(path)
    try:
        with open_container(path) as container:
            stream, track = choose_stream(container)
            rates = stream.average_rate, stream.guessed_rate
            presentation = Presentation.of(path, stream)
            presentation.note(track)
            aspect = stream.sample_aspect_ratio
            frame = next(container.decode(stream))
            record = Record(CodedStream.of(stream, aspect, frame))
        with open_container(path) as container:
            stream, _ = choose_stream(container)
            if decode:
                frames = decode_frames(path, container, stream)
                times = decoded_times(frames, Clock(container, stream), each)
            else:
                with ffmpeg_errors() as errors:
                    times, end = packet_times(container, stream, frame.pts, each)
                check_length(path, container, end, errors)
            if len(times) <= 1 and holds_images(container):
                raise ValueError("it is an image")
            seconds = frame_seconds(times, stream.time_base, header_rate(rates))
    except MemoryError:
        raise
    except (av.FFmpegError, OSError, ValueError, StopIteration) as error:
        raise VideoError(f"{path} cannot be opened as a video: {what_it_is(path) or reason(error)}.") from error
    height, width = Screen(presentation).begin(frame)
    return Video(Path(path), len(times), height, width, frame_rate(seconds, rates), seconds, presentation, record)


def read_frames(
    video: Video, indices: np.ndarray, each: Callable[[], None] = lambda: None
) -> Iterator[tuple[int, UInt8[np.ndarray, "h w 3"]]]:
    """Decodes the frames of `indices`, each once and in order, and yields them with their numbers.

    The file is read from its start: seeking gives other frames than asked for in files whose index is wrong, and where
    pictures refer to later ones across key frames (HEVC as x265 makes it, MPEG-4 with B-frames, MPEG-1/2).
    One frame is held at a time: 192 frames of a 4K video in one array would be 5 GB. `each` is called after every
    frame, wanted or not. All are decoded, to see whether they are those that the container lists. After the last one,
    `video.coding` says how they were coded.

    Raises:
        DamagedError: a frame cannot be decoded.
        MiscountError: there are fewer or more than the video lists.
        VideoError: the size of frames changes.
    """
    wanted, count, screen = set(indices.tolist()), 0, Screen(video.presentation, video.frames)
    with open_container(video.path) as container:
        stream, _ = choose_stream(container)
        recorder = Recorder(stream, video.record.stream, wanted)
        decoded = screen.frames(decode_frames(video.path, container, stream, video.frames, recorder))
        for index, frame in enumerate(decoded):
            each()
            count += 1
            height, width = screen.size(frame)
            if (height, width) != (video.height, video.width):
                raise VideoError(
                    f"{video.path} changes its size at frame {index}, from {video.width}x{video.height} to "
                    f"{width}x{height}: cut it into parts of one size."
                )
            if index in wanted:
                yield index, screen.show(frame)
    if count != video.frames:
        raise MiscountError(f"{video.path} is damaged: it lists {video.frames} frames, but {count} can be decoded.")
    video.record.coding = recorder.coding(video.fps)


def check_length(
    path: str | os.PathLike, container: av.container.InputContainer, end: float, errors: Sequence[str]
) -> None:
    """Makes sure that a file did not break off at what its reader could not understand.

    Either alone proves nothing: a last picture may stand for long, and readers complain of what they get over.

    Args:
        end: when its last packet ends, in seconds.
        errors: what its reader complained of.

    Raises:
        DamagedError: it did, and its header says that it goes on.
    """
    lasting = (container.duration or 0) / av.time_base if container.format.name in LASTING else 0
    if errors and end < lasting - max(0.5, 0.02 * lasting):
        raise DamagedError(
            f"{path} is damaged: of {lasting:.1f} s, as it says that it lasts, {end:.1f} s can be read ({errors[0]})."
        )


def decode_frames(
    path: str | os.PathLike,
    container: av.container.InputContainer,
    stream: av.VideoStream,
    listed: int | None = None,
    recorder: Recorder | None = None,
) -> Iterator[av.VideoFrame]:
    """Decodes all frames of a stream, one more than `listed` at most; without a list, none may be lost unheard.

    Args:
        recorder: follows the decoder.

    Raises:
        DamagedError: a frame cannot be decoded, or only in part.
    """
    stream.thread_type = recorder.threads if recorder else "AUTO"
    decode = strict_decoder(stream.codec_context) if listed is None else stream.codec_context.decode
    decoded = picture_frames(container, stream, recorder.follow(decode) if recorder else decode)
    for index in itertools.count() if listed is None else range(listed + 1):
        try:
            frame = next(decoded, None)
            if frame is None:
                return
            if frame.is_corrupt:
                raise ValueError("parts of it are missing")
        except MemoryError:
            raise
        except (av.FFmpegError, ValueError) as error:  # not the system's: its errors are no damage
            if index == listed:  # what fails behind the last frame is none
                return
            which = f"frame {index}" if listed is None else f"of {listed} frames that it lists, number {index}"
            raise DamagedError(f"{path} is damaged: {which} cannot be decoded ({reason(error)}).") from error
        yield frame


def strict_decoder(context: av.VideoCodecContext) -> Decode:
    """Decodes packets as a decoder does, but stops at errors that it speaks of and passes over.

    Of a recording that begins between two key frames, the first pictures are lost, and no error.
    """
    context.thread_count = 1  # what is said in other threads is not heard
    begun = False

    def decode(packet: av.Packet | None) -> list[av.VideoFrame]:
        nonlocal begun
        with ffmpeg_errors() as errors:
            frames = context.decode(packet)
        if begun and errors:
            raise ValueError(errors[0])
        begun |= bool(frames)
        return frames

    return decode


def picture_frames(
    container: av.container.InputContainer, stream: av.VideoStream, decode: Decode
) -> Iterator[av.VideoFrame]:
    """The frames of a stream; a packet that holds nothing of a picture, which decoders refuse, goes with the next."""
    name, extradata, before = stream.codec_context.name, stream.codec_context.extradata or b"", b""
    for packet in container.demux(stream):
        if packet.size == 0:  # as AVI repeats a frame; to the decoder, it would be the end
            continue
        if name in BESIDE:
            if not holds_picture(name, extradata, memoryview(packet)):
                before += bytes(packet)
                continue
            if before:
                joined = av.Packet(before + bytes(packet))
                joined.pts, joined.dts, joined.time_base = packet.pts, packet.dts, packet.time_base
                joined.is_keyframe, packet, before = packet.is_keyframe, joined, b""
        yield from decode(packet)
    for frame in decode(None):
        frame.time_base = stream.time_base  # which no packet gives to the last ones
        yield frame


@contextlib.contextmanager
def open_container(path: str | os.PathLike) -> Generator[av.container.InputContainer, None, None]:
    """Opens a file by its content alone, whatever its name looks like, and none that it refers to.

    Moving JPEGs with nothing around them are told from an image by there being more than one, so that FFmpeg, which
    looks at the first, is told to take them for a video.
    """
    with open(path, "rb") as file:
        moving = file.read(3) == b"\xff\xd8\xff" and Path(path).suffix.lower() not in JPEG_SUFFIXES
        file.seek(0)
        options = {"protocol_whitelist": "none", "format_whitelist": READERS}
        with av.open(file, "r", format="mjpeg" if moving else None, options=options) as container:
            yield container


def reason(error: BaseException) -> str:
    """What FFmpeg says went wrong."""
    if isinstance(error, StopIteration):
        return "the file has no more"
    return (getattr(error, "strerror", None) or first_line(error)).strip(" .")
