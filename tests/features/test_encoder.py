"""Encoders by the weights: which views they take, and that they work one video ahead."""

import jax
import numpy as np
import pytest

from jaxvqa.features.ahead import encode_ahead
from jaxvqa.features.encoder import Encoder, result_of
from jaxvqa.video.display import DisplayViews
from jaxvqa.video.views import Views
from jaxvqa.video.workers import Decoded
from jaxvqa.weights.assemble import ENCODERS
from jaxvqa.weights.find import PACKAGED
from jaxvqa.weights.load import load_weights


@pytest.fixture(scope="module")
def kinds(small_weights):
    return {
        "fragments": Encoder(load_weights(small_weights, ENCODERS).parts),
        "pieces": Encoder(load_weights(PACKAGED["mini"], ("display",)).parts),
    }


@pytest.mark.parametrize(("views", "kind", "moments"), [("fragments", Views, 64), ("pieces", DisplayViews, 16)])
def test_weights_decide_which_views_are_seen(kinds, views, kind, moments):
    encoder = kinds[views]
    assert encoder.views == views
    assert len(encoder.shapes) == len(kind._fields)
    assert result_of(encoder, *encoder.shapes).shape[:2] == (moments, 49)
    random = np.random.default_rng(0)
    features = encoder(*(random.integers(0, 256, shape.shape, np.uint8) for shape in encoder.shapes))
    assert features.shape == result_of(encoder, *encoder.shapes).shape
    assert np.isfinite(features).all()
    assert features.dtype == jax.numpy.float32


def test_the_next_video_is_encoded_before_one_is_given():
    given = []

    def encode(pieces, motion):
        given.append(int(pieces.max()))
        return np.full((16, 49, 1), pieces.max(), np.float32)

    def views(number):
        return DisplayViews(np.full((16, 49, 64, 64, 3), number, np.uint8), np.zeros((4, 32, 36, 64), np.uint8))

    videos = [Decoded("a", {}, views(1)), Decoded("b", {}, None, "b is damaged."), Decoded("c", {}, views(3))]
    for number, (video, features) in enumerate(encode_ahead(encode, videos)):
        assert video is videos[number]
        assert (features is None) if number == 1 else (features == (1, None, 3)[number]).all()
        assert given == [[1], [1, 3], [1, 3]][number]
