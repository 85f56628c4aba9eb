"""Videos with features and labels, and the scales that labels of databases are put on."""

import hashlib
import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from ..datasets.cache import load_rated
from ..datasets.videos import RatedVideos
from ..errors import UserError
from ..features.extract import extract
from ..features.store import Features
from ..results.table import ScoreTable, group_numbers
from ..system.distributed import is_first
from ..system.terminal import Log
from ..text.prompts import codes
from ..weights.directory import Weights
from .settings import DataSource, TrainSettings

Scale = tuple[Float[np.ndarray, " dimensions"], Float[np.ndarray, " dimensions"]]

MARGIN = 0.05  # of the usual labels' range, on either side of it: scores never reach 0 and 1
FENCE = 4.0  # interquartile ranges beyond the quartiles, from which a label is an outlier
EDGE = MARGIN / (1 + 2 * MARGIN)  # target of the lowest usual label; that of the highest is as far from 1


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Features of videos, and what people said of them.

    Attributes:
        specs: what the databases were asked for by.
        targets: labels on the scale of scores, NaN where there are none.
        database: number of each video's database.
        identity: SHA-256 of the names, contents and labels of all videos.
    """

    specs: list[str]
    features: Features
    targets: Float[np.ndarray, "n dimensions"]
    database: Int[np.ndarray, " n"]
    identity: str


@dataclass(frozen=True, eq=False)
class LabeledFeatures:
    """Videos with their features, and what they were asked for by, such as "maxwell:train"."""

    spec: str
    videos: RatedVideos
    features: Features

    def select(self, indices: np.ndarray) -> "LabeledFeatures":
        """Some of the videos."""
        return LabeledFeatures(self.spec, self.videos.select(indices), self.features.select(indices))


def prepare(
    names: str, source: DataSource, encoders: Weights, settings: TrainSettings, failures: dict[str, str]
) -> list[LabeledFeatures]:
    """Databases, named with commas between them, with their features; adds what has none to `failures`."""
    prepared = []
    for spec in filter(None, names.split(",")):
        videos = load_rated(spec, source.root, source.allow_missing)
        prepared.append(with_features(spec, videos, source, encoders, settings, failures))
    return prepared


def with_features(
    spec: str,
    videos: RatedVideos,
    source: DataSource,
    encoders: Weights,
    settings: TrainSettings,
    failures: dict[str, str],
) -> LabeledFeatures:
    """Videos with their features, and labels in the columns that scores have; adds what has none to `failures`."""
    features, errors = extract(
        videos.paths, encoders, source.features, settings.sampling, source.limits, settings.unfreeze.stages
    )
    failures |= errors
    kept = np.array([i for i, path in enumerate(videos.paths) if path not in errors], int)
    if not len(kept):
        raise UserError(f"no video of {spec} could be decoded: {next(iter(errors.values()))}")
    videos = keep_copies_together(videos.select(kept).with_columns(encoders.custom), features.digests)
    return LabeledFeatures(spec, videos, features)


def keep_copies_together(videos: RatedVideos, digests: Sequence[str]) -> RatedVideos:
    """Returns videos with files of the same content in one group, which is that of all groups that they are in."""
    group = group_numbers(videos.groups or [""] * len(videos.names), digests)
    return replace(videos, groups=tuple(map(str, group)) if group.max() + 1 < len(group) else ())


def check_labels(training: list[LabeledFeatures], tested: Sequence[LabeledFeatures] = ()) -> None:
    """Raises a UserError for databases of which all videos have the same label, and names outliers of the training."""
    log = Log(quiet=not is_first())
    for one in [*training, *tested]:
        columns = zip(codes(one.videos.custom), one.videos.labels.T, strict=True)
        if same := [code for code, labels in columns if not np.isnan(labels).all() and nanrange(labels) == 0]:
            raise UserError(
                f"{one.spec}: all {len(one.videos.names)} videos have the same label in {', '.join(same)}, nothing "
                "correlates with it."
            )
    for one in training:
        outlying = np.isnan(usual(one.videos.labels)) & ~np.isnan(one.videos.labels)
        for code, labels, far in zip(codes(one.videos.custom), one.videos.labels.T, outlying.T, strict=True):
            if far.any():
                example = int(np.flatnonzero(far)[0])
                log.warn(
                    f"{one.spec}: {np.count_nonzero(far)} of {np.count_nonzero(~np.isnan(labels))} labels in {code} "
                    f"lie far from the others, such as {labels[example]:g} of {one.videos.names[example]}; training "
                    "takes each as the nearest label that does not."
                )


def check_apart(training: list[LabeledFeatures], tested: list[LabeledFeatures]) -> None:
    """Raises a UserError if a video is trained on and tested on as well, whatever its name."""
    for one in tested:
        if shared := seen(one, training):
            raise UserError(
                f"{len(shared)} of {len(one.videos.names)} videos of {one.spec} are trained on, such as {shared[0]}: "
                "a test on them says nothing; leave them out of one of the two."
            )


def seen(one: LabeledFeatures, training: list[LabeledFeatures]) -> list[str]:
    """Returns the names of those videos whose content is that of a video of a training."""
    known = {digest for trained in training for digest in trained.features.digests}
    return [name for name, key in zip(one.videos.names, one.features.digests, strict=True) if key in known]


def label_scales(training: Sequence[LabeledFeatures]) -> dict[str, Scale]:
    """Returns the labels that scores of 0 and 1 stand for in each dimension, by database, whatever its splits.

    Those of one database lie a little outside of its usual labels. Those of several lie as many deviations from the
    mean of each, so that labels of all of them are standardized, and on the scale of scores.
    """
    splits: dict[str, list[np.ndarray]] = {}
    for one in training:
        splits.setdefault(one.videos.database, []).append(one.videos.labels)
    labels = {name: usual(np.concatenate(some)) for name, some in splits.items()}
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # dimensions without labels
        if len(labels) == 1:
            return {name: widened(np.nanmin(some, axis=0), np.nanmax(some, axis=0)) for name, some in labels.items()}
        means = {name: np.nanmean(some, axis=0) for name, some in labels.items()}
        deviations = {name: np.nanstd(some, axis=0) for name, some in labels.items()}
        farthest = [np.nanmax(abs(some - means[name]), axis=0) / deviations[name] for name, some in labels.items()]
        reach = np.nanmax(farthest, axis=0)
    return {
        name: widened(means[name] - reach * deviations[name], means[name] + reach * deviations[name]) for name in labels
    }


def usual(labels: Float[np.ndarray, "n dimensions"]) -> Float[np.ndarray, "n dimensions"]:
    """Returns labels with NaN for outliers.

    These lie more than four interquartile ranges beyond the quartiles: a little further than Tukey's outer fences
    (Exploratory Data Analysis, 1977), three ranges away, because means of votes in MaxWell reach 3.8. Where more than a
    twentieth of the labels, and more than one, lie there, as when most labels are the same, none is an outlier.
    """
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # dimensions without labels
        first, third = np.nanquantile(labels, (0.25, 0.75), axis=0)
    reach = FENCE * (third - first)
    far = (labels < first - reach) | (labels > third + reach)
    few = far.sum(axis=0) <= np.maximum(0.05 * np.count_nonzero(~np.isnan(labels), axis=0), 1)
    return np.where(far & few, np.nan, labels)


def widened(low: Float[np.ndarray, " dimensions"], high: Float[np.ndarray, " dimensions"]) -> Scale:
    """Returns a scale on which the ends of a range have the targets `EDGE` and 1 - `EDGE`; NaN if it has no width."""
    margin = MARGIN * np.where(high > low, high - low, np.nan)
    return low - margin, high + margin


def nanrange(values: Float[np.ndarray, " n"]) -> float:
    """How far apart the largest and the smallest number are; NaN do not count."""
    return float(np.nanmax(values) - np.nanmin(values))


def rated_features(prepared: list[LabeledFeatures], scales: dict[str, Scale]) -> TrainingSet:
    """Joins databases to one set, each with its labels on its scale; one without is on that of its labels here."""
    for name in {one.videos.database for one in prepared} - scales.keys():
        scales = scales | label_scales([one for one in prepared if one.videos.database == name])
    targets, identity = [], hashlib.sha256()
    for one in prepared:
        low, high = scales[one.videos.database]
        targets.append((one.videos.labels - low) / (high - low))
        labels = np.where(np.isnan(one.videos.labels), np.nan, one.videos.labels)  # all NaN alike
        identity.update(json.dumps([one.spec, one.videos.names, one.features.digests, labels.shape]).encode())
        identity.update(labels.tobytes())
    database = np.repeat(np.arange(len(prepared)), [len(one.features) for one in prepared])
    rows, digests = ([x for one in prepared for x in getattr(one.features, field)] for field in ("rows", "digests"))
    features = Features(rows, digests)
    return TrainingSet(
        [one.spec for one in prepared], features, np.concatenate(targets), database, identity.hexdigest()
    )


def without_outliers(training: TrainingSet) -> TrainingSet:
    """Puts targets beyond those of usual labels at the ends of these, so that one cannot outweigh all others."""
    return replace(training, targets=np.clip(training.targets, EDGE, 1 - EDGE))


def label_table(one: LabeledFeatures, codes: dict[int, str]) -> ScoreTable:
    """The labels of a database in those dimensions that it has, of some given by place and code."""
    labels = one.videos.labels
    columns = {code: labels[:, i] for i, code in codes.items() if not np.isnan(labels[:, i]).all()}
    return ScoreTable(Path(f"labels of {one.spec}"), one.videos.names, columns, list(one.videos.groups))


def describe(prepared: list[LabeledFeatures]) -> str:
    """What databases are, in a table's words."""
    return ", ".join(
        one.spec + (" (synthetic: rendered clips, simulated raters)" if one.videos.synthetic else "")
        for one in prepared
    )
