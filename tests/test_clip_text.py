import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxvqa.model import jitted
from jaxvqa.models.clip_text import CLIPText, TextConfig, quick_gelu


@pytest.fixture(scope="module")
def text():
    config = TextConfig(vocabulary=50, context=12, width=16, depth=2, heads=2, output_width=8)
    return jitted(CLIPText.__call__, CLIPText(config, nnx.Rngs(0)))


def test_quick_gelu_is_clips_own():
    x = np.linspace(-4, 4, 101, dtype=np.float32)
    np.testing.assert_allclose(quick_gelu(x), x / (1 + np.exp(-1.702 * x)), atol=1e-6)
    assert np.abs(quick_gelu(x) - jax.nn.gelu(x, approximate=False)).max() > 1e-2


def test_attention_is_causal(text):
    embeddings = jax.random.normal(jax.random.key(0), (1, 12, 16))
    gradient = jax.grad(lambda e: text(e, jnp.array([5])).sum())(embeddings)[0]
    moved = np.abs(gradient).max(axis=-1) > 0
    assert moved.tolist() == [True] * 6 + [False] * 6


def test_cutting_behind_the_last_end_changes_nothing(text):
    embeddings = jax.random.normal(jax.random.key(0), (3, 12, 16))
    ends = jnp.array([3, 6, 5])
    np.testing.assert_allclose(text(embeddings[:, :7], ends), text(embeddings, ends), atol=1e-6)


def test_feature_is_that_of_the_end_position(text):
    embeddings = jnp.repeat(jax.random.normal(jax.random.key(0), (1, 12, 16)), 2, axis=0)
    first, second = text(embeddings, jnp.array([4, 9]))
    assert np.abs(first - second).max() > 1e-3
