"""A loaded model: video to features to explained scores."""

import importlib
import itertools
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
from jaxtyping import Array, Float

from .dimensions import DIMENSIONS
from .errors import UserError
from .explain.explanation import Explanation
from .features.ahead import encode_ahead
from .features.kept import Networks, load_kept
from .geometry import POSITIONS
from .models.sizes import PRECISIONS
from .results.scores import Scores
from .text.prompts import PromptPair, with_pairs
from .video.decode import open_video
from .video.display import DisplayPlan, DisplayViews
from .video.sampling import Sampling, SamplingPlan
from .video.views import Views, video_views
from .video.workers import Decoded, decode_file
from .weights.directory import HOW_TO_GET, Weights
from .weights.find import default_weights
from .weights.model_card import display_scale, scored


class Model:
    """MaxVQA with its weights, compiled at the first use.

    Attributes:
        weights_id: names the weights, and the precision where it is not float32; scores of different ones do not
            compare.
        card: what is known of the weights, if this package trained them; None for published and random ones.
        custom: prompt pairs scored next to the 16 dimensions: those of the weights, then those of the caller.
        networks: what it computes with; made of the weights' parts, unless it is given.
    """

    def __init__(
        self,
        loaded: Weights,
        precision: str = "float32",
        custom: Iterable[tuple[str, str]] = (),
        networks: Networks | None = None,
    ):
        self.weights_id = loaded.id if precision == "float32" else f"{loaded.id}-{precision}"
        new = [PromptPair(*pair) for pair in custom if pair not in loaded.custom]
        self.card, self.custom = loaded.card, (*loaded.custom, *new)
        if new and "clip_text" not in loaded.parts:
            raise UserError(
                f"weights {loaded.id} have no text encoder, so they cannot score custom prompts; use others: "
                f"{HOW_TO_GET}."
            )
        if networks is None:
            networks = made().make_networks(loaded, precision, with_pairs(loaded.prompts, new))
        self.networks = networks
        self.encode, self.localize, self.text_features = networks[1:]

    def sampling(self, sampling: Sampling) -> Sampling:
        """A sampling of the views that these weights take.

        Raises:
            UserError: its rule is of other views.
        """
        return replace(sampling, views=self.networks.views)

    def features(self, views: Views | DisplayViews) -> Float[np.ndarray, "moments 49 c"]:
        """Float32 features of a video's views; of MaxVQA, CLIP's (1024 at full size), then FAST-VQA's (768)."""
        return np.asarray(self.encode(*views))

    def score_features(self, features: Float[np.ndarray | Array, "moments 49 c"]) -> Scores:
        """Scores of a video whose features are at hand, NaN in dimensions that the weights do not score."""
        local = np.asarray(self.localize(features, self.text_features))
        if not np.isfinite(local).all():
            raise UserError(
                f"weights {self.weights_id} give scores that are no numbers: they are damaged or made to harm; copy or "
                "convert them again."
            )
        raw = local.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
        local, raw, custom = local[..., : len(DIMENSIONS)], raw[: len(DIMENSIONS)], raw[len(DIMENSIONS) :]
        local, raw = (np.where(scored(self.card), numbers, np.float32(np.nan)) for numbers in (local, raw))
        return Scores(local, raw, self.display(raw), custom=dict(zip(self.custom, custom.tolist(), strict=True)))

    def display(self, raw: Float[np.ndarray, "*batch 16"]) -> Float[np.ndarray, "*batch 16"]:
        """Raw scores on the display scale of the weights, float32."""
        return display_scale(self.card).apply(raw).astype(np.float32)

    def mean(self, several: Sequence[Scores]) -> Scores:
        """The scores of several samplings of a video as one."""
        raw = np.stack([scores.raw for scores in several])
        mean = raw.mean(axis=0, dtype=np.float64).astype(np.float32)
        samplings = raw if len(several) > 1 else None
        custom = {pair: float(np.mean([scores.custom[pair] for scores in several])) for pair in self.custom}
        return Scores(np.concatenate([scores.local for scores in several]), mean, self.display(mean), samplings, custom)

    def score(
        self,
        path: str | os.PathLike,
        seed: int = 0,
        plan: SamplingPlan | DisplayPlan | None = None,
        sampling: str = "whole",
        display_height: int = 1080,
    ) -> Scores:
        """Decodes and scores a video file.

        Args:
            seed: decides which frames and patches are looked at: at the same times and places of every video.
            plan: decides it instead.
            sampling: the rule by which they are drawn, "whole" or "published": see `jaxvqa.video.sampling.draw_plan`.
            display_height: lines of the display that scores hold for, if the weights look at videos as one shows them.

        Raises:
            VideoError: the file cannot be decoded.
            UserError: the plan does not fit the video, a negative seed, or another rule.
        """
        drawn = self.sampling(Sampling(seed, rule=sampling, display_height=display_height))
        if plan is not None:
            return self.score_features(self.features(video_views(open_video(path), plan)))
        views = decode_file(os.fspath(path), drawn).checked()
        return self.score_features(self.features(views))

    def explain(
        self,
        path: str | os.PathLike,
        seed: int = 0,
        repeats: int = 1,
        dense: bool = False,
        sampling: str = "whole",
        display_height: int = 1080,
    ) -> Explanation:
        """Decodes and scores a video file, and keeps what it takes to show where, when and why.

        Args:
            seed: decides which frames and patches are looked at: at the same times and places of every video.
            repeats: number of samplings, with seeds from `seed` on.
            dense: whether to sample so that every frame and the whole grid is looked at instead, as often as it takes:
                see `jaxvqa.video.sampling.dense_plans`.
            sampling: the rule by which samplings are drawn, as in `score`.
            display_height: as in `score`.

        Raises:
            VideoError: the file cannot be decoded.
            UserError: settings that `jaxvqa.video.sampling.Sampling` refuses.
        """
        settings = self.sampling(Sampling(seed, repeats, dense, sampling, display_height))
        path = os.fspath(path)

        def decode(number):
            return decode_file(path, settings, number, stills=True)

        first = decode(0)
        if first.video and first.views:
            repeats = len(settings.plans(first.video))
        decoded = itertools.chain([first], map(decode, range(1, repeats)))
        samples, scores = self.score_samples(encode_ahead(self.encode, decoded))
        if scores is None:
            raise samples[0].failure()
        return self.explanation(samples, scores, settings)

    def score_samples(
        self, encoded: Iterable[tuple[Decoded, Float[Array, "moments 49 c"] | None]]
    ) -> tuple[list[Decoded], Scores | None]:
        """The samples of a video, without views, and their scores.

        If one could not be decoded, there are no scores, and that one is the first.
        """
        samples, scores = [], []
        for decoded, features in encoded:
            samples.append(replace(decoded, views=None))
            if features is not None:
                scores.append(self.score_features(features))
        samples.sort(key=lambda sample: not sample.error)
        return samples, None if samples[0].error else self.mean(scores)

    def explanation(self, samples: Sequence[Decoded], scores: Scores, sampling: Sampling) -> Explanation:
        """The explanation of a video that was decoded with stills, once or several times."""
        first = samples[0]
        if first.video is None:
            raise ValueError(f"{first.path} was not decoded")
        for note in (note for sample in samples if sample.video for note in sample.video.notes):
            first.video.presentation.note(note)
        for sample in samples:  # each kept maps of the frames that it looked at
            if first.video.coding and sample.video and sample.video.coding and sample.stills:
                maps = sample.video.coding.maps
                first.video.coding.maps.update({number: maps[number] for number in sample.stills if number in maps})
        return Explanation(
            scores,
            first.path,
            first.video,
            [sample.plan for sample in samples if sample.plan],
            {number: still for sample in samples for number, still in (sample.stills or {}).items()},
            sampling,
            str(first.facts["sha256"]),
            self.weights_id,
            self.card,
        )


