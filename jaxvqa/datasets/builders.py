"""Databases as TFDS builders, and readers of their label files."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import Float

from ..dimensions import DIMENSIONS
from ..errors import UserError
from ..results.cells import Line, Score, Sheet, ends_with_number, leading_text, numbers, read_sheet
from ..results.names import name_key
from ..results.table import read_table
from ..video.find import SUFFIXES
from .databases import DATABASES, MOS
from .match import match_names

SHOWN = 200  # characters of a line that an error quotes
Examples = Iterator[tuple[int, dict[str, Any]]]


class Maxwell(tfds.core.GeneratorBasedBuilder):
    """Videos in the wild, rated in 16 dimensions.

    Labels and file names are checked in `_split_generators`, from where a `UserError` reaches the caller as it is.
    """

    VERSION = tfds.core.Version("1.2.0")
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
        rated = {split: read_maxwell_labels(*(folder / name for name in names)) for split, names in files.items()}
        # Each for itself: what is in two splits may be looked at, and `check_apart` lets nobody train and test on it.
        return {
            split: self._generate_examples(*columns, match_names(columns[0], folder))
            for split, columns in rated.items()
        }

    def _generate_examples(
        self, names: list[str], labels: Float[np.ndarray, "videos 16"], groups: list[str], paths: dict[str, str]
    ) -> Examples:
        return examples(names, labels, groups, paths)


class SyntheticMaxwell(Maxwell):
    """Rendered scenes with computed labels, in MaxWell's layout."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = DATABASES["synthetic_maxwell"].instructions
    DESCRIPTION = (
        "SYNTHETIC: scenes rendered by jaxvqa with known degradations, and labels computed from these, in the layout "
        "of MaxWell. Nobody rated them, and results on them say nothing about real videos."
    )


