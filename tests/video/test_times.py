"""Frames are those that the decoder gives, and their times rise, whatever packets say."""

import struct
from pathlib import Path

import av
import numpy as np
import pytest
from clips import frame_number, moving_clip, numbered_clip

from jaxvqa.errors import MiscountError, VideoError
from jaxvqa.video.decode import open_video, read_frames
from jaxvqa.video.sampling import Sampling
from jaxvqa.video.workers import decode_file


def numbers(path):
    """The numbers of all frames of a `numbered_clip`, listed by decoding, and when each is shown."""
    video = open_video(path, decode=True)
    return [frame_number(frame) for _, frame in read_frames(video, np.arange(video.frames))], video.seconds


def remuxed(source, path, change, **options):
    """Copies a file packet by packet, each as what `change` makes of its number and itself."""
    with av.open(str(source)) as original, av.open(str(path), "w", options=options) as edited:
        stream = edited.add_stream_from_template(original.streams.video[0])
        packets = [packet for packet in original.demux(video=0) if packet.size]
        for number, packet in enumerate(packets):
            for changed in change(number, packet):
                changed.stream = stream
                edited.mux(changed)
    return path


@pytest.mark.parametrize("shift", [0, 600, -600, -20, 20])
@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_recordings_joined_byte_by_byte_play_one_after_the_other(tmp_path, codec, shift):
    parts = []
    for number, offset in enumerate((700, 700 + shift)):
        path = tmp_path / f"{number}.ts"
        numbered_clip(path, 40, codec=codec, codec_options={"g": "12"}, output_ts_offset=str(offset))
        parts.append(path.read_bytes())
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(parts))
    video = open_video(path)
    assert video.frames == 80
    np.testing.assert_allclose(video.seconds, np.arange(80) / 25, atol=0.09)
    assert [frame_number(frame) for _, frame in read_frames(video, np.arange(80))] == [*range(40), *range(40)]


def test_a_picture_that_stands_still_in_a_file_is_no_new_clock(tmp_path):
    source = numbered_clip(tmp_path / "source.mp4", 20, codec_options={"bf": "0"})

    def late(number, packet):
        packet.pts = packet.dts = packet.pts + (30 * 12800 if number >= 10 else 0)
        return [packet]

    seconds = open_video(remuxed(source, tmp_path / "slides.mp4", late)).seconds
    assert seconds[[9, 10, 19]].tolist() == pytest.approx([0.36, 30.4, 30.76])


def not_coded(number, packet):
    """A picture of MPEG-4 that says that nothing changed, before every fifth: vop_coded is 0 (ISO/IEC 14496-2)."""
    if number and number % 5 == 0:
        empty = av.Packet(b"\x00\x00\x01\xb6\x50\x4f")
        empty.pts, empty.dts, empty.time_base = packet.pts - 1, packet.dts - 1, packet.time_base
        return [empty, packet]
    return [packet]


def twice(number, packet):
    """A packet that comes once more without a picture in it: a delimiter (ITU-T H.264, section 7.3.2.4) alone."""
    if number % 7 == 3:
        empty = av.Packet(b"\x00\x00\x00\x02\x09\xf0")
        empty.pts, empty.dts, empty.time_base = packet.pts + 1, packet.dts + 1, packet.time_base
        return [packet, empty]
    return [packet]


@pytest.mark.parametrize(
    ("name", "codec", "options", "change"),
    [
        ("hidden.webm", "libvpx", {"auto-alt-ref": "1", "lag-in-frames": "16", "b": "50k"}, None),
        ("not-coded.mkv", "mpeg4", {"bf": "0"}, not_coded),
        ("delimiters.mkv", "libx264", {"bf": "0", "g": "12"}, twice),
    ],
)
def test_packets_that_are_no_frames_do_not_make_a_video_damaged(tmp_path, name, codec, options, change):
    source = tmp_path / f"source-{name}"
    numbered_clip(source if change else tmp_path / name, 50, codec=codec, codec_options=options)
    path = remuxed(source, tmp_path / name, change) if change else tmp_path / name
    decoded = decode_file(str(path), Sampling())
    assert (decoded.error, decoded.facts["frames"]) == ("", 50)
    found, seconds = numbers(path)
    assert found == list(range(50))
    np.testing.assert_allclose(seconds, np.arange(50) / 25, atol=0.002)


@pytest.mark.parametrize(("name", "codec"), [("clip.mp4", "libx264"), ("clip.mkv", "libx265")])
def test_frames_that_damage_takes_away_are_missed_all_the_same(tmp_path, name, codec):
    """What decoders pass over is heard while frames are listed by decoding them."""
    options = {"g": "10", "x265-params": "keyint=10:log-level=none"}
    path = moving_clip(tmp_path / name, 60, codec=codec, codec_options=options)
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    whole, scored = path.read_bytes(), 0
    for position, size in packets[5::7]:
        path.write_bytes(whole[: position + 4] + bytes(size - 4) + whole[position + size :])
        scored += not decode_file(str(path), Sampling()).damaged
    assert scored == 0


def test_fields_are_half_of_a_frame():
    """fields.mkv: H.264 of 64x64 coded field by field, a field a packet, as broadcasts; no free encoder makes it."""
    path = Path(__file__).parent / "fields.mkv"
    assert open_video(path).frames == 96
    decoded = decode_file(str(path), Sampling())
    assert (decoded.error, decoded.facts["frames"], decoded.facts["fps"]) == ("", 48, 25)
    np.testing.assert_allclose(decoded.video.seconds, np.arange(48) / 25, atol=0.001)


def test_a_size_that_changes_between_frames_that_are_wanted_is_noticed(tmp_path):
    parts = [numbered_clip(tmp_path / f"{height}.ts", 20, height=height).read_bytes() for height in (64, 96)]
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(parts))
    with pytest.raises(VideoError, match="changes its size at frame 20, from 96x64 to 96x96: cut it into parts"):
        list(read_frames(open_video(path), np.array([0, 5])))


def test_packets_without_a_flag_of_key_frames(tmp_path):
    source = numbered_clip(tmp_path / "source.mkv", 50, codec_options={"bf": "0"})

    def plain(number, packet):
        packet.is_keyframe = False
        return [packet]

    path = remuxed(source, tmp_path / "plain.nut", plain)
    with av.open(str(path)) as container:
        assert not any(packet.is_keyframe for packet in container.demux(video=0))
    assert open_video(path).frames == 50


def test_a_list_that_is_wrong_is_noticed(tmp_path):
    """By what reads frames: the list of a file is that of its packets until it proves wrong."""
    source = numbered_clip(tmp_path / "source.mkv", 50, codec="mpeg4", codec_options={"bf": "0"})
    path = remuxed(source, tmp_path / "clip.mkv", not_coded)
    video = open_video(path)
    if video.frames != 50:
        with pytest.raises(MiscountError, match=r"it lists \d+ frames, but 50 can be decoded"):
            list(read_frames(video, np.array([0])))


def test_a_file_that_changes_while_it_is_read(tmp_path):
    path = moving_clip(tmp_path / "clip.mp4", 20)
    called = []

    def write():
        called.append(1)
        if len(called) == 10:
            with path.open("ab") as file:
                file.write(struct.pack(">I4s", 8, b"free"))

    decoded = decode_file(str(path), Sampling(), alive=write)
    assert decoded.error == f"{path} changed while it was read: score it again when nothing writes to it any more."
    assert decode_file(str(path), Sampling()).error == ""