def load(
    directory: str | os.PathLike = "", precision: str = "float32", custom: Iterable[tuple[str, str]] = ()
) -> Model:
    """Loads the model of a weights directory; by default the published one, where `jaxvqa download` made it, or "mini".

    The name "mini" stands for the small model that comes with the package, trained on synthetic flaws; "maxvqa" for the
    published one; "random" for untrained full-size weights, "random-small" for untrained small ones, whose scores mean
    nothing.

    Args:
        precision: "float32", or "bfloat16" for encoders that compute in it: faster on devices made for it, and raw
            scores differ by about 0.01.
        custom: prompt pairs to score next to the 16 dimensions, the positive one first, such as
            ("cinematic", "amateurish").

    Raises:
        WeightsError: says what is wrong with the directory and how to get one.
        UserError: another precision, or custom prompts for weights without a text encoder.
    """
    if precision not in PRECISIONS:
        raise UserError(f"precision is {precision!r}, but must be {' or '.join(PRECISIONS)}.")
    weights = directory or default_weights()
    if kept := load_kept(weights, precision):
        loaded, networks = kept
    else:
        loaded = made().load_weights(weights, made().SCORING_PARTS)
        networks = made().keep_networks(loaded, precision, Model(loaded, precision, custom).networks)
    return Model(loaded, precision, custom, networks)


def made() -> ModuleType:
    """What makes networks of weights, which imports Flax: where they are kept, it is not needed."""
    return importlib.import_module(".features.networks", __package__)


def check_weights(folder: Path) -> str:
    """The id of a weights directory, after making sure that it has all parts and gives scores.

    Raises:
        UserError: it does not.
    """
    loaded = made().load_weights(folder, made().PUBLISHED_PARTS)
    sizes = loaded.parts["maxvqa"].config
    shape = 1, POSITIONS, sizes.clip_width + sizes.technical_width
    # Raises an error where scores are not finite.
    Model(loaded).score_features(np.random.default_rng(0).standard_normal(shape, np.float32))
    return loaded.id
