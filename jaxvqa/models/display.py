"""The encoder of jaxvqa-mini: pieces of frames as a display shows them, and small grey frames in a row.

Compression, blur and noise are seen in fine detail, so pieces are looked at by the first stages of EfficientNet-Lite0,
and of each stage's output the mean and the deviation are kept, as in measures of texture (Portilla and Simoncelli 2000,
DISTS, arXiv:2004.07728). Steadiness and fluency are seen in how far each small frame is moved from the one before
(Lucas and Kanade 1981), and in what that does not explain.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, UInt8

from .arrays import AnyArray
from .efficientnet_lite import CHANNELS, STEM, EfficientNetLite
from .sizes import check_sizes
from .swin3d import at_once, exact_gelu

SIGNALS = 6  # of a pair of frames
LEVELS = 8  # of a histogram of brightness


@dataclass(frozen=True)
class DisplayConfig:
    """Sizes of the encoder.

    Attributes:
        stages: of EfficientNet-Lite0, from the first.
        local: what it says of each piece.
        motion: what it says of a row of small frames.
    """

    stages: int = len(CHANNELS)
    local: int = 96
    motion: int = 32

    def __post_init__(self):
        check_sizes(self)
        if self.stages > len(CHANNELS):
            raise ValueError(f"stages is {self.stages}; it must be {len(CHANNELS)} or smaller")

    @property
    def statistics(self) -> int:
        """Numbers that a piece is described from: a mean and a deviation of each channel."""
        return 2 * (STEM + sum(CHANNELS[: self.stages]))

    @property
    def output_width(self) -> int:
        """What it says of each piece, of its frame (mean and deviation), and of the row of small frames."""
        return 3 * self.local + self.motion


def encode_pieces(
    encoder: "DisplayEncoder",
    pieces: UInt8[Array, "moments positions side side 3"],
    motion: UInt8[Array, "clips frames h w"],
) -> Float[Array, "moments positions c"]:
    """Features of a video from its views."""
    return encoder(pieces, motion)


class Scaled(nnx.Module):
    """A matrix product with a scale and a bias of each output, which start from data (`fit_scales`)."""

    def __init__(self, inputs: int, outputs: int, rngs: nnx.Rngs):
        self.kernel = nnx.Param(nnx.initializers.he_normal()(rngs.params(), (inputs, outputs)))
        self.scale, self.bias = nnx.Param(jnp.ones(outputs)), nnx.Param(jnp.zeros(outputs))

    def __call__(self, x: Float[Array, "*batch c"]) -> Float[Array, "*batch d"]:
        return x @ self.kernel[...] * self.scale[...] + self.bias[...]


Apply = Callable[[Scaled, Float[Array, "*batch c"]], Float[Array, "*batch d"]]


def call(layer: Scaled, x: Float[Array, "*batch c"]) -> Float[Array, "*batch d"]:
    """A layer's output."""
    return layer(x)


