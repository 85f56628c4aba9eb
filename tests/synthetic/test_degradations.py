from itertools import pairwise

import numpy as np
import pytest

from jaxvqa.synthetic import scenes
from jaxvqa.synthetic.degradations import AESTHETIC, TECHNICAL, degrade, expose
from jaxvqa.synthetic.scenes import Camera, picture


@pytest.fixture(scope="module")
def clip():
    return film("coffee", 24, 240, 320, 0.0, Camera(), 0)


def film(source, frames, height, width, clutter, camera, seed):
    generator = np.random.default_rng(seed)
    scene = [picture(source, height, width, generator)] * frames
    return scenes.film(scene, height, width, clutter, camera, generator)


def detail(clip):
    """Mean difference of neighbours, level and upright."""
    return np.abs(np.diff(clip.astype(float), axis=1)).mean() + np.abs(np.diff(clip.astype(float), axis=2)).mean()


def changes(clip):
    return np.abs(np.diff(clip.astype(float), axis=0)).mean()


def colour(clip):
    return np.ptp(clip.astype(float), axis=3).mean()


def still(clip):
    return np.mean([np.array_equal(a, b) for a, b in pairwise(clip)])


@pytest.mark.parametrize(
    ("code", "measure", "sign"),
    [
        ("A-1", detail, -1),
        ("A-3", colour, -1),
        ("A-4", np.std, -1),
        ("T-1", detail, -1),
        ("T-2", detail, -1),
        ("T-3", changes, 1),
        ("T-4", detail, -1),
        ("T-5", changes, 1),
        ("T-8", still, 1),
    ],
)
def test_degradations_do_what_they_say(clip, code, measure, sign):
    none = dict.fromkeys(AESTHETIC + TECHNICAL, 0.0)
    assert np.array_equal(degrade(clip, none, np.random.default_rng(0)), clip)
    values = []
    for strength in (0.0, 0.3, 0.6, 1.0):
        degraded = degrade(clip, {**none, code: strength}, np.random.default_rng(1))
        assert degraded.shape == clip.shape
        assert degraded.dtype == np.uint8
        values.append(measure(degraded))
    assert (np.diff(values) * sign > 0).all(), values


def test_exposure_goes_both_ways(clip):
    dark, bright = (expose(clip, 0.6, bright) for bright in (False, True))
    assert dark.mean() < clip.mean() < bright.mean()
