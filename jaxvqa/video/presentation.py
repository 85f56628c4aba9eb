"""How a good player shows the frames of a video: turned, cropped, with square pixels, of one moment, in standard range.

What a video has besides ordinary frames is met on the way, and noted for whoever reads its scores.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import av
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from .colors import BT2020, UNSPECIFIED, alpha, converted, over_black, settle_matrix
from .container_crop import Crop, matroska_crop, mp4_crop
from .dynamic_range import NAMES, to_standard
from .fields import Combs, deinterlaced
from .side_data import Orientation, mastering_peak, orientation

NARROWEST, WIDEST = Fraction(1, 8), Fraction(8)  # pixels that are believed
ABOUT_SQUARE = Fraction(1, 100)  # encoders round sizes, and sharpness matters more
# Codecs whose frames are flagged as interlaced without being woven of two fields, and what that means then.
NOT_WOVEN = {
    "hevc": "interlaced in single fields, each scored as a frame of half the height",
    "png": "",  # only the order in which pixels are stored
    "apng": "",
}


@dataclass
class Presentation:
    """What a stream says of how its frames are shown, and what was met in showing them.

    Attributes:
        path: of the file.
        codec: as FFmpeg calls it.
        unused: whether alpha that is 0 all over a frame means nothing.
        crop: what the container does not show of frames as they are stored.
        aspect: the width of a pixel over its height.
        transfer: of colors, by its number in ISO/IEC 23091-2, for frames that name none; 2 if the container does not.
        primaries: likewise.
        notes: what was met, in the order in which it was.
    """

    path: str = ""
    codec: str = ""
    unused: bool = False
    crop: Crop = field(default_factory=Crop)
    aspect: Fraction = Fraction(1)
    transfer: int = UNSPECIFIED
    primaries: int = UNSPECIFIED
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, path: str | os.PathLike, stream: av.VideoStream) -> "Presentation":
        """Reads it of a stream of which no frame was decoded yet: decoders overwrite what the container says."""
        context = stream.codec_context
        said = cls(
            path=os.fspath(path),
            codec=context.name,
            # Microsoft's BITMAPINFOHEADER leaves the fourth byte of a pixel unused; many programs write 0.
            unused=context.name == "rawvideo" and stream.container.format.name == "avi",
            crop=container_crop(path, stream),
            aspect=Fraction(stream.sample_aspect_ratio or 1),
            transfer=int(context.color_trc),
            primaries=int(context.color_primaries),
        )
        if not NARROWEST <= said.aspect <= WIDEST:
            said.note(f"{ratio(said.aspect)} pixels, taken for an error and shown square")
            said.aspect = Fraction(1)
        if abs(said.aspect - 1) <= ABOUT_SQUARE:
            said.aspect = Fraction(1)
        if ("alpha_mode", "1") in ((key.lower(), text) for key, text in stream.metadata.items()):
            said.note("alpha channel, not decoded: what it hides is scored too")
        return said

    def note(self, text: str) -> None:
        """Notes what was met, once."""
        if text and text not in self.notes:
            self.notes.append(text)


def container_crop(path: str | os.PathLike, stream: av.VideoStream) -> Crop:
    """What the container of a stream does not show of its frames."""
    container = stream.container
    with open(path, "rb") as file:
        if container.format.name == "matroska,webm":
            return matroska_crop(file, container.streams.video.index(stream))
        return mp4_crop(file, stream.id) if "mp4" in container.format.name else Crop()


def ratio(aspect: Fraction) -> str:
    """A pixel aspect as people write it, such as 4:3."""
    return f"{aspect.numerator}:{aspect.denominator}"


class Screen:
    """Shows the frames of one pass through a video, from its first frame on."""

    def __init__(self, presentation: Presentation, frames: int = 0):
        """Shows a video of so many frames; 0 if that is not known."""
        self.presentation, self.note = presentation, presentation.note
        self.turned, self.combs = Orientation(), Combs(frames)

    def frames(self, decoded: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        """Passes on the frames of a decoder, in the same order and number, each as one of one moment.

        Raises:
            av.FFmpegError, ValueError: what `decoded` raises, after all frames before.
        """
        seen = self.seen(decoded)
        for frame in seen if self.presentation.codec in NOT_WOVEN else deinterlaced(seen):
            self.turn(frame)
            yield frame

    def seen(self, decoded: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        """Passes frames on, and notes if they are interlaced."""
        for number, frame in enumerate(decoded):
            self.meet_fields(frame)
            self.combs.see(number, frame)
            if number == self.combs.last and self.combs.found:
                self.note("looks interlaced but is not flagged so: deinterlace it before scoring")
            yield frame

    def begin(self, frame: av.VideoFrame) -> tuple[int, int]:
        """Height and width at which a video is shown that begins with a frame."""
        self.turn(frame)
        self.meet(frame)
        self.meet_fields(frame)
        return self.size(frame)

    def meet_fields(self, frame: av.VideoFrame) -> None:
        """Notes if a frame, as it was decoded, is interlaced."""
        if frame.interlaced_frame:
            self.note(NOT_WOVEN.get(self.presentation.codec, "interlaced, deinterlaced by bwdif"))

    def turn(self, frame: av.VideoFrame) -> None:
        """Turns the screen as a frame says.

        What one says in SEI holds until another comes, or a new sequence begins: FFmpeg hands it on with that frame.
        """
        said = orientation(frame)
        if said or frame.key_frame:
            self.turned = said or Orientation()

    def show(self, frame: av.VideoFrame) -> UInt8[np.ndarray, "h w 3"]:
        """A frame, as `frames` has just passed it on, as it is shown, in RGB.

        Raises:
            VideoError: its pixels cannot be converted.
        """
        self.meet(frame)
        path, (top, bottom, left, right) = self.presentation.path, self.crop(frame)
        if self.transfer(frame) in NAMES:
            primaries = int(frame.color_primaries)
            primaries = self.presentation.primaries if primaries == UNSPECIFIED else primaries
            signal = converted(frame, "rgb48le", path)
            pixels = to_standard(signal, self.transfer(frame), primaries, mastering_peak(frame))
        else:
            pixels = converted(frame, "rgb24", path)
        opacity = alpha(frame, path)
        if opacity is not None and (opacity.any() or not self.presentation.unused):
            self.note("alpha channel, shown over black")
            pixels = over_black(pixels, opacity)
        pixels = pixels[top : frame.height - bottom, left : frame.width - right]
        height, width = self.squared(frame)
        if (height, width) != pixels.shape[:2]:
            pixels = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))
        return np.ascontiguousarray(self.turned.apply(pixels))

    def size(self, frame: av.VideoFrame) -> tuple[int, int]:
        """Height and width at which `show` shows a frame."""
        height, width = self.squared(frame)
        return (width, height) if self.turned.turns % 2 else (height, width)

    def meet(self, frame: av.VideoFrame) -> None:
        """Notes what a frame is besides ordinary, and sees to it that its colors can be converted."""
        crop, (height, width) = self.crop(frame), self.squared(frame)
        high = frame.height - crop.top - crop.bottom
        wide = frame.width - crop.left - crop.right
        if any(crop):
            self.note(f"cropped by its container, {frame.width}x{frame.height} to {wide}x{high}")
        if (height, width) != (high, wide):
            aspect = ratio(self.presentation.aspect)
            self.note(f"{aspect} pixels, shown square: {wide}x{high} as {width}x{height}")
        name = NAMES.get(self.transfer(frame))
        if name:
            self.note(f"HDR ({name}), tone-mapped to SDR by ITU-R BT.2390")
        self.note(settle_matrix(frame, BT2020 if name else UNSPECIFIED))

    def transfer(self, frame: av.VideoFrame) -> int:
        """The transfer characteristic of a frame, or else of its container."""
        transfer = int(frame.color_trc)
        return self.presentation.transfer if transfer == UNSPECIFIED else transfer

    def crop(self, frame: av.VideoFrame) -> Crop:
        """What is not shown of a frame as it is stored; nothing if that would be all."""
        crop = self.presentation.crop
        fits = crop.top + crop.bottom < frame.height and crop.left + crop.right < frame.width
        return crop if fits else Crop()

    def squared(self, frame: av.VideoFrame) -> tuple[int, int]:
        """Height and width of what is shown of a frame, before it is turned: one side enlarged for square pixels."""
        crop, aspect = self.crop(frame), self.presentation.aspect
        height, width = frame.height - crop.top - crop.bottom, frame.width - crop.left - crop.right
        return (height, round(width * aspect)) if aspect >= 1 else (round(height / aspect), width)
