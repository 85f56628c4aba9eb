"""CLIP's text transformer: token embeddings to one feature a prompt. Source: CLIP (arXiv:2103.00020, section 2.4)."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

from .sizes import check_heads, check_sizes


class PromptTree(NamedTuple):
    """Prompts as a tree, in which what several begin with stands once: attention is causal, so it is the same in all.

    Attributes:
        tokens: int32, the tokens of the tree.
        positions: int32, place of each token in its prompt.
        visible: whether a token (row) sees another (column): itself and those before it in its prompt.
        ends: int32, the token that each prompt ends with.
    """

    tokens: Int[np.ndarray, " nodes"]
    positions: Int[np.ndarray, " nodes"]
    visible: Bool[np.ndarray, "nodes nodes"]
    ends: Int[np.ndarray, " prompts"]


def prompt_tree(tokens: Int[np.ndarray, "prompts context"]) -> PromptTree:
    """Joins tokenized prompts to a tree; of the 32 default ones, 229 tokens become 133."""
    nodes: dict[tuple[int, ...], int] = {}  # number of what a prompt begins with
    ends = []
    for row in tokens.tolist():
        for i in range(row.index(max(row)) + 1):  # the end of text has the largest id
            end = nodes.setdefault(tuple(row[: i + 1]), len(nodes))
        ends.append(end)
    visible = np.zeros((len(nodes), len(nodes)), bool)
    for start, number in nodes.items():
        visible[number, [nodes[start[: i + 1]] for i in range(len(start))]] = True
    return PromptTree(
        np.array([start[-1] for start in nodes], np.int32),
        np.array([len(start) - 1 for start in nodes], np.int32),
        visible,
        np.array(ends, np.int32),
    )


@dataclass(frozen=True)
class TextConfig:
    """Sizes of the network; the defaults are the text side of CLIP RN50."""

    vocabulary: int = 49408
    context: int = 77
    width: int = 512
    depth: int = 12
    heads: int = 8
    output_width: int = 1024

    def __post_init__(self):
        check_sizes(self)
        check_heads(self.heads, self.width)


def quick_gelu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """CLIP's approximation of GELU, x * sigmoid(1.702 x)."""
    return x * jax.nn.sigmoid(1.702 * x)


class TextBlock(nnx.Module):
    """Pre-norm residual block: self-attention among the tokens that see each other, then an MLP."""

    def __init__(self, config: TextConfig, rngs: nnx.Rngs):
        width = config.width
        self.heads = config.heads
        self.norm1 = nnx.LayerNorm(width, epsilon=1e-5, rngs=rngs)
        self.qkv = nnx.Linear(width, 3 * width, rngs=rngs)
        self.proj = nnx.Linear(width, width, rngs=rngs)
        self.norm2 = nnx.LayerNorm(width, epsilon=1e-5, rngs=rngs)
        self.fc1 = nnx.Linear(width, 4 * width, rngs=rngs)
        self.fc2 = nnx.Linear(4 * width, width, rngs=rngs)

    def __call__(
        self, x: Float[Array, "nodes width"], visible: Bool[Array, "nodes nodes"]
    ) -> Float[Array, "nodes width"]:
        q, k, v = self.qkv(self.norm1(x)).reshape(len(x), 3, self.heads, -1).swapaxes(0, 1)
        x = x + self.proj(jax.nn.dot_product_attention(q, k, v, mask=visible[None]).reshape(x.shape))
        return x + self.fc2(quick_gelu(self.fc1(self.norm2(x))))


class CLIPText(nnx.Module):
    """Token embeddings to the feature at the end-of-text position, not normalised."""

    def __init__(self, config: TextConfig, rngs: nnx.Rngs):
        self.config = config
        self.embedding = nnx.Embed(config.vocabulary, config.width, rngs=rngs)
        self.positions = nnx.Param(nnx.initializers.normal(0.01)(rngs.params(), (config.context, config.width)))
        self.blocks = nnx.List([TextBlock(config, rngs) for _ in range(config.depth)])
        self.norm = nnx.LayerNorm(config.width, epsilon=1e-5, rngs=rngs)
        self.projection = nnx.Linear(config.width, config.output_width, use_bias=False, rngs=rngs)

    def __call__(self, embeddings: Float[Array, "nodes width"], tree: PromptTree) -> Float[Array, "prompts d"]:
        """Encodes prompts given as a tree and the embeddings of its tokens, float32."""
        x, visible = embeddings + self.positions[tree.positions], jnp.asarray(tree.visible)
        for block in self.blocks:
            x = block(x, visible)
        return self.projection(self.norm(x[tree.ends]))
