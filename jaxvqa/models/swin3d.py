"""Video Swin Transformer with gated relative position biases: the technical encoder.

Sources: Video Swin Transformer (arXiv:2106.13230) for the architecture, FAST-VQA
(arXiv:2207.02595, section 3.3) for the gated relative position biases (GRPB).
"""

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int, Shaped

from .arrays import AnyArray
from .sizes import check_heads, check_sizes

WINDOW_TOKENS = 4096  # of a window at most: memory for the pairs of tokens grows with the square

Size3 = tuple[int, int, int]


@dataclass(frozen=True)
class SwinConfig:
    """Sizes of the network, (time, height, width) order; the defaults are Video Swin Tiny of FAST-VQA."""

    patch: Size3 = (2, 4, 4)
    width: int = 96
    depths: tuple[int, ...] = (2, 2, 6, 2)
    heads: tuple[int, ...] = (3, 6, 12, 24)
    gated: tuple[bool, ...] = (True, True, True, False)
    window: Size3 = (8, 7, 7)
    mlp_ratio: int = 4

    def __post_init__(self):
        check_sizes(self, but=["gated"])
        if not isinstance(self.gated, tuple) or not len(self.depths) == len(self.heads) == len(self.gated):
            raise ValueError("depths, heads and gated must have one value per stage")
        if not len(self.patch) == len(self.window) == 3:
            raise ValueError("patch and window must have three sizes: time, height and width")
        if math.prod(self.window) > WINDOW_TOKENS:
            raise ValueError(f"window is {self.window}; it must have {WINDOW_TOKENS} tokens or fewer")
        for i, heads in enumerate(self.heads):
            check_heads(heads, self.width * 2**i)

    @property
    def output_width(self) -> int:
        """Channels of the final features."""
        return self.width * 2 ** (len(self.depths) - 1)


def at_once(cpu: int, everything: int) -> int | None:
    """How many items `jax.lax.map` takes at a time: on a CPU few, so that they stay in cache, else everything.

    None stands for one: a batch of one is as many, but costs twice the time.
    """
    size = cpu if jax.default_backend() == "cpu" else everything
    return None if size == 1 else size


def exact_gelu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """GELU with the error function; this form costs XLA on CPU half of `jax.nn.gelu(approximate=False)`."""
    return 0.5 * x * (1 + jax.lax.erf(x * np.float32(np.sqrt(0.5))))


def triple(numbers: Iterable[int]) -> Size3:
    """Three numbers: of time, height and width."""
    time, height, width = numbers
    return time, height, width


def relative_position_index(window: Size3) -> Int[np.ndarray, "tokens tokens"]:
    """Row of the bias table for each pair of tokens of a full window (Swin, section 3.2)."""
    position = np.argwhere(np.ones(window, bool))
    offset = position[:, None] - position[None] + np.array(window) - 1
    return np.ravel_multi_index(tuple(np.moveaxis(offset, -1, 0)), tuple(2 * w - 1 for w in window))


@dataclass(frozen=True)
class WindowLayout:
    """How a feature map is cut into attention windows; windows run over time, rows, columns.

    Attributes:
        window: window size, shrunk to the map where the map is not larger.
        shift: cyclic shift; 0 in shrunk dimensions.
        padded: size of the map after zero padding at the end to whole windows.
        regions: [windows, tokens] label of the contiguous region each token came from
            before the shift; tokens of different regions do not see each other.
        gate: [spatial windows, cells, cells] L1 distance between the fragments that two
            positions of a window lie in. It is the same for all moments in a window.
    """

    window: Size3
    shift: Size3
    padded: Size3
    regions: Int[np.ndarray, "windows tokens"]
    gate: Float[np.ndarray, "spatial_windows cells cells"]


