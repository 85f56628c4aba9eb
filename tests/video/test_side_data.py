import gc
import struct

import av
import numpy as np
import pytest
from av.sidedata.sidedata import Type
from clips import moving_clip

from jaxvqa.video.side_data import STEPS, Orientation, mastering_peak, of_mastering, of_matrix, orientation


def matrix(a, b, c, d):
    return struct.pack("=9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)


# How stored rows and columns are shown, by FFmpeg's transpose and flip filters: (turns, mirrored) and the matrix.
WAYS = {
    (0, False): (1, 0, 0, 1),
    (1, False): (0, -1, 1, 0),
    (2, False): (-1, 0, 0, -1),
    (3, False): (0, 1, -1, 0),
    (0, True): (-1, 0, 0, 1),
    (1, True): (0, -1, -1, 0),
    (2, True): (1, 0, 0, -1),
    (3, True): (0, 1, 1, 0),
}


@pytest.mark.parametrize(("way", "steps"), WAYS.items())
def test_a_matrix_sends_each_corner_where_the_frame_is_turned_to(way, steps):
    assert len(STEPS) == 8
    found = of_matrix(matrix(*(step << 16 for step in steps)))
    assert found == way
    pixels = np.zeros((2, 3, 3), np.uint8)
    pixels[0, 2] = 255  # upper right
    a, b, c, d = steps
    x, y = a - c, b - d  # of that corner, from the middle
    shown = found.apply(pixels)[..., 0]
    row, column = (0 if y < 0 else shown.shape[0] - 1), (0 if x < 0 else shown.shape[1] - 1)
    assert shown[row, column] == 255
    assert shown.shape == ((3, 2) if found.turns % 2 else (2, 3))


@pytest.mark.parametrize(
    ("steps", "way"),
    [
        ((40000, 30000, -30000, 40000), (0, False)),  # by 37 degrees
        ((1, 90000, -90000, -1), (3, False)),
        ((2 << 16, 0, 0, 1 << 16), (0, False)),  # stretched
        ((0, 0, 0, 0), (0, False)),
        ((-(2**31), 2**31 - 1, -(2**31), -(2**31)), (2, False)),
    ],
)
def test_any_matrix_is_one_of_eight_ways(steps, way):
    assert of_matrix(matrix(*steps)) == way


def test_nothing_is_said_without_a_matrix():
    assert of_matrix(b"") is None
    assert of_matrix(b"short") is None
    assert Orientation() == (0, False)


def test_frames_of_a_file_are_read(tmp_path):
    with av.open(str(moving_clip(tmp_path / "clip.mp4", 3))) as container:
        for frame in container.decode(video=0):
            assert (orientation(frame), mastering_peak(frame)) == (None, None)
    mastered = "hdr10=1:repeat-headers=1:log-level=none:master-display="
    mastered += "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(40000000,1)"
    path = moving_clip(tmp_path / "graded.mp4", 3, codec="libx265", codec_options={"x265-params": mastered})
    with av.open(str(path)) as container:
        assert [mastering_peak(frame) for frame in container.decode(video=0)] == [4000] * 3


def test_frames_are_let_go_of(tmp_path):
    """Each holds all its pixels: of 8K, 50 MB."""

    def frames():
        return [each for each in gc.get_objects() if type(each) is av.VideoFrame]

    path, alive = moving_clip(tmp_path / "clip.mp4", 30), []
    gc.collect()
    of_others = len(frames())
    gc.disable()
    try:
        with av.open(str(path)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                orientation(frame)
                mastering_peak(frame)
                if number in (4, 19):
                    alive.append(len(frames()) - of_others)
    finally:
        gc.enable()
    assert alive[0] == alive[1] <= 3


def test_side_data_without_a_name_is_like_any_other():
    unnamed = Type(1234)
    assert (unnamed.name, unnamed.value) == ("UNNAMED_1234", 1234)
    assert Type(1234) is unnamed
    assert Type(6) is Type.DISPLAYMATRIX


@pytest.mark.parametrize(
    ("peak", "has", "expected"),
    [((10_000_000, 10_000), 1, 1000), ((10_000_000, 10_000), 0, None), ((1, 0), 1, None), ((-5, 1), 1, None)],
)
def test_peak_of_the_display_that_a_frame_was_graded_on(peak, has, expected):
    data = struct.pack("=22i", *([1, 50000] * 8), 1, 10000, *peak, 1, has)
    assert of_mastering(data) == expected
    assert of_mastering(b"") is None
