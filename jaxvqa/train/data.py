"""Videos with features and labels, and the scales that labels of databases are put on."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from ..datasets.cache import load_rated
from ..datasets.videos import RatedVideos
from ..errors import UserError
from ..features.extract import extract
from ..features.store import Features
from ..results.table import ScoreTable
from ..text.prompts import codes
from ..weights.directory import Weights
from .settings import DataSource, TrainSettings

Scale = tuple[Float[np.ndarray, " dimensions"], Float[np.ndarray, " dimensions"]]

MARGIN = 0.05  # of the labels' range, on either side of it: scores never reach 0 and 1


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Features of videos, and what people said of them.

    Attributes:
        specs: what the databases were asked for by.
        targets: labels on the scale of scores, NaN where there are none.
        database: number of each video's database.
    """

    specs: list[str]
    features: Features
    targets: Float[np.ndarray, "n dimensions"]
    database: Int[np.ndarray, " n"]


@dataclass(frozen=True, eq=False)
class LabeledFeatures:
    """Videos with their features, and what they were asked for by, such as "maxwell:train"."""

    spec: str
    videos: RatedVideos
    features: Features

    def select(self, indices: np.ndarray) -> "LabeledFeatures":
        """Some of the videos."""
        features = Features([self.features.rows[i] for i in indices])
        return LabeledFeatures(self.spec, self.videos.select(indices), features)


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
    return LabeledFeatures(spec, videos.select(kept).with_columns(encoders.custom), features)


def check_labels(prepared: list[LabeledFeatures]) -> None:
    """Raises a UserError for databases of which all videos have the same label."""
    for one in prepared:
        columns = zip(codes(one.videos.custom), one.videos.labels.T, strict=True)
        if same := [code for code, labels in columns if not np.isnan(labels).all() and nanrange(labels) == 0]:
            raise UserError(
                f"{one.spec}: all {len(one.videos.names)} videos have the same label in {', '.join(same)}, nothing "
                "correlates with it."
            )


def label_scales(training: list[LabeledFeatures]) -> dict[str, Scale]:
    """The labels that scores of 0 and 1 stand for in each dimension, by database.

    Those of one database lie a little outside of its labels. Those of several lie as many deviations from the mean of
    each, so that labels of all of them are standardised, and on the scale of scores.
    """
    if len({one.videos.database for one in training}) == 1:
        return {training[0].videos.database: label_scale(np.concatenate([one.videos.labels for one in training]))}
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # dimensions of which there are no labels
        means = [np.nanmean(one.videos.labels, axis=0) for one in training]
        deviations = [np.nanstd(one.videos.labels, axis=0) for one in training]
        farthest = [
            np.nanmax(abs(one.videos.labels - mean), axis=0) / deviation
            for one, mean, deviation in zip(training, means, deviations, strict=True)
        ]
        reach = (1 + 2 * MARGIN) * np.nanmax(farthest, axis=0)
    return {
        one.videos.database: (mean - reach * deviation, mean + reach * deviation)
        for one, mean, deviation in zip(training, means, deviations, strict=True)
    }


def label_scale(labels: Float[np.ndarray, "n dimensions"]) -> Scale:
    """The labels that scores of 0 and 1 stand for in each dimension: a little outside of those in training."""
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # dimensions of which there are no labels
        low, high = np.nanmin(labels, axis=0), np.nanmax(labels, axis=0)
    margin = MARGIN * (high - low)
    return low - margin, high + margin


def nanrange(values: Float[np.ndarray, " n"]) -> float:
    """How far apart the largest and the smallest number are; NaN do not count."""
    return float(np.nanmax(values) - np.nanmin(values))


def rated_features(prepared: list[LabeledFeatures], scales: dict[str, Scale]) -> TrainingSet:
    """Databases as one, each with its labels on its own scale."""
    targets = []
    for one in prepared:
        low, high = scales.get(one.videos.database) or label_scale(one.videos.labels)
        targets.append((one.videos.labels - low) / (high - low))
    database = np.repeat(np.arange(len(prepared)), [len(one.features) for one in prepared])
    features = Features([row for one in prepared for row in one.features.rows])
    return TrainingSet([one.spec for one in prepared], features, np.concatenate(targets), database)


def label_table(one: LabeledFeatures, codes: dict[int, str]) -> ScoreTable:
    """The labels of a database in those dimensions that it has, of some given by place and code."""
    labels = one.videos.labels
    columns = {code: labels[:, i] for i, code in codes.items() if not np.isnan(labels[:, i]).all()}
    return ScoreTable(Path(f"labels of {one.spec}"), one.videos.names, columns)


def describe(prepared: list[LabeledFeatures]) -> str:
    """What databases are, in a table's words."""
    return ", ".join(
        one.spec + (" (synthetic: rendered clips, simulated raters)" if one.videos.synthetic else "")
        for one in prepared
    )
