import numpy as np
import pytest

from jaxvqa.synthetic import scenes
from jaxvqa.synthetic.degradations import compression_crf
from jaxvqa.synthetic.scenes import Camera, picture
from jaxvqa.synthetic.transcode import encode


@pytest.fixture(scope="module")
def clip():
    return film("coffee", 24, 240, 320, 0.0, Camera(), 0)


def film(source, frames, height, width, clutter, camera, seed):
    generator = np.random.default_rng(seed)
    scene = [picture(source, height, width, generator)] * frames
    return scenes.film(scene, height, width, clutter, camera, generator)


def test_compression_is_the_encoders(clip, tmp_path):
    sizes = []
    for strength in (0.0, 0.5, 1.0):
        path = tmp_path / f"{strength}.mp4"
        encode(path, clip, 25, compression_crf(strength))
        sizes.append(path.stat().st_size)
    assert sizes[0] > 2 * sizes[1] > 3 * sizes[2]
