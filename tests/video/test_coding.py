"""How videos were coded, against ffprobe and against what encoders were told."""

import json
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import moving_clip, numbered_clip, write_clip
from headers import packets

from jaxvqa.errors import DamagedError, MiscountError, VideoError
from jaxvqa.video.coding import WORDS, chroma, encoder_words
from jaxvqa.video.decode import open_container, open_video, read_frames
from jaxvqa.video.streams import choose_stream

CODECS = {
    "libx264": ("mp4", {"x264-params": "bframes=3:b-adapt=0:keyint=12:min-keyint=12:scenecut=0:open-gop=0"}),
    "libx265": ("mkv", {"x265-params": "log-level=none:bframes=2:b-adapt=0:keyint=10:scenecut=0"}),
    "libsvtav1": ("mp4", {"preset": "12"}),
    "libvpx-vp9": ("webm", {"cpu-used": "8"}),
    "libvpx": ("webm", {"auto-alt-ref": "1", "lag-in-frames": "10"}),
    "mpeg1video": ("mpg", {"bf": "2", "g": "9"}),
    "mpeg2video": ("ts", {"bf": "2", "g": "9"}),
    "mpeg4": ("avi", {"bf": "1", "g": "9"}),
    "mjpeg": ("mov", {}),
    "ffv1": ("mkv", {}),
    "prores_ks": ("mov", {}),
}


def decoded(path, looked_at=(0,)):
    """How a video was coded, after all of it was decoded."""
    video = open_video(path)
    try:
        list(read_frames(video, np.array(looked_at)))
    except MiscountError:  # as for scores: packets may be no frames
        video = open_video(path, decode=True)
        list(read_frames(video, np.array(looked_at)))
    return video.coding


def coded(tmp_path, codec, frames=30, **options):
    """A clip by an encoder, and how it was coded."""
    suffix, told = CODECS[codec]
    fields = {"pix_fmt": {"mjpeg": "yuvj420p", "prores_ks": "yuv422p10le"}.get(codec, "yuv420p")}
    path = tmp_path / f"clip.{suffix}"
    path = moving_clip(path, frames, 136, 184, codec=codec, codec_options=told, fields=fields, **options)
    return path, decoded(path)


def probed(path):
    """What ffprobe says of a file: its frames, its stream and its format."""
    if not shutil.which("ffprobe"):
        pytest.skip("outside of a clone: ffprobe, of Debian's package ffmpeg for example")
    with open_container(path) as container:
        index = str(choose_stream(container)[0].index)
    command = ["ffprobe", "-v", "quiet", "-of", "json", "-select_streams", index, "-show_frames", "-show_streams"]
    command += ["-show_packets", "-show_format", str(path)]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    parts = found.get("frames") or found["packets_and_frames"]
    frames = [part for part in parts if part.get("type", "frame") == "frame"]
    sizes = [int(part["size"]) for part in found.get("packets", parts) if part.get("type", "packet") == "packet"]
    return frames, [size for size in sizes if size], found["streams"][0], found["format"]


def check_with_ffprobe(path, coding):
    """Makes sure that facts are those that ffprobe gives."""
    frames, sizes, stream, form = probed(path)
    facts = coding.stream
    assert coding.types == "".join(frame["pict_type"] for frame in frames)
    assert coding.keys.tolist() == [frame["key_frame"] == 1 for frame in frames]
    assert coding.sizes.sum() == pytest.approx(sum(sizes), abs=2)  # parsers of versions differ in where a unit ends
    assert (facts.container, facts.codec) == (form["format_name"], stream["codec_name"])
    assert (facts.profile or stream.get("profile")) == stream.get("profile")
    assert (facts.width, facts.height) == (frames[0]["width"], frames[0]["height"])
    assert (facts.coded_width, facts.coded_height) == (stream["coded_width"], stream["coded_height"])
    assert facts.pixel_format == stream["pix_fmt"]
    if "sample_aspect_ratio" in stream:
        assert facts.aspect == Fraction(stream["sample_aspect_ratio"].replace(":", "/"))


@pytest.mark.parametrize("codec", CODECS)
def test_facts_are_those_of_ffprobe(tmp_path, codec):
    check_with_ffprobe(*coded(tmp_path, codec))


