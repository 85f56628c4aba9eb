"""MaxVQA's head: visual features and prompts to explained scores, and FAST-VQA's own head.

Sources: MaxVQA (arXiv:2305.12726, section 4) and FAST-VQA (arXiv:2207.02595, section 3.4).
"""

from dataclasses import dataclass
from itertools import pairwise

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Key

from .clip_text import CLIPText, PromptTree
from .sizes import check_sizes
from .swin3d import at_once, exact_gelu


@dataclass(frozen=True)
class HeadConfig:
    """Sizes of the head.

    Attributes:
        depth: number of linear layers of the fusion MLP: 2 (shallow) or 4 (deep).
        prompts: where there is no text transformer, of how many prompts the head holds the features itself; else 0.
    """

    clip_width: int = 1024
    technical_width: int = 768
    hidden: int = 64
    depth: int = 2
    text_width: int = 512
    prompts: int = 0

    def __post_init__(self):
        check_sizes(self, but=["prompts"])
        if type(self.prompts) is not int or self.prompts < 0:
            raise ValueError(f"prompts is {self.prompts!r}; it must be 0 or larger")


class MaxVQA(nnx.Module):
    """All that MaxVQA trains: a context vector shared by all prompts, or features of the prompts; the fusion MLP."""

    def __init__(self, config: HeadConfig, rngs: nnx.Rngs):
        self.config = config
        normal = nnx.initializers.normal(0.02)
        stored = config.prompts > 0
        self.context = None if stored else nnx.Param(normal(rngs.params(), (config.text_width,)))
        self.prompts = nnx.Param(normal(rngs.params(), (config.prompts, config.clip_width))) if stored else None
        # The published MLP has one output more than it uses; it is kept so that its checkpoints fit as they are.
        widths = [
            config.clip_width + config.technical_width,
            *[config.hidden] * (config.depth - 1),
            config.clip_width + 1,
        ]
        # Uniform within 1 / sqrt(inputs), as the published training starts.
        initializer = nnx.initializers.variance_scaling(1 / 3, "fan_in", "uniform")
        self.layers = nnx.List(
            [nnx.Linear(i, o, use_bias=False, kernel_init=initializer, rngs=rngs) for i, o in pairwise(widths)]
        )

    def text_features(
        self, text: CLIPText | None, embeddings: Float[Array, "nodes width"] | None, tree: PromptTree | None
    ) -> Float[Array, "prompts d"]:
        """Features of prompts whose token at position 1 gives way to the context vector, or those it holds."""
        if self.prompts is not None:
            return self.prompts[...]
        if text is None or tree is None or embeddings is None or self.context is None:
            raise ValueError("a head without features of its prompts takes a text encoder and prompts")
        return text(jnp.where((tree.positions == 1)[:, None], self.context[...], embeddings), tree)

    def fuse(self, features: Float[Array, "*batch c"], key: Key[Array, ""] | None = None) -> Float[Array, "*batch d"]:
        """The CLIP part of the features plus what the fusion MLP makes of both parts."""
        keys = [None] * len(self.layers) if key is None else jax.random.split(key, len(self.layers))
        x = features
        for layer, k in zip(self.layers[:-1], keys, strict=False):
            x = dropout(exact_gelu(layer(x)), k)
        width = self.config.clip_width
        return dropout(features[..., :width] + x @ self.layers[-1].kernel[:, :width], keys[-1])

    def video_scores(
        self,
        features: Float[Array, "videos *positions c"],
        text_features: Float[Array, "prompts d"],
        keys: Key[Array, "videos"] | None = None,
    ) -> Float[Array, "videos dimensions"]:
        """Scores of videos: the means of their local ones."""

        def score(video):
            features, key = video
            positions = features.reshape(-1, features.shape[-1])  # as a matrix, which XLA multiplies twice as fast
            return self(positions.astype(jnp.float32), text_features, key).mean(axis=0)

        # On a CPU, one video at a time, and its activations computed once more for the gradient: in cache, that
        # costs less than to write and read them.
        return jax.lax.map(jax.checkpoint(score), (features, keys), batch_size=at_once(1, len(features)))

    def __call__(
        self,
        features: Float[Array, "*batch c"],
        text_features: Float[Array, "prompts d"],
        key: Key[Array, ""] | None = None,
    ) -> Float[Array, "*batch dimensions"]:
        """Local scores in (0, 1): how much nearer each position is to the positive than to the negative prompt.

        Args:
            features: float32 [..., 1792], CLIP part first.
            text_features: positive prompts of all dimensions, then their negatives in the same order.
            key: for dropout in training; none, no dropout.
        """
        positive, negative = jnp.split(text_features, 2)
        # The softmax over two is the sigmoid of their difference.
        return jax.nn.sigmoid(2 * self.fuse(features, key) @ (positive - negative).T)


def dropout(x: Float[Array, "*shape"], key: Key[Array, ""] | None) -> Float[Array, "*shape"]:
    """Zeros each value with probability 1/2 and doubles the others; changes nothing without a key.

    One random bit a value is exact for this rate, and on a CPU costs a fraction of random numbers.
    """
    if key is None:
        return x
    rows, columns = x.size // x.shape[-1], x.shape[-1]
    # A word's bits go to different rows, so that neighbours in a row, which are computed together, shift alike.
    words = jax.random.bits(key, (-(-rows // 32), columns), jnp.uint32)
    bits = (words >> jnp.arange(32, dtype=jnp.uint32)[:, None, None]) & 1
    return jnp.where(bits.reshape(-1, columns)[:rows].reshape(x.shape) == 1, 2 * x, 0)


@dataclass(frozen=True)
class FastVQAConfig:
    """Sizes of FAST-VQA's own head."""

    width: int = 768
    hidden: int = 64

    def __post_init__(self):
        check_sizes(self)


class FastVQAHead(nnx.Module):
    """FAST-VQA's regression head: features [..., 768] to one local score [...]; a clip's score is their mean."""

    def __init__(self, config: FastVQAConfig, rngs: nnx.Rngs):
        self.fc_hid = nnx.Linear(config.width, config.hidden, rngs=rngs)
        self.fc_last = nnx.Linear(config.hidden, 1, rngs=rngs)

    def __call__(self, features: Float[Array, "*batch c"]) -> Float[Array, "*batch"]:
        return self.fc_last(exact_gelu(self.fc_hid(features)))[..., 0]
