"""The task of scoring very large collections."""

import json
from pathlib import Path

import ml_collections
from rich.console import Console
from rich.text import Text

from ..errors import UserError
from ..results.suspicious import constant_scores
from ..scoring.cluster import find_kept, find_rows, load_once, make_pipeline, read_row, score, write_in_order
from ..system.files import lock_folder, write_atomic
from ..video.limits import check_limits
from ..video.sampling import check_repeats, check_seed
from .inputs import choose_weights, find
from .output import tell_failures


def run(config: ml_collections.ConfigDict) -> int:
    """Scores all videos that `config` names, but for those scored by earlier runs, and puts the results in order.

    Returns:
        Exit code: 0, or 1 if a video could not be scored or the pipeline broke off.

    Raises:
        UserError: the config names no videos, no usable weights, or a runner that cannot run.
    """
    if not config.videos:
        raise UserError("no videos given: add --config.videos=FILE, FOLDER, GLOB or LIST.txt.")
    check_seed(config.seed)
    check_repeats(config.repeats, config.dense)
    check_limits(config.workers, config.decode_seconds, config.decode_gigabytes)
    log, pipeline = Console(stderr=True), make_pipeline(config)
    paths = find(config.videos, log)
    config.weights = choose_weights(config.weights, log)
    weights_id = load_once(config.weights, config.precision, config.own).weights_id
    folder = Path(config.output)
    with lock_folder(folder):
        (folder / "parts").mkdir(exist_ok=True)
        write_atomic(folder / "config.json", json.dumps(config.to_dict(), indent=1, sort_keys=True) + "\n")
        keys = {path: (path, config.seed, weights_id) for path in paths}
        places = find_rows(folder / "parts")
        kept = find_kept(keys, places, config)
        todo = [path for path in paths if path not in kept]
        whole = not todo or score(todo, weights_id, pipeline, config, log)
        before, places = places, find_rows(folder / "parts")
        done = [path for path in paths if path in kept or places.get(keys[path]) != before.get(keys[path])]
        write_in_order(places, folder)
        failed = 0
        for first in range(0, len(done), 1000):  # so many rows in memory
            rows = [read_row(places[keys[path]]) for path in done[first : first + 1000]]
            failed += len(tell_failures(rows, log))
            for sentence in constant_scores(rows):
                log.print(Text(sentence), soft_wrap=True)
    log.print(
        Text(
            f"{len(done) - failed} of {len(paths)} videos scored ({len(kept)} of them in an earlier run): "
            f"{folder / 'scores.csv'}, {folder / 'scores.jsonl'}"
            + f"; {len(paths) - len(done)} were not reached"
            * (len(done) < len(paths))
        ),
        soft_wrap=True,
    )
    return 0 if whole and not failed and len(done) == len(paths) else 1