# Made of ../shared/cases whose files ffprobe reads as a player does, and as many frames of them.
CASES = (
    "02-rare-colours 06-joined-ts 08-cover-art 11-sei-orientation 17-bare-environment 20-frame-rates 22-dynamic-range"
)
CASES += " 23-pixel-aspect 32-container-crop 33-two-fields 42-pixel-formats 46-two-rates 47-start-times 48-see-through"
SUFFIXES = {".mp4", ".mkv", ".ts", ".webm", ".mov", ".avi", ".mpg", ".dv"}


@pytest.mark.parametrize("case", [*CASES.split(), ""])
def test_facts_of_real_files_are_those_of_ffprobe(shared, case):
    folder = shared / "cases" / case if case else shared / "videos"
    files = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    assert files
    for path in files:
        check_with_ffprobe(path, decoded(path))


def test_facts_of_a_file_that_ffprobe_was_asked_about():
    """Frozen from ffprobe 5.1: a field in each packet, of which it gives one for each frame."""
    coding = decoded(Path(__file__).with_name("fields.mkv"))
    assert coding.types == "IPPPPPPP" * 6
    assert np.flatnonzero(coding.keys).tolist() == [0]
    assert coding.sizes.sum() == 38208
    assert (coding.stream.codec, coding.stream.profile, coding.stream.pixel_format) == ("h264", "Main", "yuv420p")


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [(codec, suffix) for codec in ("libx264", "libx265", "mpeg2video", "mpeg4") for suffix in ("ts", "mkv")]
    + [("libx264", "avi"), ("mpeg4", "avi")],
)
def test_bytes_belong_to_their_frames(tmp_path, codec, suffix):
    """Matroska and transport streams give the time of each packet, which tells to which frame it belongs."""
    _, told = CODECS[codec]
    path = moving_clip(tmp_path / f"clip.{suffix}", 30, 64, 96, codec=codec, codec_options=told)
    coding = decoded(path)
    with av.open(str(path)) as container:
        found = [(packet.pts, packet.size) for packet in container.demux(video=0) if packet.size]
    assert coding.sizes.sum() == sum(size for _, size in found)
    if suffix != "avi":
        assert coding.sizes.tolist() == [size for _, size in sorted(found)]
    assert coding.sizes.min() > 0


def test_types_distances_and_rates_are_those_that_the_encoder_was_told(tmp_path):
    _, coding = coded(tmp_path, "libx264")
    assert coding.types == "IBBBPBBBPBBP" * 2 + "IBBBPP"
    assert coding.key_distances.tolist() == [12, 12]
    assert coding.most_b_frames == 3
    assert coding.fps == 25
    assert coding.bits_per_second == pytest.approx(coding.sizes.sum() * 8 / (30 / 25))
    assert coding.bits_per_pixel[0] == coding.sizes[0] * 8 / (136 * 184)
    facts = coding.stream
    assert (facts.height, facts.width, facts.coded_height, facts.coded_width) == (136, 184, 144, 192)
    assert (facts.chroma, facts.bits) == ("4:2:0", 8)
    assert any(words.startswith("x264 - core") for words in facts.encoder)


@pytest.mark.parametrize(("codec", "name"), [("libx264", "H.264 slice QP"), ("libx265", "HEVC slice QP")])
def test_quantizers_stand_with_their_frames(tmp_path, codec, name):
    """B-frames, told to be 4 coarser, are decoded in another order than they are shown."""
    told = "qp=30:ipratio=1:pbratio=1.5874:b-adapt=0:bframes=2:b-pyramid=0"
    key = codec.replace("lib", "") + "-params"
    options = {key: told + (":log-level=none" if codec == "libx265" else "")}
    coding = decoded(moving_clip(tmp_path / "clip.mp4", codec=codec, codec_options=options))
    assert coding.scale == name
    assert coding.quantizers.tolist() == [34 if letter == "B" else 30 for letter in coding.types]
    assert coding.log2_steps[0] == pytest.approx(26 / 6)
    assert set(coding.types) == set("IPB")
    assert coding.maps == {}


@pytest.mark.parametrize("codec", ["libsvtav1", "libvpx-vp9", "mpeg2video", "mpeg4"])
def test_quantizers_are_the_same_each_time(tmp_path, codec):
    """Whatever the threads of a decoder are doing."""
    path, first = coded(tmp_path, codec)
    for _ in range(3):
        np.testing.assert_array_equal(decoded(path).quantizers, first.quantizers)
    assert np.isfinite(first.quantizers[:-1]).all()
    assert np.isfinite(first.log2_steps[:-1]).all()


