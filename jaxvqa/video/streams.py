"""Which stream of a file is its video, and what a file without one is instead."""

import os
from collections.abc import Sequence
from pathlib import Path

import av
from av.stream import Disposition
from PIL import Image

# Readers of FFmpeg that a file may be opened by: those of videos, and of sound, which may come with a cover. Left out
# are those of single images, of text, which they play as terminals did, of raw frames without a size, of playlists,
# which refer to other files, and of devices.
VIDEO_READERS = (
    "mov,mp4,m4a,3gp,3g2,mj2 matroska,webm avi mpegts mpeg mpegvideo h264 hevc vvc av1 obu ivf m4v mjpeg flv "
    "live_flv kux asf asf_o ogg mxf gxf lxf gif dv nut rm nsv nuv swf wtv yuv4mpegpipe h261 h263 vc1 vc1test "
    "dirac cavsvideo avs2 avs3 evc apv amv dhav dxa film_cpk flic roq smk bink ea vivo rpl 4xm pva ty pmp mtv mlv "
    "cine r3d ipu v210 mpjpeg smjpeg jpegxl_anim apng ifv moflex thp usm"
).split()
SOUND_READERS = (
    "mp3 flac wav w64 aac ac3 eac3 aiff ape au caf dts dtshd truehd mlp mpc mpc8 oma tak tta wv amr amrnb amrwb opus "
    "qcp voc dsf iff sox"
).split()
READERS = ",".join([*VIDEO_READERS, *SOUND_READERS])
STILL = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
IMAGE_BRANDS = frozenset("avif heic heix heim heis hevm hevs mif1 msf1 miaf MA1A MA1B jpeg".split())  # ISO/IEC 23008-12
STILL_READERS = ("gif", "apng", "jpegxl_anim", "mjpeg")  # of which a single picture is no video
JPEG_SUFFIXES = frozenset(".jpg .jpeg .jpe .jfif .mpo".split())  # of images, whatever follows the first in them
RAW_SUFFIXES = frozenset(".yuv .rgb .bgr .raw .nv12 .i420 .yv12 .uyvy .yuyv .rgba .p010 .y8 .gray".split())
HEAD = 4096  # bytes that tell a text or an archive
PLAYLISTS = {
    b"#EXTM3U": "an HLS or M3U playlist",
    b"ffconcat version": "an ffconcat list",
    b"[playlist]": "a PLS playlist",
    b"<?wpl": "a playlist",
    b"<asx": "an ASX playlist",
    b"rtsptext": "a playlist",
    b"v=0": "an SDP session description",
}
PLAYLIST_TAGS = {b"<mpd": "a DASH manifest", b"<smil": "a SMIL playlist", b"<smoothstreamingmedia": "a manifest"}
PACKED = {
    b"PK\3\4": "a ZIP archive",
    b"\x1f\x8b": "a gzip file",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"(\xb5/\xfd": "a Zstandard file",
}


def choose_stream(container: av.container.InputContainer) -> tuple[av.VideoStream, str]:
    """The stream that a player would show, and a note on it if there are several; "" if not.

    Covers and thumbnails are no videos. Of what remains, moving pictures come before a single one, then what the file
    marks as its default, then the longest, then the largest.

    Raises:
        ValueError: the file has no video, or nothing decodes it.
    """
    streams = container.streams.video
    moving = [stream for stream in streams if not stream.disposition & STILL]
    if not streams:
        raise ValueError("no video is in it")
    if not moving:
        raise ValueError("no video is in it, only a cover" if is_cover(streams) else "it is an image")
    known = [stream for stream in moving if stream.codec_context is not None]
    if not known:
        raise ValueError("nothing is known that decodes it")
    chosen = max(known, key=prominence)
    if len(moving) == 1:
        return chosen, ""
    return chosen, f"video track {moving.index(chosen) + 1} of {len(moving)}"


def is_cover(streams: Sequence[av.VideoStream]) -> bool:
    """Whether pictures come with something else."""
    return any(stream.disposition & Disposition.attached_pic for stream in streams)


def holds_images(container: av.container.InputContainer) -> bool:
    """Whether a file with a single picture of this kind is an image."""
    return container.format.name in STILL_READERS or container.metadata.get("major_brand", "").strip() in IMAGE_BRANDS


def prominence(stream: av.VideoStream) -> tuple[bool, bool, float, int]:
    """How much a stream is what a player shows: it is compared with those of the others."""
    duration = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
    default = bool(stream.disposition & Disposition.default)
    return stream.frames != 1, default, duration, stream.codec_context.width * stream.codec_context.height


def what_it_is(path: str | os.PathLike) -> str:
    """What a file is that cannot be opened as a video, and what to do with it; "" if nothing is known of it."""
    path = Path(path)
    with path.open("rb") as file:
        head = file.read(HEAD)
    for start, kind in PACKED.items():
        if head.startswith(start):
            return f"it is {kind}; unpack it and give the videos in it"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    playlist = next((kind for start, kind in PLAYLISTS.items() if text.startswith(start.lower())), "")
    if text.startswith(b"<"):
        playlist = playlist or next((kind for tag, kind in PLAYLIST_TAGS.items() if tag in text), "")
    if playlist:
        return f"it is {playlist}, which refers to other files; give those instead, or join them into one"
    if path.suffix.lower() in RAW_SUFFIXES:
        return (
            "raw frames do not say what size and format they have; put them into a file that does, for example `ffmpeg "
            f"-f rawvideo -pixel_format yuv420p -video_size 1920x1080 -framerate 25 -i {path.name} -c:v ffv1 "
            f"{path.stem}.mkv`, with their own values"
        )
    if image := image_kind(path):
        return image
    if text.startswith((b"<!doctype html", b"<html")):
        return "it is a web page; download the video itself"
    return "it is text" if is_text(head) else ""


def image_kind(path: Path) -> str:
    """What kind of image a file is; "" if it is none."""
    try:
        with Image.open(path) as image:
            if getattr(image, "n_frames", 1) > 1:
                return (
                    f"it is an animated {image.format}, which FFmpeg does not decode; convert it to a video first, for "
                    "example to MP4"
                )
            return "it is an image"
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # Pillow knows no such image
        return ""


def is_text(head: bytes) -> bool:
    """Whether bytes at the beginning of a file are text."""
    try:
        text = head.decode("utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # a character that the end cuts is no other
            return False
        text = head[: error.start].decode("utf-8", "ignore")
    return bool(text) and all(character.isprintable() or character in "\t\r\n\f" for character in text)
