"""Files on disk: writing that a kill spares, locks, digests."""

import contextlib
import errno
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import BinaryIO

import filelock
import platformdirs

from ..errors import UserError

NO_HOME = "there is no home folder: set HOME"
ADDRESS = r"[a-z][a-z0-9+.-]+://|file:/|magnet:\?|data:video/"  # one letter and a colon is a drive


def expand_home(path: str) -> str:
    """A path with the home folder of a user in place of a `~` at its beginning, as in a shell.

    Raises:
        UserError: this user has none.
    """
    expanded = os.path.expanduser(path)
    if expanded == path and (path + "/").startswith("~/"):
        raise UserError(f"{path} lies in the home folder, but {NO_HOME}, or give the whole path.")
    return expanded


def local_path(path: str) -> str:
    """The path that a user means: as it is, with the home folder for `~`.

    Raises:
        UserError: it is an address, or this user has no home folder.
    """
    if re.match(ADDRESS, path, re.IGNORECASE):
        raise UserError(f"{path} is an address, and addresses are not fetched: download it first, and name the file.")
    return expand_home(path)


def user_cache() -> Path | None:
    """This user's folder for caches, which need not exist; None for a user without a home."""
    return user_folder(platformdirs.user_cache_path)


def user_data() -> Path | None:
    """This user's folder for downloads, which need not exist; None for a user without a home."""
    return user_folder(platformdirs.user_data_path)


def user_folder(find: Callable[[str], Path]) -> Path | None:
    """What a function of platformdirs finds for this package."""
    try:
        folder = find("jaxvqa")
    except RuntimeError:  # neither HOME nor an account
        return None
    return folder if folder.is_absolute() else None  # earlier versions leave the ~ in it


def write_atomic(path: Path, content: str | bytes | Iterable[str]) -> None:
    """Writes a file, whole or not at all; a long text may come in parts, so that few are held at a time."""
    scratch = path.with_suffix(path.suffix + ".tmp")
    try:
        with with_filename(path), scratch.open("wb") as file:
            for part in [content] if isinstance(content, str | bytes) else content:
                file.write(part if isinstance(part, bytes) else part.encode("utf-8", "surrogateescape"))
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def file_sha256(path: str | os.PathLike, each: Callable[[], None] = lambda: None) -> str:
    """SHA-256 of a file's content, in hexadecimal; `each` is called after every megabyte."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
            each()
    return digest.hexdigest()


def file_git_blob(path: str | os.PathLike) -> str:
    """The id that git gives a file's content, in hexadecimal: SHA-1 of a header with its length, and of the content."""
    header = b"blob %d\0" % os.path.getsize(path)
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.sha1(header)).hexdigest()


def allocate(file: BinaryIO, size: int) -> None:
    """Gives a file so many bytes of disk, so that writing to them fails now or never.

    Raises:
        OSError: there are not so many.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
    else:  # macOS, Windows
        if shutil.disk_usage(os.path.dirname(os.path.abspath(file.name))).free < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), file.name)
        file.truncate(size)


@contextlib.contextmanager
def with_filename(path: str | os.PathLike) -> Generator[None, None, None]:
    """Names a file in the system's errors of writing, which, unlike those of opening, do not tell which it is."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def lock_folder(folder: str | os.PathLike, process: int = 0) -> filelock.AcquireReturnProxy:
    """Keeps other runs from writing to a folder, made if need be, until what this returns is left as a context.

    The system takes the lock from a process that is killed; its file stays and means nothing.

    Args:
        process: of a run with several processes, which have a lock each.

    Raises:
        UserError: another run is writing to it, or it cannot be written.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        return filelock.FileLock(Path(folder) / f".lock-{process}").acquire(blocking=False)
    except filelock.Timeout:
        raise UserError(f"another run is writing to {folder}: wait for it, or choose another folder.") from None
    except OSError as error:
        raise UserError(f"folder {folder} cannot be written: {error.strerror}.") from error


def private_folder(folder: Path) -> None:
    """Makes a folder that this user alone can write to, or makes sure that one that is there is such.

    Where several users may write, in a temporary folder for instance, another one could have made it before.

    Raises:
        UserError: others can write to it, it is no folder, or it cannot be made.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            status = folder.lstat()
            private = not hasattr(os, "geteuid") or (  # Windows keeps rights elsewhere
                status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            )
            if not (stat.S_ISDIR(status.st_mode) and private):
                raise UserError(
                    f"{folder} is no folder, or other users can write to it: choose an output elsewhere."
                ) from None
    except OSError as error:
        raise UserError(f"folder {folder} cannot be written: {error.strerror}.") from error


@contextlib.contextmanager
def atomic_folder(folder: Path) -> Generator[Path, None, None]:
    """A folder to fill that takes the place of one that is not there yet: it will be whole, or not be at all.

    What an earlier run that was killed left unfinished is removed.

    Raises:
        UserError: another run is making it, or it cannot be written.
    """
    scratch = folder.with_name(f".{folder.name}-unfinished")
    private_folder(scratch)
    with lock_folder(scratch):
        try:
            shutil.rmtree(scratch / folder.name, ignore_errors=True)
            (scratch / folder.name).mkdir()
            yield scratch / folder.name
            (scratch / folder.name).rename(folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