def test_maps_are_kept_of_frames_that_are_looked_at(tmp_path):
    path, _ = coded(tmp_path, "mpeg2video")
    coding = decoded(path, looked_at=[2, 7])
    assert set(coding.maps) == {2, 7}
    for number, blocks in coding.maps.items():
        assert blocks.shape == (9, 12)
        assert blocks.dtype == np.int8
        assert blocks.mean() == pytest.approx(coding.quantizers[number])


def test_what_nothing_tells_is_missing(tmp_path):
    for codec in ("libvpx", "ffv1"):
        _, coding = coded(tmp_path, codec)
        assert coding.scale == ""
        assert np.isnan(coding.quantizers).all()
        assert np.isnan(coding.log2_steps).all()


def test_facts_come_with_the_last_frame(tmp_path):
    video = open_video(numbered_clip(tmp_path / "clip.mp4"))
    assert video.record.stream.codec == "h264"
    frames = read_frames(video, np.array([0]))
    next(frames)
    assert video.coding is None
    list(frames)
    assert len(video.coding.types) == 50


def test_frames_keep_the_times_that_the_container_gives_them(tmp_path):
    """Packets are numbered by their times meanwhile; deinterlacing goes by these."""
    path = moving_clip(tmp_path / "clip.ts", 20, 64, 96, codec_options={"x264-params": "interlaced=1"})
    video = open_video(path)
    assert [index for index, _ in read_frames(video, np.arange(20))] == list(range(20))
    assert len(video.coding.types) == 20


def test_streams_that_lie_or_break_off_give_no_wrong_fact(tmp_path):
    """Of H.264 in a stream without sizes, bits are turned over: whatever decodes has the facts of its frames."""
    path = moving_clip(tmp_path / "whole.ts", 20, 64, 96, codec_options=CODECS["libx264"][1])
    whole, generator, outcomes = decoded(path), np.random.default_rng(0), set()
    data = path.read_bytes()
    for number in range(60):
        mutant = bytearray(data)
        for _ in range(int(generator.integers(1, 4))):
            mutant[int(generator.integers(len(mutant)))] ^= 1 << int(generator.integers(8))
        del mutant[len(mutant) - 188 * int(generator.integers(0, 20)) * (number % 2) :]
        (tmp_path / "mutant.ts").write_bytes(mutant)
        try:
            coding = decoded(tmp_path / "mutant.ts")
        except VideoError as error:
            outcomes.add(type(error))
            continue
        outcomes.add(None)
        known = np.isfinite(coding.quantizers)
        assert len(coding.types) == len(coding.sizes) == len(known)
        assert coding.sizes.sum() <= len(mutant)
        assert set(coding.quantizers[known]) <= set(range(52)) | set(whole.quantizers)
    assert None in outcomes
    assert DamagedError in outcomes or MiscountError in outcomes


@pytest.mark.parametrize(
    ("form", "name"),
    [("yuv420p", "4:2:0"), ("yuv422p10le", "4:2:2"), ("yuv444p", "4:4:4"), ("yuv440p", "4:4:0"), ("yuv411p", "4:1:1"),
     ("yuv410p", "4:1:0"), ("gray", "4:0:0"), ("ya8", "4:0:0"), ("gbrp", "RGB"), ("pal8", "RGB"), ("nv12", "4:2:0")],
)  # fmt: skip
def test_names_of_chroma(form, name):
    assert chroma(av.VideoFormat(form, 64, 64)) == name


def test_words_of_encoders_are_printable_short_and_come_once():
    message = bytes(16) + b"x264\x1b[31m - options\0" + b"z" * 5000
    container, stream = {"ENCODER": "Lavf", "title": "none"}, {"encoder": "Lavf", "Encoder": "libx264\n"}
    first, second, third = encoder_words(container, stream, message)
    assert (first, second) == ("Lavf", "libx264")
    assert third.startswith("x264[31m - optionszz")
    assert len(third) <= WORDS
    assert encoder_words({}, {}, b"short") == ()


def test_aspects_are_those_of_the_container(tmp_path):
    path = write_clip(
        tmp_path / "clip.mp4", np.zeros((3, 64, 96, 3), np.uint8), fields={"sample_aspect_ratio": Fraction(4, 3)}
    )
    assert decoded(path).stream.aspect == Fraction(4, 3)
    assert packets(path)[0] == "h264"
