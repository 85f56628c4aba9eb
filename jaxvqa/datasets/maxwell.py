"""Databases rated in several dimensions as TFDS builders: MaxWell, the synthetic one in its layout, a user's own."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import Float

from ..dimensions import DIMENSIONS
from ..errors import UserError
from ..labels import read_scores
from . import DATABASES
from .names import join

Examples = Iterator[tuple[int, dict[str, Any]]]


class Maxwell(tfds.core.GeneratorBasedBuilder):
    """Videos in the wild, rated in 16 dimensions.

    Labels and file names are checked in `_split_generators`, from where a `UserError` reaches the caller as it is.
    """

    VERSION = tfds.core.Version("1.0.0")
    url_infos = None  # none, and TFDS's own search for them imports importlib_resources, which it does not require
    MANUAL_DOWNLOAD_INSTRUCTIONS = DATABASES["maxwell"].instructions
    DESCRIPTION = (
        "MaxWell (arXiv:2305.12726): 4,543 videos in the wild with mean ratings in 16 dimensions of quality; "
        "O, A-all and T-all lie in about [1, 5], the others in [-1, 1]."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        return information(self, self.DESCRIPTION)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Examples]:
        folder = Path(dl_manager.manual_dir)
        files = DATABASES[self.name].label_files
        labels = {split: read_labels(*(folder / name for name in names)) for split, names in files.items()}
        paths = join([name for names, _ in labels.values() for name in names], folder)
        return {split: self._generate_examples(names, paths, scores) for split, (names, scores) in labels.items()}

    def _generate_examples(
        self, names: list[str], paths: dict[str, str], labels: Float[np.ndarray, "videos 16"]
    ) -> Examples:
        return examples(names, paths, labels)


class SyntheticMaxwell(Maxwell):
    """Rendered scenes with computed labels, in MaxWell's layout."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = DATABASES["synthetic_maxwell"].instructions
    DESCRIPTION = (
        "SYNTHETIC: scenes rendered by jaxvqa with known degradations, and labels computed from these, in the layout "
        "of MaxWell. Nobody rated them, and results on them say nothing about real videos."
    )


class Own(Maxwell):
    """A user's own videos, rated in some of the 16 dimensions."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = DATABASES["own"].instructions
    DESCRIPTION = "Videos of one's own, with ratings in some of the 16 dimensions."


def read_labels(table: Path, list_path: Path | None = None) -> tuple[list[str], Float[np.ndarray, "videos 16"]]:
    """File names and labels of a split, in the order of its files; NaN where there are none.

    Args:
        list_path: for MaxWell, whose tables have all dimensions and no names: the list with these.

    Raises:
        UserError: as `read_scores`, or a dimension is lacking that must be there.
    """
    rated = read_scores(table, list_path, missing=not list_path)
    lacking = [dimension.code for dimension in DIMENSIONS if dimension.code not in rated.scores]
    if list_path and lacking:
        raise UserError(f"{table} lacks {', '.join(lacking)}: it must have a column for each of the 16 dimensions.")
    none = np.full(len(rated.names), np.nan)
    return rated.names, np.stack([rated.scores.get(dimension.code, none) for dimension in DIMENSIONS], axis=1)


def information(builder: tfds.core.DatasetBuilder, description: str) -> tfds.core.DatasetInfo:
    """What a record holds; `path` is relative to the manual folder, and empty where the video is missing."""
    features = {
        "filename": tfds.features.Text(),
        "path": tfds.features.Text(),
        "labels": tfds.features.Tensor(shape=(len(DIMENSIONS),), dtype=np.float32),
    }
    return tfds.core.DatasetInfo(
        builder=builder,
        description=description,
        features=tfds.features.FeaturesDict(features),
        disable_shuffling=True,  # records stay in the order of the labels
    )


def examples(names: list[str], paths: dict[str, str], labels: Float[np.ndarray, "videos 16"]) -> Examples:
    """The records, in the order of the labels. File names are bytes, since not all need be UTF-8."""
    for i, (name, row) in enumerate(zip(names, labels.astype(np.float32), strict=True)):
        yield i, {"filename": os.fsencode(name), "path": os.fsencode(paths[name]), "labels": row}
