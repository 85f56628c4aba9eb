"""Rated videos by the name of their database: joined and checked once, then read from TFDS."""

import contextlib
import errno
import hashlib
import io
import os
from collections import Counter
from collections.abc import Generator, Sequence
from pathlib import Path

import filelock
import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import Float

from ..errors import UserError, first_line
from ..synthetic.maxwell import MARK, render
from ..system.terminal import Log
from .builders import Custom, Maxwell, Mos, SyntheticMaxwell
from .databases import DATABASES, MOS, split_spec
from .match import missing_videos, videos_below
from .videos import RatedVideos

# What the system says of a folder that cannot be written, or where something else stands in the way of one.
UNWRITABLE = {
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT),
    *(errno.ENOTDIR, errno.EEXIST),
}


def load_rated(spec: str, folder: str | os.PathLike, allow_missing: bool = False) -> RatedVideos:
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
    database, split = split_spec(spec)
    splits = list(DATABASES[database].label_files)
    root = Path(folder)
    home = root / database
    synthetic = database == "synthetic_maxwell"
    if synthetic:
        render_if_missing(root, home)
    check_folder(home, synthetic)

    videos = videos_below(home)
    source = prepare(database, root, videos).as_data_source()
    records = {name: [read_record(record) for record in source[name]] for name in splits}
    labelled = {path for rows in records.values() for _, path, *_ in rows}
    if spare := [video for video in videos if video not in labelled]:
        Log()(f"{database}: left out {len(spare)} videos without labels, such as {spare[0]}.")
    rows = [row for name in splits if split in (name, "all") for row in records[name]]
    missing = [name for name, path, *_ in rows if not path]
    if missing and allow_missing:
        Log()(f"{spec}: left out {len(missing)} of {len(rows)} videos, which are not in {home}.")
    elif missing:
        raise UserError(missing_videos(spec, missing, len(rows), root / f"missing_{database}.txt", home))
    rows = [row for row in rows if row[1]]
    if not rows:
        raise UserError(f"{spec} is empty: none of its videos is in {home}.")
    check_once(spec, [path for _, path, *_ in rows])
    names, paths, labels, groups = zip(*rows, strict=True)
    files = [str(home / path) for path in paths]
    return RatedVideos(
        database, list(names), files, np.array(labels, float), synthetic, groups=groups if any(groups) else ()
    )


def check_once(spec: str, paths: Sequence[str]) -> None:
    """Raises a UserError for a video that two splits of a database have."""
    if twice := [path for path, count in Counter(paths).items() if count > 1]:
        raise UserError(
            f"{len(twice)} of the videos of {spec} are in two of its splits, such as {twice[0]}: leave them out of "
            "one, or name a split."
        )


def render_if_missing(root: Path, home: Path) -> None:
    """Renders the synthetic database into a folder that does not exist, or waits for a process that does."""
    if (home / MARK).exists():
        return
    with exclusive(root, home.name):
        if not home.exists():
            Log()(f"rendering {home}, a synthetic database in MaxWell's layout, which takes some minutes.")
            render(home)


def check_folder(home: Path, synthetic: bool) -> None:
    """Makes sure that the folder of a database, and its label files, are there.

    Raises:
        UserError: they are not, or what is synthetic passes for real, or the other way round.
    """
    database = DATABASES[home.name]
    if not home.is_dir():
        raise UserError(f"there is no folder {home}: {database.instructions} (see docs/databases.md).")
    if synthetic and not (home / MARK).exists():
        raise UserError(f"{home} lacks {MARK}: it is unfinished or not synthetic; {database.instructions}.")
    if not synthetic and (home / MARK).exists():
        raise UserError(f"{home} is synthetic by its {MARK}: move it to {home.parent / 'synthetic_maxwell'}.")
    for files in database.label_files.values():
        for file in files:
            if not (home / file).is_file():
                raise UserError(f"{home} lacks the label file {file}: {database.instructions} (see docs/databases.md).")


def prepare(database: str, root: Path, videos: list[str]) -> tfds.core.DatasetBuilder:
    """The TFDS dataset of a database; made first, if it has not been made from these labels and videos."""
    home = root / database
    data_dir = root / ".tfds" / f"{database}-{fingerprint(database, home, videos)}"

    def builder():
        if database in MOS:
            return Mos(config=database, data_dir=data_dir)
        builders = {"maxwell": Maxwell, "synthetic_maxwell": SyntheticMaxwell, "custom": Custom}
        return builders[database](data_dir=data_dir)

    if not builder().data_path.exists():
        config = tfds.download.DownloadConfig(manual_dir=home, try_download_gcs=False)
        tfds.disable_progress_bar()
        # TFDS prints where it puts what; stdout is for results.
        with exclusive(root, database), contextlib.redirect_stdout(io.StringIO()):
            try:
                builder().download_and_prepare(download_config=config, file_format="array_record")
            except RuntimeError as error:  # how ArrayRecord says that the disk is full
                if os.strerror(errno.ENOSPC) not in str(error):
                    raise
                raise OSError(errno.ENOSPC, first_line(error)) from error
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
def exclusive(root: Path, database: str) -> Generator[None, None, None]:
    """Lets one process at a time write the prepared form of a database.

    Raises:
        UserError: it cannot be written.
    """
    try:
        (root / ".tfds").mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(root / ".tfds" / f"{database}.lock"):
            yield
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise UserError(
            f"{root} cannot be written ({first_line(error)}): make it writable, or link its databases "
            "into a folder that is."
        ) from error


def read_record(record: dict) -> tuple[str, str, Float[np.ndarray, "16"], str]:
    """Name, path, labels and group of a record, whose texts are bytes."""
    name, path, group = (os.fsdecode(record[field]) for field in ("filename", "path", "group"))
    return name, path, record["labels"], group
