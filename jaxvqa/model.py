"""A loaded model: video to features to explained scores."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from . import weights
from .compilation import jitted
from .dimensions import DIMENSIONS, display
from .errors import UserError
from .explain.explanation import Explanation
from .models.maxvqa import MaxVQA
from .models.visual import PRECISIONS, encode_views, in_precision
from .prompts import prompt_tree, tokenize
from .video.decode import VideoError, open_video
from .video.sampling import SamplingPlan, check_seed
from .video.views import Views, video_plan, video_views
from .video.workers import Decoded, decode_file


@dataclass(frozen=True, eq=False)
class Scores:
    """What a model says of one video. Higher is always better, for noise or compression as well.

    Attributes:
        local: float32 in (0, 1), score of each of the 64 moments and 7x7 positions (row by row) in each
            of the 16 dimensions, in the order of `jaxvqa.DIMENSIONS`.
        raw: the means over moments and positions: MaxVQA's own scores, in (0, 1). They are comparable
            between videos within a dimension, not between dimensions.
        display: the same on the display scale of the weights, see `jaxvqa.display`. Both are float32.
        deviation: of the raw scores between several samplings, if these are their means; `local` is the first one's.
    """

    local: Float[np.ndarray, "64 49 16"]
    raw: Float[np.ndarray, "16"]
    display: Float[np.ndarray, "16"]
    deviation: Float[np.ndarray, "16"] | None = None

    @property
    def overall(self) -> float:
        """The overall raw score."""
        return float(self.raw[0])

    @property
    def dimensions(self) -> dict[str, float]:
        """Raw score by dimension name, such as "sharpness"."""
        return {dimension.name: float(score) for dimension, score in zip(DIMENSIONS, self.raw, strict=True)}


class Model:
    """MaxVQA with its weights, compiled at the first use.

    Attributes:
        weights_id: names the weights, and the precision where it is not float32; scores of different ones do not
            compare.
        training: what the weights were trained on, if by this package, as in `jaxvqa.weights.Weights`.
    """

    def __init__(self, loaded: weights.Weights, precision: str = "float32"):
        self.weights_id = loaded.id if precision == "float32" else f"{loaded.id}-{precision}"
        self.training = loaded.training
        text, head = loaded.parts.get("clip_text"), loaded.parts["maxvqa"]
        tree = prompt_tree(tokenize(loaded.prompts)) if text else None
        embeddings = text and text.embedding(jnp.asarray(tree.tokens))
        self.text_features = jitted(MaxVQA.text_features, head, text)(embeddings, tree)
        swin, clip_visual = (in_precision(loaded.parts[part], precision) for part in weights.ENCODERS)
        self.encode = jitted(encode_views, swin, clip_visual)
        self.localize = jitted(MaxVQA.__call__, head)

    def features(self, views: Views) -> Float[np.ndarray, "64 49 1792"]:
        """Float32 features of a video's views: CLIP's 1024 channels, then FAST-VQA's 768."""
        return np.asarray(self.encode(views.technical, views.aesthetic))

    def score_features(self, features: Float[np.ndarray, "64 49 1792"]) -> Scores:
        """Scores of a video whose features are at hand."""
        local = np.asarray(self.localize(features, self.text_features))
        raw = local.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
        return Scores(local, raw, self.display(raw))

    def display(self, raw: Float[np.ndarray, "*batch 16"]) -> Float[np.ndarray, "*batch 16"]:
        """Raw scores on the display scale of the weights, float32."""
        scale = (self.training["display_mean"], self.training["display_deviation"]) if self.training else ()
        return display(raw, *scale).astype(np.float32)

    def mean(self, several: Sequence[Scores]) -> Scores:
        """The scores of several samplings of a video as one, with their deviation if there are two or more."""
        raw = np.stack([scores.raw for scores in several]).astype(np.float64)
        mean = raw.mean(axis=0).astype(np.float32)
        deviation = raw.std(axis=0, ddof=1).astype(np.float32) if len(several) > 1 else None
        return Scores(several[0].local, mean, self.display(mean), deviation)

    def score(self, path: str | os.PathLike, seed: int = 0, plan: SamplingPlan | None = None) -> Scores:
        """Decodes and scores a video file.

        Args:
            seed: with the file's name, decides which frames and patches are looked at.
            plan: decides it instead.

        Raises:
            VideoError: the file cannot be decoded.
            UserError: the plan does not fit the video.
        """
        video = open_video(path)
        return self.score_features(self.features(video_views(video, plan or video_plan(video, seed))))

    def explain(self, path: str | os.PathLike, seed: int = 0) -> Explanation:
        """Decodes and scores a video file, and keeps what it takes to show where, when and why.

        Args:
            seed: with the file's name, decides which frames and patches are looked at.

        Raises:
            VideoError: the file cannot be decoded.
        """
        check_seed(seed)
        decoded = decode_file(os.fspath(path), seed, stills=True)
        if decoded.views is None:
            raise VideoError(decoded.error)
        return self.explanation(decoded, self.score_features(self.features(decoded.views)), seed)

    def explanation(self, decoded: Decoded, scores: Scores, seed: int) -> Explanation:
        """The explanation of a video that was decoded with stills."""
        plan, sha256 = video_plan(decoded.video, seed), decoded.facts["sha256"]
        return Explanation(
            scores, decoded.path, decoded.video, plan, decoded.stills, seed, sha256, self.weights_id, self.training
        )


def load(directory: str | os.PathLike = "mini", precision: str = "float32") -> Model:
    """Loads the model of a weights directory, made by `scripts/convert.py`.

    The name "mini" stands for the small model that comes with the package, trained on synthetic flaws; "random" for
    untrained full-size weights, "random-small" for untrained small ones, whose scores mean nothing.

    Args:
        precision: "float32", or "bfloat16" for encoders that compute in it: faster on devices made for it, and raw
            scores differ by about 0.01.

    Raises:
        WeightsError: says what is wrong with the directory and how to get one.
        UserError: another precision.
    """
    if precision not in PRECISIONS:
        raise UserError(f"precision is {precision!r}, but must be {' or '.join(PRECISIONS)}.")
    return Model(weights.load(directory, weights.SCORING_PARTS), precision)


def encode_ahead(
    encode: Callable, videos: Iterable[Decoded]
) -> Iterator[tuple[Decoded, Float[Array, "64 49 1792"] | None]]:
    """Features of decoded videos, None for those that could not be decoded.

    The device has the next video before one is given, so that it need not wait while that is dealt with.
    """
    before = None
    for video in videos:
        now = (video, None if video.views is None else encode(*video.views))
        if before:
            yield before
        before = now
    if before:
        yield before
