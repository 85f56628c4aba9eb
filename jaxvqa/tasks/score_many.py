"""The task of scoring very large collections."""

from pathlib import Path

import ml_collections

from ..results.store import remove_report
from ..results.suspicious import constant_scores
from ..scoring.cluster import Work, find_kept, find_rows, load_once, make_pipeline, read_row, score, write_in_order
from ..system.files import lock_folder
from ..system.terminal import Log
from ..text.prompts import read_pairs
from ..weights.find import choose_weights
from . import inputs
from .output import tell_failures, tell_other_weights, write_config


def run(config: ml_collections.ConfigDict) -> int:
    """Scores all videos that `config` names, but for those scored by earlier runs, and puts the results in order.

    Returns:
        Exit code: 0, or 1 if a video could not be scored or the pipeline broke off.

    Raises:
        UserError: the config names no videos, no usable weights, or a runner that cannot run.
    """
    sampling, limits, log = inputs.sampling(config), inputs.decode_limits(config), Log()
    custom, pipeline = tuple(read_pairs(config.prompts)), make_pipeline(config.runner, config.beam_options)
    paths = inputs.find(config.videos, log)
    folder = Path(config.output)
    weights = choose_weights(config.weights, log)
    model = load_once(weights, config.precision, custom)
    weights_id, sampling = model.weights_id, model.sampling(sampling)
    work = Work(weights, config.precision, custom, sampling, limits, (folder / "parts").absolute())
    with lock_folder(folder):
        work.parts.mkdir(exist_ok=True)
        write_config(folder, config)
        keys = {path: (path, sampling.seed, weights_id) for path in paths}
        places = find_rows(work.parts)
        kept = find_kept(keys, places, work)
        todo = [path for path in paths if path not in kept]
        if todo:
            remove_report(folder, log)
        whole = not todo or score(todo, weights_id, pipeline, work)
        before, places = places, find_rows(work.parts)
        done = [path for path in paths if path in kept or places.get(keys[path]) != before.get(keys[path])]
        write_in_order(places, folder)
        failed = 0
        for first in range(0, len(done), 1000):  # so many rows in memory
            rows = [read_row(places[keys[path]]) for path in done[first : first + 1000]]
            failed += len(tell_failures(rows, log))
            for sentence in constant_scores(rows):
                log.warn(sentence)
    log(
        f"{len(done) - failed} of {len(paths)} videos scored ({len(kept)} of them in an earlier run); in "
        f"{folder}: scores.csv, scores.jsonl"
        + f"; {len(paths) - len(done)} were not reached"
        * (len(done) < len(paths))
    )
    tell_other_weights(places, weights_id, folder / "scores.csv", log)
    return 0 if whole and not failed and len(done) == len(paths) else 1
