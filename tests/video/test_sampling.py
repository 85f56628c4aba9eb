import json

import numpy as np
import pytest
from conftest import GOLDEN

from jaxvqa import UserError
from jaxvqa.video.sampling import (
    check_plan,
    dense_plans,
    draw_plan,
    frame_indices,
    patch_corners,
    start_range,
    upsampled_size,
)

SAMPLER = json.loads((GOLDEN / "seed0" / "frame_sampler.json").read_text())


CLIPS = {"technical": (4, 32), "aesthetic": (64, 1)}


@pytest.mark.parametrize("name", SAMPLER)
def test_frame_indices_are_the_published_ones(name):
    kind, frames = name.split("/")
    clips, length = CLIPS[kind]
    offsets = SAMPLER[name]["offsets"]
    starts = np.zeros(clips, int) if offsets is None else np.array(offsets)
    assert (starts < start_range(int(frames), clips, length)).all()
    assert frame_indices(int(frames), clips, length, starts).tolist() == SAMPLER[name]["indices"]


def test_plan_depends_on_seed_and_name_and_nothing_else():
    plan = draw_plan(0, "a.mp4", 300, 540, 960)
    for other, same in (
        (draw_plan(0, "a.mp4", 300, 540, 960), True),
        (draw_plan(1, "a.mp4", 300, 540, 960), False),
        (draw_plan(0, "b.mp4", 300, 540, 960), False),
    ):
        for field in ("technical_indices", "aesthetic_indices", "row_offsets", "column_offsets"):
            assert np.array_equal(getattr(plan, field), getattr(other, field)) == same, field


def test_plan_is_the_same_on_every_machine():
    plan = draw_plan(7, "clip.mp4", 1000, 1080, 1920)
    assert plan.technical_indices[::32].tolist() == [90, 341, 533, 872]
    assert plan.row_offsets[0, :, 0].tolist() == [5, 90, 106, 38, 83, 59, 66]


@pytest.mark.parametrize(
    ("height", "width"), [(1080, 1920), (1920, 1080), (224, 224), (144, 192), (33, 700), (231, 229)]
)
@pytest.mark.parametrize("frames", [1, 2, 5, 63, 65, 200, 10000])
def test_plan_stays_inside_the_video(frames, height, width):
    plan = draw_plan(3, "x", frames, height, width)
    for indices, count in ((plan.technical_indices, 128), (plan.aesthetic_indices, 64)):
        assert indices.shape == (count,)
        assert indices.min() >= 0
        assert indices.max() < frames
    for offsets, size in zip((plan.row_offsets, plan.column_offsets), upsampled_size(height, width), strict=True):
        assert offsets.shape == (7, 7, 4)
        assert offsets.min() >= 0
        assert offsets.max() <= max(size // 7 - 33, 0)


def test_offsets_reach_every_place():
    plans = [draw_plan(seed, "x", 300, 266, 280) for seed in range(20)]
    assert {int(o) for plan in plans for o in plan.row_offsets.flat} == set(range(266 // 7 - 32))
    assert {int(o) for plan in plans for o in plan.column_offsets.flat} == set(range(280 // 7 - 32))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((144, 192), (224, 298)),
        ((192, 144), (298, 224)),
        ((223, 1000), (224, 1004)),
        ((224, 224), (224, 224)),
        ((1, 1), (224, 224)),
    ],
)
def test_small_frames_are_brought_to_exactly_224(size, expected):
    assert upsampled_size(*size) == expected


def test_negative_seed_is_refused():
    with pytest.raises(UserError, match="seed is -1"):
        draw_plan(-1, "x", 10, 240, 320)


@pytest.mark.parametrize("frames", [1, 3, 63, 64, 65, 129, 255, 256, 300, 517, 1801])
def test_dense_plans_show_both_encoders_every_frame(frames):
    plans = dense_plans(frames, 240, 320)
    for plan in plans:
        check_plan(plan, frames, 240, 320)
    for indices in ([plan.technical_indices for plan in plans], [plan.aesthetic_indices for plan in plans]):
        assert set(np.concatenate(indices).tolist()) == set(range(frames))
    for plan in plans:  # each part of the plan in its own part of the video
        assert (np.diff(plan.aesthetic_indices) >= 0).all()
        if frames >= 256:
            assert (np.diff(plan.technical_indices.reshape(4, 32)) == 2).all()
            quarters = np.arange(5) * frames // 4
            assert (plan.technical_indices[::32] >= quarters[:-1]).all()
            assert (plan.technical_indices[31::32] < quarters[1:]).all()


@pytest.mark.parametrize(("height", "width"), [(224, 224), (540, 960), (120, 160), (1920, 1080)])
def test_dense_plans_show_the_whole_grid_in_each_quarter(height, width):
    large = upsampled_size(height, width)
    plans = dense_plans(300, height, width)
    for clip in range(4):
        seen = np.zeros(large, bool)
        for plan in plans:
            tops, lefts = patch_corners(*large, plan.row_offsets[..., clip], plan.column_offsets[..., clip])
            for top, left in zip(tops.ravel(), lefts.ravel(), strict=True):
                seen[top : top + 32, left : left + 32] = True
        assert seen[: large[0] // 7 * 7, : large[1] // 7 * 7].all()
    assert len(plans) == max(-(-(large[0] // 7) // 32) * -(-(large[1] // 7) // 32), -(-300 // 64))
