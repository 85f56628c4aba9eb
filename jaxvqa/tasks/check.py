"""The checking task: a gate that videos pass or fail."""

import sys
from pathlib import Path

import ml_collections

from ..errors import UserError
from ..evaluation.gate import Limits, Violation, read_baseline, read_limits, violations
from ..model import load
from ..results.rows import check_format, text_of
from ..results.store import Results
from ..scoring.videos import score_videos, shown_height
from ..system.files import lock_folder, write_atomic
from ..system.terminal import Log
from ..text.prompts import read_pairs
from ..video.sampling import Sampling
from ..weights.load import choose_weights
from ..weights.model_card import not_scored
from . import inputs
from .check_output import annotations, junit, print_violations
from .output import tell_scored, write_config


def run(config: ml_collections.ConfigDict) -> int:
    """Scores videos, and prints and writes which of them break which rule.

    Returns:
        Exit code: 0, or 1 if a video breaks one, could not be scored, or has no row in the baseline.

    Raises:
        UserError: no videos, no rules, rules for what the weights do not score, or a baseline that does not compare.
    """
    lowest, drops = read_limits(config.min, "min"), read_limits(config.max_drop, "max_drop", "overall")
    check_rules(config, lowest, drops)
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
    found = violations(scored.rows, lowest, drops, baseline, model.card)
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


def check_rules(config: ml_collections.ConfigDict, lowest: Limits, drops: Limits) -> None:
    """Raises a UserError for settings that make no gate, before anything slow."""
    check_format(config.format)
    if not config.videos:
        raise UserError("no videos given: name a file, a folder, a glob or a list (.txt).")
    if not (lowest or drops):
        raise UserError("no rules given: set min (overall=50), or max_drop (5) with a baseline (scores.csv).")
    if bool(drops) != bool(config.baseline):
        raise UserError("max_drop and baseline go together: the scores of an earlier run, and how far they may fall.")
    if config.baseline and Path(config.output).resolve() in Path(config.baseline).resolve().parents:
        raise UserError(f"baseline {config.baseline} is in the output folder, where this run writes: choose another.")
    if config.junit and not Path(config.junit).absolute().parent.is_dir():
        raise UserError(f"junit is {config.junit}, in a folder that does not exist: make it first.")


def settings(sampling: Sampling) -> dict[str, object]:
    """What scores depend on besides the weights, as rows have it; videos decide how many dense samplings they take."""
    facts = {"seed": sampling.seed, "sampling": sampling.rule, "repeats": sampling.repeats, "dense": sampling.dense}
    if sampling.dense:
        del facts["repeats"]
    return facts | {"display_height": shown_height(sampling)}
