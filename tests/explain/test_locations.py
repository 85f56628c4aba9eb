from fractions import Fraction

import av
import numpy as np
import pytest
from clips import moving_clip, write_clip
from PIL import Image, ImageFilter

from jaxvqa.explain.locations import locate
from jaxvqa.video.decode import open_video, read_frames
from jaxvqa.video.sampling import Sampling, draw_plan
from jaxvqa.video.views import enlarge, video_views


def lossless(path, frames):
    """Frames in a file from which they come back bit by bit."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264rgb", rate=25, options={"crf": "0", "preset": "ultrafast"})
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], "rgb24"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


def test_patches_and_frames_are_where_a_real_clip_was_blurred_and_frozen(shared, tmp_path):
    original = open_video(shared / "videos" / "10053703034.mp4")
    before = np.stack([frame for _, frame in read_frames(original, np.arange(75))])
    height, width = before.shape[1:3]
    after = before.copy()
    after[25:50] = after[25]  # the middle second
    quarter = (slice(height // 2, None), slice(width // 2, None))
    for frame in after:
        blurred = Image.fromarray(frame[quarter]).filter(ImageFilter.GaussianBlur(6))
        frame[quarter] = blurred
    video = open_video(lossless(tmp_path / "after.mkv", after))
    plan = Sampling().plans(video)[0]
    where, views = locate(video, [plan]), video_views(video, plan)
    blurred, sharp, frozen = 0, 0, 0
    for moment in range(64):
        number = where.frames[1, moment]
        assert video.seconds[number] == pytest.approx(number / 25, abs=0.0005)  # Matroska counts milliseconds
        patches = views.technical[2 * moment].reshape(7, 32, 7, 32, 3).swapaxes(1, 2).reshape(49, 32, 32, 3)
        for (left, top, w, h), patch in zip(where.patches[moment].astype(int), patches, strict=True):
            assert (w, h) == (32, 32)
            place = (slice(top, top + 32), slice(left, left + 32))
            assert np.array_equal(patch, after[number][place])
            source = before[25 if 25 <= number < 50 else number][place]
            if left + 32 <= width // 2 or top + 32 <= height // 2:
                assert np.array_equal(patch, source)
                sharp += 1
            elif left >= width // 2 and top >= height // 2 and np.diff(source.astype(float), axis=1).std() > 2:
                assert np.diff(patch.astype(float), axis=1).std() < np.diff(source.astype(float), axis=1).std()
                blurred += 1
        frozen += 25 < number < 50
    assert min(blurred, sharp, frozen) > 5
    for moment, number in enumerate(where.frames[0]):
        assert video.seconds[number] == pytest.approx(number / 25, abs=0.0005)
        squeezed = views.aesthetic[moment].astype(float)
        for position in (0, 24, 48):
            left, top, w, h = where.cells[position]
            cell = after[number][round(top) : round(top + h), round(left) : round(left + w)]
            row, column = divmod(position, 7)
            seen = squeezed[32 * row : 32 * row + 32, 32 * column : 32 * column + 32]
            assert np.abs(seen.mean(axis=(0, 1)) - cell.mean(axis=(0, 1))).max() < 6


def test_patches_of_a_small_frame_are_in_its_own_pixels(tmp_path):
    video = open_video(moving_clip(tmp_path / "small.mp4", 40, 120, 160))
    plan = draw_plan("whole", 0, 40, 120, 160)
    where = locate(video, [plan])
    left = plan.column_offsets[0, 0, 0] * 160 / 298  # the frame is enlarged to 298x224
    np.testing.assert_allclose(where.patches[0, 0], [left, 0, 32 * 160 / 298, 32 * 120 / 224])
    assert (where.patches[..., 0] + where.patches[..., 2] <= 160).all()
    assert (where.patches[..., 1] + where.patches[..., 3] <= 120).all()
    frame = next(read_frames(video, np.array([0])))[1]
    assert enlarge(frame).shape == (224, 298, 3)


def test_times_are_those_of_the_file(tmp_path):
    ticks = [0, 1, 2, 10, 11, 12, 40]
    with av.open(str(tmp_path / "uneven.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"bf": "2"})
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        for tick in ticks:
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), 6 * tick, np.uint8), format="rgb24")
            frame.pts, frame.time_base = tick + 5, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    np.testing.assert_allclose(open_video(tmp_path / "uneven.mkv").seconds, np.array(ticks) / 10, atol=0.001)
    raw = write_clip(tmp_path / "raw.h264", np.zeros((5, 64, 96, 3), np.uint8), fps=20)  # has no times
    video = open_video(raw)
    np.testing.assert_allclose(np.diff(video.seconds), 1 / video.fps)
