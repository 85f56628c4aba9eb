"""Distortions made in frames: more of one changes more, and its strength is what it is said to be."""

import numpy as np
import pytest
from clips import panned

from jaxvqa.synthetic import flaws
from jaxvqa.video.display import ROW_FRAMES


@pytest.fixture(scope="module")
def frames():
    return panned()


def changes(before, after):
    return np.abs(after.astype(float) - before).mean()


@pytest.mark.parametrize("flaw", [flaws.add_noise, flaws.defocus, flaws.blur_motion, flaws.expose])
def test_more_of_a_flaw_changes_more(frames, flaw):
    little, much = (flaw(frames, strength, np.random.default_rng(1)) for strength in (0.3, 1.0))
    assert np.array_equal(flaw(frames, 0.0, np.random.default_rng(1)), frames)
    assert 0.3 < changes(frames, little) < changes(frames, much)
    assert frames.shape == much.shape


def test_motion_blur_spreads_light_over_a_path():
    dot = np.zeros((1, 240, 240, 3), np.uint8)
    dot[:, 118:122, 118:122] = 255
    lengths = []
    for seed in range(8):
        for strength in (0.3, 1.0):
            blurred = flaws.blur_motion(dot, strength, np.random.default_rng(seed))[0, ..., 0].astype(float)
            y, x = np.nonzero(blurred > 0.05 * blurred.max())
            assert abs(y.mean() - 119.5) < 3
            assert abs(x.mean() - 119.5) < 3
            assert blurred.sum() == pytest.approx(dot[..., 0].sum(), rel=0.2)
            spread = np.linalg.svd(np.stack([y - y.mean(), x - x.mean()]), compute_uv=False) / np.sqrt(len(y))
            assert spread[1] < (0.7 if strength < 1 else 0.5) * spread[0]  # a line, not a disc
            lengths.append(spread[0] * 12**0.5)  # of an even line of this deviation
    assert 7 < np.mean(lengths[::2]) < 15  # 0.3 of 34 pixels, and the dot's four
    assert 25 < np.mean(lengths[1::2]) < 42


def test_noise_has_the_strength_that_it_is_said_to_have():
    grey = np.full((8, 128, 128, 3), 77, np.uint8)
    for seed in range(6):
        for strength, level in ((0.0, 0), (0.5, 1.5 * 30**0.5), (0.8, 1.5 * 30**0.8)):
            noisy = flaws.add_noise(grey, strength, np.random.default_rng(seed)).astype(float)
            assert noisy.std() == pytest.approx(level, rel=0.1)
            assert not strength or not np.array_equal(noisy[0], noisy[1])


def test_what_stands_still_cannot_stutter(frames):
    still = frames[:1].repeat(ROW_FRAMES, 0)
    held, strength = flaws.freeze(frames, 0.8, np.random.default_rng(0))
    assert strength > 0.5
    assert (np.diff(held.reshape(ROW_FRAMES, -1).astype(int), axis=0) == 0).all(axis=1).mean() > 0.5
    assert flaws.freeze(still, 0.8, np.random.default_rng(0))[1] == 0
    two = np.concatenate([still[:16], 255 - still[16:]])  # a cut is no movement
    assert flaws.freeze(two, 0.8, np.random.default_rng(0))[1] == 0


def test_shakes_move_the_frame_and_flicker_its_light(frames):
    still = frames[:1].repeat(ROW_FRAMES, 0)
    kinds = set()
    for seed in range(8):
        shaken, strength = flaws.unsteady(still, 0.7, np.random.default_rng(seed))
        assert strength == 0.7
        assert changes(shaken[0], shaken[1]) > 0.3
        kinds.add(shaken.shape == still.shape)
    assert kinds == {True, False}


def test_what_is_softened_has_less_detail_and_the_same_light(frames):
    left = []
    for seed in range(12):
        soft = flaws.soften(frames[:2], np.random.default_rng(seed))
        assert soft.shape == frames[:2].shape
        assert abs(soft.mean() - frames[:2].mean()) < 1
        left.append(np.diff(soft.astype(float), axis=2).std() / np.diff(frames[:2].astype(float), axis=2).std())
    assert max(left) < 1
    assert min(left) < 0.6


def test_frames_are_held_for_up_to_fourteen(frames):
    longest = 0
    for seed in range(12):
        held = flaws.freeze(frames, 1.0, np.random.default_rng(seed))[0].reshape(ROW_FRAMES, -1).astype(int)
        starts = np.flatnonzero((np.diff(held, axis=0) != 0).any(axis=1))
        longest = max(longest, np.diff(starts).max(initial=0))
    assert longest >= flaws.MOST_HELD - 2
