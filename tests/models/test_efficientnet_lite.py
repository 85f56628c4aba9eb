"""The network's arithmetic; that it is EfficientNet-Lite0 is shown with its weights, in tests/upstream."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxvqa.models.efficientnet_lite import EfficientNetLite, neighbours


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [3, 5])
def test_neighbours_times_a_matrix_are_a_convolution(kernel, stride):
    generator = np.random.default_rng(0)
    x = generator.standard_normal((2, 8, 12, 3)).astype(np.float32)
    weights = generator.standard_normal((kernel, kernel, 3, 5)).astype(np.float32)
    expected = jax.lax.conv_general_dilated(
        x, weights, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    near = jnp.concatenate(neighbours(jnp.asarray(x), kernel, stride), axis=-1)
    np.testing.assert_allclose(near @ weights.reshape(-1, 5), expected, atol=1e-4)


def test_each_stage_gives_its_output():
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 32, 3), np.uint8)
    outputs = EfficientNetLite(5, nnx.Rngs(0))(jnp.asarray(images))
    shapes = [(32, 16, 32), (32, 16, 16), (16, 8, 24), (8, 4, 40), (4, 2, 80), (4, 2, 112)]
    assert [output.shape for output in outputs] == [(2, *shape) for shape in shapes]
    assert len(EfficientNetLite(2, nnx.Rngs(0))(jnp.asarray(images))) == 3
