import io
import random
import struct
import tempfile

import pytest
from clips import moving_clip

from jaxvqa.video.container_crop import MOST, Crop, matroska_crop, mp4_crop
from jaxvqa.video.decode import open_container
from jaxvqa.video.presentation import container_crop
from jaxvqa.video.streams import choose_stream


def box(name, *content):
    payload = b"".join(content)
    return struct.pack(">I4s", 8 + len(payload), name) + payload


def sample_entry(*boxes, width=128, height=96):
    return box(b"avc1", bytes(24), struct.pack(">2H", width, height), bytes(50), *boxes)


def clap(wide, high, right=(0, 1), down=(0, 1)):
    return box(b"clap", struct.pack(">4I iI iI", *wide, *high, *right, *down))


def mp4(entry, number=1, before=b"", version=0):
    tkhd = box(b"tkhd", bytes([version]), bytes(3 + (16 if version else 8)), struct.pack(">I", number), bytes(60))
    stsd = box(b"stsd", bytes(4), struct.pack(">I", 1), entry)
    track = box(b"trak", tkhd, box(b"mdia", box(b"mdhd", bytes(20)), box(b"minf", box(b"stbl", stsd))))
    return box(b"ftyp", b"isom") + before + box(b"moov", box(b"mvhd", bytes(100)), sound(), track)


def sound():
    return box(b"trak", box(b"tkhd", bytes(12), struct.pack(">I", 99)), box(b"mdia", box(b"minf")))


def element(name, *content, size=None):
    payload = b"".join(content)
    length = len(payload).to_bytes(8) if size is None else size
    return bytes.fromhex(name) + (bytes([1]) + length[1:] if size is None else size) + payload


def number(name, value):
    return element(name, value.to_bytes(2))


def track(kind=1, **crop):
    names = {"top": "54BB", "bottom": "54AA", "left": "54CC", "right": "54DD"}
    video = element("E0", number("B0", 128), number("BA", 96), *(number(names[side], crop[side]) for side in crop))
    return element("AE", number("D7", 1), number("83", kind), video)


def matroska(*parts, size=None):
    return element("1A45DFA3", number("4286", 1)) + element("18538067", *parts, size=size)


def crop_of(data, read, number):
    with tempfile.TemporaryFile() as file:
        file.write(data)
        return read(file, number)


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize(
    ("aperture", "crop"),
    [
        (clap((128, 1), (72, 1)), (12, 12, 0, 0)),
        (clap((120, 1), (90, 1), (2, 1), (-1, 1)), (2, 4, 6, 2)),
        (clap((127, 1), (95, 1), (1, 2), (-1, 2)), (0, 1, 1, 0)),
        (clap((240, 2), (96, 1)), (0, 0, 4, 4)),
        (clap((128, 1), (96, 1)), (0, 0, 0, 0)),
        (clap((130, 1), (96, 1)), (0, 0, 0, 0)),  # no part of the frame
        (clap((100, 1), (96, 1), (50, 1)), (0, 0, 0, 0)),
        (clap((128, 0), (72, 1)), (0, 0, 0, 0)),
        (clap((2**32 - 1, 1), (2**32 - 1, 2**32 - 1), (-(2**31), 1)), (0, 0, 0, 0)),
        (box(b"clap", bytes(8)), (0, 0, 0, 0)),
        (box(b"pasp", bytes(8)), (0, 0, 0, 0)),
        (box(b"pasp", bytes(8)) + clap((128, 1), (72, 1)), (12, 12, 0, 0)),
    ],
)
def test_clean_aperture(aperture, crop, version):
    data = mp4(sample_entry(aperture), version=version)
    assert crop_of(data, mp4_crop, 1) == crop
    assert crop_of(data, mp4_crop, 2) == Crop()  # another track


def test_boxes_of_any_size_and_order_are_passed_over():
    large = struct.pack(">I4sQ", 1, b"mdat", 16 + 1000) + bytes(1000)
    data = mp4(sample_entry(clap((128, 1), (72, 1))), before=large + box(b"free", bytes(10)))
    assert crop_of(data, mp4_crop, 1) == (12, 12, 0, 0)
    last = bytearray(data)
    start = data.index(b"moov") - 4
    last[start : start + 4] = bytes(4)  # to the end of the file
    assert crop_of(last, mp4_crop, 1) == (12, 12, 0, 0)


@pytest.mark.parametrize("size", [None, b"\x01" + b"\xff" * 7, b"\xff"])
def test_pixel_crop(size):
    tracks = element("1654AE6B", track(kind=2), track(), track(top=12, bottom=12, left=1, right=300))
    data = matroska(element("EC", bytes(50)), tracks, size=size)
    assert crop_of(data, matroska_crop, 1) == (12, 12, 1, 300)
    assert crop_of(data, matroska_crop, 0) == crop_of(data, matroska_crop, 2) == Crop()


def test_tracks_behind_the_frames_are_found_by_the_index():
    cluster, tracks = element("1F43B675", bytes(100)), element("1654AE6B", track(top=8))

    def index(position):
        return element("114D9B74", element("4DBB", element("53AB", bytes.fromhex("1654AE6B")), position))

    place = len(index(number("53AC", 0))) + len(cluster)
    assert crop_of(matroska(index(number("53AC", place)), cluster, tracks), matroska_crop, 0) == (8, 0, 0, 0)
    far = element("53AC", b"\xff" * 8)
    assert crop_of(matroska(index(far), cluster, tracks), matroska_crop, 0) == Crop()


@pytest.mark.parametrize(
    ("read", "data"),
    [
        (mp4_crop, mp4(sample_entry(clap((128, 1), (72, 1))))),
        (matroska_crop, matroska(element("1654AE6B", track(top=12, bottom=12)))),
    ],
)
def test_hostile_bytes_give_a_crop_or_none(read, data):
    generator = random.Random(0)
    for length in range(0, len(data), 3):
        assert isinstance(crop_of(data[:length], read, 1), Crop)
    for _ in range(3000):
        changed = bytearray(data)
        for _ in range(generator.choice((1, 2, 8))):
            changed[generator.randrange(len(data))] = generator.choice((0, 1, 255, generator.randrange(256)))
        crop = crop_of(bytes(changed), read, generator.randrange(2))
        assert isinstance(crop, Crop)
        assert min(crop) >= 0


class Counted(io.BufferedReader):
    """A file that counts how often it is read."""

    reads = 0

    def read(self, size=-1):
        self.reads += 1
        assert 0 <= size <= 100
        return super().read(size)


@pytest.mark.parametrize(
    ("read", "data"),
    [(mp4_crop, box(b"moov") * 100_000), (matroska_crop, matroska(element("EC") * 100_000))],
)
def test_no_more_than_some_boxes_are_read(tmp_path, read, data):
    path = tmp_path / "many"
    path.write_bytes(data)
    with Counted(io.FileIO(path)) as file:
        assert read(file, 0) == Crop()
        assert 100 < file.reads <= 2 * MOST


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mov", "clip.mkv", "clip.webm", "clip.avi"])
def test_ordinary_files_are_not_cropped(tmp_path, name):
    path = moving_clip(tmp_path / name, 3, 64, 96, codec="libvpx" if name == "clip.webm" else "libx264")
    with open_container(path) as container:
        assert container_crop(path, choose_stream(container)[0]) == Crop()
