import os
import struct

import pytest
from clips import moving_clip

from jaxvqa import VideoError
from jaxvqa.errors import DamagedError
from jaxvqa.video.decode import open_video
from jaxvqa.video.integrity import container_size


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
    assert container_size(path) == 0
    assert open_video(path).frames == 20


def test_a_container_that_lies_about_its_length_is_noticed(tmp_path):
    path = moving_clip(tmp_path / "liar.flv", 100, 64, 96, codec_options={"g": "10"})
    assert open_video(path).frames == 100
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.6)])
    with pytest.raises(DamagedError, match=r"liar.flv is damaged: it says that it lasts 4.\d s, but ends after 2.\d s"):
        open_video(path)


def test_what_follows_the_boxes_of_an_mp4_does_not_matter(tmp_path):
    path = moving_clip(tmp_path / "clip.mp4", 5)
    with path.open("ab") as file:
        file.write(b"TAG and other things that people append" * 3)
    assert open_video(path).frames == 5
