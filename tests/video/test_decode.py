import struct

import av
import numpy as np
import pytest
from clips import frame_number, moving_clip, numbered_clip, write_clip

from jaxvqa import VideoError
from jaxvqa.errors import DamagedError
from jaxvqa.video.decode import open_video, read_frames


@pytest.fixture(scope="module")
def numbered(tmp_path_factory):
    return numbered_clip(tmp_path_factory.mktemp("numbered") / "numbered.mp4")


def test_facts_of_a_video(numbered):
    video = open_video(numbered)
    assert (video.frames, video.height, video.width, video.fps) == (50, 64, 96, 25)


def test_frames_come_once_in_order_and_are_the_right_ones(numbered):
    video = open_video(numbered)
    numbers, frames = zip(*read_frames(video, np.array([31, 4, 0, 49, 4, 30])), strict=True)
    assert list(numbers) == [0, 4, 30, 31, 49]
    assert [frame_number(frame) for frame in frames] == [0, 4, 30, 31, 49]
    assert all(frame.dtype == np.uint8 and frame.shape == (64, 96, 3) for frame in frames)


@pytest.mark.parametrize(
    ("name", "codec", "size", "frames"),
    [
        ("portrait.mp4", "libx264", (320, 180), 10),
        ("one.mp4", "libx264", (240, 320), 1),
        ("odd.mp4", "libx264", (242, 326), 5),
        ("tiny.mp4", "libx264", (16, 16), 5),
        ("vp9.webm", "libvpx-vp9", (120, 160), 5),
        ("old.avi", "mpeg4", (120, 160), 5),
    ],
)
def test_shapes_lengths_and_containers(tmp_path, name, codec, size, frames):
    path = moving_clip(tmp_path / name, frames, *size, codec=codec)
    video = open_video(path)
    assert (video.frames, video.height, video.width) == (frames, *size)
    assert sum(1 for _ in read_frames(video, np.arange(frames))) == frames


def test_colours_are_rgb(tmp_path):
    frame = np.zeros((64, 64, 3), np.uint8)
    frame[..., 0] = 200
    video = open_video(write_clip(tmp_path / "red.mp4", [frame] * 3))
    [(_, decoded)] = read_frames(video, np.array([1]))
    red, green, blue = decoded.mean(axis=(0, 1))
    assert red > 150 > 50 > max(green, blue)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is an empty file"),
        (b"not a video\n" * 100, "cannot be opened as a video"),
        (np.random.default_rng(0).bytes(50_000), "cannot be opened as a video"),
        (None, "No such file"),
    ],
)
def test_what_is_no_video_is_refused(tmp_path, capfd, content, message):
    path = tmp_path / "bad.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(VideoError, match=f"bad.mp4 .*{message}"):
        open_video(path)
    assert capfd.readouterr().err == ""  # the decoder's own log lines would tear the progress bar


@pytest.mark.parametrize("width", [16, 32, 48, 96, 100, 144, 322])
def test_rows_of_narrow_videos_are_whole(tmp_path, width):
    path = moving_clip(tmp_path / "narrow.mp4", 2, 48, width)
    with av.open(str(path)) as container:
        expected = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    frames = [frame for _, frame in read_frames(open_video(path), np.arange(2))]
    assert np.array_equal(frames, expected)


def test_frames_behind_the_last_that_is_wanted_are_counted(tmp_path):
    path = moving_clip(tmp_path / "fragments.mp4", 48, codec_options={"g": "12"}, movflags="frag_keyframe+empty_moov")
    data = bytearray(path.read_bytes())
    start = data.rindex(b"mdat") + 4
    data[start : start + 2000] = bytes(2000)
    path.write_bytes(data)
    with pytest.raises(DamagedError, match=r"damaged: of 48 frames that it lists, number \d+ cannot be decoded"):
        list(read_frames(open_video(path), np.arange(3)))


def test_frames_that_need_what_came_before_the_file_are_not_counted(tmp_path):
    """Pictures shown before the first key frame, but stored behind it, refer to the ones that were cut away."""
    options = {"x265-params": "keyint=12:min-keyint=12:open-gop=1:bframes=3:scenecut=0:log-level=none"}
    source = numbered_clip(tmp_path / "source.ts", 50, codec="libx265", codec_options=options)
    path = tmp_path / "cut.ts"
    with av.open(str(source)) as original, av.open(str(path), "w") as edited:
        stream = edited.add_stream_from_template(original.streams.video[0])
        packets = [packet for packet in original.demux(video=0) if packet.size]
        second = [number for number, packet in enumerate(packets) if packet.is_keyframe][1]
        for packet in packets[second:]:
            packet.stream = stream
            edited.mux(packet)
    assert min(packet.pts for packet in packets[second:]) < packets[second].pts
    video = open_video(path)
    numbers = [frame_number(frame) for _, frame in read_frames(video, np.arange(video.frames))]
    assert numbers == list(range(50))[-video.frames :]


