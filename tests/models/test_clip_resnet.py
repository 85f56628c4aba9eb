import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jaxvqa.models.clip_resnet import CLIPResNet, ConvNorm, ResNetConfig, average_pool


def test_convolution_and_norm_in_one_equal_the_two():
    for size, stride in ((1, 1), (3, 1), (3, 2)):
        layer = ConvNorm(4, 6, size, nnx.Rngs(0), stride)
        keys = jax.random.split(jax.random.key(1), 4)
        for variable, key in zip((layer.norm.scale, layer.norm.bias, layer.norm.mean), keys, strict=False):
            variable[...] = jax.random.normal(key, (6,))
        layer.norm.var[...] = jax.random.uniform(keys[3], (6,), minval=0.1)
        x = jax.random.normal(jax.random.key(2), (2, 8, 8, 4))
        padding = size // 2
        separate = nnx.Conv(4, 6, (size, size), stride, padding=padding, use_bias=False, rngs=nnx.Rngs(0))
        separate.kernel[...] = layer.conv.kernel[...]
        np.testing.assert_allclose(layer(x), layer.norm(separate(x)), atol=1e-5)


def test_average_pool_is_a_mean_of_four():
    x = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    assert average_pool(jnp.asarray(x))[0, ..., 0].tolist() == [[2.5, 4.5], [10.5, 12.5]]


def test_shapes_and_names_of_all_steps():
    config = ResNetConfig(width=8, depths=(1, 1, 2, 1), heads=4, output_width=32)
    steps = jax.eval_shape(CLIPResNet(config, nnx.Rngs(0)).intermediates, jnp.zeros((2, 224, 224, 3)))
    assert {name: step.shape[1:] for name, step in steps.items()} == {
        "stem": (56, 56, 8),
        "layer1": (56, 56, 32),
        "layer2": (28, 28, 64),
        "layer3": (14, 14, 128),
        "layer4": (7, 7, 256),
        "tokens": (50, 32),
    }
