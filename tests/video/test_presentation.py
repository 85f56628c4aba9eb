"""Files of every kind that is shown differently from how it is stored, made here, from container to pixels."""

import io
import struct
import zlib
from fractions import Fraction

import av
import numpy as np
import pytest
from clips import moving_clip, write_clip
from PIL import Image, ImageOps

from jaxvqa import VideoError
from jaxvqa.video.decode import open_video, read_frames
from jaxvqa.video.dynamic_range import PQ, to_standard

QUIET = {"x265-params": "log-level=none"}
CORNERS = np.full((64, 96, 3), 90, np.uint8)
CORNERS[:16, :24] = (230, 30, 30)  # red upper left, white upper right
CORNERS[:16, -24:] = 235


def shown(path):
    """A video, its frames as they are shown, and what was noted."""
    video = open_video(path)
    frames = [frame for _, frame in read_frames(video, np.arange(video.frames))]
    assert len(frames) == video.frames
    assert {frame.shape for frame in frames} == {(video.height, video.width, 3)}
    return video, frames, "; ".join(video.notes)


def assert_same(frame, expected, tolerance=10):
    """That two pictures are the same, but for what codecs do."""
    assert frame.shape == expected.shape
    assert np.abs(frame.astype(int) - expected).mean() < tolerance


@pytest.mark.parametrize(
    ("codec", "fields"),
    [
        ("libx264", {}),
        ("libx265", {"pix_fmt": "yuv420p10le", "color_trc": 1, "color_primaries": 1, "colorspace": 1}),
        ("prores_ks", {"pix_fmt": "yuv422p10le"}),
        ("qtrle", {"pix_fmt": "gray"}),
        ("png", {"pix_fmt": "rgb24"}),
    ],
)
def test_ordinary_frames_are_what_ffmpeg_decodes_and_nothing_is_noted(tmp_path, codec, fields):
    options = QUIET if codec == "libx265" else {}
    path = moving_clip(tmp_path / "clip.mov", 20, 120, 160, codec=codec, fields=fields, codec_options=options)
    with av.open(str(path)) as container:
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    _, frames, notes = shown(path)
    assert np.array_equal(frames, decoded)
    assert notes == ""


