from pathlib import Path

import numpy as np
import pytest

from jaxvqa.errors import UserError
from jaxvqa.video import display
from jaxvqa.video.decode import Video
from jaxvqa.video.sampling import Sampling


def video(frames, height=1080, width=1920, fps=30.0, seconds=None):
    times = np.arange(frames) / fps if seconds is None else np.asarray(seconds, float)
    return Video(Path("a.mp4"), frames, height, width, float(fps), times)


def pieces_sampling(**changes):
    return Sampling(views="pieces", **changes)


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ((1080, 1920), (1080, 1920)),
        ((360, 640), (1080, 1920)),
        ((1920, 1080), (1920, 1080)),  # a display is turned as the video is
        ((800, 1920), (800, 1920)),  # a film of 2.4:1 has bars
        ((576, 720), (1080, 1350)),
        ((2160, 3840), (1080, 1920)),
    ],
)
def test_every_size_is_shown_at_the_same(size, shown):
    assert display.shown_size(*size, 1080) == pytest.approx(shown)
    assert display.shown_size(*size, 540) == pytest.approx(np.array(shown) / 2)


@pytest.mark.parametrize("size", [(1080, 1920), (240, 320), (96, 2000), (2000, 96), (16, 16), (4320, 7680)])
def test_pieces_lie_within_the_frame_and_each_in_its_cell(size):
    one = video(50, *size)
    for plan in (*pieces_sampling(repeats=3).plans(one), *pieces_sampling(dense=True).plans(one)):
        boxes = display.piece_boxes(one, plan)
        assert boxes.shape == (16, 49, 4)
        assert (boxes[..., :2] >= 0).all()
        assert (boxes[..., 2:] <= np.array(size[::-1]) + 1e-9).all()
        if min(size) >= 1080:
            centres = (boxes[..., :2] + boxes[..., 2:]) / 2
            cells = np.floor(centres / (np.array(size[::-1]) / 7)).astype(int)
            assert (cells[..., 1] * 7 + cells[..., 0] == np.arange(49)).all()


def test_a_piece_at_the_display_s_size_is_a_part_of_the_frame():
    generator = np.random.default_rng(0)
    one = video(16)
    plan = pieces_sampling().plans(one)[0]
    frames = {
        number: generator.integers(0, 256, (1080, 1920, 3), np.uint8) for number in np.unique(plan.frames).tolist()
    }
    views = display.make_display_views(one, frames.items(), plan)
    boxes = display.piece_boxes(one, plan).astype(int)
    for moment, position in ((0, 0), (7, 24), (15, 48)):
        left, top, right, bottom = boxes[moment, position]
        assert np.array_equal(views.pieces[moment, position], frames[plan.indices[moment]][top:bottom, left:right])
    with pytest.raises(ValueError, match="were not given"):
        display.make_display_views(one, [], plan)


def test_plans_follow_from_content_and_seed_and_reach_every_frame():
    one = video(100)
    first, again = (pieces_sampling(seed=3).plans(one)[0] for _ in range(2))
    other = pieces_sampling(seed=4).plans(one)[0]
    assert np.array_equal(first.places, again.places)
    assert np.array_equal(first.frames, again.frames)
    assert not np.array_equal(first.places, other.places)
    ends = np.arange(17) * 100 // 16
    seen = {number for plan in pieces_sampling(repeats=200).plans(one) for number in plan.indices.tolist()}
    assert seen == set(range(100))
    assert ((first.indices >= ends[:-1]) & (first.indices < ends[1:])).all()


def test_dense_plans_see_every_frame_and_all_of_each_cell():
    one = video(330)
    plans = pieces_sampling(dense=True).plans(one)
    assert {number for plan in plans for number in plan.indices.tolist()} == set(range(330))
    covered = np.zeros((1080, 1920), bool)
    for plan in plans:
        for left, top, right, bottom in display.piece_boxes(one, plan)[0].astype(int):
            covered[top:bottom, left:right] = True
    assert covered[:150, :60].mean() > 0.9
    assert pieces_sampling(dense=True).plans(video(3))[0].indices.max() == 2


@pytest.mark.parametrize(("fps", "step"), [(24, 1), (25, 1), (30, 1), (50, 2), (60, 2), (120, 4)])
def test_rows_show_no_frame_twice_at_usual_rates(fps, step):
    rows = pieces_sampling().plans(video(20 * fps, fps=fps))[0].motion_indices
    assert (np.diff(rows, axis=1) == step).all()
    assert (np.diff(rows[:, 0]) > 0).all()


def test_frames_that_stay_are_seen_as_long_as_they_stay():
    slow = pieces_sampling().plans(video(100, fps=10.0))[0].motion_indices
    assert np.unique(slow[0], return_counts=True)[1][1:-1].tolist() == [3] * (len(np.unique(slow[0])) - 2)
    # Every third second of a video at 30 frames a second was lost on the way.
    times = np.arange(600) / 30
    lost = video(400, seconds=times[times % 3 < 2][:400])
    longest = 0
    for seed in range(20):
        for row in pieces_sampling(seed=seed).plans(lost)[0].motion_indices:
            longest = max(longest, np.unique(row, return_counts=True)[1].max())
    assert longest >= 25


@pytest.mark.parametrize("frames", [1, 2, 5, 31])
def test_short_videos_go_to_and_fro(frames):
    one = video(frames)
    rows = pieces_sampling().plans(one)[0].motion_indices
    assert rows.shape == (4, 32)
    assert set(rows[0].tolist()) == set(range(frames))
    assert np.abs(np.diff(rows, axis=1)).max() <= 1
    if frames > 2:
        assert (np.diff(rows[0]) == 0).mean() < 0.1


def test_what_does_not_go_with_pieces_is_refused():
    with pytest.raises(UserError, match="sampling published is of MaxVQA's views"):
        pieces_sampling(rule="published")
    for height in (100, 10000):
        with pytest.raises(UserError, match=f"display_height is {height}; it must be from 240 to 4320"):
            Sampling(display_height=height)
