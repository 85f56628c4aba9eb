"""The evaluating task: agreement of predicted with human scores."""

import sys
from pathlib import Path

import ml_collections

from .. import scoring
from ..evaluation.metrics import evaluate
from ..evaluation.summary import rows_of, write_evaluation
from ..results.rows import text_of
from ..results.table import read_table, write_table
from ..system.files import lock_folder
from ..system.terminal import Log
from ..video.sampling import Sampling
from .evaluation_output import print_evaluation
from .inputs import decode_limits


def run(config: ml_collections.ConfigDict) -> int:
    """Evaluates predictions against labels, writes the results and prints the table.

    Predictions and labels are two CSVs, or those of a model on a database.

    Returns:
        Exit code: 0, or 1 if a video of the database could not be decoded.
    """
    errors: dict[str, str] = {}
    title, log = "", Log()
    if config.predictions:
        predictions, labels = (
            read_table(config.predictions, weights_id=config.weights_id),
            read_table(config.labels, config.label_names, missing=not config.label_names),
        )
        if predictions.weights:
            title = f"{config.predictions}, scores by weights {predictions.weights}"
    else:
        predictions, labels, errors, title = scoring.score_database(
            config.weights,
            config.database,
            config.data,
            config.features,
            Sampling(config.seed, rule=config.sampling),
            decode_limits(config),
        )
    results = evaluate(predictions, labels, config.resamples, config.seed)
    folder = Path(config.output)
    with lock_folder(folder):
        if config.database:
            write_table(folder / "predictions.csv", predictions)
        write_evaluation(folder, results, predictions.weights)
    if config.format == "table":
        print_evaluation(results, labels, config.resamples, title)
    else:
        rows = rows_of(results, predictions.weights)
        sys.stdout.write(text_of(rows, [*rows[0]], config.format))
    if unscored := [code for code in labels.scores if code not in results]:
        log.warn(f"not evaluated, because {predictions.path} has no scores in them: {', '.join(unscored)}")
    for error in errors.values():
        log.warn(f"left out: {error}")
    return 1 if errors else 0
