"""A loaded model: video to features to explained scores."""

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from . import weights
from .compilation import jitted
from .dimensions import DIMENSIONS, display
from .errors import UserError, first_line
from .explain.explanation import Explanation
from .models.maxvqa import MaxVQA
from .models.visual import PRECISIONS, encode_views, in_precision
from .prompts import prompt_tree, tokenize, with_pairs
from .video.decode import DamagedError, VideoError, open_video
from .video.sampling import CLIP_FRAMES, CLIPS, GRID, MOMENTS, SIDE, SamplingPlan, check_repeats, check_seed
from .video.views import Views, video_dense_plans, video_plan, video_views
from .video.workers import Decoded, decode_file

VIEWS = [jax.ShapeDtypeStruct((n, SIDE, SIDE, 3), np.uint8) for n in (CLIPS * CLIP_FRAMES, MOMENTS)]


@dataclass(frozen=True, eq=False)
class Scores:
    """What a model says of one video. Higher is always better, for noise or compression as well.

    Attributes:
        local: float32 in (0, 1), score of each of the 64 moments and 7x7 positions (row by row) in each
            of the 16 dimensions, in the order of `jaxvqa.DIMENSIONS`; of several samplings, one after the other.
        raw: the means over moments and positions: MaxVQA's own scores, in (0, 1). They are comparable
            between videos within a dimension, not between dimensions.
        display: the same on the display scale of the weights, see `jaxvqa.display`. Both are float32.
        deviation: of the raw scores between several samplings, if these are their means.
        own: raw scores of more pairs of words, by pair: of those that the weights were trained in, and of a user's own,
            which are zero-shot.
    """

    local: Float[np.ndarray, "moments 49 16"]
    raw: Float[np.ndarray, "16"]
    display: Float[np.ndarray, "16"]
    deviation: Float[np.ndarray, "16"] | None = None
    own: dict[tuple[str, str], float] = field(default_factory=dict)

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
        own: pairs of words scored beside the 16 dimensions: those of the weights, then a user's own.
    """

    def __init__(self, loaded: weights.Weights, precision: str = "float32", own: Sequence[tuple[str, str]] = ()):
        self.weights_id = loaded.id if precision == "float32" else f"{loaded.id}-{precision}"
        new = [pair for pair in own if pair not in loaded.own]
        self.training, self.own = loaded.training, [*loaded.own, *new]
        text, head = loaded.parts.get("clip_text"), loaded.parts["maxvqa"]
        if new and not text:
            raise UserError(
                f"weights {loaded.id} hold no text transformer, so that words of your own cannot be scored with them: "
                f"take others; to get them, {weights.HOW_TO_GET}."
            )
        prompts = with_pairs(loaded.prompts, new)
        tree = prompt_tree(tokenize(prompts)) if text else None
        swin, clip_visual = (in_precision(loaded.parts[part], precision) for part in weights.ENCODERS)
        self.encode = jitted(encode_views, swin, clip_visual)
        self.localize = jitted(MaxVQA.__call__, head)
        try:
            embeddings = text and text.embedding(jnp.asarray(tree.tokens))
            self.text_features = jitted(MaxVQA.text_features, head, text)(embeddings, tree)
            shape = result_of(self.localize, result_of(self.encode, *VIEWS), self.text_features).shape
            if shape != (MOMENTS, GRID**2, len(prompts) // 2):
                raise ValueError(f"scores would be {list(shape)}")
        except Exception as error:  # JAX meets sizes that make no sense with whatever fails first
            raise weights.WeightsError(
                f"the parts of weights {loaded.id} do not fit together ({first_line(error)}): copy or convert them "
                "again."
            ) from error

    def features(self, views: Views) -> Float[np.ndarray, "64 49 1792"]:
        """Float32 features of a video's views: CLIP's 1024 channels, then FAST-VQA's 768."""
        return np.asarray(self.encode(views.technical, views.aesthetic))

    def score_features(self, features: Float[np.ndarray, "64 49 1792"]) -> Scores:
        """Scores of a video whose features are at hand."""
        local = np.asarray(self.localize(features, self.text_features))
        if not np.isfinite(local).all():
            raise UserError(
                f"weights {self.weights_id} give scores that are no numbers: they are damaged or made to harm; copy or "
                "convert them again."
            )
        raw = local.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
        local, raw, own = local[..., : len(DIMENSIONS)], raw[: len(DIMENSIONS)], raw[len(DIMENSIONS) :]
        return Scores(local, raw, self.display(raw), own=dict(zip(self.own, own.tolist(), strict=True)))

    def display(self, raw: Float[np.ndarray, "*batch 16"]) -> Float[np.ndarray, "*batch 16"]:
        """Raw scores on the display scale of the weights, float32."""
        scale = (self.training["display_mean"], self.training["display_deviation"]) if self.training else ()
        return display(raw, *scale).astype(np.float32)

    def mean(self, several: Sequence[Scores]) -> Scores:
        """The scores of several samplings of a video as one, with their deviation if there are two or more."""
        raw = np.stack([scores.raw for scores in several]).astype(np.float64)
        mean = raw.mean(axis=0).astype(np.float32)
        deviation = raw.std(axis=0, ddof=1).astype(np.float32) if len(several) > 1 else None
        own = {pair: float(np.mean([scores.own[pair] for scores in several])) for pair in self.own}
        return Scores(np.concatenate([scores.local for scores in several]), mean, self.display(mean), deviation, own)

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

    def explain(self, path: str | os.PathLike, seed: int = 0, repeats: int = 1, dense: bool = False) -> Explanation:
        """Decodes and scores a video file, and keeps what it takes to show where, when and why.

        Args:
            seed: with the file's name, decides which frames and patches are looked at.
            repeats: number of samplings, with seeds from `seed` on.
            dense: whether to sample so that every frame and the whole grid is looked at instead, as often as it takes:
                see `jaxvqa.video.sampling.dense_plans`.

        Raises:
            VideoError: the file cannot be decoded.
            UserError: a negative seed, no repeats, or repeats of dense sampling.
        """
        check_seed(seed)
        check_repeats(repeats, dense)
        path = os.fspath(path)

        def decode(number):
            return decode_file(path, seed, True, number) if dense else decode_file(path, seed + number, True)

        first = decode(0)
        if dense and first.views:
            repeats = len(video_dense_plans(first.video))
        decoded = itertools.chain([first], map(decode, range(1, repeats)))
        looks, scores = self.look(encode_ahead(self.encode, decoded))
        if scores is None:
            raise (DamagedError if looks[0].damaged else VideoError)(looks[0].error)
        return self.explanation(looks, scores, seed, dense)

    def look(
        self, encoded: Iterable[tuple[Decoded, Float[Array, "64 49 1792"] | None]]
    ) -> tuple[list[Decoded], Scores | None]:
        """What became of the samplings of a video, without views, and their scores.

        If one could not be decoded, there are no scores, and that one is the first.
        """
        looks, scores = [], []
        for decoded, features in encoded:
            looks.append(replace(decoded, views=None))
            if features is not None:
                scores.append(self.score_features(features))
        looks.sort(key=lambda look: not look.error)
        return looks, None if looks[0].error else self.mean(scores)

    def explanation(self, looks: Sequence[Decoded], scores: Scores, seed: int, dense: bool = False) -> Explanation:
        """The explanation of a video that was decoded with stills, once or several times."""
        return Explanation(
            scores,
            looks[0].path,
            looks[0].video,
            [look.plan for look in looks],
            {number: still for look in looks for number, still in look.stills.items()},
            seed,
            dense,
            looks[0].facts["sha256"],
            self.weights_id,
            self.training,
        )


