"""Databases with one score per video, its mean opinion score (MOS), as configurations of one TFDS builder."""

from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import Float

from ..dimensions import DIMENSIONS
from ..errors import UserError
from ..labels import number
from . import DATABASES, MOS
from .maxwell import Examples, examples, information
from .names import join


class Mos(tfds.core.GeneratorBasedBuilder):
    """Videos with one score each; labels are NaN in all dimensions but O.

    `labels.txt` is checked in `_split_generators`, from where a `UserError` reaches the caller as it is.
    """

    VERSION = tfds.core.Version("1.0.0")
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
        names, labels = read_labels(folder / file)
        return {split: self._generate_examples(names, join(names, folder), labels)}

    def _generate_examples(
        self, names: list[str], paths: dict[str, str], labels: Float[np.ndarray, "videos 16"]
    ) -> Examples:
        return examples(names, paths, labels)


def read_labels(path: Path) -> tuple[list[str], Float[np.ndarray, "videos 16"]]:
    """File names and labels from lines `name, ..., mos`, in their order.

    The first line is a header, and skipped, if its last field is `mos` or `score`, in whatever case.

    Raises:
        UserError: unreadable, empty, a line without a name, or a score that is no finite number.
    """
    try:
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    lines = [(i, [field.strip() for field in line.split(",")]) for i, line in enumerate(text.split("\n"), 1)]
    if lines[0][1][-1].lower() in ("mos", "score"):
        del lines[0]
    lines = [(i, fields) for i, fields in lines if any(fields)]
    if not lines:
        raise UserError(f"{path} holds no line `name, ..., mos`.")
    for i, fields in lines:
        if len(fields) < 2 or not fields[0]:
            raise UserError(f"{path}, line {i}: {','.join(fields)!r} is not of the form `name, ..., mos`.")
    labels = np.full((len(lines), len(DIMENSIONS)), np.nan)
    labels[:, 0] = [number(path, i, "mos", {"mos": fields[-1]}) for i, fields in lines]  # the first dimension is O
    return [fields[0] for _, fields in lines], labels