def test_damage_inside_is_noticed(tmp_path):
    data = bytearray(moving_clip(tmp_path / "clip.mp4", 60).read_bytes())
    middle = slice(len(data) // 3, len(data) // 2)
    data[middle] = np.random.default_rng(1).bytes(middle.stop - middle.start)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    with pytest.raises(VideoError, match=r"damaged.mp4 is damaged: of 60 frames that it lists, number \d+ cannot"):
        list(read_frames(open_video(path), np.arange(60)))


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("closed.mp4", "libx264", {"g": "12"}),
        ("open.mp4", "libx264", {"g": "12", "x264-params": "open-gop=1:bframes=3"}),
        ("hevc.mp4", "libx265", {"x265-params": "keyint=12:log-level=none"}),
        ("mpeg4.avi", "mpeg4", {"g": "12", "bf": "2"}),
        ("mpeg2.mpg", "mpeg2video", {"g": "12", "bf": "2"}),
        ("wmv.wmv", "wmv2", {"g": "12"}),
    ],
)
def test_frames_are_the_right_ones_whatever_refers_to_what(tmp_path, name, codec, options):
    path = numbered_clip(tmp_path / name, 50, codec=codec, codec_options=options)
    video = open_video(path)
    wanted = np.array([3, 11, 12, 13, 24, 35, 36, 40, 47])
    assert [frame_number(frame) for _, frame in read_frames(video, wanted)] == wanted.tolist()
    assert [frame_number(frame) for _, frame in read_frames(video, wanted[::-2])] == wanted[::2].tolist()


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_transport_stream_that_begins_anywhere(tmp_path, codec):
    options = {"g": "12", "x264-params": "scenecut=0"} if codec == "libx264" else {"g": "12", "bf": "0"}
    path = numbered_clip(tmp_path / "camera.ts", 50, codec=codec, codec_options=options)
    video = open_video(path)
    assert video.frames == 50
    assert [frame_number(frame) for _, frame in read_frames(video, np.arange(50))] == list(range(50))
    whole = path.read_bytes()
    path.write_bytes(whole[len(whole) // 188 // 3 * 188 :])
    video = open_video(path)
    numbers = [frame_number(frame) for _, frame in read_frames(video, np.arange(video.frames))]
    assert numbers == list(range(50))[-video.frames :]
    assert 10 < video.frames < 50


def test_frames_that_an_edit_list_hides_are_not_counted(tmp_path):
    source = numbered_clip(tmp_path / "source.mp4", 50, codec_options={"g": "50", "bf": "0"})
    path = tmp_path / "edited.mp4"
    with av.open(str(source)) as original, av.open(str(path), "w") as edited:
        stream = edited.add_stream_from_template(original.streams.video[0])
        for packet in original.demux(video=0):
            if packet.size:
                packet.pts -= 20 / 25 / packet.time_base
                packet.dts -= 20 / 25 / packet.time_base
                packet.stream = stream
                edited.mux(packet)
    video = open_video(path)
    assert video.frames == 30
    assert [frame_number(frame) for _, frame in read_frames(video, np.arange(30))] == list(range(20, 50))


def show_segments(path, segments):
    """Lets an MP4 of 25 frames a second, whose boxes follow its frames, show segments alone: first frame, frames."""
    data = path.read_bytes()
    entries = [struct.pack(">IiI", 40 * frames, 512 * first, 1 << 16) for first, frames in segments]
    edits = struct.pack(">II", 0, len(segments)) + b"".join(entries)  # ISO/IEC 14496-12, section 8.6.6
    for box in (b"elst", b"edts", b"trak", b"moov"):
        start = data.index(box) - 4
        [size] = struct.unpack_from(">I", data, start)
        if box == b"elst":
            grown = 8 + len(edits) - size
            data = data[: start + 8] + edits + data[start + size :]
        data = data[:start] + struct.pack(">I", size + grown) + data[start + 4 :]
    path.write_bytes(data)


@pytest.mark.parametrize("segments", [[(0, 10), (30, 10)], [(30, 10), (5, 4)], [(0, 20)]])
def test_frames_between_the_segments_of_an_edit_list_are_not_counted(tmp_path, segments):
    """To get at a segment that begins between key frames, frames are decoded that are not shown."""
    path = numbered_clip(tmp_path / "edited.mp4", 50, codec_options={"g": "12", "bf": "0"})
    show_segments(path, segments)
    video = open_video(path)
    shown = [first + i for first, frames in segments for i in range(frames)]
    assert video.frames == len(shown)
    assert [frame_number(frame) for _, frame in read_frames(video, np.arange(len(shown)))] == shown
    np.testing.assert_allclose(video.seconds, np.arange(len(shown)) / 25, atol=1e-6)


@pytest.mark.parametrize(("name", "codec"), [("raw.h264", "libx264"), ("raw.hevc", "libx265")])
def test_stream_without_times_that_begins_anywhere(tmp_path, name, codec):
    """What comes before its first key frame cannot be told by its time."""
    parameters = {"x264-params": "keyint=12:scenecut=0", "x265-params": "keyint=12:open-gop=0:log-level=none"}
    path = numbered_clip(tmp_path / name, 50, codec=codec, codec_options=parameters)
    assert open_video(path).frames == 50
    whole = path.read_bytes()
    path.write_bytes(whole[len(whole) // 3 :])
    video = open_video(path)
    numbers = [frame_number(frame) for _, frame in read_frames(video, np.arange(video.frames))]
    assert numbers == list(range(50))[-video.frames :]
    assert 10 < video.frames < 50


def test_rate_is_the_average_or_a_guess_where_the_file_has_none(tmp_path):
    source = numbered_clip(tmp_path / "source.mp4", 20, codec_options={"bf": "0"})
    path = tmp_path / "uneven.mp4"
    with av.open(str(source)) as even, av.open(str(path), "w") as uneven:
        stream = uneven.add_stream_from_template(even.streams.video[0])
        for number, packet in enumerate(packet for packet in even.demux(video=0) if packet.size):
            packet.pts = packet.dts = (number + 4 * max(number - 10, 0)) * 512  # the later half five times as slow
            packet.stream = stream
            uneven.mux(packet)
    video = open_video(path)
    assert video.fps == pytest.approx(20 / 2.24)  # from the first frame to the end of the last
    assert video.seconds[[0, 1, 10, 11, 19]].tolist() == pytest.approx([0, 0.04, 0.4, 0.6, 2.2])
    video = open_video(numbered_clip(tmp_path / "guess.ivf", 10, codec="libvpx", fps=10))
    assert video.fps == 10


@pytest.mark.parametrize("content", ["ffconcat version 1.0\nfile clip.mp4\n", "#EXTM3U\n#EXTINF:1,\nclip.mp4\n"])
def test_files_that_name_others_are_not_followed(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    moving_clip("clip.mp4", 5)
    for name in ("list.mp4", "list.m3u8"):
        (tmp_path / name).write_text(content)
        with pytest.raises(VideoError, match=f"{name} cannot be opened as a video"):
            open_video(name)


@pytest.mark.parametrize("name", ["12:30.mp4", "http:x.mp4", "a b#1?.mp4", "-dash.mp4", "%d.mp4", "caf\udce9.mp4"])
def test_odd_names(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    moving_clip(tmp_path / "clip.mp4", 3).rename(name)
    assert open_video(name).frames == 3


@pytest.mark.parametrize("codec", ["png", "mjpeg"])
def test_image_is_no_video(tmp_path, codec):
    image = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
    path = tmp_path / "image.mp4"
    with av.open(str(path), "w", format="image2") as container:
        stream = container.add_stream(codec, rate=1)
        stream.width = stream.height = 32
        stream.pix_fmt = "rgb24" if codec == "png" else "yuvj420p"
        container.mux(stream.encode(image))
    with pytest.raises(VideoError, match=r"image.mp4 cannot be opened as a video: it is an image\."):
        open_video(path)


def test_sound_is_no_video(tmp_path):
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 2048), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(VideoError, match=r"sound.mp4 cannot be opened as a video: no video is in it\."):
        open_video(path)


@pytest.mark.parametrize("mirror", [1, -1])
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_phone_videos_are_shown_upright(tmp_path, turn, mirror):
    corner = np.zeros((4, 64, 96, 3), np.uint8)
    corner[:, :20, :30] = (250, 30, 30)
    path = write_clip(tmp_path / "phone.mp4", corner)
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40  # ISO/IEC 14496-12, section 8.3.2
    a, b = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[turn]  # to be turned clockwise
    numbers = (mirror * a << 16, b << 16, 0, mirror * -b << 16, a << 16, 0, 0, 0, 1 << 30)  # then left and right change
    data[matrix : matrix + 36] = struct.pack(">9i", *numbers)
    path.write_bytes(data)
    video = open_video(path)
    assert (video.height, video.width) == ((64, 96) if turn in (0, 180) else (96, 64))
    _, frame = next(read_frames(video, np.array([2])))
    red = frame[:, ::mirror, 0] > 128
    expected = {
        0: np.s_[:20, :30],
        90: np.s_[:30, -20:],
        180: np.s_[-20:, -30:],
        270: np.s_[-30:, :20],
    }[turn]
    assert frame.shape == (video.height, video.width, 3)
    assert red[expected].mean() > 0.95
    assert red.sum() == pytest.approx(600, rel=0.1)
