"""Databases of rated videos: MaxWell, a synthetic one in its layout, those with one score a video, and a user's own."""

import contextlib
import hashlib
import io
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import filelock
import numpy as np
from jaxtyping import Float, Int

from ..dimensions import DIMENSIONS
from ..errors import UserError, first_line
from ..files import walk
from ..results import replace as write
from ..terminal import printable

if TYPE_CHECKING:
    import tensorflow_datasets as tfds


class Database(NamedTuple):
    """What a database is made of.

    Attributes:
        label_files: the label files of each split.
        instructions: how to get it, and what to put into its folder.
    """

    label_files: dict[str, tuple[str, ...]]
    instructions: str


MAXWELL_FILES = {  # a table without file names, and the list with the name of each row
    "train": ("MaxWell_train.csv", "train_labels.txt"),
    "validation": ("MaxWell_val.csv", "test_labels.txt"),
}

# Databases with one score a video, and where their authors publish them.
MOS = {
    "konvid_1k": "KoNViD-1k, published by the University of Konstanz (database.mmsp-kn.de)",
    "live_vqc": "LIVE-VQC, published by the LIVE laboratory of the University of Texas at Austin (live.ece.utexas.edu)",
    "youtube_ugc": "YouTube-UGC, published by Google (media.withgoogle.com/ugc-dataset)",
    "cvd2014": "CVD2014, published by the University of Helsinki (on zenodo.org)",
    "lsvq": "LSVQ, published with PatchVQ (github.com/baidut/PatchVQ)",
}

DATABASES = {
    "maxwell": Database(
        MAXWELL_FILES,
        "get MaxWell, published with MaxVQA (github.com/VQAssessment/ExplainableVQA), and put into this folder "
        "MaxWell_train.csv, MaxWell_val.csv, train_labels.txt, test_labels.txt and, anywhere in it, the videos",
    ),
    "synthetic_maxwell": Database(MAXWELL_FILES, "move the folder away, and it is rendered anew"),
    "own": Database(
        {"train": ("train.csv",), "validation": ("validation.csv",)},
        "put into this folder train.csv and validation.csv, each with a column `filename` and one for every dimension "
        "with labels, named by code (O, A-1, ... T-all) or name (sharpness), and, anywhere in it, the videos",
    ),
} | {
    name: Database(
        {"rated": ("labels.txt",)},  # "all" is a name that TFDS reserves
        f"get {source}, and put into this folder a file labels.txt, with a line `name, ..., mos` for each video (first "
        "the file name, last the score), and, anywhere in it, the videos",
    )
    for name, source in MOS.items()
}

MARK = "synthetic.json"  # a file that the synthetic database has, and no other


@dataclass(frozen=True, eq=False)
class Videos:
    """Rated videos.

    Attributes:
        database: its name, such as "maxwell".
        names: file names as in the labels, no two the same.
        paths: of the files.
        labels: float64, NaN where nobody rated a video: in whole dimensions, or here and there.
        synthetic: whether the videos are rendered and their labels computed.
        own: pairs of words that label columns behind those of the 16 dimensions are about.
        groups: what else keeps videos together, such as their scene; empty where nothing does.
    """

    database: str
    names: list[str]
    paths: list[str]
    labels: Float[np.ndarray, "videos dimensions"]
    synthetic: bool
    own: tuple[tuple[str, str], ...] = ()
    groups: tuple[str, ...] = ()

    def select(self, indices: Int[np.ndarray, " n"]) -> "Videos":
        """Some of the videos, such as a fold, in the order of the indices."""
        names, paths = ([values[i] for i in indices] for values in (self.names, self.paths))
        groups = tuple(self.groups[i] for i in indices) if self.groups else ()
        return replace(self, names=names, paths=paths, labels=self.labels[indices], groups=groups)

    def with_columns(self, own: Sequence[tuple[str, str]]) -> "Videos":
        """The same with columns for other pairs of words, NaN for those that there are no labels of."""
        columns = dict(zip(self.own, self.labels.T[len(DIMENSIONS) :], strict=True))
        none = np.full(len(self.names), np.nan)
        labels = [*self.labels.T[: len(DIMENSIONS)], *(columns.get(pair, none) for pair in own)]
        return replace(self, labels=np.stack(labels, axis=1), own=tuple(own))


def load(spec: str, folder: str | os.PathLike, allow_missing: bool = False) -> Videos:
    """Reads a database, or a split of it, in the order of its labels.

    At first use, and after any change to the label files or to which videos there are, labels are checked and
    joined to the videos, and kept as a TFDS dataset in `FOLDER/.tfds`. The synthetic database
    is rendered if it is not there.

    Args:
        spec: `DATABASE:SPLIT`, such as `maxwell:train`; `DATABASE` or `DATABASE:all` for all splits together.
        folder: where each database has a folder by its name.
        allow_missing: leave out videos that are not there, and say how many on stderr.

    Raises:
        UserError: no such database or split, label files that are not as they should be, missing videos (listed
            in `FOLDER/missing_DATABASE.txt`), or a folder that cannot be written.
    """
    database, _, split = spec.partition(":")
    split = split or "all"
    if database not in DATABASES:
        raise UserError(f"there is no database {database!r}: choose {', '.join(DATABASES)}.")
    splits = list(DATABASES[database].label_files)
    if split not in (*splits, "all"):
        raise UserError(f"{database} has no split {split!r}: choose {', '.join(splits)} or all.")
    root = Path(folder)
    home = root / database
    synthetic = database == "synthetic_maxwell"
    if synthetic:
        render_if_missing(root, home)
    check_folder(home, synthetic)

    videos = videos_below(home)
    source = prepare(database, root, videos).as_data_source()
    records = {name: [read_record(record) for record in source[name]] for name in splits}
    labelled = {path for rows in records.values() for _, path, _ in rows}
    if spare := [video for video in videos if video not in labelled]:
        tell(f"{database}: left out {len(spare)} videos without labels, such as {spare[0]}.")
    rows = [row for name in splits if split in (name, "all") for row in records[name]]
    missing = [name for name, path, _ in rows if not path]
    if missing and allow_missing:
        tell(f"{spec}: left out {len(missing)} of {len(rows)} videos, which are not in {home}.")
    elif missing:
        raise UserError(missing_videos(spec, missing, len(rows), root / f"missing_{database}.txt", home))
    rows = [row for row in rows if row[1]]
    if not rows:
        raise UserError(f"{spec} is empty: none of its videos is in {home}.")
    names, paths, labels = zip(*rows, strict=True)
    return Videos(database, list(names), [str(home / path) for path in paths], np.array(labels, float), synthetic)


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


