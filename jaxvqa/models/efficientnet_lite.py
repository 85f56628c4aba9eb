"""The first five stages of EfficientNet-Lite0: of what textures an image is made, at strides of 2 to 16.

Sources: EfficientNet (arXiv:1905.11946), the blocks of MobileNetV2 (arXiv:1801.04381); Lite models have ReLU6 and no
squeeze-and-excitation. Batch norm is part of the convolutions here, which work as at inference.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, UInt8

STEM = 32  # channels of the first convolution
CHANNELS = (16, 24, 40, 80, 112)  # of each stage
REPEATS = (1, 2, 2, 3, 3)  # its blocks
KERNELS = (3, 3, 5, 3, 5)
STRIDES = (1, 2, 2, 2, 1)  # of its first block
EXPAND = 6  # a block's inner channels for one that goes in; the first stage's, one
MEAN, DEVIATION = 127.0, 128.0  # of 0-255 RGB, as it was trained


class Affine(nnx.Module):
    """A matrix product with a bias: of a convolution of 1x1, or of one that is given all neighbours at once."""

    def __init__(self, inputs: int, outputs: int, rngs: nnx.Rngs):
        self.kernel = nnx.Param(nnx.initializers.he_normal()(rngs.params(), (inputs, outputs)))
        self.bias = nnx.Param(jnp.zeros(outputs))

    def __call__(self, x: Float[Array, "*batch c"]) -> Float[Array, "*batch d"]:
        return x @ self.kernel[...] + self.bias[...]


class Block(nnx.Module):
    """A block of MobileNetV2: more channels, a convolution of each channel alone, fewer channels again."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expand: int, rngs: nnx.Rngs):
        inner = inputs * expand
        self.size, self.stride, self.residual = kernel, stride, stride == 1 and inputs == outputs
        self.expand = Affine(inputs, inner, rngs) if expand > 1 else None
        self.kernel = nnx.Param(nnx.initializers.he_normal()(rngs.params(), (kernel**2, inner)))
        self.bias = nnx.Param(jnp.zeros(inner))
        self.project = Affine(inner, outputs, rngs)

    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 d"]:
        inner = x if self.expand is None else jax.nn.relu6(self.expand(x))
        # Sums of shifted copies: XLA on a CPU has no fast convolution of single channels.
        near = neighbours(inner, self.size, self.stride)
        kernel = self.kernel[...]
        inner = jax.nn.relu6(sum(each * kernel[i] for i, each in enumerate(near)) + self.bias[...])
        y = self.project(inner)
        return x + y if self.residual else y


class EfficientNetLite(nnx.Module):
    """The first stages of EfficientNet-Lite0."""

    def __init__(self, stages: int, rngs: nnx.Rngs):
        self.stem = Affine(9 * 3, STEM, rngs)
        found, inputs = [], STEM
        for i in range(stages):
            blocks = []
            for j in range(REPEATS[i]):
                stride, expand = (STRIDES[i] if j == 0 else 1), (EXPAND if i else 1)
                blocks.append(Block(inputs, CHANNELS[i], KERNELS[i], stride, expand, rngs))
                inputs = CHANNELS[i]
            found.append(nnx.List(blocks))
        self.stages = nnx.List(found)

    def __call__(self, images: UInt8[Array, "n h w 3"]) -> list[Float[Array, "n h2 w2 c"]]:
        """What the stem and each stage make of images, sides of which are multiples of 16."""
        x = (images.astype(jnp.float32) - MEAN) / DEVIATION
        x = jax.nn.relu6(self.stem(jnp.concatenate(neighbours(x, 3, 2), axis=-1)))
        outputs = [x]
        for stage in self.stages:
            for block in stage:
                x = block(x)
            outputs.append(x)
        return outputs


def neighbours(x: Float[Array, "n h w c"], kernel: int, stride: int) -> list[Float[Array, "n h2 w2 c"]]:
    """What a convolution with TensorFlow's padding "SAME" multiplies, for each place of its kernel.

    Args:
        x: with sides that the stride divides.
    """
    height, width = (size // stride for size in x.shape[1:3])
    around = kernel - stride
    before, after = around // 2, around - around // 2
    x = jnp.pad(x, ((0, 0), (before, after), (before, after), (0, 0)))
    return [
        x[:, i : i + stride * (height - 1) + 1 : stride, j : j + stride * (width - 1) + 1 : stride]
        for i in range(kernel)
        for j in range(kernel)
    ]
