"""The evaluating task: agreement of predicted with human scores."""

import sys
from pathlib import Path

import ml_collections
import numpy as np

from .. import datasets
from ..dimensions import DIMENSIONS
from ..errors import UserError, check_lowest
from ..evaluation.metrics import evaluate
from ..evaluation.summary import rows_of, write_evaluation
from ..features.extract import extract
from ..model import Model
from ..results.rows import check_format, text_of
from ..results.table import ScoreTable, read_table, write_table
from ..system.files import lock_folder
from ..system.terminal import Log
from ..weights.assemble import SCORING_PARTS
from ..weights.load import load_weights
from .output import print_evaluation


def run(config: ml_collections.ConfigDict) -> int:
    """Evaluates predictions against labels, writes the results and prints the table.

    Predictions and labels are two CSVs, or those of a model on a database.

    Returns:
        Exit code: 0, or 1 if a video of the database could not be decoded.
    """
    errors: dict[str, str] = {}
    title = ""
    check_format(config.format)
    check_lowest(config, resamples=1)
    if config.predictions and config.labels and not config.database:
        predictions, labels = (
            read_table(config.predictions),
            read_table(config.labels, config.label_names, missing=not config.label_names),
        )
    elif config.weights and config.database and not (config.predictions or config.labels):
        predictions, labels, errors, title = score_database(config)
    else:
        raise UserError(
            "nothing to evaluate: add --config.predictions=CSV and --config.labels=CSV, or --config.weights=DIR and "
            "--config.database=NAME."
        )
    results = evaluate(predictions, labels, config.resamples, config.seed)
    folder = Path(config.output)
    with lock_folder(folder):
        if config.database:
            write_table(folder / "predictions.csv", predictions)
        write_evaluation(folder, results)
    if config.format == "table":
        print_evaluation(results, len(labels.names), config.resamples, title)
    else:
        rows = rows_of(results)
        sys.stdout.write(text_of(rows, [*rows[0]], config.format))
    for error in errors.values():
        Log()(f"left out: {error}")
    return 1 if errors else 0


def score_database(config: ml_collections.ConfigDict) -> tuple[ScoreTable, ScoreTable, dict[str, str], str]:
    """A model's scores of a database, its labels, a sentence for each video without features, and a title."""
    loaded = load_weights(config.weights, SCORING_PARTS)
    videos = datasets.load_rated(config.database, config.data)
    features, errors = extract(videos.paths, loaded, config.features, config.seed)
    kept = np.array([i for i, path in enumerate(videos.paths) if path not in errors], int)
    if not len(kept):
        raise UserError(f"no video of {config.database} could be decoded: {next(iter(errors.values()))}")
    videos, model = videos.select(kept), Model(loaded)
    scores = np.array([model.score_features(features.read([i])[0].astype(np.float32)).raw for i in range(len(kept))])
    rated = [i for i in range(len(DIMENSIONS)) if not np.isnan(videos.labels[:, i]).all()]
    predictions, labels = (
        ScoreTable(Path(f"{what} {config.database}"), videos.names, {DIMENSIONS[i].code: x[:, i] for i in rated})
        for what, x in (("predictions for", scores.astype(np.float64)), ("labels of", videos.labels))
    )
    note = " (synthetic: rendered clips, simulated raters)" if videos.synthetic else ""
    return predictions, labels, errors, f"{config.weights} on {config.database}{note}"
