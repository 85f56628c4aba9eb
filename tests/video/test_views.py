from dataclasses import replace

import numpy as np
import pytest
import torch
from clips import moving_clip

from jaxvqa import UserError
from jaxvqa.video.decode import open_video, read_frames
from jaxvqa.video.sampling import SamplingPlan, draw_plan, upsampled_size
from jaxvqa.video.views import enlarge, fragments, make_views, resize, video_views


def random_frame(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(("height", "width"), [(540, 960), (480, 360), (224, 224), (225, 1000), (1080, 608)])
def test_fragments_are_the_patches_of_the_grid(height, width):
    frame = random_frame(height, width)
    plan = draw_plan("whole", 0, 64, height, width)
    rows, columns = plan.row_offsets[..., 1], plan.column_offsets[..., 1]
    view = fragments(frame, rows, columns)
    assert view.shape == (224, 224, 3)
    for i in range(7):
        for j in range(7):
            top = min(height // 7 * i, height - 32) + rows[i, j]
            left = min(width // 7 * j, width - 32) + columns[i, j]
            patch = view[32 * i : 32 * i + 32, 32 * j : 32 * j + 32]
            assert np.array_equal(patch, frame[top : top + 32, left : left + 32])


@pytest.mark.parametrize(("height", "width"), [(540, 960), (360, 480), (144, 192), (224, 224), (1080, 608), (2, 500)])
def test_resize_rounds_as_torch_does(height, width):
    frame = random_frame(height, width)
    x = torch.from_numpy(frame).permute(2, 0, 1)[None].float()
    expected = torch.nn.functional.interpolate(x, (224, 224), mode="bilinear")[0].permute(1, 2, 0).round().numpy()
    ours = np.rint(resize(frame, 224, 224))
    assert np.abs(ours - expected).max() <= 1
    assert (ours != expected).mean() < 1e-4


def test_enlarging_keeps_flat_areas_and_fills_the_whole_frame():
    flat = np.full((100, 150, 3), 100, np.uint8)
    assert np.array_equal(enlarge(flat), np.full((224, 336, 3), 100))
    frame = np.zeros((100, 150, 3), np.uint8)
    frame[50:, 75:] = 255
    large = enlarge(frame)
    assert large[-1, -1].tolist() == [255] * 3  # the published grid never reached the lower right
    assert large[0, 0].tolist() == [0] * 3


def test_views_of_a_small_frame_cover_its_corners():
    frame = np.zeros((96, 128, 3), np.uint8)
    frame[48:, 64:] = 200
    view = make_views([(0, frame)], draw_plan("whole", 0, 1, 96, 128))
    assert view.technical[0, -16:, -16:].min() == 200
    assert view.technical[0, :16, :16].max() == 0


def test_views_put_every_frame_in_all_its_places():
    plan = draw_plan("whole", 0, 10, 240, 320)  # 10 frames: all indices wrap around and repeat
    frames = [(i, np.full((240, 320, 3), 20 * i, np.uint8)) for i in range(10)]
    views = make_views(iter(frames), plan)
    assert np.array_equal(views.technical[:, 100, 100, 0], 20 * plan.technical_indices)
    assert np.array_equal(views.aesthetic[:, 100, 100, 0], 20 * plan.aesthetic_indices)
    assert views.technical.dtype == views.aesthetic.dtype == np.uint8


def test_clips_have_offsets_of_their_own():
    frame = random_frame(540, 960)
    plan = draw_plan("whole", 0, 1, 540, 960)
    views = make_views([(0, frame)], plan)
    for clip in range(4):
        expected = fragments(frame, plan.row_offsets[..., clip], plan.column_offsets[..., clip])
        assert np.array_equal(views.technical[32 * clip], expected)
        assert np.array_equal(views.technical[32 * clip + 31], expected)
    assert not np.array_equal(views.technical[0], views.technical[32])


def test_missing_frames_are_an_error():
    none = np.zeros((7, 7, 4), int)
    plan = SamplingPlan(np.arange(128), np.arange(64), none, none)
    with pytest.raises(ValueError, match="frames \\[127\\]"):
        make_views(((i, random_frame(224, 224)) for i in range(127)), plan)


def test_frames_of_the_aesthetic_view_alone_are_missed_as_well():
    none = np.zeros((7, 7, 4), int)
    plan = SamplingPlan(np.zeros(128, int), np.arange(64), none, none)
    with pytest.raises(ValueError, match="frames \\[63\\]"):
        make_views(((i, random_frame(224, 224)) for i in range(63)), plan)


@pytest.mark.parametrize(("height", "width"), [(144, 192), (100, 150)])
def test_enlarging_truncates_what_torch_interpolates(height, width):
    frame = random_frame(height, width)
    x = torch.from_numpy(frame).permute(2, 0, 1)[None].float()
    size = upsampled_size(height, width)
    expected = torch.nn.functional.interpolate(x, size, mode="bilinear")[0].permute(1, 2, 0).numpy().astype(np.uint8)
    assert (enlarge(frame) != expected).mean() < 1e-3


def test_views_of_a_file(tmp_path):
    video = open_video(moving_clip(tmp_path / "clip.mp4", 70, 240, 320))
    plan, called, stills = draw_plan("whole", 0, 70, 240, 320), [], {}
    views = video_views(video, plan, lambda: called.append(1), stills)
    assert len(called) == 70
    assert stills.keys() == {*plan.technical_indices[::2].tolist(), *plan.aesthetic_indices.tolist()}
    expected = make_views(read_frames(video, np.arange(70)), plan)
    assert np.array_equal(views.technical, expected.technical)
    assert np.array_equal(views.aesthetic, expected.aesthetic)
    with pytest.raises(UserError, match="technical_indices must be of shape"):
        video_views(video, replace(plan, technical_indices=plan.technical_indices + 70))


def test_the_aesthetic_view_is_rounded_as_torch_does():
    frame = random_frame(540, 960)
    none = np.zeros((7, 7, 4), int)
    view = make_views([(0, frame)], SamplingPlan(np.zeros(128, int), np.zeros(64, int), none, none)).aesthetic[5]
    x = torch.from_numpy(frame).permute(2, 0, 1)[None].float()
    expected = torch.nn.functional.interpolate(x, (224, 224), mode="bilinear")[0].permute(1, 2, 0).round().numpy()
    assert (view != expected).mean() < 1e-4
