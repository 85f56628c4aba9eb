"""A CSV of labels and a folder of videos, anywhere."""

import os
from pathlib import Path

import numpy as np

from ..errors import UserError
from ..results.table import read_table
from ..system.terminal import Log
from ..text.prompts import codes, read_pairs
from .match import match_names, missing_videos, videos_below
from .videos import RatedVideos


def load_custom(table: str | os.PathLike, folder: str | os.PathLike, allow_missing: bool = False) -> RatedVideos:
    """Reads labels and joins them to video files, in the order of the labels.

    Args:
        table: a CSV with a column `filename`, and one for each dimension, named by code, by name, or by its
            prompt pair (`cinematic / amateurish`). Cells without a label are empty. Videos of the same
            `group`, if there is such a column, belong together. Names may have folders before them.
        folder: where the videos are, anywhere in it.
        allow_missing: leave out videos that are not there, and say how many on stderr.

    Raises:
        UserError: as `jaxvqa.results.table.read_table`; no folder; missing videos (listed beside the CSV), or none at
            all.
    """
    table, folder = Path(table), Path(folder)
    rated = read_table(table, missing=True, custom=True)
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}: it is to hold the videos of {table}.")
    custom = [pair for code in rated.scores if code not in codes(()) for pair in read_pairs(code)]
    none = np.full(len(rated.names), np.nan)
    labels = np.stack([rated.scores.get(code, none) for code in codes(custom)], axis=1)
    paths = match_names(rated.paths, folder)
    if spare := [video for video in videos_below(folder) if video not in paths.values()]:
        Log()(f"{folder}: left out {len(spare)} videos without labels, such as {spare[0]}.")
    missing = [name for name in rated.paths if not paths[name]]
    if missing and (not allow_missing or len(missing) == len(rated.names)):
        whole_list = table.with_name(f"missing_{table.stem}.txt")
        raise UserError(missing_videos(str(table), missing, len(rated.names), whole_list, folder))
    if missing:
        Log()(f"{table}: left out {len(missing)} of {len(rated.names)} videos, which are not in {folder}.")
    videos = RatedVideos(
        table.stem,
        rated.names,
        [str(folder / paths[name]) for name in rated.paths],
        labels,
        False,
        tuple(custom),
        tuple(rated.groups),
    )
    return videos.select(np.array([i for i, name in enumerate(rated.paths) if paths[name]]))