class Custom(Maxwell):
    """Videos of a user, rated in some of the 16 dimensions."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = DATABASES["custom"].instructions
    DESCRIPTION = "Videos of a user, with ratings in some of the 16 dimensions."


def read_maxwell_labels(
    table: Path, list_path: Path | None = None
) -> tuple[list[str], Float[np.ndarray, "videos 16"], list[str]]:
    """File names with the folders that are given, labels and groups of a split, in the order of its files.

    Labels are NaN and groups "" where there are none.

    Args:
        list_path: for MaxWell, whose tables have all dimensions and no names: the list with these.

    Raises:
        UserError: as `read_table`, or a dimension is lacking that must be there.
    """
    rated = read_table(table, list_path, missing=not list_path)
    lacking = [dimension.code for dimension in DIMENSIONS if dimension.code not in rated.scores]
    if list_path and lacking:
        raise UserError(f"{table} lacks {', '.join(lacking)}: it must have a column for each of the 16 dimensions.")
    none = np.full(len(rated.names), np.nan)
    labels = np.stack([rated.scores.get(dimension.code, none) for dimension in DIMENSIONS], axis=1)
    return rated.paths, labels, rated.groups or [""] * len(rated.names)


def information(builder: tfds.core.DatasetBuilder, description: str) -> tfds.core.DatasetInfo:
    """What a record holds.

    `path` is relative to the manual folder, and empty where the video is missing; `group` is empty for a video of none.
    """
    features = {
        "filename": tfds.features.Text(),
        "path": tfds.features.Text(),
        "labels": tfds.features.Tensor(shape=(len(DIMENSIONS),), dtype=np.float32),
        "group": tfds.features.Text(),
    }
    return tfds.core.DatasetInfo(
        builder=builder,
        description=description,
        features=tfds.features.FeaturesDict(features),
        disable_shuffling=True,  # records stay in the order of the labels
    )


def examples(
    names: list[str], labels: Float[np.ndarray, "videos 16"], groups: list[str], paths: dict[str, str]
) -> Examples:
    """The records, in the order of the labels. Texts are bytes, since not all need be UTF-8."""
    for i, (name, row, group) in enumerate(zip(names, labels.astype(np.float32), groups, strict=True)):
        texts = {"filename": name, "path": paths[name], "group": group}
        yield i, {"labels": row, **{field: os.fsencode(text) for field, text in texts.items()}}


class Mos(tfds.core.GeneratorBasedBuilder):
    """Videos with one score each; labels are NaN in all dimensions but O.

    `labels.txt` is checked in `_split_generators`, from where a `UserError` reaches the caller as it is.
    """

    VERSION = tfds.core.Version("1.2.0")
    url_infos = None  # as for Maxwell
    BUILDER_CONFIGS = [  # noqa: RUF012
        tfds.core.BuilderConfig(name=name, description=f"{source}.") for name, source in MOS.items()
    ]

    @property
    def MANUAL_DOWNLOAD_INSTRUCTIONS(self) -> str:
        return DATABASES[self.builder_config.name].instructions

    def _info(self) -> tfds.core.DatasetInfo:
        return information(self, "Videos with mean opinion scores, which stand under O.")

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Examples]:
        folder = Path(dl_manager.manual_dir)
        ((split, (file,)),) = DATABASES[self.builder_config.name].label_files.items()
        names, labels = read_mos_labels(folder / file)
        return {split: self._generate_examples(names, labels, match_names(names, folder))}

    def _generate_examples(
        self, names: list[str], labels: Float[np.ndarray, "videos 16"], paths: dict[str, str]
    ) -> Examples:
        return examples(names, labels, [""] * len(names), paths)


def read_mos_labels(path: Path) -> tuple[list[str], Float[np.ndarray, "videos 16"]]:
    """File names and labels from lines `name, ..., mos`, in their order.

    The first line is a header, and skipped, if its last field is `mos` or `score`, in whatever case.

    Raises:
        UserError: unreadable, empty, a line without a name or with more fields than the header, or a score that is no
            finite number, or might be the decimals of one.
    """
    sheet = read_sheet(path, lambda cells, separator: ends_with_number(cells, separator) or is_header(cells))
    lines, width = sheet.lines, 0
    if lines and is_header(lines[0].cells):
        lines, width = lines[1:], len(lines[0].cells)
    if not lines:
        raise UserError(f"{path} holds no line `name, ..., mos`.")
    names = [name_of(sheet, line, width) for line in lines]
    labels = np.full((len(lines), len(DIMENSIONS)), np.nan)
    labels[:, 0] = numbers(sheet, [Score(line.number, "mos", line.cells[-1]) for line in lines])  # first comes O
    return names, labels


def is_header(cells: list[str]) -> bool:
    """Whether the first line of a list names columns."""
    return len(cells) > 1 and cells[-1].lower() in ("mos", "score")


def name_of(sheet: Sheet, line: Line, width: int) -> str:
    """The name in a line of a list: what ends with a video's suffix, separators included, else the first field.

    Args:
        width: the number of columns, or 0 if there is no header.

    Raises:
        UserError: there is no name, or it is not clear where a field ends.
    """
    cells, separator = line.cells, sheet.separator
    if len(cells) < 2 or not name_key(cells[0]):
        raise UserError(
            f"{sheet.path}, line {line.number}: {','.join(cells)[:SHOWN]!r} is not of the form `name, ..., mos`."
        )
    ends = (i for i, cell in enumerate(cells[:-1], 1) if os.path.splitext(cell)[1].lower() in SUFFIXES)
    behind = len(cells) - (1 if len(cells) == width else next(ends, 1))
    if width and behind >= width:
        raise UserError(
            f"{sheet.path}, line {line.number}: it has {len(cells)} cells, but the header has {width}: write decimals "
            "with a point, and put names with commas in quotes."
        )
    if not width and separator == "," and behind > 1 and re.search(r"(?<![\d.])[+-]?\d+,\d+$", line.text.rstrip()):
        said = ",".join(cells[-2:])[:SHOWN]
        raise UserError(
            f"{sheet.path}, line {line.number}: {said!r} might be one number or two: write decimals "
            "with a point, and a blank after commas between fields."
        )
    return leading_text(line, separator, behind)