@functools.cache
def window_layout(size: Size3, window: Size3, shift: Size3) -> WindowLayout:
    """Lays shifted windows and the fragment grid over a feature map of `size` (time, height, width)."""
    shift = triple(0 if n <= w else s for n, w, s in zip(size, window, shift, strict=True))
    window = triple(min(n, w) for n, w in zip(size, window, strict=True))
    padded = triple(-(-n // w) * w for n, w in zip(size, window, strict=True))

    # Swin's three slices per dimension: before the last window, its unwrapped part, the wrapped part.
    slices = [
        (np.arange(n) >= n - w).astype(int) + (np.arange(n) >= n - s) if s else np.zeros(n, int)
        for n, w, s in zip(padded, window, shift, strict=True)
    ]
    regions = 9 * slices[0][:, None, None] + 3 * slices[1][:, None] + slices[2]

    # One grid cell per token of a window: a (1, rows, columns) map of fragment ids, nearest interpolation.
    fragments = [np.roll(np.arange(n) * w // n, -s) for n, w, s in zip(padded, window, shift, strict=True)]
    rows, columns = np.broadcast_arrays(fragments[1][:, None], fragments[2])
    cells = (1, window[1], window[2])
    rows, columns = (np.asarray(partition(x[None, None, :, :, None], cells))[..., 0] for x in (rows, columns))
    gate = abs(rows[:, :, None] - rows[:, None]) + abs(columns[:, :, None] - columns[:, None])
    return WindowLayout(
        window, shift, padded, np.asarray(partition(regions[None, ..., None], window)[..., 0]), gate.astype(np.float32)
    )


def partition(x: Shaped[AnyArray, "b t h w c"], window: Size3) -> Shaped[AnyArray, "windows tokens c"]:
    """[batch, time, height, width, channel] to [batch * windows, tokens, channel]."""
    b, t, h, w, c = x.shape
    x = x.reshape(b, t // window[0], window[0], h // window[1], window[1], w // window[2], window[2], c)
    return x.transpose(0, 1, 3, 5, 2, 4, 6, 7).reshape(-1, window[0] * window[1] * window[2], c)


def merge(x: Float[Array, "windows tokens c"], window: Size3, padded: Size3) -> Float[Array, "b t h w c"]:
    """The inverse of `partition`."""
    counts = [n // w for n, w in zip(padded, window, strict=True)]
    x = x.reshape(-1, *counts, *window, x.shape[-1])
    return x.transpose(0, 1, 4, 2, 5, 3, 6, 7).reshape(-1, *padded, x.shape[-1])


class WindowAttention(nnx.Module):
    """Multi-head self-attention in windows, with relative, and where gated, fragment position biases."""

    def __init__(self, width: int, heads: int, window: Size3, gated: bool, rngs: nnx.Rngs):
        self.heads, self.window = heads, window
        self.qkv = nnx.Linear(width, 3 * width, rngs=rngs)
        self.proj = nnx.Linear(width, width, rngs=rngs)
        table = (int(np.prod([2 * w - 1 for w in window])), heads)
        initializer = nnx.initializers.truncated_normal(0.02)
        self.relative_bias = nnx.Param(initializer(rngs.params(), table))
        self.fragment_bias = nnx.Param(initializer(rngs.params(), table)) if gated else None

    def biases(self, tokens: int) -> tuple[Float[Array, "heads n n"], Float[Array, "heads n n"] | None]:
        """(bias within a fragment, its change per unit of fragment distance), for windows of `tokens` tokens.

        A smaller window takes the corner of the full window's index, as Video Swin does, so
        that its rows and columns are not where a rebuilt index would put them.
        """
        index = relative_position_index(self.window)[:tokens, :tokens]
        relative = self.relative_bias[...][index].transpose(2, 0, 1)  # rows, not numbers: five times faster to train
        if self.fragment_bias is None:
            return relative, None
        fragment = self.fragment_bias[...][index].transpose(2, 0, 1)
        return fragment, relative - fragment

    def __call__(self, x: Float[Array, "windows tokens c"], layout: WindowLayout) -> Float[Array, "windows tokens c"]:
        tokens, width = x.shape[1:]
        moments, cells = layout.window[0], tokens // layout.window[0]
        bias, change = self.biases(tokens)
        gates, regions = jnp.asarray(layout.gate), jnp.asarray(layout.regions)

        def attend(window):
            x, number = window
            q, k, v = self.qkv(x).reshape(tokens, 3, self.heads, -1).transpose(1, 2, 0, 3)
            scores = (
                jnp.matmul(q * q.shape[-1] ** -0.5, k.transpose(0, 2, 1), preferred_element_type=jnp.float32) + bias
            )
            if change is not None:
                gate = gates[number % len(gates)]
                gate = jnp.broadcast_to(gate[None, :, None], (moments, cells, moments, cells)).reshape(tokens, tokens)
                scores = scores + gate * change
            if any(layout.shift):
                region = regions[number % len(regions)]
                scores = jnp.where(region[:, None] == region, scores, scores - 100)
            weights = jnp.exp(scores - scores.max(axis=-1, keepdims=True))
            # Dividing after the product with v touches `tokens / head width` times fewer numbers.
            out = (weights.astype(v.dtype) @ v) / weights.sum(axis=-1, keepdims=True)
            return self.proj(out.transpose(1, 0, 2).reshape(tokens, width))

        # What lies between is computed once more for a gradient: to keep it costs more.
        return jax.lax.map(jax.checkpoint(attend), (x, jnp.arange(len(x))), batch_size=at_once(2, len(x)))


class Block(nnx.Module):
    """Pre-norm residual block: (shifted) window attention, then an MLP."""

    def __init__(self, width: int, heads: int, shift: Size3, gated: bool, config: SwinConfig, rngs: nnx.Rngs):
        self.window, self.shift = config.window, shift
        self.norm1 = nnx.LayerNorm(width, epsilon=1e-5, rngs=rngs)
        self.attention = WindowAttention(width, heads, config.window, gated, rngs)
        self.norm2 = nnx.LayerNorm(width, epsilon=1e-5, rngs=rngs)
        self.fc1 = nnx.Linear(width, config.mlp_ratio * width, rngs=rngs)
        self.fc2 = nnx.Linear(config.mlp_ratio * width, width, rngs=rngs)

    def __call__(self, x: Float[Array, "b t h w c"]) -> Float[Array, "b t h w c"]:
        size = x.shape[1:4]
        layout = window_layout(size, self.window, self.shift)
        y = self.norm1(x)
        y = jnp.pad(y, [(0, 0), *((0, p - n) for p, n in zip(layout.padded, size, strict=True)), (0, 0)])
        y = jnp.roll(y, [-s for s in layout.shift], axis=(1, 2, 3))
        y = self.attention(jnp.asarray(partition(y, layout.window)), layout)
        y = jnp.roll(merge(y, layout.window, layout.padded), layout.shift, axis=(1, 2, 3))
        x = x + y[:, : size[0], : size[1], : size[2]]

        def mlp(tokens):
            return tokens + self.fc2(exact_gelu(self.fc1(self.norm2(tokens))))

        moments = x.reshape(-1, size[1] * size[2], x.shape[-1])
        # On a CPU some thousand tokens at a time: what lies between the two layers is four times as wide.
        few = max(1, 3136 // moments.shape[1])
        return jax.lax.map(mlp, moments, batch_size=at_once(few, len(moments))).reshape(x.shape)


class PatchMerging(nnx.Module):
    """Halves height and width: 2x2 neighbours side by side, LayerNorm, then a linear map to twice the width."""

    def __init__(self, width: int, rngs: nnx.Rngs):
        self.norm = nnx.LayerNorm(4 * width, epsilon=1e-5, rngs=rngs)
        self.reduction = nnx.Linear(4 * width, 2 * width, use_bias=False, rngs=rngs)

    def __call__(self, x: Float[Array, "b t h w c"]) -> Float[Array, "b t h2 w2 c2"]:
        x = jnp.pad(x, [(0, 0), (0, 0), (0, x.shape[2] % 2), (0, x.shape[3] % 2), (0, 0)])
        corners = [x[:, :, row::2, column::2] for row, column in ((0, 0), (1, 0), (0, 1), (1, 1))]
        return self.reduction(self.norm(jnp.concatenate(corners, axis=-1)))


class VideoSwin(nnx.Module):
    """The FAST-VQA backbone: normalised clips to features."""

    def __init__(self, config: SwinConfig, rngs: nnx.Rngs):
        self.config = config
        self.patch_embed = nnx.Linear(3 * int(np.prod(config.patch)), config.width, rngs=rngs)
        self.patch_norm = nnx.LayerNorm(config.width, epsilon=1e-5, rngs=rngs)
        half = triple(w // 2 for w in config.window)
        stages, merges = [], []
        for i, (depth, heads, gated) in enumerate(zip(config.depths, config.heads, config.gated, strict=True)):
            width = config.width * 2**i
            shifts = [half if j % 2 else (0, 0, 0) for j in range(depth)]
            stages.append(nnx.List([Block(width, heads, shift, gated, config, rngs) for shift in shifts]))
            if i + 1 < len(config.depths):
                merges.append(PatchMerging(width, rngs))
        self.stages, self.merges = nnx.List(stages), nnx.List(merges)
        self.norm = nnx.LayerNorm(config.output_width, epsilon=1e-5, rngs=rngs)

    def embed(self, clips: Float[Array, "b t h w 3"]) -> Float[Array, "b t2 h4 w4 c"]:
        """Patches of normalised clips as tokens, where the first stage starts."""
        padding = [-n % p for n, p in zip(clips.shape[1:4], self.config.patch, strict=True)]
        x = jnp.pad(clips, [(0, 0), *((0, p) for p in padding), (0, 0)])
        b, t, h, w, c = x.shape
        pt, ph, pw = self.config.patch
        x = x.reshape(b, t // pt, pt, h // ph, ph, w // pw, pw, c).transpose(0, 1, 3, 5, 2, 4, 6, 7)
        return self.patch_norm(self.patch_embed(x.reshape(*x.shape[:4], -1)))

    def stage(self, i: int, x: Float[Array, "b t h w c"]) -> Float[Array, "b t h2 w2 c2"]:
        """One stage: its blocks, then patch merging unless it is the last."""
        for block in self.stages[i]:
            x = block(x)
        return self.merges[i](x) if i < len(self.merges) else x

    def intermediates(self, clips: Float[Array, "b t h w 3"]) -> dict[str, Float[Array, "b ..."]]:
        """All named steps: patch_embed, layer0 ... (after patch merging), and features."""
        steps = {"patch_embed": (x := self.embed(clips))}
        for i in range(len(self.stages)):
            steps[f"layer{i}"] = x = self.stage(i, x)
        steps["features"] = self.norm(x)
        return steps

    def __call__(self, clips: Float[Array, "b t h w 3"]) -> Float[Array, "b t2 h32 w32 c"]:
        """Normalised float32 clips [b, t, h, w, 3] to features [b, t/2, h/32, w/32, 768] (rounded up)."""
        return self.intermediates(clips)["features"]
