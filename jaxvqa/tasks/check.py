"""The checking task: a gate that videos pass or fail."""

import sys
from pathlib import Path

import ml_collections

from ..errors import UserError
from ..evaluation.gate import Violation, read_baseline, read_limits, violations
from ..evaluation.preference import preference_of
from ..model import load
from ..results.rows import text_of
from ..results.store import Results
from ..scoring.kept import shown_height
from ..scoring.videos import score_videos
from ..system.files import lock_folder, write_atomic
from ..system.terminal import Log
from ..text.prompts import read_pairs
from ..video.sampling import Sampling
from ..weights.find import choose_weights
from ..weights.model_card import not_scored
from . import inputs
from .check_output import annotations, junit, print_violations
from .output import tell_scored, write_config


def run(config: ml_collections.ConfigDict) -> int:
    """Scores videos, and prints and writes which of them break which rule.

    Returns:
        Exit code: 0, or 1 if a video breaks one, could not be scored, or has no row in the baseline.

    Raises:
        UserError: no videos, rules for what the weights do not score, or a baseline that does not compare.
    """
    lowest, drops = read_limits(config.min, "min"), read_limits(config.max_drop, "max_drop", "overall")
    sampling, limits, log = inputs.sampling(config), inputs.decode_limits(config), Log()
    paths = inputs.find(config.videos, log)
    model = load(choose_weights(config.weights, log), config.precision, read_pairs(config.prompts))
    for d in [*lowest, *drops]:
        if d.code in not_scored(model.card):
            raise UserError(f"weights {model.weights_id} do not score {d.name}: leave it out, or choose others.")
    baseline = {}
    if config.baseline:
        baseline = read_baseline(Path(config.baseline), model.weights_id, settings(model.sampling(sampling)))
    with Results(config.output, per_moment=config.per_moment) as results:
        write_config(results.folder, config)
        scored = score_videos(model, paths, sampling, limits, results, config.report)
    tell_scored(scored.rows, scored.kept, results, config.report, log)
    found = violations(scored.rows, lowest, drops, baseline, preference_of(model.card, model.weights_id))
    rows, columns = [each._asdict() for each in found], list(Violation._fields)
    with lock_folder(config.output):
        write_atomic(Path(config.output) / "violations.csv", text_of(rows, columns, "csv"))
    if config.junit:
        write_atomic(Path(config.junit), junit(paths, found))
    if config.github:
        sys.stdout.write(annotations(found))
    elif config.format == "table":
        print_violations(paths, found)
    else:
        sys.stdout.write(text_of(rows, columns, config.format))
    return 1 if found else 0


def settings(sampling: Sampling) -> dict[str, object]:
    """What scores depend on besides the weights, as rows have it; videos decide how many dense samplings they take."""
    facts = {"seed": sampling.seed, "sampling": sampling.rule, "repeats": sampling.repeats, "dense": sampling.dense}
    if sampling.dense:
        del facts["repeats"]
    return facts | {"display_height": shown_height(sampling)}
