"""Which video file each name of a label file means."""

import os
from collections import Counter
from pathlib import Path

from ..errors import UserError
from ..system.files import write_atomic as write
from ..video.find import walk


def match_names(names: list[str], folder: Path) -> dict[str, str]:
    """The video file of each name of a list, or "" where there is none.

    A name means the file at just this path in the folder, else the one whose path ends with it, else the one whose
    path without suffix does. Failing all, its last part is looked for in the same way, if no other
    name has the same. Nothing is guessed between two files for a name, or two names for a file.

    Returns:
        Paths relative to the folder, by name.

    Raises:
        UserError: a name stands twice in the list, or might mean several files, or two names mean the same file.
    """
    videos = videos_below(folder)
    whole: dict[str, list[str]] = {}  # the ends of paths, such as a/b.mp4 and b.mp4, to those paths
    stems: dict[str, list[str]] = {}  # the same without suffix
    for video in videos:
        parts = video.split(os.sep)
        for i in range(len(parts)):
            end = os.path.join(*parts[i:])
            whole.setdefault(end, []).append(video)
            stems.setdefault(os.path.splitext(end)[0], []).append(video)
    exact = set(videos)
    last_parts = Counter(os.path.basename(name) for name in names)

    paths: dict[str, str] = {}
    name_of: dict[str, str] = {}
    for name in names:
        if name in paths:
            raise UserError(f"the labels in {folder} have two lines for {name}: remove one.")
        last_part = os.path.basename(name)
        keys = [name, last_part] if last_parts[last_part] == 1 else [name]
        candidates = (ends[key] for key in keys for ends in (whole, stems) if key in ends)
        found = [name] if name in exact else next(candidates, [])
        if len(found) > 1:
            raise UserError(f"{name} of the labels in {folder} might be {found[0]} or {found[1]}: remove one of these.")
        path = paths[name] = found[0] if found else ""
        if path and (other := name_of.setdefault(path, name)) != name:
            raise UserError(f"{other} and {name} of the labels in {folder} both mean {path}: correct the labels.")
    return paths


def videos_below(folder: Path) -> list[str]:
    """Paths, relative to a folder, of the video files in it, in its folders and in folders that these link to."""
    left_out: list[str] = []
    found = walk(str(folder), left_out)
    for path in left_out:
        if os.path.isdir(path):  # a link: videos often lie where there is room; links in there are not followed
            found += walk(path, [])
    return [os.path.relpath(path, folder) for path in found]


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
