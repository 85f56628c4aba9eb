import hashlib
import os
import re
import struct
from fractions import Fraction

import pytest
from clips import moving_clip

from jaxvqa import VideoError
from jaxvqa.errors import DamagedError
from jaxvqa.video.decode import open_video
from jaxvqa.video.integrity import check_file, container_size, content_sha256


def test_pipes_and_folders_are_not_waited_on(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    for path in (tmp_path / "pipe.mp4", tmp_path):
        with pytest.raises(VideoError, match="is not a regular file"):
            open_video(path)


@pytest.mark.parametrize("name", ["._clip.mp4", "clip.mp4"])
def test_notes_of_macos_are_named(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        " + bytes(380))
    said = f"{name} is not a video: it holds what macOS notes about clip.mp4 (AppleDouble); leave it out."
    for read in (open_video, content_sha256):
        with pytest.raises(VideoError, match=re.escape(said)):
            read(path)


@pytest.mark.parametrize("faststart", [False, True])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999])
def test_truncated_mp4_is_noticed(tmp_path, kept, faststart):
    whole = moving_clip(tmp_path / "whole.mp4", 30, **({"movflags": "faststart"} if faststart else {})).read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(VideoError, match=r"cut\.mp4 is cut short"):
        open_video(path)


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "libx264"), ("a.webm", "libvpx"), ("a.avi", "mpeg4")])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.999])
def test_other_containers_cut_short_are_noticed(tmp_path, name, codec, kept):
    whole = moving_clip(tmp_path / name, 30, 120, 160, codec=codec)
    assert open_video(whole).frames == 30
    whole.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * kept)])
    with pytest.raises(DamagedError, match=f"{name} is cut short"):
        open_video(whole)


def test_large_avi_files_of_several_parts_are_whole(tmp_path):
    path = moving_clip(tmp_path / "large.avi", 5, codec="mpeg4")
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(b"RIFF" + struct.pack("<I", 1004) + b"AVIX" + bytes(1000))
    assert container_size(path) == size + 1012
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DamagedError, match=r"large.avi is cut short"):
        open_video(path)


def test_recordings_that_nobody_completed_are_taken(tmp_path):
    path = moving_clip(tmp_path / "live.mkv", 20, 120, 160, live="1")
    assert container_size(path) <= path.stat().st_size
    assert open_video(path).frames == 20


def test_a_container_that_lies_about_its_length_is_noticed(tmp_path):
    path = moving_clip(tmp_path / "liar.flv", 100, 64, 96, codec_options={"g": "10"})
    assert open_video(path).frames == 100
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.6)])
    with pytest.raises(DamagedError, match=r"liar.flv is cut short"):
        open_video(path)


