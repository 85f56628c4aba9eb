"""How a file was coded, as its stream tells: types and bytes of frames, and how coarsely they are quantized.

All of it comes with the one decode that pixels come from.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby
from math import nan

import av
import numpy as np
from jaxtyping import Bool, Float, Float32, Int8, Int64

from .av1_headers import Av1Quantizers
from .bits import HeaderError
from .h264_headers import H264Quantizers
from .hevc_headers import HevcQuantizers
from .quantizers import SCALES, Quantized, log2_steps, quantized
from .side_data import Orientation, attached, orientation

Decode = Callable[[av.Packet | None], Iterable[av.VideoFrame]]
# Codecs whose quantizer is in headers; of others, decoders export it.
HEADERS = {"h264": H264Quantizers, "hevc": HevcQuantizers, "av1": Av1Quantizers}
TYPES = "?IPBSipb"  # of frames, by their numbers in FFmpeg
CHROMA = {(8, 8): "4:4:4", (4, 8): "4:2:2", (4, 4): "4:2:0", (8, 4): "4:4:0", (2, 8): "4:1:1", (2, 2): "4:1:0"}
WORDS = 1000  # characters that an encoder may say of itself


@dataclass(frozen=True)
class CodedStream:
    """What holds for all frames of a stream.

    Attributes:
        container: FFmpeg's name of it.
        codec: likewise.
        profile: of the codec; "" if it has none.
        height: pixels of a frame as it is decoded, before it is turned, cropped by the container or made square.
        width: likewise.
        coded_height: pixels that are coded, which whole blocks may need more of.
        coded_width: likewise.
        aspect: the width of a pixel over its height, as the file has it; None if it does not say.
        pixel_format: FFmpeg's name of it.
        chroma: how colors are subsampled, such as "4:2:0"; "4:0:0" of gray, "RGB" of what has no luma, "" if unknown.
        bits: of a sample of luma.
        orientation: how frames are turned to be shown, as the first one says.
        encoder: what encoders say of themselves, to be shown, not to be believed: tags of the container and the stream,
            and the message that comes with the first frame.
    """

    container: str = ""
    codec: str = ""
    profile: str = ""
    height: int = 0
    width: int = 0
    coded_height: int = 0
    coded_width: int = 0
    aspect: Fraction | None = None
    pixel_format: str = ""
    chroma: str = ""
    bits: int = 0
    orientation: Orientation = field(default_factory=Orientation)
    encoder: tuple[str, ...] = ()

    @classmethod
    def of(cls, stream: av.VideoStream, aspect: Fraction | None, frame: av.VideoFrame) -> "CodedStream":
        """Reads it of a stream and its first frame.

        Args:
            aspect: `sample_aspect_ratio` of the stream before a frame was decoded: decoders overwrite it.
        """
        context, container = stream.codec_context, stream.container
        return cls(
            container=container.format.name,
            codec=context.codec.canonical_name,
            profile=context.profile or "",
            height=frame.height,
            width=frame.width,
            coded_height=context.coded_height,
            coded_width=context.coded_width,
            aspect=aspect or None,
            pixel_format=frame.format.name,
            chroma=chroma(frame.format),
            bits=frame.format.components[0].bits,
            orientation=orientation(frame) or Orientation(),
            encoder=encoder_words(container.metadata, stream.metadata, attached(frame, "SEI_UNREGISTERED")),
        )


@dataclass(frozen=True, eq=False)
class Coding:
    """How a video was coded, frame by frame, in the order in which frames are shown.

    Attributes:
        stream: what holds for all frames.
        fps: frames a second; NaN if that is not known.
        types: a letter for each frame, as FFmpeg has it: I, P, B and rarer ones; "?" if its codec has no types.
        keys: whether decoding can begin at a frame.
        sizes: bytes of the packets that each frame came in, with those before the next that are shown as no frame.
        quantizers: of each frame, on the scale of its codec, the mean of its blocks or slices; NaN if unknown.
        maps: quantizers of the blocks of 16x16 pixels of frames that were looked at, by number, as frames are decoded,
            from the top left; UNKNOWN where they are not known. Empty where the codec has none, or none are told.
    """

    stream: CodedStream
    fps: float
    types: str
    keys: Bool[np.ndarray, " frames"]
    sizes: Int64[np.ndarray, " frames"]
    quantizers: Float32[np.ndarray, " frames"]
    maps: dict[int, Int8[np.ndarray, "rows columns"]]

    @property
    def scale(self) -> str:
        """What `quantizers` are; "" if nothing tells them."""
        return SCALES[self.stream.codec].name if np.isfinite(self.quantizers).any() else ""

    @property
    def log2_steps(self) -> Float[np.ndarray, " frames"]:
        """How coarsely each frame is quantized, on a scale that codecs have in common; NaN if unknown.

        The logarithm to base 2 of a step of an orthonormal transform of 8-bit pixels.
        """
        if not self.scale:
            return np.full(len(self.sizes), np.nan)
        return log2_steps(self.stream.codec, self.quantizers.astype(float), self.stream.bits)

    @property
    def bits_per_pixel(self) -> Float[np.ndarray, " frames"]:
        """Of each frame."""
        return self.sizes * 8 / (self.stream.height * self.stream.width)

    @property
    def bits_per_second(self) -> float:
        """The average over all frames; NaN if it is not known how long they last."""
        return float(self.sizes.mean()) * 8 * self.fps if len(self.sizes) else nan

    @property
    def key_distances(self) -> Int64[np.ndarray, " distances"]:
        """Frames from each key frame to the next."""
        return np.diff(np.flatnonzero(self.keys))

    @property
    def most_b_frames(self) -> int:
        """B-frames in a row, at the most."""
        return max((len(list(run)) for letter, run in groupby(self.types) if letter == "B"), default=0)


@dataclass
class Record:
    """What is known of how a file was coded.

    Attributes:
        stream: known from its first frame on.
        coding: None until all frames were decoded.
    """

    stream: CodedStream = field(default_factory=CodedStream)
    coding: Coding | None = None


class Recorder:
    """Follows one pass of a decoder through a stream.

    Decoders hand on the time of a packet with its frame, so packets get their number for it, and frames the time of
    that packet: other ways to tell which frame came of which packet fail where times are missing or come twice.

    Attributes:
        threads: how the decoder may share its work, as PyAV calls it.
    """

    def __init__(self, stream: av.VideoStream, facts: CodedStream, mapped: set[int]):
        """Begins before the first packet, and keeps maps of the frames of these numbers."""
        context = stream.codec_context
        headers = HEADERS.get(facts.codec)
        self.headers = headers(context.extradata or b"") if headers else None
        # Of several pictures at once, one that goes out may not be done, and what is exported of it is wrong.
        self.threads = "SLICE" if facts.codec == "mpeg4" else "AUTO"
        if not headers:
            context.options = {**context.options, "export_side_data": "venc_params"}
        self.facts, self.mapped = facts, mapped
        self.times: list[int | None] = []
        self.packet_sizes: list[int] = []
        self.told: list[float] = []  # quantizers that headers of packets tell
        self.numbers: list[int | None] = []  # packets of frames
        self.letters: list[str] = []
        self.keys: list[bool] = []
        self.quantizers: list[float] = []
        self.maps: dict[int, Int8[np.ndarray, "rows columns"]] = {}

    def follow(self, decode: Decode) -> Decode:
        """A decoder that is followed."""

        def followed(packet: av.Packet | None) -> Iterator[av.VideoFrame]:
            if packet is not None:
                self.packet(packet)
            for frame in decode(packet):
                self.frame(frame)
                yield frame

        return followed

    def packet(self, packet: av.Packet) -> None:
        """Takes what a packet tells, and numbers it."""
        quantizer = nan
        if self.headers:
            with contextlib.suppress(HeaderError):  # what nothing tells is missing
                quantizer = self.headers.packet(memoryview(packet))
        self.told.append(quantizer)
        self.packet_sizes.append(0 if packet.is_discard else packet.size)
        self.times.append(packet.pts)
        packet.pts = len(self.times) - 1

    def frame(self, frame: av.VideoFrame) -> None:
        """Takes what a frame tells, and gives it the time of its packet."""
        number, frame.pts = frame.pts, None
        told = nan
        if number is not None:
            frame.pts, told = self.times[number], self.told[number]
        index = len(self.numbers)
        found = Quantized(told) if self.headers else quantized(frame, self.facts.codec, index in self.mapped)
        if found.blocks is not None:
            self.maps[index] = found.blocks
        self.numbers.append(number)
        self.letters.append(TYPES[frame.pict_type])
        self.keys.append(bool(frame.key_frame))
        self.quantizers.append(found.mean)

    def coding(self, fps: float) -> Coding:
        """What was found."""
        frames = {number: index for index, number in reversed(list(enumerate(self.numbers)))}
        sizes, index = np.zeros(len(self.numbers), np.int64), None
        first = self.times[self.numbers[0]] if self.numbers and self.numbers[0] is not None else None
        for number, (size, time) in enumerate(zip(self.packet_sizes, self.times, strict=True)):
            lost = number not in frames and first is not None and time is not None and time < first
            index = frames.get(number, index)
            if index is not None and not lost:
                sizes[index] += size
        quantizers = np.array(self.quantizers, np.float32)
        return Coding(self.facts, fps, "".join(self.letters), np.array(self.keys, bool), sizes, quantizers, self.maps)


def chroma(form: av.VideoFormat) -> str:
    """How a pixel format subsamples colors; "" if that has no common name."""
    if form.is_rgb or form.has_palette:
        return "RGB"
    if len(form.components) < 3:
        return "4:0:0"
    return CHROMA.get((form.chroma_width(8), form.chroma_height(8)), "")


def encoder_words(container: dict[str, str], stream: dict[str, str], message: bytes) -> tuple[str, ...]:
    """What encoders say of themselves, each once: printable, and not too long.

    Args:
        container: its tags.
        stream: likewise.
        message: a UUID and a text (SEI, ITU-T H.264 and H.265, user data unregistered).
    """
    tags = [value for tags in (container, stream) for name, value in tags.items() if name.lower() == "encoder"]
    said = [*tags, message[16 : 16 + WORDS].decode("utf-8", "ignore")]
    clean = ("".join(filter(str.isprintable, text))[:WORDS].strip() for text in said)
    return tuple(dict.fromkeys(text for text in clean if text))
