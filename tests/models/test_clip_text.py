import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxvqa.dimensions import default_prompts
from jaxvqa.models.clip_text import CLIPText, PromptTree, TextConfig, prompt_tree, quick_gelu
from jaxvqa.system.compilation import jitted
from jaxvqa.text.tokens import tokenize


def test_tree_holds_each_prompt_and_what_they_share_once():
    tokens = tokenize(default_prompts())
    tree = prompt_tree(tokens)
    assert len(tree.tokens) == 133 < (tokens > 0).sum()
    for row, end in zip(tokens, tree.ends, strict=True):
        path = np.flatnonzero(tree.visible[end])
        path = path[np.argsort(tree.positions[path])]
        assert tree.tokens[path].tolist() == row[row > 0].tolist()
        assert tree.positions[path].tolist() == list(range(len(path)))
        for i, node in enumerate(path):  # each sees what is before it, and no more
            assert set(np.flatnonzero(tree.visible[node])) == set(path[: i + 1])


def test_tree_keeps_equal_prompts_apart_by_their_ends_only():
    tree = prompt_tree(tokenize(["a X photo", "a X photo", "a X photo of"]))
    assert tree.ends[0] == tree.ends[1] != tree.ends[2]
    assert len(tree.tokens) == 7  # start, a, X, photo, end; of, end


@pytest.fixture(scope="module")
def text():
    config = TextConfig(vocabulary=50, context=12, width=16, depth=2, heads=2, output_width=8)
    return jitted(CLIPText.__call__, CLIPText(config, nnx.Rngs(0)))


def test_quick_gelu_is_clips_own():
    x = np.linspace(-4, 4, 101, dtype=np.float32)
    np.testing.assert_allclose(quick_gelu(jnp.asarray(x)), x / (1 + np.exp(-1.702 * x)), atol=1e-6)
    assert np.abs(quick_gelu(jnp.asarray(x)) - jax.nn.gelu(x, approximate=False)).max() > 1e-2


def causal(length, ends):
    """One prompt, that ends at several places."""
    return PromptTree(np.zeros(length, int), np.arange(length), np.tri(length, dtype=bool), np.array(ends))


def test_a_feature_follows_from_what_its_end_sees(text):
    embeddings = jax.random.normal(jax.random.key(0), (12, 16))
    gradient = jax.grad(lambda e: text(e, causal(12, [5])).sum())(embeddings)
    moved = np.abs(gradient).max(axis=-1) > 0
    assert moved.tolist() == [True] * 6 + [False] * 6


def test_feature_is_that_of_the_end_position(text):
    first, second = text(jax.random.normal(jax.random.key(0), (12, 16)), causal(12, [4, 9]))
    assert np.abs(first - second).max() > 1e-3


def test_a_tree_gives_the_features_of_its_prompts_one_by_one(text):
    tokens = np.array([[1, 2, 3, 49, 0, 0], [1, 2, 4, 5, 49, 0], [1, 2, 3, 6, 7, 49]])
    table = jax.random.normal(jax.random.key(0), (50, 16))
    tree = prompt_tree(tokens)
    assert len(tree.tokens) == 10
    one_by_one = [text(table[row[row > 0]], causal((row > 0).sum(), [(row > 0).sum() - 1]))[0] for row in tokens]
    np.testing.assert_allclose(text(table[tree.tokens], tree), np.stack(one_by_one), atol=1e-6)
