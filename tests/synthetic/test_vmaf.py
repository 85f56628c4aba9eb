import builtins

import numpy as np
import pytest

from jaxvqa.errors import UserError
from jaxvqa.synthetic import vmaf
from jaxvqa.synthetic.scenes import load


@pytest.fixture(scope="module")
def frames():
    picture = np.asarray(load("coffee.png"))
    return np.stack([picture[20 : 20 + 240, 4 * i : 4 * i + 320] for i in range(6)])


@pytest.mark.parametrize("name", vmaf.ENCODERS)
def test_every_encoder_gives_all_frames_and_the_worst_is_worse(frames, name):
    encoder = vmaf.ENCODERS[name]
    best, worst = (
        vmaf.encode(frames, vmaf.Chain(((name, quality),), frames.shape[1:3]))
        for quality in (encoder.levels[0], encoder.levels[-1])
    )
    for outcome in (best, worst):
        assert outcome.frames.shape == frames.shape
        assert np.array_equal(outcome.total, outcome.coded)
        assert (outcome.soft == 100).all()
    assert best.total.mean() > worst.total.mean() + 10
    # Each frame is compared with its own: with the one before, even the best encode would be worth little.
    assert best.total[1:].min() > 85


def test_what_scaling_and_coding_take_is_told_apart(frames):
    small = vmaf.encode(frames, vmaf.Chain((("x264 veryfast", 16),), (80, 106)))
    coded = vmaf.encode(frames, vmaf.Chain((("x264 veryfast", 44),), (240, 320)))
    both = vmaf.encode(frames, vmaf.Chain((("x264 veryfast", 44),), (80, 106)))
    blurred = vmaf.encode(frames, vmaf.Chain((("x264 veryfast", 16),), (240, 320), blur=3.0))
    assert small.soft.mean() + 5 < small.coded.mean()
    assert blurred.soft.mean() + 5 < blurred.coded.mean()
    assert both.total.mean() < min(both.soft.mean(), both.coded.mean())
    assert coded.total.mean() < 80


def test_coding_twice_is_worse_than_once(frames):
    once, twice = (
        vmaf.encode(frames, vmaf.Chain((("MPEG-2", 20),) * number, (240, 320))).total.mean() for number in (1, 2)
    )
    assert twice < once


def test_noise_is_held_against_the_source_without_it(frames):
    noisy = np.clip(frames + np.random.default_rng(0).normal(0, 25, frames.shape), 0, 255).astype(np.uint8)
    chain = vmaf.Chain((("x264 veryfast", 16),), (240, 320))
    assert vmaf.encode(noisy, chain, frames).total.mean() < vmaf.encode(noisy, chain).total.mean() - 10


def test_frames_are_compared_each_with_its_reference(frames):
    soft = np.repeat(np.repeat(frames[:, ::4, ::4], 4, axis=1), 4, axis=2)
    assert vmaf.compare_frames(frames, frames).min() > 95
    assert vmaf.compare_frames(soft, frames).max() < 60
    assert vmaf.compare_frames(frames[::-1], frames)[[0, -1]].max() < 20
    assert len(vmaf.compare_frames(soft[:3], frames[:3])) == 3


def test_frames_may_come_at_the_size_that_they_are_coded_at(frames):
    chain = vmaf.Chain((("x264 veryfast", 16),), (120, 160))
    small = frames.reshape(len(frames), 120, 2, 160, 2, 3).mean(axis=(2, 4)).round().astype(np.uint8)
    before, large = vmaf.encode(small, chain, frames), vmaf.encode(frames, chain)
    assert before.frames.shape == frames.shape
    assert abs(before.total - large.total).max() < 10
    assert np.array_equal(before.soft, large.soft)


def test_what_is_not_compared_has_no_vmaf(frames):
    chain = vmaf.Chain((("x264 veryfast", 30),), (120, 160))
    outcome = vmaf.encode(frames, chain, compare=False)
    assert np.array_equal(outcome.frames, vmaf.encode(frames, chain).frames)
    assert np.isnan(outcome.total).all()


def test_without_ffmpeg_it_says_what_to_install(monkeypatch):
    found = builtins.__import__

    def missing(name, *args, **kwargs):
        if name == "imageio_ffmpeg":
            raise ImportError(name)
        return found(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(UserError, match=r"imageio_ffmpeg is not installed.*\[mini\]"):
        vmaf.ffmpeg()
