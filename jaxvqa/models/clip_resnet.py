"""CLIP's modified ResNet with a token-wise attention pool: the aesthetic encoder.

Source: CLIP (arXiv:2103.00020, section 2.4); all tokens of the attention pool are kept,
since MaxVQA (arXiv:2305.12726) scores every position rather than the pooled one.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from .sizes import check_heads, check_sizes


@dataclass(frozen=True)
class ResNetConfig:
    """Sizes of the network; the defaults are CLIP RN50."""

    width: int = 64
    depths: tuple[int, ...] = (3, 4, 6, 3)
    heads: int = 32
    output_width: int = 1024
    image_size: int = 224

    def __post_init__(self):
        check_sizes(self)
        check_heads(self.heads, self.feature_width)

    @property
    def feature_width(self) -> int:
        """Channels after the last stage."""
        return self.width * 4 * 2 ** (len(self.depths) - 1)


def average_pool(x: Float[Array, "b h w c"]) -> Float[Array, "b h2 w2 c"]:
    """Mean over 2x2 neighbourhoods."""
    return nnx.avg_pool(x, (2, 2), strides=(2, 2))


def strided(
    x: Float[Array, "b h w c"], kernel: Float[Array, "n n c c2"], stride: int = 1
) -> Float[Array, "b h2 w2 c2"]:
    """Convolution with zeros around the map."""
    padding = [(n // 2, n // 2) for n in kernel.shape[:2]]
    return jax.lax.conv_general_dilated(
        x, kernel, (stride, stride), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


@jax.custom_vjp
def convolve(x: Float[Array, "b h w c"], kernel: Float[Array, "n n c c2"]) -> Float[Array, "b h w c2"]:
    """Convolution without stride, whose gradient XLA computes on a CPU as fast as itself, in loops as well.

    What it makes of the gradient by itself takes it up to a hundred times as long there.
    """
    return strided(x, kernel)


def convolve_forward(x: Float[Array, "b h w c"], kernel: Float[Array, "n n c c2"]) -> tuple:
    """The convolution, and what its gradient needs."""
    return strided(x, kernel), (x, kernel)


def convolve_backward(kept: tuple, y: Float[Array, "b h w c2"]) -> tuple:
    """Gradients: of the input, a convolution with the kernel turned round; of the kernel, a product for each shift."""
    x, kernel = kept
    n, h, w = kernel.shape[0], *x.shape[1:3]
    padded = jnp.pad(x, [(0, 0), (n // 2, n // 2), (n // 2, n // 2), (0, 0)])
    rows = y.reshape(-1, y.shape[-1])
    shifts = [padded[:, i : i + h, j : j + w].reshape(len(rows), -1).T @ rows for i in range(n) for j in range(n)]
    return strided(y, kernel[::-1, ::-1].swapaxes(2, 3)), jnp.stack(shifts).reshape(kernel.shape)


convolve.defvjp(convolve_forward, convolve_backward)


class ConvNorm(nnx.Module):
    """Bias-free convolution and BatchNorm with running statistics, applied as one convolution."""

    def __init__(self, inputs: int, outputs: int, size: int, rngs: nnx.Rngs, stride: int = 1):
        self.stride = stride
        self.conv = nnx.Conv(inputs, outputs, (size, size), use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(outputs, epsilon=1e-5, use_running_average=True, rngs=rngs)

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h2 w2 c2"]:
        norm, x = self.norm, x.astype(self.conv.dtype or x.dtype)
        mean, variance = jax.lax.stop_gradient((norm.mean[...], norm.var[...]))  # statistics are not trained
        # A BatchNorm has both, unless it was made without.
        scale = norm.scale[...] * jax.lax.rsqrt(variance + norm.epsilon)  # ty: ignore[not-subscriptable]
        kernel, bias = self.conv.kernel[...] * scale, norm.bias[...] - mean * scale  # ty: ignore[not-subscriptable]
        kernel, bias = kernel.astype(x.dtype), bias.astype(x.dtype)
        if kernel.shape[:2] == (1, 1):
            return x @ kernel[0, 0] + bias
        return (convolve(x, kernel) if self.stride == 1 else strided(x, kernel, self.stride)) + bias


class Bottleneck(nnx.Module):
    """1x1, 3x3, 1x1 convolutions; where it strides, an average pool does, in the shortcut as well."""

    def __init__(self, inputs: int, width: int, stride: int, rngs: nnx.Rngs):
        self.stride = stride
        self.conv1 = ConvNorm(inputs, width, 1, rngs)
        self.conv2 = ConvNorm(width, width, 3, rngs)
        self.conv3 = ConvNorm(width, 4 * width, 1, rngs)
        self.shortcut = ConvNorm(inputs, 4 * width, 1, rngs) if stride > 1 or inputs != 4 * width else None

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h2 w2 c2"]:
        y = nnx.relu(self.conv2(nnx.relu(self.conv1(x))))
        if self.stride > 1:
            x, y = average_pool(x), average_pool(y)
        return nnx.relu(self.conv3(y) + (x if self.shortcut is None else self.shortcut(x)))


class AttentionPool(nnx.Module):
    """One multi-head attention over the mean and all positions of a feature map."""

    def __init__(self, config: ResNetConfig, rngs: nnx.Rngs):
        width, positions = config.feature_width, (config.image_size // 2 ** (len(config.depths) + 1)) ** 2
        self.heads = config.heads
        self.positions = nnx.Param(nnx.initializers.normal(width**-0.5)(rngs.params(), (positions + 1, width)))
        self.q, self.k, self.v = (nnx.Linear(width, width, rngs=rngs) for _ in range(3))
        self.c = nnx.Linear(width, config.output_width, rngs=rngs)

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b tokens d"]:
        x = x.reshape(x.shape[0], -1, x.shape[-1])
        x = jnp.concatenate([x.mean(axis=1, keepdims=True), x], axis=1) + self.positions[...]
        q, k, v = (layer(x).reshape(*x.shape[:2], self.heads, -1) for layer in (self.q, self.k, self.v))
        return self.c(jax.nn.dot_product_attention(q, k, v).reshape(x.shape))


class CLIPResNet(nnx.Module):
    """Normalised frames to the tokens of the attention pool."""

    def __init__(self, config: ResNetConfig, rngs: nnx.Rngs):
        self.config = config
        half = config.width // 2
        self.stem = nnx.List(
            [
                ConvNorm(3, half, 3, rngs, stride=2),
                ConvNorm(half, half, 3, rngs),
                ConvNorm(half, config.width, 3, rngs),
            ]
        )
        stages, inputs = [], config.width
        for i, depth in enumerate(config.depths):
            width = config.width * 2**i
            blocks = []
            for j in range(depth):
                blocks.append(Bottleneck(inputs, width, 2 if i > 0 and j == 0 else 1, rngs))
                inputs = 4 * width
            stages.append(nnx.List(blocks))
        self.stages = nnx.List(stages)
        self.pool = AttentionPool(config, rngs)

    def embed(self, frames: Float[Array, "b 224 224 3"]) -> Float[Array, "b 56 56 c"]:
        """What the stem makes of normalised frames, where the first stage starts."""
        x = frames
        for layer in self.stem:
            x = nnx.relu(layer(x))
        return average_pool(x)

    def stage(self, i: int, x: Float[Array, "b h w c"]) -> Float[Array, "b h2 w2 c2"]:
        """One stage, counted from 0."""
        for block in self.stages[i]:
            x = block(x)
        return x

    def intermediates(self, frames: Float[Array, "b 224 224 3"]) -> dict[str, Float[Array, "b ..."]]:
        """All named steps: stem, layer1 ... layer4 [b, h, w, c], and tokens [b, 1 + positions, d]."""
        steps = {"stem": (x := self.embed(frames))}
        for i in range(len(self.stages)):
            steps[f"layer{i + 1}"] = x = self.stage(i, x)
        steps["tokens"] = self.pool(x)
        return steps

    def __call__(self, frames: Float[Array, "b 224 224 3"]) -> Float[Array, "b tokens d"]:
        """Normalised float32 frames to [b, 50, 1024]: CLIP's pooled feature, then the 7x7 positions row by row."""
        return self.intermediates(frames)["tokens"]
