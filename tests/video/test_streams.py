"""Which stream of a file is the video, and what files without one are called."""

import io
import zipfile

import av
import numpy as np
import pytest
from av.stream import Disposition
from clips import frame_number, moving_clip, numbered_clip
from PIL import Image

from jaxvqa import VideoError
from jaxvqa.video.decode import open_container, open_video, read_frames
from jaxvqa.video.streams import choose_stream

RED = Image.new("RGB", (64, 48), (250, 30, 30))


def tracks(path, **dispositions):
    """Writes a file of several video tracks, in this order: "film" (50 frames of 96x64), or a still of 64x48."""
    film = numbered_clip(path.with_name("film.mkv"), 50)
    with av.open(str(film)) as source, av.open(str(path), "w") as target:
        streams = {}
        for name, disposition in dispositions.items():
            if name.startswith("film"):
                streams[name] = target.add_stream_from_template(source.streams.video[0])
            else:
                streams[name] = target.add_stream("mjpeg", rate=1)
                streams[name].width, streams[name].height, streams[name].pix_fmt = 64, 48, "yuvj420p"
            streams[name].disposition = disposition
        for name, stream in streams.items():
            if not name.startswith("film"):
                target.mux(stream.encode(av.VideoFrame.from_image(RED)))
                target.mux(stream.encode())
        for packet in source.demux(video=0):
            for name, stream in streams.items():
                if name.startswith("film") and packet.size:
                    packet.stream = stream
                    target.mux(packet)
    return path


NONE, DEFAULT = Disposition(0), Disposition.default


@pytest.mark.parametrize(
    ("name", "dispositions"),
    [
        ("cover.mkv", {"cover": Disposition.attached_pic, "film": NONE}),
        ("cover.mp4", {"cover": Disposition.attached_pic, "film": DEFAULT}),
        ("still.mkv", {"still": Disposition.still_image, "film": NONE}),
        ("thumbnails.mkv", {"still": Disposition.timed_thumbnails, "film": NONE}),
        ("behind.mkv", {"film": DEFAULT, "cover": Disposition.attached_pic}),
        ("second.mkv", {"still": NONE, "film": DEFAULT}),
        ("longest.mp4", {"still": DEFAULT, "film": DEFAULT}),
    ],
)
def test_the_film_is_taken_not_the_picture_before_it(tmp_path, name, dispositions):
    video = open_video(tracks(tmp_path / name, **dispositions))
    assert (video.frames, video.height, video.width) == (50, 64, 96)
    [(_, frame)] = read_frames(video, np.array([33]))
    assert frame_number(frame) == 33


def test_the_default_one_of_several_films_is_taken_and_said(tmp_path):
    with open_container(tracks(tmp_path / "two.mkv", film_a=NONE, film_b=DEFAULT)) as container:
        stream, note = choose_stream(container)
        assert (stream.index, note) == (1, "video track 2 of 2")
    with open_container(tracks(tmp_path / "one.mp4", cover=Disposition.attached_pic, film=NONE)) as container:
        assert choose_stream(container)[1] == ""


def test_sound_with_a_cover_is_no_video(tmp_path):
    path = tmp_path / "song.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        sound, cover = container.add_stream("aac", rate=48000), container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 2048), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48000
        container.mux(cover.encode(av.VideoFrame.from_image(RED)))
        container.mux(sound.encode(frame))
        container.mux(sound.encode())
    with pytest.raises(VideoError, match=r"song.m4a cannot be opened as a video: no video is in it, only a cover\."):
        open_video(path)


def jpegs(count, side=64):
    """JPEGs one behind the other, each of other noise."""
    file = io.BytesIO()
    for seed in range(count):
        pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(file, "jpeg", quality=95)
    return file.getvalue()


@pytest.mark.parametrize("side", [64, 512])
def test_moving_jpegs_with_nothing_around_them_are_a_video(tmp_path, side):
    path = tmp_path / "camera.mjpeg"
    path.write_bytes(jpegs(6, side))
    assert (open_video(path).frames, open_video(path).width) == (6, side)
    path.write_bytes(jpegs(1, side))
    with pytest.raises(VideoError, match="it is an image"):
        open_video(path)
    photo = tmp_path / "photo.jpg"  # phones append a picture of depth, say
    photo.write_bytes(jpegs(2, side))
    with pytest.raises(VideoError, match="it is an image"):
        open_video(photo)


@pytest.mark.parametrize("kind", ["png", "avif", "webp", "gif", "tiff", "bmp", "jpeg2000"])
def test_an_image_is_called_one(tmp_path, kind):
    path = tmp_path / "clip.mp4"
    RED.save(path, kind)
    with pytest.raises(VideoError, match=r"clip.mp4 cannot be opened as a video: it is an image\."):
        open_video(path)


def test_animations(tmp_path):
    shades = [Image.new("RGB", (64, 48), (shade, 30, 30)) for shade in (10, 90, 250)]
    for kind in ("gif", "avif"):
        shades[0].save(tmp_path / f"moving.{kind}", save_all=True, append_images=shades[1:], duration=40)
        assert open_video(tmp_path / f"moving.{kind}").frames == 3
    shades[0].save(tmp_path / "moving.webp", save_all=True, append_images=shades[1:], duration=40)
    with pytest.raises(VideoError, match="it is an animated WEBP, which FFmpeg does not decode; convert it to a video"):
        open_video(tmp_path / "moving.webp")


def packed():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("clip.mp4", bytes(9000))
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("index.m3u8", b"\xef\xbb\xbf#EXTM3U\n#EXTINF:1,\nclip.mp4\n", "it is an HLS or M3U playlist, which refers to"),
        ("list.mp4", b"ffconcat version 1.0\nfile clip.mp4\n", "it is an ffconcat list, which refers to other files"),
        ("a.mpd", b'<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>', "it is a DASH manifest"),
        ("camera.sdp", b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=video 5004 RTP/AVP 96\r\n", "it is an SDP session"),
        ("old.asx", b"<ASX version='3.0'><entry><ref href='a.wmv'/></entry></ASX>", "it is an ASX playlist"),
        (
            "clip.mp4",
            b"<!DOCTYPE html>\n<html><body>Sign in</body></html>",
            "it is a web page; download the video itself",
        ),
        ("clip.mp4", b"Not found\r\n" * 40, "it is text"),
        ("clip.mp4", b"\xef\xbb\xbfname,O\r\n", "it is text"),
        ("clip.mp4", b"print('<MPD>')\n", "it is text"),
        ("clip.mp4", "nicht gefunden, sagt der Wächter\n".encode("utf-16"), "it is text"),
        ("art.ans", b"\x1b[31mred\x1b[0m line\n" * 50, "cannot be opened as a video"),
        ("planes.yuv", bytes(range(256)) * 90, r"raw frames do not say .* -i planes.yuv -c:v ffv1 planes.mkv`"),
        ("clips.mp4", packed(), "it is a ZIP archive; unpack it"),
        ("clip.mp4.gz", b"\x1f\x8b\x08" + bytes(99), "it is a gzip file; unpack it"),
    ],
)
def test_what_is_no_video_is_called_what_it_is(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(VideoError, match=f"{name} cannot be opened as a video: .*{message}|{name} {message}"):
        open_video(path)


def test_the_path_of_a_playlist_is_never_followed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    moving_clip("clip.mp4", 5)
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile clip.mp4\n")
    with pytest.raises(VideoError, match="refers to other files"):
        open_video("list.mp4")
