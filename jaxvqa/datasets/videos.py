"""Rated videos."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from ..dimensions import DIMENSIONS
from ..errors import UserError
from ..results.table import group_numbers
from ..text.prompts import PromptPair


@dataclass(frozen=True, eq=False)
class RatedVideos:
    """Rated videos.

    Attributes:
        database: its name, such as "maxwell".
        names: file names as in the labels, no two the same.
        paths: of the files.
        labels: float64, NaN where nobody rated a video: in whole dimensions, or here and there.
        synthetic: whether the videos are rendered and their labels computed.
        custom: prompt pairs of the label columns behind those of the 16 dimensions.
        groups: what keeps videos together, such as their scene, "" for a video that nothing does; empty if none has a
            group.
    """

    database: str
    names: list[str]
    paths: list[str]
    labels: Float[np.ndarray, "videos dimensions"]
    synthetic: bool
    custom: tuple[PromptPair, ...] = ()
    groups: tuple[str, ...] = ()

    def select(self, indices: Int[np.ndarray, " n"]) -> "RatedVideos":
        """Some of the videos, such as a fold, in the order of the indices."""
        names, paths = ([values[i] for i in indices] for values in (self.names, self.paths))
        groups = tuple(self.groups[i] for i in indices) if self.groups else ()
        return replace(self, names=names, paths=paths, labels=self.labels[indices], groups=groups)

    def with_columns(self, custom: Sequence[PromptPair]) -> "RatedVideos":
        """Replaces the custom columns; those of pairs without labels are NaN."""
        columns = dict(zip(self.custom, self.labels.T[len(DIMENSIONS) :], strict=True))
        none = np.full(len(self.names), np.nan)
        labels = [*self.labels.T[: len(DIMENSIONS)], *(columns.get(pair, none) for pair in custom)]
        return replace(self, labels=np.stack(labels, axis=1), custom=tuple(custom))


def split_folds(n: int, folds: int, fold: int, seed: int) -> tuple[Int[np.ndarray, " a"], Int[np.ndarray, " b"]]:
    """One fold of a cross-validation, by a shuffle that depends on nothing but `n` and `seed`.

    Videos are drawn one by one, whatever scenes or sources they share.

    Args:
        fold: which, from 0; the test parts of all are disjoint and make up the whole.

    Returns:
        Indices for training and for the test, each ascending.

    Raises:
        UserError: no such fold, or fewer videos than folds.
    """
    if not 2 <= folds <= n:
        raise UserError(f"{n} videos cannot be divided into {folds} folds: take from 2 to {n}.")
    if not 0 <= fold < folds:
        raise UserError(f"there is no fold {fold}: they go from 0 to {folds - 1}.")
    parts = np.array_split(np.random.default_rng(seed).permutation(n), folds)
    return np.sort(np.concatenate(parts[:fold] + parts[fold + 1 :])), np.sort(parts[fold])


def make_folds(videos: RatedVideos, folds: int, seed: int) -> list[Bool[np.ndarray, " videos"]]:
    """Which videos each fold holds out; those of a group are held out together, those of none one by one.

    Raises:
        UserError: fewer groups than folds.
    """
    group = group_numbers(videos.groups or [""] * len(videos.names))
    n = int(group.max()) + 1
    if n < folds and n < len(group):
        raise UserError(
            f"{len(group)} videos in {n} groups cannot be divided into {folds} folds: set folds to {n} or less."
        )
    return [np.isin(group, split_folds(n, folds, fold, seed)[1]) for fold in range(folds)]
