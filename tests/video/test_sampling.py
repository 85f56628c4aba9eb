import json
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest
from conftest import GOLDEN

from jaxvqa import UserError
from jaxvqa.video.decode import Video
from jaxvqa.video.sampling import (
    RULES,
    Sampling,
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


def test_plan_depends_on_rule_seed_and_size_and_nothing_else():
    plan = draw_plan("whole", 0, 300, 540, 960)
    for other, same in (
        (draw_plan("whole", 0, 300, 540, 960), True),
        (draw_plan("published", 0, 300, 540, 960), False),
        (draw_plan("whole", 1, 300, 540, 960), False),
    ):
        for field in ("technical_indices", "aesthetic_indices", "row_offsets", "column_offsets"):
            assert np.array_equal(getattr(plan, field), getattr(other, field)) == same, field


def test_encodes_of_one_source_are_sampled_at_the_same_times_and_places():
    for seed in range(10):
        plan, smaller, faster = (
            draw_plan("whole", seed, *size) for size in ((300, 1080, 1920), (300, 540, 960), (600, 1080, 1920))
        )
        assert np.array_equal(plan.technical_indices, smaller.technical_indices)
        assert np.array_equal(plan.aesthetic_indices, smaller.aesthetic_indices)
        for field, cells in (("row_offsets", (1080, 540)), ("column_offsets", (1920, 960))):
            parts = [getattr(each, field) / (cell // 7 - 31) for each, cell in zip((plan, smaller), cells, strict=True)]
            assert abs(parts[0] - parts[1]).max() < 1 / (540 // 7 - 31)
        assert abs(faster.aesthetic_indices / 600 - plan.aesthetic_indices / 300).max() <= 1.5 / 300


def same(plans, others):
    return len(plans) == len(others) and all(
        np.array_equal(one, other)
        for pair in zip(plans, others, strict=True)
        for one, other in zip(*map(astuple, pair), strict=True)
    )


def test_samples_are_those_of_the_seeds_from_the_first_on():
    video = Video(Path("clip.mp4"), 300, 540, 960, 25.0, np.arange(300) / 25)
    plans = Sampling(seed=3, repeats=3, rule="published").plans(video)
    assert same(plans, [draw_plan("published", seed, 300, 540, 960) for seed in (3, 4, 5)])
    assert same(Sampling(dense=True).plans(video), dense_plans(300, 540, 960))


@pytest.mark.parametrize(
    ("field", "index", "value"),
    [
        ("technical_indices", 5, 300),
        ("technical_indices", 5, -1),
        ("aesthetic_indices", 5, 300),
        ("aesthetic_indices", 5, -1),
        ("row_offsets", (1, 2, 3), 540 // 7 - 31),
        ("row_offsets", (1, 2, 3), -1),
        ("column_offsets", (1, 2, 3), 960 // 7 - 31),
        ("column_offsets", (1, 2, 3), -1),
    ],
)
def test_plans_that_leave_the_video_are_refused(field, index, value):
    plan = draw_plan("whole", 0, 300, 540, 960)
    for number in (value, value - 1 if value > 0 else 0):  # the last within and the first
        values = getattr(plan, field).copy()
        values[index] = number
        changed = replace(plan, **{field: values})
        if number == value:
            with pytest.raises(UserError, match=f"sampling plan: {field} must be of shape"):
                check_plan(changed, 300, 540, 960)
        else:
            check_plan(changed, 300, 540, 960)
    if values.ndim == 1:  # types hold the shapes of the others
        with pytest.raises(UserError, match=f"sampling plan: {field} must be of shape"):
            check_plan(replace(plan, **{field: getattr(plan, field)[:-1]}), 300, 540, 960)


PLANS = [
    ("whole", [117, 418, 645, 792], [944, 956, 974, 985], [119, 107, 116, 23, 108, 50, 57]),
    ("published", [116, 416, 644, 791], [905, 918, 935, 946], [118, 106, 115, 23, 107, 50, 57]),
]


def test_plan_is_the_same_on_every_machine():
    for rule, technical, aesthetic, rows in PLANS:
        plan = draw_plan(rule, 7, 1000, 1080, 1920)
        assert plan.technical_indices[::32].tolist() == technical
        assert plan.aesthetic_indices[-4:].tolist() == aesthetic
        assert plan.row_offsets[0, :, 0].tolist() == rows


def test_a_clip_may_begin_at_either_of_two_frames_where_only_one_place_covers_its_quarter():
    """In a video of just a clip, the second half of its frames is what a start one frame later gets."""
    plans = [draw_plan("whole", seed, 64, 224, 224) for seed in range(20)]
    starts = np.array([plan.technical_indices[::32] for plan in plans])
    assert [set(column) for column in starts.T] == [{0, 1}] * 4


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("height", "width"), [(1080, 1920), (1920, 1080), (224, 224), (144, 192), (33, 700), (231, 229)]
)
@pytest.mark.parametrize("frames", [1, 2, 5, 63, 65, 200, 10000])
def test_plan_stays_inside_the_video(rule, frames, height, width):
    plan = draw_plan(rule, 3, frames, height, width)
    check_plan(plan, frames, height, width)
    for offsets, size in zip((plan.row_offsets, plan.column_offsets), upsampled_size(height, width), strict=True):
        assert offsets.max() <= max(size // 7 - 33, 0) + (rule == "whole")


@pytest.mark.parametrize(("rule", "last"), [("whole", 0), ("published", -1)])
def test_offsets_reach_every_place(rule, last):
    plans = [draw_plan(rule, seed, 300, 266, 280) for seed in range(20)]
    assert {int(o) for plan in plans for o in plan.row_offsets.flat} == set(range(266 // 7 - 31 + last))
    assert {int(o) for plan in plans for o in plan.column_offsets.flat} == set(range(280 // 7 - 31 + last))


def test_the_whole_video_is_in_reach_of_both_views():
    for frames in range(1, 301):
        everything, technical, aesthetic, draws = set(range(frames)), set(), set(), 0
        while not technical == aesthetic == everything and draws < 100:
            plan = draw_plan("whole", draws, frames, 224, 224)
            technical |= set(plan.technical_indices.tolist())
            aesthetic |= set(plan.aesthetic_indices.tolist())
            draws += 1
        assert technical == aesthetic == everything, frames
        assert draws == 1 or frames >= 64  # each sampling sees all of a short video


def test_each_segment_of_the_whole_video_is_seen():
    for frames in [*range(1, 301), 1000, 18001]:
        plan = draw_plan("whole", 1, frames, 224, 224)
        bounds = np.arange(65) * frames // 64
        assert (plan.aesthetic_indices >= bounds[:-1]).all()
        assert (plan.aesthetic_indices < np.maximum(bounds[1:], bounds[:-1] + 1)).all()
        clips = plan.technical_indices.reshape(4, 32)
        if frames < 64:
            continue
        assert (np.diff(clips) == 2).all()  # no clip jumps from the end of a video to its start
        for clip, first, last in zip(clips, bounds[:-1:16], bounds[16::16] - 1, strict=True):
            if last - first >= 63:
                assert first <= clip[0]
                assert clip[-1] <= last
            else:
                assert clip[0] <= first + 1
                assert clip[-1] >= last - 1


def test_the_published_rule_leaves_out_what_it_left_out():
    """That which the default rule is there to mend: should it go, the rule is no longer the published one."""
    for frames, aesthetic, technical in ((63, {0}, 62), (120, set(range(64)), 118), (299, set(range(256)), 298)):
        plans = [draw_plan("published", seed, frames, 224, 224) for seed in range(100)]
        seen = set.union(*(set(plan.aesthetic_indices.tolist()) for plan in plans))
        assert seen <= aesthetic
        assert 0 in seen
        assert max(plan.technical_indices.max() for plan in plans) <= technical


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


@pytest.mark.parametrize(
    ("rule", "seed", "said"), [("whole", -1, "seed is -1; it must be 0 or larger."), ("all", 0, "sampling is 'all'")]
)
def test_plans_that_cannot_be_drawn_are_refused(rule, seed, said):
    with pytest.raises(UserError, match=said):
        draw_plan(rule, seed, 10, 240, 320)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"seed": -1}, "seed is -1; it must be 0 or larger."),
        ({"repeats": 0}, "repeats is 0; it must be 1 or larger."),
        ({"rule": "all"}, "sampling is 'all'; it must be whole or published."),
        ({"rule": "published", "dense": True}, "dense covers the whole video, which sampling published does not"),
        ({"repeats": 2, "dense": True}, "leave repeats at 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, said):
    with pytest.raises(UserError, match=said):
        Sampling(**settings)


@pytest.mark.parametrize("frames", [*range(1, 301), 517, 1801])
def test_dense_plans_show_both_encoders_every_frame(frames):
    plans = dense_plans(frames, 240, 320)
    for plan in plans:
        check_plan(plan, frames, 240, 320)
    for indices in ([plan.technical_indices for plan in plans], [plan.aesthetic_indices for plan in plans]):
        assert set(np.concatenate(indices).tolist()) == set(range(frames))
    for plan in plans:  # each part of the plan in its own part of the video
        assert (np.diff(plan.aesthetic_indices) >= 0).all()
        if frames >= 64:
            assert (np.diff(plan.technical_indices.reshape(4, 32)) == 2).all()
        if frames >= 256:
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


def spread(values):
    """How much more often the most frequent of some values is than the least."""
    counts = np.unique(values, axis=0, return_counts=True)[1]
    return counts.max() - counts.min()


@pytest.mark.parametrize(("frames", "height", "width"), [(320, 1080, 1920), (12800, 240, 320), (1280, 224, 224)])
def test_dense_plans_show_nothing_much_more_often_than_the_rest(frames, height, width):
    """Frames of equal segments, starts of clips, and patches."""
    plans = dense_plans(frames, height, width)
    for moment in range(64):
        assert spread([plan.aesthetic_indices[moment] for plan in plans]) <= 1
    for clip in range(4):
        assert spread([plan.technical_indices[32 * clip] for plan in plans]) <= 1
    assert spread([(plan.row_offsets[0, 0, 0], plan.column_offsets[0, 0, 0]) for plan in plans]) <= 1
