"""CLIP's text transformer: token embeddings to one feature a prompt. Source: CLIP (arXiv:2103.00020, section 2.4)."""

from dataclasses import dataclass

import jax
from flax import nnx
from jaxtyping import Array, Bool, Float

from ..prompts import PromptTree


@dataclass(frozen=True)
class TextConfig:
    """Sizes of the network; the defaults are the text side of CLIP RN50."""

    vocabulary: int = 49408
    context: int = 77
    width: int = 512
    depth: int = 12
    heads: int = 8
    output_width: int = 1024


def quick_gelu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """CLIP's approximation of GELU, x * sigmoid(1.702 x)."""
    return x * jax.nn.sigmoid(1.702 * x)


class TextBlock(nnx.Module):
    """Pre-norm residual block: self-attention among the tokens that see each other, then an MLP."""

    def __init__(self, config: TextConfig, rngs: nnx.Rngs):
        width = config.width
        if width % config.heads:
            raise ValueError(f"{config.heads} heads do not divide a width of {width}")
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
        x = embeddings + self.positions[tree.positions]
        for block in self.blocks:
            x = block(x, tree.visible)
        return self.projection(self.norm(x[tree.ends]))
