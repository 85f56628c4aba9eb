"""The scoring task: video files to a table of scores."""

import sys

import ml_collections
from rich.console import Console

from ..errors import UserError
from ..results.rows import COLUMNS, check_format, text_of
from ..scoring.videos import score_videos
from ..text.prompts import read_pairs
from ..video.sampling import check_repeats, check_seed
from .inputs import find
from .output import print_custom, print_deviations, print_scores


def run(config: ml_collections.ConfigDict) -> int:
    """Scores all videos that `config` names, writes the results and prints the table.

    Returns:
        Exit code: 0, or 1 if a video could not be scored.

    Raises:
        UserError: the config names no videos or no usable weights.
    """
    if not config.videos:
        raise UserError("no videos given: add --config.videos=FILE, FOLDER, GLOB or LIST.txt.")
    check_settings(config)
    log = Console(stderr=True)
    rows, training = score_videos(config, find(config.videos, log), log)
    if config.format == "table":
        print_scores(rows, training)
        print_deviations(rows)
        print_custom(rows, config.own, training)
    else:
        sys.stdout.write(text_of(rows, COLUMNS, config.format))
    return 1 if any(row["status"] != "ok" for row in rows) else 0


def check_settings(config: ml_collections.ConfigDict) -> None:
    """Raises a UserError for settings that cannot work."""
    check_format(config.format)
    check_seed(config.seed)
    check_repeats(config.repeats, config.dense)
    read_pairs(config.own)