def jpegs(path, orientations):
    """Motion JPEG with an EXIF orientation in each picture, none for None."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuvj420p"
        for number, orientation in enumerate(orientations):
            file, exif = io.BytesIO(), Image.Exif()
            exif[0x0112] = orientation
            Image.fromarray(CORNERS).save(file, "jpeg", quality=95, exif=exif if orientation else b"")
            packet = av.Packet(file.getvalue())
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, number, number, Fraction(1, 25)
            container.mux(packet)
    return path


@pytest.mark.parametrize("name", ["clip.avi", "clip.mov", "clip.mkv"])
@pytest.mark.parametrize("orientation", [None, *range(1, 9)])
def test_jpegs_are_turned_as_exif_says(tmp_path, orientation, name):
    path = jpegs(tmp_path / name, [orientation] * 5)
    expected = Image.fromarray(CORNERS)
    expected.getexif()[0x0112] = orientation or 1
    video, frames, notes = shown(path)
    assert (video.frames, notes) == (5, "")
    for frame in frames:
        assert_same(frame, np.asarray(ImageOps.exif_transpose(expected)))


def test_a_jpeg_without_exif_is_upright_again(tmp_path):
    _, frames, _ = shown(jpegs(tmp_path / "clip.avi", [3, 3, None, None]))
    for frame, expected in zip(frames, (CORNERS[::-1, ::-1],) * 2 + (CORNERS,) * 2, strict=True):
        assert_same(frame, expected)


@pytest.mark.parametrize("flips", [(False, False), (True, False)])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_frames_are_turned_as_the_container_says(tmp_path, degrees, flips):
    path = tmp_path / "clip.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.set_display_rotation(degrees, *flips)
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(CORNERS, format="rgb24")))
        container.mux(stream.encode())
    _, frames, notes = shown(path)
    expected = np.rot90(CORNERS, degrees // 90)
    for frame in frames:
        assert_same(frame, expected[:, ::-1] if flips[0] else expected)
    assert notes == ""


def sei(degrees, horizontal=0, vertical=0):
    """A message of H.264 on how to display what follows: ITU-T H.264, section D.1.27; it persists."""
    bits = f"0{horizontal}{vertical}{degrees * 65536 // 360:016b}0100" + "1"
    bits += "0" * (-len(bits) % 8)
    payload = int(bits, 2).to_bytes(len(bits) // 8)
    payload = payload.replace(b"\0\0\0", b"\0\0\3\0").replace(b"\0\0\1", b"\0\0\3\1")
    return b"\0\0\0\1\x06\x2f" + bytes([len(bits) // 8]) + payload + b"\x80"


def stream_with(message, keys=100):
    """A raw H.264 stream of 20 frames, with a message before its first picture."""
    file = io.BytesIO()
    with av.open(file, "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=25, options={"x264-params": f"keyint={keys}:scenecut=0"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for _ in range(20):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(CORNERS, format="rgb24")))
        container.mux(stream.encode())
    data = file.getvalue()
    first = data.index(b"\0\0\1\x06") - 1  # where x264 says what it is
    return data[:first] + message + data[first:]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (sei(90), np.rot90(CORNERS)),
        (sei(180), CORNERS[::-1, ::-1]),
        (sei(270), np.rot90(CORNERS, 3)),
        (sei(0, horizontal=1), CORNERS[:, ::-1]),
        (sei(0, vertical=1), CORNERS[::-1]),
    ],
)
@pytest.mark.parametrize("name", ["raw.h264", "clip.mkv", "clip.ts"])
def test_an_orientation_in_the_stream_holds_from_one_picture_to_the_last(tmp_path, message, expected, name):
    path = tmp_path / "raw.h264"
    path.write_bytes(stream_with(message))
    if name != path.name:
        with av.open(str(path)) as raw, av.open(str(tmp_path / name), "w") as container:
            stream = container.add_stream_from_template(raw.streams.video[0])
            for number, packet in enumerate(raw.demux(video=0)):
                if packet.size:
                    packet.stream, packet.dts = stream, number
                    packet.pts, packet.time_base = number + 3, Fraction(1, 25)
                    container.mux(packet)
    _, frames, notes = shown(tmp_path / name)
    assert len(frames) == 20
    for frame in frames:
        assert_same(frame, expected)
    assert notes == ""


def test_an_orientation_in_the_stream_ends_with_its_sequence(tmp_path):
    path = tmp_path / "joined.h264"
    path.write_bytes(stream_with(sei(180)) + stream_with(b"") + stream_with(sei(0, horizontal=1)))
    _, frames, _ = shown(path)
    for number, frame in enumerate(frames):
        assert_same(frame, (CORNERS[::-1, ::-1], CORNERS, CORNERS[:, ::-1])[number // 20])
    path.write_bytes(stream_with(sei(90)) + stream_with(b""))
    with pytest.raises(VideoError, match="changes its size at frame 20, from 64x96 to 96x64: cut it into parts"):
        shown(path)


@pytest.mark.parametrize(
    ("aspect", "size"),
    [((4, 3), (128, 64)), ((2, 1), (192, 64)), ((1, 2), (96, 128)), ((64, 45), (137, 64)), ((8, 1), (768, 64))],
)
@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_pixels_are_shown_square(tmp_path, aspect, size, name):
    path = write_clip(tmp_path / name, [CORNERS] * 5, fields={"sample_aspect_ratio": Fraction(*aspect)})
    video, frames, notes = shown(path)
    assert (video.width, video.height) == size
    assert notes == f"{aspect[0]}:{aspect[1]} pixels, shown square: 96x64 as {size[0]}x{size[1]}"
    assert_same(frames[2], np.asarray(Image.fromarray(CORNERS).resize(size, Image.Resampling.BICUBIC)))


@pytest.mark.parametrize(
    ("aspect", "note"),
    [((1, 1), ""), ((404, 405), ""), ((101, 100), ""), ((9, 1), "9:1 pixels, taken for an error and shown square")],
)
def test_pixels_that_are_about_square_or_cannot_be_stay(tmp_path, aspect, note):
    path = write_clip(tmp_path / "clip.mp4", [CORNERS] * 5, fields={"sample_aspect_ratio": Fraction(*aspect)})
    video, _, notes = shown(path)
    assert (video.width, video.height) == (96, 64)
    assert notes.startswith(note)
    assert bool(notes) == bool(note)


def test_enlarged_frames_are_turned_after_that(tmp_path):
    path = tmp_path / "clip.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(3, 2)
        stream.set_display_rotation(90)
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(CORNERS, format="rgb24")))
        container.mux(stream.encode())
    video, frames, _ = shown(path)
    assert (video.width, video.height) == (64, 144)
    assert_same(frames[0], np.rot90(np.asarray(Image.fromarray(CORNERS).resize((144, 64)))))


def clean_aperture(data, *fractions):
    """An MP4 whose frames are 96x64 with a clean aperture put behind avcC."""
    clap = struct.pack(">I4s4I iI iI", 40, b"clap", *fractions)
    start = data.index(b"avcC") - 4
    start += int.from_bytes(data[start : start + 4])
    data = bytearray(data[:start] + clap + data[start:])
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"):
        box = data.index(name, data.index(b"moov")) - 4
        data[box : box + 4] = (int.from_bytes(data[box : box + 4]) + 40).to_bytes(4)
    return bytes(data)


def test_mp4_is_cropped_to_its_clean_aperture(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", [CORNERS] * 5)
    path.write_bytes(clean_aperture(path.read_bytes(), 80, 1, 48, 1, 4, 1, -2, 1))
    video, frames, notes = shown(path)
    assert (video.height, video.width) == (48, 80)
    assert notes == "cropped by its container, 96x64 to 80x48"
    for frame in frames:
        assert_same(frame, CORNERS[6:54, 12:92])


def test_a_crop_of_more_than_there_is_is_none(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", [CORNERS] * 5)
    data = bytearray(clean_aperture(path.read_bytes(), 100, 1, 100, 1, 0, 1, 0, 1))
    size = data.index(b"avc1", data.index(b"stsd")) + 28
    assert struct.unpack(">2H", data[size : size + 4]) == (96, 64)
    data[size : size + 4] = struct.pack(">2H", 1920, 1080)  # not what the stream says
    path.write_bytes(data)
    assert "cropped" not in shown(path)[2]


def test_matroska_is_cropped_as_it_says(tmp_path):
    colors = {"color_range": 1, "color_trc": 1, "color_primaries": 1, "colorspace": 1}
    path = write_clip(tmp_path / "clip.mkv", [CORNERS] * 5, "ffv1", fields=colors)
    data = bytearray(path.read_bytes())
    start = data.index(b"\x55\xb0")  # what it says of colors makes room: top, bottom, and nothing
    size = data[start + 2] & 127
    assert size >= 9
    crop = b"\x54\xbb\x81" + bytes([8]) + b"\x54\xaa\x81" + bytes([20])
    data[start : start + 3 + size] = crop + b"\xec" + bytes([128 + size - 7]) + bytes(size - 7)
    path.write_bytes(data)
    video, frames, notes = shown(path)
    assert (video.height, video.width) == (36, 96)
    assert notes == "cropped by its container, 96x64 to 96x36"
    assert_same(frames[0], CORNERS[8:44])


@pytest.mark.parametrize(("transfer", "name"), [("smpte2084", "PQ"), ("arib-std-b67", "HLG")])
def test_high_dynamic_range_is_brought_to_standard(tmp_path, transfer, name):
    """Steps of gray, of 10 bits and limited range, against the light that the standards give them."""
    levels = np.linspace(64, 940, 8).round().astype(np.uint16)
    params = f"log-level=none:transfer={transfer}:colorprim=bt2020:colormatrix=bt2020nc:crf=1"
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx265", rate=25, options={"x265-params": params})
        stream.width, stream.height, stream.pix_fmt = 8 * 32, 64, "yuv420p10le"
        for _ in range(5):
            frame = av.VideoFrame(8 * 32, 64, "yuv420p10le")
            rows = levels.repeat(32)[None].repeat(64, axis=0)
            for plane, values in zip(
                frame.planes, (rows, np.full((32, 128), 512), np.full((32, 128), 512)), strict=True
            ):
                padded = np.zeros((plane.height, plane.line_size // 2), np.uint16)
                padded[:, : plane.width] = values
                plane.update(padded.tobytes())
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    _, frames, notes = shown(path)
    assert notes == f"HDR ({name}), tone-mapped to SDR by ITU-R BT.2390"
    # 0, 0.9, 8.3, 44 and 187 cd/m2 of PQ, and more than 700; of HLG, 0 to 1000 cd/m2: see test_dynamic_range.py.
    expected = {"PQ": [0, 26, 67, 135, 227, 255, 255, 255], "HLG": [0, 41, 82, 122, 166, 220, 250, 255]}[name]
    middles = frames[2][32, 16::32].astype(int)
    assert np.abs(middles - np.array(expected)[:, None]).max() <= 2


def test_high_dynamic_range_that_only_the_container_names_is_noted(tmp_path):
    """Decoders forget what the container says, where the stream says nothing."""
    source = moving_clip(tmp_path / "plain.mkv", 5, 64, 96, codec="libx265", codec_options=QUIET)
    path = tmp_path / "clip.mkv"
    with av.open(str(source)) as plain, av.open(str(path), "w") as container:
        stream = container.add_stream_from_template(plain.streams.video[0])
        stream.codec_context.color_trc, stream.codec_context.color_primaries = 16, 9
        for packet in plain.demux(video=0):
            if packet.size:
                packet.stream = stream
                container.mux(packet)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    assert (frame.color_trc, frame.colorspace) == (2, 2)
    _, frames, notes = shown(path)
    assert notes == "HDR (PQ), tone-mapped to SDR by ITU-R BT.2390"
    frame.colorspace = 9  # HDR that names no matrix has that of BT.2020
    assert np.array_equal(frames[0], to_standard(frame.to_ndarray(format="rgb48le"), PQ, 9, None))
    assert shown(source)[2] == ""


def transparent(frames=5):
    """Frames that can be seen through in their right half, where their colors are noise."""
    pixels = np.dstack([CORNERS, np.full(CORNERS.shape[:2], 255, np.uint8)])[None].repeat(frames, axis=0)
    pixels[:, :, 48:, :3] = np.random.default_rng(0).integers(0, 256, (frames, 64, 48, 3))
    pixels[:, :, 48:, 3] = 0
    return pixels


@pytest.mark.parametrize(
    ("name", "codec", "form", "tolerance"),
    [
        ("clip.mov", "png", "rgba", 0),
        ("clip.mov", "qtrle", "argb", 0),
        ("clip.mov", "prores_ks", "yuva444p10le", 10),
        ("clip.mkv", "ffv1", "yuva444p", 3),
        ("clip.mkv", "ffv1", "bgra", 0),
        ("clip.avi", "utvideo", "gbrap", 0),
        ("clip.avi", "rawvideo", "bgra", 0),
    ],
)
def test_frames_are_shown_over_black(tmp_path, name, codec, form, tolerance):
    path = write_clip(tmp_path / name, transparent(), codec, fields={"pix_fmt": form})
    _, frames, notes = shown(path)
    assert notes == "alpha channel, shown over black"
    for frame in frames:
        assert (frame[:, 49:] <= tolerance).all()
        assert_same(frame[:, :47], CORNERS[:, :47], tolerance + 0.1)


def test_alpha_that_is_opaque_or_not_used_changes_nothing(tmp_path):
    frames = transparent()
    for name, opacity in (("clip.mov", 255), ("clip.avi", 255), ("clip.avi", 0)):
        frames[..., 3] = opacity
        codec, form = ("png", "rgba") if name == "clip.mov" else ("rawvideo", "bgra")
        _, given, notes = shown(write_clip(tmp_path / name, frames, codec, fields={"pix_fmt": form}))
        assert np.array_equal(given, frames[..., :3])
        assert notes == ""


def test_alpha_that_is_not_decoded_is_noted(tmp_path):
    path = tmp_path / "clip.webm"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuva420p"
        stream.metadata["alpha_mode"] = "1"
        for pixels in transparent():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgba")))
        container.mux(stream.encode())
    assert shown(path)[2] == "alpha channel, not decoded: what it hides is scored too"


INTERLACED = {"flags": "+ildct+ilme", "x264-params": "tff=1"}


def test_interlaced_frames_are_noted_and_deinterlaced(tmp_path):
    path = moving_clip(tmp_path / "clip.mp4", 10, 64, 96, codec_options=INTERLACED)
    video = open_video(path)
    assert video.notes == ("interlaced, deinterlaced by bwdif",)
    _, frames, notes = shown(path)
    assert notes == "interlaced, deinterlaced by bwdif"
    with av.open(str(path)) as container:
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == len(decoded) == 10
    assert not np.array_equal(frames, decoded)
    one = moving_clip(tmp_path / "one.mp4", 1, 64, 96, codec_options=INTERLACED)
    assert len(shown(one)[1]) == 1


def test_single_fields_are_noted_and_left_alone(tmp_path):
    fields = {"x265-params": "interlace=tff:log-level=none"}
    path = moving_clip(tmp_path / "clip.mp4", 10, 64, 96, codec="libx265", codec_options=fields)
    with av.open(str(path)) as container:
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    _, frames, notes = shown(path)
    assert notes == "interlaced in single fields, each scored as a frame of half the height"
    assert np.array_equal(frames, decoded)


def test_pictures_that_are_only_stored_in_another_order_are_left_alone(tmp_path):
    """Adam7 of PNG, for which FFmpeg flags frames as interlaced."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    pixels = np.random.default_rng(0).integers(0, 256, (64, 96), dtype=np.uint8)
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    rows = b"".join(b"\0" + row.tobytes() for x, y, across, down in passes for row in pixels[y::down, x::across])
    header = struct.pack(">2I5B", 96, 64, 8, 0, 0, 0, 1)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path = tmp_path / "clip.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "gray"
        for number in range(5):
            packet = av.Packet(b"\x89PNG\r\n\x1a\n" + data)
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, number, number, Fraction(1, 25)
            container.mux(packet)
    _, frames, notes = shown(path)
    assert notes == ""
    assert all(np.array_equal(frame[..., 0], pixels) for frame in frames)


