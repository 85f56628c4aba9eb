"""A database of rated videos to a model's scores beside its labels."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..datasets.cache import load_rated
from ..dimensions import DIMENSIONS
from ..errors import UserError
from ..features.extract import extract
from ..model import Model
from ..results.table import ScoreTable
from ..video.limits import DecodeLimits
from ..video.sampling import Sampling
from ..weights.assemble import SCORING_PARTS
from ..weights.load import load_weights
from ..weights.model_card import scored


class ScoredDatabase(NamedTuple):
    """Scores of a database.

    Attributes:
        predictions: raw scores, in the dimensions that have labels and that the weights score.
        labels: of the same videos.
        errors: a sentence for each video that could not be decoded, by path.
        title: what was scored with what.
    """

    predictions: ScoreTable
    labels: ScoreTable
    errors: dict[str, str]
    title: str


def score_database(
    weights: str,
    spec: str,
    root: str | os.PathLike,
    features: str | os.PathLike,
    sampling: Sampling,
    limits: DecodeLimits,
) -> ScoredDatabase:
    """Scores the videos of a database from their features, which are extracted if need be.

    Args:
        weights: a directory or a name, as `jaxvqa.weights.load.load_weights` takes it.
        spec: `DATABASE:SPLIT`, as `jaxvqa.datasets.cache.load_rated` takes it.
        root: folder with a folder for each database.
        features: folder of extracted features.
        sampling: of which the scores are of the first sample.

    Raises:
        UserError: no such weights or database, or none of its videos can be decoded.
    """
    loaded = load_weights(weights, SCORING_PARTS)
    videos = load_rated(spec, root)
    extracted, errors = extract(videos.paths, loaded, features, sampling, limits)
    kept = np.array([i for i, path in enumerate(videos.paths) if path not in errors], int)
    if not len(kept):
        raise UserError(f"no video of {spec} could be decoded: {next(iter(errors.values()))}")
    videos, model = videos.select(kept), Model(loaded)
    scores = np.array([model.score_features(extracted.read([i])[0].astype(np.float32)).raw for i in range(len(kept))])
    rated = ~np.isnan(videos.labels).all(axis=0)
    predictions, labels = (
        ScoreTable(
            Path(f"{what} {spec}"),
            videos.names,
            {DIMENSIONS[i].code: x[:, i] for i in np.flatnonzero(there)},
            weights=by,
        )
        for what, x, there, by in (
            ("predictions for", scores.astype(np.float64), rated & scored(loaded.card), model.weights_id),
            ("labels of", videos.labels, rated, ""),
        )
    )
    note = " (synthetic: rendered clips, simulated raters)" if videos.synthetic else ""
    return ScoredDatabase(predictions, labels, errors, f"{weights} on {spec}{note}; weights {model.weights_id}")
