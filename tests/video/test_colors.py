import av
import numpy as np
import pytest

from jaxvqa import VideoError
from jaxvqa.video.colors import CONVERTED, NEAREST, alpha, converted, over_black, settle_matrix


def noise(form, **fields):
    """A frame of random bytes."""
    frame = av.VideoFrame(32, 24, form)
    for number, plane in enumerate(frame.planes):
        plane.update(np.random.default_rng(number).bytes(plane.buffer_size))
    for name, value in fields.items():
        setattr(frame, name, value)
    return frame


@pytest.mark.parametrize("matrix", range(256))
def test_any_matrix_can_be_converted_and_rare_ones_are_named(matrix):
    frame = noise("yuv420p", colorspace=matrix)
    said = settle_matrix(frame)
    pixels = converted(frame, "rgb24", "clip.mp4")
    if matrix in CONVERTED:
        assert said == ""
        assert frame.colorspace == matrix
    else:
        name, nearest = NEAREST.get(matrix, (f"number {matrix}", 2))
        assert said.startswith(f"color matrix {name}, converted as ")
        assert np.array_equal(pixels, noise("yuv420p", colorspace=nearest).to_ndarray(format="rgb24"))


@pytest.mark.parametrize(("primaries", "matrix"), [(1, 1), (9, 9), (5, 5), (2, 2), (11, 2)])
def test_a_matrix_that_follows_from_primaries_is_theirs(primaries, matrix):
    frame = noise("yuv420p", colorspace=12, color_primaries=primaries)
    assert "chromaticity-derived" in settle_matrix(frame)
    assert frame.colorspace == matrix


@pytest.mark.parametrize("form", ["rgb24", "gbrp", "gray", "gray16le", "pal8", "ya8"])
def test_formats_without_chroma_need_no_matrix(form):
    frame = noise(form, colorspace=14)
    assert settle_matrix(frame) == ""
    assert np.array_equal(converted(frame, "rgb24", "clip.mkv"), frame.to_ndarray(format="rgb24"))


def test_a_frame_that_names_no_matrix_gets_the_usual_one():
    frame = noise("yuv420p10le", colorspace=2)
    assert settle_matrix(frame, 9) == ""
    assert frame.colorspace == 9


def test_what_cannot_be_converted_is_refused_with_its_name():
    with pytest.raises(VideoError) as caught:
        converted(noise("rgbaf32le"), "rgb24", "clip.exr")
    assert str(caught.value) == (
        "clip.exr cannot be shown: FFmpeg cannot convert its pixels (rgbaf32le, matrix 2) to RGB (Operation not "
        "supported); convert it to yuv420p."
    )


@pytest.mark.parametrize(
    "form", ["rgba", "bgra", "argb", "gbrap", "yuva420p", "yuva444p10le", "rgba64le", "ya8", "pal8"]
)
def test_alpha_is_found_whatever_the_format(form):
    opacity = alpha(noise(form), "clip.mov")
    assert opacity.shape == (24, 32)
    assert opacity.min() < 50 < 200 < opacity.max()


@pytest.mark.parametrize("form", ["yuv420p", "rgb24", "gray", "rgb0", "nv12"])
def test_other_formats_have_none(form):
    assert alpha(noise(form), "clip.mov") is None


def test_opaque_frames_have_none():
    pixels = np.full((24, 32, 4), 255, np.uint8)
    assert alpha(av.VideoFrame.from_ndarray(pixels, format="rgba"), "clip.mov") is None


def test_over_black():
    pixels = np.array([[[200, 100, 3], [200, 100, 3], [200, 100, 3], [255, 0, 1]]], np.uint8)
    shown = over_black(pixels, np.array([[255, 0, 51, 128]], np.uint8))
    assert shown.tolist() == [[[200, 100, 3], [0, 0, 0], [40, 20, 1], [128, 0, 1]]]