def test_combs_that_no_frame_is_flagged_for_are_noted(tmp_path):
    clip = moving_clip(tmp_path / "clip.mp4", 60, 128, 160, codec_options={"crf": "10"})
    moments = np.array(shown(clip)[1])
    woven = moments[::2].copy()
    woven[:, 1::2] = moments[1::2, 1::2]
    path = write_clip(tmp_path / "woven.mp4", woven)
    assert shown(path)[2] == "looks interlaced but is not flagged so: deinterlace it before scoring"


def test_several_notes_come_in_the_order_in_which_they_were_met(tmp_path):
    fields = {"sample_aspect_ratio": Fraction(4, 3)}
    path = moving_clip(tmp_path / "clip.mp4", 10, 64, 96, codec_options=INTERLACED, fields=fields)
    assert shown(path)[2] == "4:3 pixels, shown square: 96x64 as 128x64; interlaced, deinterlaced by bwdif"


def test_rare_matrices_of_colors_are_noted(tmp_path):
    path = moving_clip(tmp_path / "clip.mp4", 5, 64, 96, codec_options={"x264-params": "colormatrix=YCgCo"})
    plain = moving_clip(tmp_path / "plain.mp4", 5, 64, 96)
    assert np.array_equal(shown(path)[1], shown(plain)[1])
    assert shown(path)[2] == "color matrix YCgCo, converted as BT.601: hues may be wrong"
