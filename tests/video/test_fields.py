import itertools

import av
import numpy as np
import pytest
from clips import moving_clip, write_clip

from jaxvqa.video.fields import Combs, comb_ratios, deinterlaced, luma

FLAGGED = {"codec_options": {"flags": "+ildct+ilme", "x264-params": "tff=1:bframes=2", "crf": "5"}}


def woven(moments):
    """Frames of two moments each: odd rows of the first, even rows of the second, as PyAV lets x264 flag them."""
    frames = np.stack(moments[::2])
    frames[:, ::2] = np.stack(moments[1::2])[:, ::2]
    return frames


def scene(moments=60, height=96, width=160, step=6):
    """A soft texture that drifts."""
    generator = np.random.default_rng(0)
    small = generator.integers(0, 255, (height // 8, (width + moments * step) // 8 + 2)).astype(float)
    rows, columns = np.linspace(0, len(small) - 1, height), np.linspace(0, small.shape[1] - 1, width + moments * step)
    wide = np.stack([np.interp(columns, np.arange(small.shape[1]), row) for row in small])
    tall = np.stack([np.interp(rows, np.arange(len(small)), column) for column in wide.T], axis=1)
    picture = tall.astype(np.uint8)[..., None].repeat(3, axis=2)
    return [picture[:, step * i : step * i + width] for i in range(moments)]


def decode(path):
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fields")


@pytest.fixture(scope="module")
def interlaced(folder):
    frames = decode(write_clip(folder / "interlaced.mp4", woven(scene()), **FLAGGED))
    assert all(frame.interlaced_frame for frame in frames)
    return frames


@pytest.fixture(scope="module")
def progressive(folder):
    frames = decode(write_clip(folder / "progressive.mp4", scene(30)))
    assert not any(frame.interlaced_frame for frame in frames)
    return frames


def times(frames):
    return [(frame.pts, frame.time_base) for frame in frames]


def gray(frame):
    return frame.to_ndarray(format="gray").astype(int)


@pytest.mark.parametrize("count", [1, 2, 3, 30])
def test_each_frame_becomes_one_of_its_first_moment(interlaced, count):
    shown = list(deinterlaced(iter(interlaced[:count])))
    assert times(shown) == times(interlaced[:count])
    moments = [frame[..., 0].astype(int) for frame in scene()[::2]]
    for before, after, moment in zip(interlaced, shown, moments, strict=False):
        assert np.array_equal(gray(before)[1::2], gray(after)[1::2])
        assert after.format.name == before.format.name
        assert np.abs(gray(before) - moment)[::2].mean() > 20
        assert np.abs(gray(after) - moment)[::2].mean() < 12


def test_progressive_frames_pass_as_they_are(progressive):
    assert all(a is b for a, b in zip(deinterlaced(iter(progressive)), progressive, strict=True))


def test_frames_of_both_kinds_and_several_sizes_keep_their_order(folder, interlaced, progressive):
    small = decode(write_clip(folder / "small.mp4", woven(scene(20, 64, 96)), **FLAGGED))
    mixed = [*progressive[:5], *interlaced[:5], *progressive[5:10], *small, *interlaced[5:6]]
    shown = list(deinterlaced(iter(mixed)))
    assert times(shown) == times(mixed)
    assert [(frame.height, frame.width) for frame in shown] == [(frame.height, frame.width) for frame in mixed]
    for number in (*range(5), *range(10, 15)):
        assert np.array_equal(gray(shown[number]), gray(mixed[number]))


def test_times_that_are_missing_or_the_same_do_no_harm(folder):
    frames = decode(folder / "interlaced.mp4")
    for frame in frames[10:20]:
        frame.pts = None
    for frame in frames[20:]:
        frame.pts = 5
    assert times(deinterlaced(iter(frames))) == times(frames)


@pytest.mark.parametrize("error", [ValueError("damaged"), av.InvalidDataError(1, "damaged")])
def test_an_error_comes_after_all_frames_before_it(interlaced, error):
    def broken():
        yield from interlaced[:7]
        raise error

    frames = deinterlaced(broken())
    assert times(itertools.islice(frames, 7)) == times(interlaced[:7])
    with pytest.raises(type(error)) as caught:
        next(frames)
    assert caught.value is error


def search(frames):
    combs = Combs(len(frames))
    for number, frame in enumerate(frames):
        combs.see(number, frame)
    return combs


@pytest.mark.parametrize(
    ("codec", "fields"),
    [
        ("libx264", {}),
        ("mpeg2video", {"bit_rate": 3_000_000}),
        ("ffv1", {"pix_fmt": "yuv420p10le"}),
        ("ffv1", {"pix_fmt": "yuv411p"}),
    ],
)
def test_combs_are_found_where_no_frame_is_flagged(folder, codec, fields):
    path = folder / f"{codec}{fields.get('pix_fmt')}.mkv"
    frames = decode(write_clip(path, woven(scene()), codec=codec, fields=fields))
    assert not any(frame.interlaced_frame for frame in frames)
    assert search(frames).found
    frames = decode(write_clip(path, scene(30), codec=codec, fields=fields))
    assert not search(frames).found


def test_nothing_is_found_in_what_is_flagged_or_does_not_move_or_is_short(folder, interlaced):
    assert search(interlaced).ratios == []
    still = scene(1) * 30
    still[0][::2] //= 3  # as if it had combs, which do not move
    assert search(decode(write_clip(folder / "still.mp4", still))).ratios == []
    short = woven(scene(20))
    assert search(decode(write_clip(folder / "short.mp4", short))).ratios == []


@pytest.mark.parametrize("height", [240, 241])
def test_textures_that_move_have_no_combs(folder, height):
    """Edges that are sharp, sideways and upright, as test pictures and drawings have."""
    path = moving_clip(folder / "texture.mp4", 40, height // 2 * 2, 320, codec_options={"crf": "40"})
    assert not search(decode(path)).found
    scrolled = [np.roll(frame, 3 * i, axis=0) for i, frame in enumerate(scene(1) * 40)]
    assert not search(decode(write_clip(path, scrolled))).found


@pytest.mark.parametrize("form", ["rgb24", "pal8", "yuyv422", "yuv420p10be", "gbrp"])
def test_other_formats_are_not_searched(form):
    assert luma(av.VideoFrame(64, 48, form)) is None


def test_ratio_tells_rows_of_two_moments_from_rows_of_one():
    first, second, third = (frame[..., 0].astype(np.int16) for frame in itertools.islice(scene(), 3))
    mixed = second.copy()
    mixed[1::2] = third[1::2]
    [smooth], [combed] = comb_ratios(first, second), comb_ratios(first, mixed)
    assert smooth < 0.6 < 1 < combed
    assert comb_ratios(first, first) == []