def videos_below(folder: Path) -> list[str]:
    """Paths, relative to a folder, of the video files in it, in its folders and in folders that these link to."""
    left_out: list[str] = []
    found = walk(str(folder), left_out)
    for path in left_out:
        if os.path.isdir(path):  # a link: videos often lie where there is room; links in there are not followed
            found += walk(path, [])
    return [os.path.relpath(path, folder) for path in found]


def render_if_missing(root: Path, home: Path) -> None:
    """Renders the synthetic database into a folder that does not exist, or waits for a process that does."""
    if (home / MARK).exists():
        return
    from .synthetic import render

    with exclusive(root, home.name):
        if not home.exists():
            tell(f"rendering {home}, a synthetic database in MaxWell's layout, which takes about two minutes.")
            render(home)


def check_folder(home: Path, synthetic: bool) -> None:
    """Makes sure that the folder of a database, and its label files, are there.

    Raises:
        UserError: they are not, or what is synthetic passes for real, or the other way round.
    """
    database = DATABASES[home.name]
    if not home.is_dir():
        raise UserError(f"there is no folder {home}: {database.instructions} (see the README).")
    if synthetic and not (home / MARK).exists():
        raise UserError(f"{home} lacks {MARK}: it is unfinished or not synthetic; {database.instructions}.")
    if not synthetic and (home / MARK).exists():
        raise UserError(f"{home} is synthetic by its {MARK}: move it to {home.parent / 'synthetic_maxwell'}.")
    for files in database.label_files.values():
        for file in files:
            if not (home / file).is_file():
                raise UserError(f"{home} lacks the label file {file}: {database.instructions} (see the README).")


def prepare(database: str, root: Path, videos: list[str]) -> "tfds.core.DatasetBuilder":
    """The TFDS dataset of a database; made first, if it has not been made from these labels and videos."""
    import tensorflow_datasets as tfds  # half a second

    from .maxwell import Maxwell, Own, SyntheticMaxwell
    from .mos import Mos

    home = root / database
    data_dir = root / ".tfds" / f"{database}-{fingerprint(database, home, videos)}"

    def builder():
        if database in MOS:
            return Mos(config=database, data_dir=data_dir)
        return {"maxwell": Maxwell, "synthetic_maxwell": SyntheticMaxwell, "own": Own}[database](data_dir=data_dir)

    if not builder().data_path.exists():
        config = tfds.download.DownloadConfig(manual_dir=home, try_download_gcs=False)
        tfds.disable_progress_bar()
        # TFDS prints where it puts what; stdout is for results.
        with exclusive(root, database), contextlib.redirect_stdout(io.StringIO()):
            try:
                builder().download_and_prepare(download_config=config, file_format="array_record")
            except RuntimeError as error:  # how ArrayRecord says that the disk is full
                raise OSError(first_line(error)) from error
    return builder()


def fingerprint(database: str, home: Path, videos: list[str]) -> str:
    """A short hash of the label files and of which videos there are.

    Raises:
        UserError: a label file cannot be read.
    """
    digest = hashlib.sha256("\0".join(videos).encode("utf-8", "surrogateescape"))
    for files in DATABASES[database].label_files.values():
        for file in files:
            try:
                digest.update(hashlib.sha256((home / file).read_bytes()).digest())
            except OSError as error:
                raise UserError(f"{home / file} cannot be read: {error.strerror}.") from error
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def exclusive(root: Path, database: str) -> Iterator[None]:
    """Lets one process at a time write the prepared form of a database.

    Raises:
        UserError: it cannot be written.
    """
    try:
        (root / ".tfds").mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(root / ".tfds" / f"{database}.lock"):
            yield
    except OSError as error:
        raise UserError(
            f"{root} cannot be written ({first_line(error)}): make it writable, or link its databases "
            "into a folder that is."
        ) from error


def read_record(record: dict) -> tuple[str, str, Float[np.ndarray, "16"]]:
    """Name, path and labels of a record, whose texts are bytes."""
    return os.fsdecode(record["filename"]), os.fsdecode(record["path"]), record["labels"]


def missing_videos(spec: str, missing: list[str], total: int, whole_list: Path, home: Path) -> str:
    """What to tell about missing videos, all of which go into a list."""
    try:
        write(whole_list, "".join(f"{name}\n" for name in missing))
        where = f"all are listed in {whole_list}"
    except OSError:
        where = f"{whole_list}, for all of them, cannot be written"
    return (
        f"{spec} lacks {len(missing)} of {total} videos, such as {', '.join(missing[:5])} ({where}): put them into "
        f"{home}, or leave them out with allow_missing."
    )


def tell(text: str) -> None:
    """A line on stderr."""
    print(printable(text), file=sys.stderr)
