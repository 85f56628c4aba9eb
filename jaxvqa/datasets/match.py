"""Which video file each name of a label file means."""

import os
from pathlib import Path

from ..errors import UserError
from ..results.names import ambiguity, encoding_advice, match_paths
from ..system.files import write_atomic as write
from ..video.find import walk


def match_names(names: list[str], folder: Path) -> dict[str, str]:
    """The video file of each name of a list, or "" where there is none, as `jaxvqa.results.names` compares them.

    Nothing is guessed between two files for a name, or two names for a file.

    Returns:
        Paths relative to the folder, by name.

    Raises:
        UserError: a name stands twice in the list, or might mean several files, or two names mean the same file.
    """
    videos = videos_below(folder)
    paths: dict[str, str] = {}
    name_of: dict[str, str] = {}
    for name, found in zip(names, match_paths(names, videos), strict=True):
        if name in paths:
            raise UserError(f"the labels in {folder} have two lines for {name}: remove one.")
        if len(found) > 1:
            said = ambiguity(name, f"the labels in {folder}", *(videos[i] for i in found[:2]))
            raise UserError(f"{said}: give its folder in the labels, or remove one of these.")
        path = paths[name] = videos[found[0]] if found else ""
        if path and (other := name_of.setdefault(path, name)) != name:
            raise UserError(f"{other} and {name} of the labels in {folder} both mean {path}: correct the labels.")
    return paths


def videos_below(folder: Path) -> list[str]:
    """Paths, relative to a folder, of the video files in it, in its folders and in folders that these link to."""
    found = walk(str(folder))
    for path in found.no_videos:
        if os.path.isdir(path):  # a link: videos often lie where there is room; links in there are not followed
            found.paths.extend(walk(path).paths)
    return [os.path.relpath(path, folder) for path in found.paths]


def missing_videos(spec: str, missing: list[str], total: int, whole_list: Path, home: Path) -> str:
    """What to tell about missing videos, all of which go into a list."""
    try:
        write(whole_list, "".join(f"{name}\n" for name in missing))
        where = f"all are listed in {whole_list}"
    except OSError:
        where = f"{whole_list}, for all of them, cannot be written"
    return (
        f"{spec} lacks {len(missing)} of {total} videos, such as {', '.join(missing[:5])} ({where}"
        f"{encoding_advice('the label file', missing)}): put them into {home}, or leave them out with allow_missing."
    )
