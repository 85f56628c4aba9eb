"""Which videos a user means."""

import glob
import os
import re
from pathlib import Path
from typing import NamedTuple

from ..errors import UserError, few
from ..system.files import local_path

SUFFIXES = frozenset(
    ".3g2 .3gp .asf .avi .f4v .flv .gif .m2ts .m2v .m4v .mkv .mov .mp4 .mpeg .mpg .mts .mxf .ogv .qt .ts .vob .webm "
    ".wmv .y4m".split()
)
# What systems keep in folders of their own: deleted files, earlier versions, previews, attributes.
SYSTEM = re.compile(
    r"__MACOSX|network trash folder|thevolumesettingsfolder|resource\.frk|"  # macOS
    r"\$recycle\.bin|recycler|system volume information|found\.\d{3}|"  # Windows
    r"lost\+found|lost\.dir|"  # Linux, Android
    r"[#@~](eadir|recycle|snapshot|recently-snapshot)|"  # network storage
    r".+\.download",  # what Safari has not finished
    re.IGNORECASE,
)
# What browsers, download managers and copying programs call files that they have not finished.
UNFINISHED = re.compile(
    r".+\.(part|partial|filepart|dtapart|part-frag\d+|crdownload|opdownload|fdmdownload|download|downloading|incomplete|"
    r"unfinished|temp|tmp|gstmp|aria2|ytdl|xltd|!ut|!qb|bc!|jc!)",
    re.IGNORECASE,
)
ARIA2 = ".aria2"  # a file of that suffix lies next to what aria2 has not finished, which has its final name


class Found(NamedTuple):
    """What was found where a user pointed.

    Attributes:
        paths: of videos.
        no_videos: files with other suffixes than those of videos, and links to folders.
        leftovers: hidden files, those of systems, and unfinished downloads.
    """

    paths: list[str]
    no_videos: list[str]
    leftovers: list[str]


def find_videos(*sources: str) -> Found:
    """The videos of files, folders with all folders in them, globs, or lists (`.txt`, a path a line, relative to it).

    What is named one by one, in a list or by a glob, is taken whatever its suffix. In folders, files
    with other suffixes than those of videos are left out, as are links to folders. In folders and globs, what is
    hidden (its name, or that of a folder that it is in, begins with a dot) is left out, as are folders that systems
    make, and unfinished downloads. A folder of a system is searched only if it is the only source: shells put in names
    for globs.

    Returns:
        Paths without duplicates.

    Raises:
        UserError: nothing there, or a folder or list that cannot be read.
    """
    found = Found([], [], [])
    for source in sources:
        if len(sources) > 1 and os.path.isdir(source) and SYSTEM.fullmatch(os.path.basename(source.rstrip(os.sep))):
            found.leftovers.extend(files_in(source))
        else:
            for whole, part in zip(found, find_source(source), strict=True):
                whole.extend(part)
    if not found.paths:
        raise UserError(f"no video is in {few(sources)}{except_for(found.leftovers)}.")
    return Found(*(list(dict.fromkeys(path.removeprefix("./") for path in paths)) for paths in found))


def find_source(source: str) -> Found:
    """What is found by one of the sources of `find_videos`."""
    if os.path.isdir(source):
        found = walk(source)
        nothing = f"folder {source} holds no video file (by suffix: {' '.join(sorted(SUFFIXES))})"
    elif source.endswith(".txt") and os.path.exists(source):
        found, nothing = Found(read_list(source), [], []), f"list {source} names no file"
    elif os.path.lexists(source):
        return Found([source], [], [])
    else:
        check_source(source)
        found, nothing = expand(source), f"no video file matches {source}"
    if not found.paths:
        raise UserError(f"{nothing}{except_for(found.leftovers)}.")
    return found


def check_source(source: str) -> None:
    """Raises a UserError for what is neither there nor a glob."""
    if not (os.path.lexists(source) or glob.has_magic(source)):
        raise UserError(f"no such file or folder: {source}.")


def except_for(leftovers: list[str]) -> str:
    """The end of a sentence that nothing was found."""
    if not leftovers:
        return ""
    return f", except for {len(leftovers)} left out, such as {leftovers[0]}: to score them, name them one by one"


def walk(folder: str) -> Found:
    """What is in a folder and the folders in it, in order of paths."""
    found = Found([], [], [])
    for root, folders, files in os.walk(folder, onerror=refuse_folder):
        left_out = {name for name in folders if is_leftover(os.path.join(root, name))}
        found.leftovers.extend(path for name in sorted(left_out) for path in files_in(os.path.join(root, name)))
        folders[:] = sorted(set(folders) - left_out)
        found.no_videos.extend(path for name in folders if os.path.islink(path := os.path.join(root, name)))
        for path in (os.path.join(root, name) for name in sorted(files)):
            if is_leftover(path):
                found.leftovers.append(path)
            else:
                (found.paths if Path(path).suffix.lower() in SUFFIXES else found.no_videos).append(path)
    return found


def is_leftover(path: str) -> bool:
    """Whether a file or folder is left out where it is not named itself."""
    name = os.path.basename(path)
    kind = SYSTEM if os.path.isdir(path) else UNFINISHED
    return name.startswith(".") or bool(kind.fullmatch(name)) or os.path.exists(path + ARIA2)


def files_in(folder: str) -> list[str]:
    """All files in a folder and the folders in it, or itself where none can be seen."""
    links = os.path.islink(folder)
    files = [] if links else [os.path.join(root, name) for root, _, names in os.walk(folder) for name in names]
    return files or [folder]


def expand(pattern: str) -> Found:
    """What matches a glob; folders that match stand for what is in them.

    Raises:
        UserError: a folder that it has to search cannot be read.
    """
    plain = re.match(r"[^*?[]*", pattern)  # up to the first character that stands for others
    fixed = os.path.dirname(plain[0] if plain else "") or "."
    check_readable(fixed, deep="**" in pattern)
    found = Found([], [], [])
    for match in sorted(glob.glob(pattern, recursive=True)):
        folder, match = os.path.isdir(match), match.rstrip(os.sep)
        below = Path(os.path.relpath(match, fixed))
        if any(is_leftover(os.path.join(fixed, each)) for each in (below, *below.parents) if each.name):
            found.leftovers.extend(files_in(match) if folder else [match])
        elif folder:
            for whole, part in zip(found, walk(match), strict=True):
                whole.extend(part)
        else:
            found.paths.append(match)
    return found


def read_list(path: str) -> list[str]:
    """The paths in a list file, blank lines apart; relative ones start at the list's folder."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise UserError(f"list {path} cannot be read: {error.strerror}.") from error
    if "\0" in text:
        raise UserError(f"list {path} is not UTF-8 text: save it as that, a path a line.")
    return [os.path.join(os.path.dirname(path), local_path(line)) for line in text.split("\n") if line.strip()]


def check_readable(folder: str, deep: bool) -> None:
    """Makes sure that a glob, which passes over folders that it cannot read, passes over none.

    Args:
        deep: whether it searches the folders in that folder as well.

    Raises:
        UserError: a folder cannot be read.
    """
    for root, folders, _ in os.walk(folder, onerror=refuse_folder):
        folders[:] = [name for name in folders if deep and not is_leftover(os.path.join(root, name))]


def refuse_folder(error: OSError) -> None:
    """Turns what `os.walk` meets in a folder into a sentence."""
    raise UserError(f"folder {error.filename} cannot be read: {error.strerror}; make it readable, or name the others.")
