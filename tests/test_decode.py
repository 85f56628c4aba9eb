import os

import av
import numpy as np
import pytest
from clips import frame_number, moving_clip, numbered_clip, write_clip

from jaxvqa import VideoError
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
    [(b"", "is an empty file"), (b"not a video\n" * 100, "cannot be opened as a video"), (None, "No such file")],
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


def test_pipes_and_folders_are_not_waited_on(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    for path in (tmp_path / "pipe.mp4", tmp_path):
        with pytest.raises(VideoError, match="is not a regular file"):
            open_video(path)


@pytest.mark.parametrize("faststart", [False, True])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999])
def test_truncated_mp4_is_noticed(tmp_path, kept, faststart):
    whole = moving_clip(tmp_path / "whole.mp4", 30, **({"movflags": "faststart"} if faststart else {})).read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(VideoError, match=r"cut\.mp4 is cut short"):
        open_video(path)


def test_what_follows_the_boxes_of_an_mp4_does_not_matter(tmp_path):
    path = moving_clip(tmp_path / "clip.mp4", 5)
    with path.open("ab") as file:
        file.write(b"TAG and other things that people append" * 3)
    assert open_video(path).frames == 5


def test_damage_inside_is_noticed(tmp_path):
    data = bytearray(moving_clip(tmp_path / "clip.mp4", 60).read_bytes())
    for position in np.random.default_rng(1).integers(len(data) // 4, len(data) * 3 // 4, 200):
        data[position] ^= 0xFF
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    with pytest.raises(VideoError, match=r"damaged.mp4 is damaged: frame \d+ of 60"):
        list(read_frames(open_video(path), np.arange(60)))
