import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxvqa.models.swin3d import SwinConfig, VideoSwin, WindowAttention, exact_gelu, merge, partition, window_layout
from jaxvqa.system.compilation import jitted

WINDOW = (4, 3, 3)


def reference_attention(attention, x, size, shift, window=WINDOW, gate_of=lambda distance: distance, index=None):
    """Gated, shifted window attention token by token in float64, from the equations; x is [t, h, w, c].

    `gate_of` maps the L1 distance of two fragments to their gate, `index` maps two places in a window to a table row.
    """
    shift = [0 if n <= w else s for n, w, s in zip(size, window, shift, strict=True)]
    shrunk = [min(n, w) for n, w in zip(size, window, strict=True)]
    padded = [-(-n // w) * w for n, w in zip(size, shrunk, strict=True)]
    heads = attention.heads
    tables = [
        None if t is None else np.asarray(t[...], float) for t in (attention.relative_bias, attention.fragment_bias)
    ]
    qkv_kernel, qkv_bias = np.asarray(attention.qkv.kernel[...], float), np.asarray(attention.qkv.bias[...], float)
    proj_kernel, proj_bias = np.asarray(attention.proj.kernel[...], float), np.asarray(attention.proj.bias[...], float)

    whole = np.zeros((*padded, x.shape[-1]))
    whole[: size[0], : size[1], : size[2]] = x
    windows = {}
    for place in np.ndindex(*padded):  # the place a token has after the roll
        origin = tuple((p + s) % n for p, s, n in zip(place, shift, padded, strict=True))
        fragment = [o * w // n for o, w, n in zip(origin, shrunk, padded, strict=True)]
        # A token that wrapped around, or lies behind the cut of the last window, belongs to another region.
        region = [
            0 if not s or p < n - w else 1 if p < n - s else 2
            for p, n, w, s in zip(place, padded, shrunk, shift, strict=True)
        ]
        window_of = tuple(p // w for p, w in zip(place, shrunk, strict=True))
        windows.setdefault(window_of, []).append((origin, fragment, region))

    out = np.zeros_like(whole)
    for tokens in windows.values():
        values = np.stack([whole[origin] for origin, _, _ in tokens]) @ qkv_kernel + qkv_bias
        q, k, v = values.reshape(len(tokens), 3, heads, -1).transpose(1, 2, 0, 3)
        scores = q * q.shape[-1] ** -0.5 @ k.transpose(0, 2, 1)
        for i, (_, fragment_i, region_i) in enumerate(tokens):
            for j, (_, fragment_j, region_j) in enumerate(tokens):
                row = full_window_index(i, j, window) if index is None else index(i, j, shrunk, window)
                gate = gate_of(abs(fragment_i[1] - fragment_j[1]) + abs(fragment_i[2] - fragment_j[2]))
                bias = tables[0][row]
                if tables[1] is not None:
                    bias = gate * bias + (1 - gate) * tables[1][row]
                scores[:, i, j] += bias - 100 * (region_i != region_j)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        attended = (weights @ v).transpose(1, 0, 2).reshape(len(tokens), -1) @ proj_kernel + proj_bias
        for (origin, _, _), value in zip(tokens, attended, strict=True):
            out[origin] = value
    return out[: size[0], : size[1], : size[2]]


def full_window_index(i, j, window):
    """Table row of tokens i and j of a full window, whatever the window at hand is."""
    offsets = [
        a - b + w - 1 for a, b, w in zip(np.unravel_index(i, window), np.unravel_index(j, window), window, strict=True)
    ]
    return np.ravel_multi_index(offsets, [2 * w - 1 for w in window])


def rebuilt_index(i, j, shrunk, window):
    """The obvious but wrong index of a shrunk window: by the true places of its tokens."""
    places = np.unravel_index(i, shrunk), np.unravel_index(j, shrunk)
    offsets = [a - b + w - 1 for a, b, w in zip(*places, window, strict=True)]
    return np.ravel_multi_index(offsets, [2 * w - 1 for w in window])


def run_attention(attention, x, size, shift):
    """The module's attention as a block applies it."""
    layout = window_layout(size, attention.window, shift)
    padded = np.pad(x[None], [(0, 0), *((0, p - n) for p, n in zip(layout.padded, size, strict=True)), (0, 0)])
    rolled = np.roll(padded, [-s for s in layout.shift], axis=(1, 2, 3))
    y = merge(attention(jnp.asarray(partition(rolled, layout.window)), layout), layout.window, layout.padded)
    return np.roll(np.asarray(y), layout.shift, axis=(1, 2, 3))[0, : size[0], : size[1], : size[2]]


@pytest.fixture
def attention():
    module = WindowAttention(6, 2, WINDOW, True, nnx.Rngs(0))
    for table in (module.relative_bias, module.fragment_bias):
        table[...] = 50 * table[...]  # the initial biases are too small to matter
    module.qkv.bias[...] = jax.random.normal(jax.random.key(1), (18,))
    return module


SIZES = [(8, 6, 6), (8, 7, 5), (6, 9, 9), (3, 6, 6), (4, 3, 3), (3, 2, 2), (5, 2, 8)]


@pytest.mark.parametrize("shift", [(0, 0, 0), (2, 1, 1)])
@pytest.mark.parametrize("size", SIZES)
def test_attention_is_the_published_one(attention, size, shift):
    x = np.random.default_rng(0).normal(size=(*size, 6)).astype(np.float32)
    expected = reference_attention(attention, x, size, shift)
    np.testing.assert_allclose(run_attention(attention, x, size, shift), expected, atol=2e-5)


def test_ungated_attention_has_relative_biases_alone():
    module = WindowAttention(6, 2, WINDOW, False, nnx.Rngs(0))
    module.relative_bias[...] = 50 * module.relative_bias[...]
    x = np.random.default_rng(0).normal(size=(8, 6, 6, 6)).astype(np.float32)
    expected = reference_attention(module, x, (8, 6, 6), (2, 1, 1))
    np.testing.assert_allclose(run_attention(module, x, (8, 6, 6), (2, 1, 1)), expected, atol=2e-5)


def test_gate_is_a_distance_not_a_flag(attention):
    size = (4, 4, 4)  # padded to 6: fragments of two tokens, so a window holds distances of 0 to 4
    x = np.random.default_rng(0).normal(size=(*size, 6)).astype(np.float32)
    assert window_layout(size, WINDOW, (0, 0, 0)).gate.max() >= 2
    flag = reference_attention(attention, x, size, (0, 0, 0), gate_of=lambda distance: min(distance, 1))
    assert np.abs(run_attention(attention, x, size, (0, 0, 0)) - flag).max() > 1e-2


def test_shrunk_window_takes_the_corner_of_the_full_index(attention):
    size = (3, 2, 2)
    x = np.random.default_rng(0).normal(size=(*size, 6)).astype(np.float32)
    rebuilt = reference_attention(attention, x, size, (0, 0, 0), index=rebuilt_index)
    assert np.abs(run_attention(attention, x, size, (0, 0, 0)) - rebuilt).max() > 1e-2


def test_gelu_is_exact():
    x = np.linspace(-4, 4, 101, dtype=np.float32)
    exact, tanh = jax.nn.gelu(x, approximate=False), jax.nn.gelu(x, approximate=True)
    assert np.abs(exact_gelu(jnp.asarray(x)) - exact).max() < 1e-6 < np.abs(tanh - exact).max()


def test_small_network_has_the_shapes_of_the_large_one():
    config = SwinConfig(width=8, depths=(1, 1, 2, 1), heads=(1, 2, 2, 4))
    model = VideoSwin(config, nnx.Rngs(0))
    steps = jax.eval_shape(model.intermediates, jnp.zeros((2, 5, 100, 130, 3)))
    assert {name: step.shape[1:] for name, step in steps.items()} == {
        "patch_embed": (3, 25, 33, 8),
        "layer0": (3, 13, 17, 16),
        "layer1": (3, 7, 9, 32),
        "layer2": (3, 4, 5, 64),
        "layer3": (3, 4, 5, 64),
        "features": (3, 4, 5, 64),
    }


def test_full_network_has_the_published_size():
    state = nnx.state(nnx.eval_shape(lambda: VideoSwin(SwinConfig(), nnx.Rngs(0))))
    tables = sum(x.size for path, x in nnx.to_flat_state(state) if "bias" in str(path[-1]) and len(x.shape) == 2)
    assert tables == 2 * 2535 * (2 * 3 + 2 * 6 + 6 * 12) + 2535 * 2 * 24
    assert round(sum(x.size for x in jax.tree.leaves(state)) / 1e6, 1) == 28.1


def test_clips_of_a_batch_do_not_mix():
    model = VideoSwin(SwinConfig(width=8, depths=(1, 2, 1, 1), heads=(1, 2, 2, 4)), nnx.Rngs(0))
    clips = np.random.default_rng(0).normal(size=(2, 8, 64, 64, 3)).astype(np.float32)
    encode = jitted(VideoSwin.__call__, model)
    together = encode(clips)
    for i in range(2):
        np.testing.assert_allclose(together[i], encode(clips[i : i + 1])[0], atol=1e-5)
