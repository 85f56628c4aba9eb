"""The scoring task: video files to a table of scores."""

import sys

import ml_collections

from ..example import EXAMPLE
from ..model import load
from ..results.rows import COLUMNS, text_of
from ..results.store import Results
from ..scoring.videos import score_videos
from ..system.terminal import Log
from ..text.prompts import read_pairs
from ..weights.find import choose_weights
from . import inputs
from .output import print_custom, print_deviations, print_notes, tell_scored, write_config
from .score_output import print_scores


def run(config: ml_collections.ConfigDict) -> int:
    """Scores all videos that `config` names, writes the results and prints the table.

    Returns:
        Exit code: 0, or 1 if a video could not be scored.

    Raises:
        UserError: the config names no videos or no usable weights.
    """
    sampling, limits, log = inputs.sampling(config), inputs.decode_limits(config), Log()
    custom = read_pairs(config.prompts)
    paths = inputs.find(str(EXAMPLE) if config.example else config.videos, log)
    model = load(choose_weights(config.weights, log), config.precision, custom)
    with Results(config.output, per_moment=config.per_moment) as results:
        write_config(results.folder, config)
        scored = score_videos(model, paths, sampling, limits, results, config.report)
    tell_scored(scored.rows, scored.kept, results, config.report, log)
    if config.format == "table":
        print_scores(scored.rows, model.card, config.legend and not config.quiet)
        print_deviations(scored.rows)
        print_custom(scored.rows, custom, model.card)
        print_notes(scored.rows)
    else:
        sys.stdout.write(text_of(scored.rows, COLUMNS, config.format))
    return 1 if any(row["status"] != "ok" for row in scored.rows) else 0
