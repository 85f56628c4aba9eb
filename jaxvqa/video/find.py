"""Which videos a user means."""

import glob
import os
import re
from pathlib import Path

from ..errors import UserError

SUFFIXES = frozenset(
    ".3g2 .3gp .asf .avi .f4v .flv .gif .m2ts .m2v .m4v .mkv .mov .mp4 .mpeg .mpg .mts .mxf .ogv .qt .ts .vob .webm "
    ".wmv .y4m".split()
)


def find_videos(source: str) -> tuple[list[str], list[str]]:
    """The videos of a file, a folder and all folders in it, a glob, or a list (`.txt`, a path a line, relative to it).

    What is named one by one, in a list or by a glob, is taken whatever its suffix. In folders, files
    with other suffixes than those of videos are left out, as are links to folders.

    Returns:
        Paths without duplicates, and what was left out.

    Raises:
        UserError: nothing there, or a folder or list that cannot be read.
    """
    left_out: list[str] = []
    if os.path.isdir(source):
        found = walk(source, left_out)
        nothing = f"folder {source} holds no video file (by suffix: {' '.join(sorted(SUFFIXES))})."
    elif source.endswith(".txt") and os.path.exists(source):
        found = read_list(source)
        nothing = f"list {source} names no file."
    elif os.path.lexists(source):
        found, nothing = [source], ""
    elif glob.has_magic(source):
        check_readable(source)
        matches = sorted(glob.glob(source, recursive=True))
        found = [path for match in matches for path in (walk(match, left_out) if os.path.isdir(match) else [match])]
        nothing = f"no video file matches {source}."
    else:
        raise UserError(f"no such file or folder: {source}.")
    if not found:
        raise UserError(nothing)
    return list(dict.fromkeys(path.removeprefix("./") for path in found)), left_out


def walk(folder: str, left_out: list[str]) -> list[str]:
    """Video files of a folder and the folders in it, in order of their paths; adds other files to `left_out`."""
    found = []
    for root, folders, files in os.walk(folder, onerror=refuse_folder):
        folders.sort()
        left_out.extend(path for name in folders if os.path.islink(path := os.path.join(root, name)))
        for name in sorted(files):
            (found if Path(name).suffix.lower() in SUFFIXES else left_out).append(os.path.join(root, name))
    return found


def read_list(path: str) -> list[str]:
    """The paths in a list file, blank lines apart; relative ones start at the list's folder."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise UserError(f"list {path} cannot be read: {error.strerror}.") from error
    if "\0" in text:
        raise UserError(f"list {path} is not UTF-8 text: save it as that, a path a line.")
    return [os.path.join(os.path.dirname(path), line) for line in text.split("\n") if line.strip()]


def check_readable(pattern: str) -> None:
    """Makes sure that a glob, which passes over folders that it cannot read, passes over none.

    Raises:
        UserError: a folder below the pattern's fixed part cannot be read.
    """
    plain = re.match(r"[^*?[]*", pattern)  # up to the first character that stands for others
    fixed = os.path.dirname(plain[0] if plain else "") or "."
    folders = os.walk(fixed, onerror=refuse_folder)
    if "**" in pattern:
        for _ in folders:
            pass
    else:
        next(folders, None)


def refuse_folder(error: OSError) -> None:
    """Turns what `os.walk` meets in a folder into a sentence."""
    raise UserError(f"folder {error.filename} cannot be read: {error.strerror}; make it readable, or name the others.")
