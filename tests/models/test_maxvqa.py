import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxvqa.models.clip_text import CLIPText, TextConfig, prompt_tree
from jaxvqa.models.maxvqa import FastVQAConfig, FastVQAHead, HeadConfig, MaxVQA
from jaxvqa.system.compilation import jitted


@pytest.mark.parametrize("depth", [2, 4])
def test_published_number_of_trained_parameters(depth):
    state = nnx.state(nnx.eval_shape(lambda: MaxVQA(HeadConfig(depth=depth), nnx.Rngs(0))))
    count = 512 + 1792 * 64 + (depth - 2) * 64 * 64 + 64 * 1025
    assert sum(x.size for x in jax.tree.leaves(state)) == count
    assert 0.18e6 <= count < 0.2e6


@pytest.mark.parametrize("depth", [2, 4])
def test_scores_follow_the_equations(depth):
    config = HeadConfig(clip_width=10, technical_width=6, hidden=8, depth=depth)
    head = MaxVQA(config, nnx.Rngs(0))
    features = np.random.default_rng(0).normal(size=(3, 5, 16)).astype(np.float32)
    text = np.random.default_rng(1).normal(size=(8, 10)).astype(np.float32)
    x = features
    for layer in head.layers[:-1]:
        x = jax.nn.gelu(x @ layer.kernel[...], approximate=False)
    y = features[..., :10] + (x @ head.layers[-1].kernel[...])[..., :10]
    logits = 2 * y @ text.T
    pairs = jnp.stack([logits[..., :4], logits[..., 4:]], axis=-1)
    np.testing.assert_allclose(
        head(jnp.asarray(features), jnp.asarray(text)), jax.nn.softmax(pairs, axis=-1)[..., 0], atol=1e-5
    )


def test_context_takes_the_place_of_token_one_alone():
    text = CLIPText(TextConfig(vocabulary=20, context=8, width=16, depth=1, heads=2, output_width=8), nnx.Rngs(0))
    head = MaxVQA(HeadConfig(text_width=16), nnx.Rngs(1))
    tree = prompt_tree(np.array([[1, 2, 3, 4, 19, 0], [1, 5, 3, 3, 4, 19]]))
    embeddings = jax.random.normal(jax.random.key(0), (20, 16))
    encode = jitted(MaxVQA.text_features, head, text)
    features = encode(embeddings[tree.tokens], tree)
    for position, changes in ((0, True), (1, False), (2, True)):
        other = jnp.where((tree.positions == position)[:, None], jnp.arange(16.0), embeddings[tree.tokens])
        other = encode(other, tree)
        assert (np.abs(other - features).max() > 1e-3) == changes


def test_fastvqa_head_scores_every_position():
    head = FastVQAHead(FastVQAConfig(width=12, hidden=4), nnx.Rngs(0))
    assert head(jnp.ones((2, 3, 7, 7, 12))).shape == (2, 3, 7, 7)