class Describer(nnx.Module):
    """Statistics of pieces, and rows of small frames, to features."""

    def __init__(self, config: DisplayConfig, rngs: nnx.Rngs):
        self.statistics_scale = nnx.Param(jnp.ones(config.statistics))
        self.statistics_bias = nnx.Param(jnp.zeros(config.statistics))
        self.local = Scaled(config.statistics, config.local, rngs)
        self.over_time = nnx.List([Scaled(5 * i, config.motion, rngs) for i in (SIGNALS, config.motion)])
        self.motion = Scaled(2 * config.motion + 2 * SIGNALS + LEVELS, config.motion, rngs)

    def __call__(
        self,
        statistics: Float[Array, "moments positions s"],
        motion: UInt8[Array, "clips frames h w"],
    ) -> Float[Array, "moments positions c"]:
        """Features of pieces; moments are shared out to the rows of small frames, in order."""
        known = statistics * self.statistics_scale[...] + self.statistics_bias[...]
        local = exact_gelu(self.local(known))
        frame = jnp.concatenate([local.mean(axis=1), deviation(local, 1)], axis=-1)
        rows = exact_gelu(self.motion(self.movement(motion, call)))
        rows = jnp.repeat(rows, len(local) // len(motion), axis=0)
        around = jnp.concatenate([frame, rows], axis=-1)[:, None]
        return jnp.concatenate([local, jnp.broadcast_to(around, (*local.shape[:2], around.shape[-1]))], axis=-1)

    def movement(self, motion: UInt8[AnyArray, "clips frames h w"], apply: Apply) -> Float[Array, "clips c"]:
        """How each row of small frames moves, and how bright it is; `apply` is how a layer is applied."""
        signals, levels = motion_signals(motion)
        x = signals
        for layer in self.over_time:
            x = jax.nn.relu(apply(layer, pairs_around(x)))
        known = [x.mean(axis=1), x.max(axis=1), signals.mean(axis=1), deviation(signals, 1), levels]
        return jnp.concatenate(known, axis=-1)


class DisplayEncoder(nnx.Module):
    """Pieces of frames and rows of small frames to features."""

    def __init__(self, config: DisplayConfig, rngs: nnx.Rngs):
        self.config = config
        self.backbone = EfficientNetLite(config.stages, rngs)
        self.describer = Describer(config, rngs)

    def __call__(
        self,
        pieces: UInt8[Array, "moments positions side side 3"],
        motion: UInt8[Array, "clips frames h w"],
    ) -> Float[Array, "moments positions c"]:
        """Features of pieces; moments are shared out to the rows of small frames, in order."""
        # On a CPU, the pieces of one moment at a time stay in cache.
        statistics = jax.lax.map(
            lambda x: piece_statistics(self.backbone, x), pieces, batch_size=at_once(1, len(pieces))
        )
        return self.describer(statistics, motion)


def piece_statistics(backbone: EfficientNetLite, pieces: UInt8[Array, "n side side 3"]) -> Float[Array, "n s"]:
    """Means, and logarithms of the deviations, of all channels of all stages, of each piece."""
    found = []
    for output in backbone(pieces):
        flat = output.reshape(len(output), -1, output.shape[-1])
        # What differs between scenes by factors differs by sums.
        found += [flat.mean(axis=1), jnp.log(deviation(flat, 1) + 0.02)]
    return jnp.concatenate(found, axis=-1)


def pairs_around(x: Float[Array, "clips t c"]) -> Float[Array, "clips t c5"]:
    """Each moment with the two before and the two after it."""
    padded = jnp.pad(x, ((0, 0), (2, 2), (0, 0)))
    return jnp.concatenate([padded[:, i : i + x.shape[1]] for i in range(5)], axis=-1)


def deviation(x: Float[Array, "*shape"], axis: int) -> Float[Array, "*less"]:
    """The standard deviation; its gradient is finite where all values are the same."""
    return jnp.sqrt(x.var(axis=axis) + 1e-6)


def motion_signals(
    motion: UInt8[AnyArray, "clips frames h w"],
) -> tuple[Float[Array, "clips pairs signals"], Float[Array, "clips levels"]]:
    """How each small frame differs from the one before, and how bright a row of them is.

    Signals are the shift down and across, in pixels, as far as brightness tells (Lucas and Kanade 1981, over the whole
    frame); logarithms of the mean difference, with and without that shift, and of the detail; the change of brightness.
    """
    frames = jnp.asarray(motion, jnp.float32) / 255
    before, after = frames[:, :-1], frames[:, 1:]
    change, middle = after - before, (after + before) / 2
    down = (middle[..., 2:, 1:-1] - middle[..., :-2, 1:-1]) / 2
    across = (middle[..., 1:-1, 2:] - middle[..., 1:-1, :-2]) / 2
    bright = change.mean(axis=(2, 3))
    inner = change[..., 1:-1, 1:-1] - bright[..., None, None]

    def product(a, b):
        return (a * b).mean(axis=(2, 3))

    yy, xx, xy = product(down, down) + 1e-5, product(across, across) + 1e-5, product(down, across)
    yt, xt = product(down, inner), product(across, inner)
    determinant = yy * xx - xy**2
    dy, dx = (xy * xt - xx * yt) / determinant, (xy * yt - yy * xt) / determinant
    rest = inner + dy[..., None, None] * down + dx[..., None, None] * across

    def log(x):
        return jnp.log10(x + 1e-4) + 3

    signals = [dy, dx, log(jnp.abs(change).mean(axis=(2, 3))), log(jnp.abs(rest).mean(axis=(2, 3)))]
    signals += [log(jnp.sqrt(yy + xx)), 20 * bright]
    centres = np.linspace(0, 1, LEVELS, dtype=np.float32)
    levels = jnp.maximum(1 - jnp.abs(frames[..., None] - centres) * (LEVELS - 1), 0).mean(axis=(1, 2, 3))
    return jnp.stack(signals, axis=-1), levels


def fit_scales(
    describer: Describer,
    statistics: Float[AnyArray, "moments positions s"],
    motion: UInt8[Array, "clips frames h w"],
) -> None:
    """Gives every output a mean of 0 and a deviation of 1 over some pieces and rows of small frames, layer by layer.

    Source: data-dependent initialization (Salimans and Kingma 2016, arXiv:1602.07868), in place of batch norm, whose
    statistics a single video does not have.
    """

    def fit(layer, x):
        y = x @ layer.kernel[...]
        axes = tuple(range(y.ndim - 1))
        scale = 1 / (y.std(axis=axes) + 1e-3)
        layer.scale[...], layer.bias[...] = scale, -y.mean(axis=axes) * scale
        return layer(x)

    scale = 1 / (statistics.std(axis=(0, 1)) + 1e-2)
    describer.statistics_scale[...], describer.statistics_bias[...] = scale, -statistics.mean(axis=(0, 1)) * scale
    fit(describer.local, statistics * scale + describer.statistics_bias[...])
    fit(describer.motion, describer.movement(motion, fit))