@pytest.mark.parametrize(
    ("name", "codec", "marker", "unknown"),
    [("liar.mkv", "libx264", b"\x18\x53\x80\x67", b"\1" + bytes([255] * 7)), ("liar.avi", "mpeg4", b"RIFF", bytes(4))],
)
def test_a_container_of_unknown_size_is_held_to_its_elements(tmp_path, name, codec, marker, unknown):
    path = moving_clip(tmp_path / name, 100, 64, 96, codec=codec, codec_options={"g": "10"})
    data = path.read_bytes()
    size = data.index(marker) + 4
    data = data[:size] + unknown + data[size + len(unknown) :]
    path.write_bytes(data)
    assert container_size(path) == len(data)
    assert open_video(path).frames == 100
    path.write_bytes(data[: len(data) * 6 // 10])
    with pytest.raises(DamagedError, match=f"{name} is cut short"):
        open_video(path)


def test_the_last_picture_may_stand_for_long(tmp_path):
    """A header that says how long a video lasts says nothing of how many frames it has."""
    path = moving_clip(tmp_path / "screen.mkv", 20, 64, 96)
    data = path.read_bytes()
    at = data.index(b"\x44\x89\x88") + 3  # Duration, RFC 9559, section 5.1.2.10
    path.write_bytes(data[:at] + struct.pack(">d", 9000.0) + data[at + 8 :])
    assert open_video(path).frames == 20


@pytest.mark.parametrize(("name", "codec"), [("slow.mkv", "libx264"), ("slow.avi", "mpeg4")])
def test_the_last_frame_is_shown_until_the_end(tmp_path, name, codec):
    video = open_video(moving_clip(tmp_path / name, 3, 64, 96, codec=codec, fps=Fraction(1, 2)))
    assert (video.frames, video.seconds.tolist()) == (3, [0, 2, 4])


def test_what_follows_the_boxes_of_an_mp4_does_not_matter(tmp_path):
    path = moving_clip(tmp_path / "clip.mp4", 5)
    with path.open("ab") as file:
        file.write(b"TAG and other things that people append" * 3)
    assert open_video(path).frames == 5


FTYP = struct.pack(">I4sI4s", 16, b"ftyp", 0, b"isom")


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (FTYP + struct.pack(">I4sQ", 1, b"mdat", 1 << 33), 16 + (1 << 33)),  # a large box: 64 bits
        (FTYP + struct.pack(">I4s", 0, b"mdat") + bytes(9), 16),  # up to the end of the file
        (FTYP + struct.pack(">I4s", 7, b"free") + bytes(9), 16),  # less than its own header
        (FTYP + struct.pack(">I4s", 8, b"free"), 24),  # nothing but a header at the end
        (FTYP + struct.pack(">I4s", 99, b"junk") + bytes(9), 16),
        (FTYP + b"\0\0\0", 16),
        (b"junk" + bytes(99), 0),
        (b"\x1a\x45\xdf\xa3\x81\0" + b"\x18\x53\x80\x67\x85" + bytes(5), 16),  # sizes of one byte
        (b"\x1a\x45\xdf\xa3\x40\x01\0" + b"\x18\x53\x80\x67\x10\x00\x00\x09", 7 + 8 + 9),  # of two and of four
        (b"\x1a\x45\xdf\xa3\x81\0" + b"\x18\x53\x80\x67\xff" + bytes(5), 0),  # of unknown size
        (b"\x1a\x45\xdf\xa3\x81\0" + b"\x18\x53\x80\x67\x01" + bytes([255] * 7), 0),
        (b"\x1a\x45\xdf\xa3\x81\0" + b"\x18\x53\x80\x67" + bytes(20), 0),  # longer than any size may be
        (b"\x1a\x45\xdf\xa3\x81\0", 0),
        (b"RIFF" + struct.pack("<I", 5) + bytes(5) + b"RIFF" + struct.pack("<I", 4) + bytes(4), 25),
        (b"RIFF" + struct.pack("<I", 4) + bytes(4) + b"TAG " + struct.pack("<I", 4), 12),
        (b"RIFF" + struct.pack("<I", 0) + bytes(4), 0),
    ],
)
def test_sizes_that_containers_speak_of(tmp_path, content, size):
    path = tmp_path / "file"
    path.write_bytes(content)
    assert container_size(path) == size


def test_a_file_without_a_byte_too_few_passes(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(FTYP)
    check_file(path)
    path.write_bytes(FTYP[:-1])
    with pytest.raises(DamagedError, match="speaks of 16 bytes or more, it has 15;"):
        check_file(path)
    path.write_bytes(b"")
    with pytest.raises(VideoError, match="is an empty file"):
        check_file(path)
    with pytest.raises(VideoError, match="cannot be read: No such file"):
        check_file(tmp_path / "none.mp4")


def test_the_digest_is_that_of_whole_files(tmp_path):
    path, called = tmp_path / "clip.mp4", []
    content = FTYP + struct.pack(">I4s", 8 + (1 << 21), b"mdat") + bytes(1 << 21)
    path.write_bytes(content)
    assert content_sha256(path, lambda: called.append(1)) == hashlib.sha256(content).hexdigest()
    assert len(called) == 3  # one for each megabyte that was begun
    path.write_bytes(content[:-1])
    with pytest.raises(DamagedError, match="is cut short"):
        content_sha256(path)
