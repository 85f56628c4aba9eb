import jax.numpy as jnp
import numpy as np
import pytest

from jaxvqa.models.visual_encoders import encode_clips, encode_frames, encode_views, in_precision, normalize
from jaxvqa.weights.assemble import ENCODERS
from jaxvqa.weights.load import load_weights


@pytest.fixture(scope="module")
def encoders(small_weights):
    parts = load_weights(small_weights, ENCODERS).parts
    return [parts[part] for part in ENCODERS]


@pytest.fixture(scope="module")
def views():
    generator = np.random.default_rng(0)
    return [jnp.asarray(generator.integers(0, 256, (n, 224, 224, 3)), jnp.uint8) for n in (128, 64)]


def test_frames_are_normalized_as_for_imagenet():
    white = normalize(np.full((1, 3), 255, np.uint8))
    np.testing.assert_allclose(white[0], [2.2489, 2.4286, 2.64], atol=1e-3)


def test_features_are_clips_beside_swins_moment_by_moment(encoders, views):
    features = np.asarray(encode_views(*encoders, *views))
    assert features.shape == (64, 49, 32 + 64)
    tokens = encode_frames(encoders[1], views[1][:8])
    np.testing.assert_allclose(features[:8, :, :32], tokens[:, 1:], atol=1e-5)
    clip = encode_clips(encoders[0], views[0][32:64][None])
    np.testing.assert_allclose(features[16:32, :, 32:], np.asarray(clip).reshape(16, 49, 64), atol=1e-4)


def test_another_precision_is_another_encoder(encoders):
    swin, _ = encoders
    assert in_precision(swin, "float32") is swin
    changed = in_precision(swin, "bfloat16")
    assert changed.patch_embed.dtype == jnp.bfloat16
    assert swin.patch_embed.dtype is None