def load(directory: str | os.PathLike = "", precision: str = "float32", own: Sequence[tuple[str, str]] = ()) -> Model:
    """Loads the model of a weights directory; by default the published one, where `jaxvqa download` made it, or "mini".

    The name "mini" stands for the small model that comes with the package, trained on synthetic flaws; "maxvqa" for the
    published one; "random" for untrained full-size weights, "random-small" for untrained small ones, whose scores mean
    nothing.

    Args:
        precision: "float32", or "bfloat16" for encoders that compute in it: faster on devices made for it, and raw
            scores differ by about 0.01.
        own: pairs of opposite words to score beside the 16 dimensions, the good one first, such as
            ("cinematic", "amateurish").

    Raises:
        WeightsError: says what is wrong with the directory and how to get one.
        UserError: another precision, or words of one's own with weights that hold no text transformer.
    """
    if precision not in PRECISIONS:
        raise UserError(f"precision is {precision!r}, but must be {' or '.join(PRECISIONS)}.")
    return Model(weights.load(directory or weights.default(), weights.SCORING_PARTS), precision, own)


def result_of(compiled: Callable, *arrays: Any) -> jax.ShapeDtypeStruct:
    """Shape and type of what a function of `jitted` gives, which costs no more than the first steps of compiling it."""
    return compiled.func.eval_shape(*compiled.args, *arrays)


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
