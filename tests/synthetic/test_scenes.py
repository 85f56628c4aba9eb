import numpy as np
import pytest

from jaxvqa.synthetic import scenes
from jaxvqa.synthetic.scenes import PHOTOGRAPHS, RENDERED, Camera, picture


@pytest.fixture(scope="module")
def clip():
    return film("coffee", 24, 240, 320, 0.0, Camera(), 0)


def film(source, frames, height, width, clutter, camera, seed):
    generator = np.random.default_rng(seed)
    scene = [picture(source, height, width, generator)] * frames
    return scenes.film(scene, height, width, clutter, camera, generator)


def changes(clip):
    return np.abs(np.diff(clip.astype(float), axis=0)).mean()


@pytest.mark.parametrize("camera", [Camera(shake=1), Camera(wander=1)])
def test_an_unsteady_camera_is_seen(camera):
    steady, unsteady = (
        np.mean([changes(film("coffee", 48, 240, 320, 0.0, c, i)) for i in range(3)]) for c in (Camera(), camera)
    )
    assert unsteady > 1.2 * steady


@pytest.mark.parametrize("source", [*RENDERED, *PHOTOGRAPHS])
def test_every_source_fills_the_frame(source):
    for height, width in ((426, 240), (270, 480)):
        camera = Camera(shake=1, wander=1, tilt=1)
        clip = film(source, 3, height, width, 1.0, camera, 5)
        black = (clip == 0).all(axis=3)
        assert not black[:, [0, 0, -1, -1], [0, -1, 0, -1]].all(), "a corner outside of the picture"
        assert clip.std() > 8
