"""Fits what people say of videos to the published predictions, and measures how well that holds on other videos.

usage: opinions.py PREDICTIONS LABELS

PREDICTIONS is MaxVQA's `published_val_predictions.csv`, LABELS is `MaxWell_val.csv` of the MaxWell database, with the
same videos in the same order. Writes jaxvqa/weights/maxwell_opinions.json: in each dimension a logistic curve from raw
scores to mean opinion scores, the half-width of a 90 % interval, and the root mean square error.

Then the same is fitted to a random half of the videos, 100 times, and measured on the other half:

    covered    share of videos whose opinion score lies in the interval
    half       half-width of the interval
    labels     standard deviation of the labels, for comparison
    pairs      share of pairs of videos in which the one that scores higher has the higher opinion score
    sure       the same among pairs for which the stated probability is 0.95 or more

Source of the interval: split conformal prediction (Vovk et al., Algorithmic Learning in a Random World, 2005).
"""

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from rich.console import Console
from rich.table import Table

import jaxvqa
from jaxvqa.dimensions import DIMENSIONS
from jaxvqa.evaluation.opinions import fit_opinions
from jaxvqa.weights.known_opinions import maxwell_opinions
from jaxvqa.weights.opinions import Opinions

TARGET = Path(jaxvqa.__file__).parent / "weights" / "maxwell_opinions.json"
SPLITS = 100
FIELDS = ("low", "high", "center", "width", "half", "deviation")


def main() -> int:
    """Writes the table, and prints the figures."""
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    raw, labels = map(read, sys.argv[1:])
    found = fit(raw, labels)
    rows = {
        d.code: {field: round(float(getattr(found, field)[i]), 6) for field in FIELDS} for i, d in enumerate(DIMENSIONS)
    }
    source = "published_val_predictions.csv of MaxVQA, and MaxWell_val.csv of the MaxWell database: 909 videos"
    TARGET.write_text(json.dumps({"source": source, "dimensions": rows}, indent=1) + "\n")
    table = Table("dimension", "covered", "half", "labels", "pairs", "sure", box=None, pad_edge=False)
    for i, figures in enumerate(measure(raw, labels)):
        table.add_row(DIMENSIONS[i].name, *(f"{x:.3f}" for x in figures))
    Console(width=100).print(table)
    return 0


def read(path: str) -> Float[np.ndarray, "videos 16"]:
    """Scores of videos in all dimensions."""
    with open(path, newline="", encoding="utf-8") as file:
        return np.array([[float(row[d.code]) for d in DIMENSIONS] for row in csv.DictReader(file)])


def fit(raw: Float[np.ndarray, "videos 16"], labels: Float[np.ndarray, "videos 16"]) -> Opinions:
    """The curve of each dimension on MaxWell's scale of ratings, and its errors."""
    published = maxwell_opinions()
    found = fit_opinions(raw, labels)
    if not found or np.isnan(found.half).any():
        raise SystemExit("opinions: in some dimension, ratings do not rise with scores.")
    return replace(found, lowest=published.lowest, highest=published.highest)


def measure(raw: Float[np.ndarray, "videos 16"], labels: Float[np.ndarray, "videos 16"]) -> Float[np.ndarray, "16 5"]:
    """Figures of each dimension on halves that nothing was fitted to, mean of splits."""
    generator, figures = np.random.default_rng(0), []
    for _ in range(SPLITS):
        order = generator.permutation(len(raw))
        seen, new = np.array_split(order, 2)
        found = fit(raw[seen], labels[seen])
        scores, truth = found.scores(raw[new]), labels[new]
        one, other = np.triu_indices(len(new), 1)
        apart, true = scores[one] - scores[other], truth[one] - truth[other]
        known = (true != 0) & (apart != 0)
        right = np.where(known, np.sign(apart) == np.sign(true), np.nan)
        sure = np.where(abs(apart) >= 1.645 * 2**0.5 * found.deviation, right, np.nan)
        covered = (abs(truth - scores) <= found.half).mean(axis=0)
        rows = covered, found.half, truth.std(axis=0), np.nanmean(right, axis=0), np.nanmean(sure, axis=0)
        figures.append(np.stack(rows, axis=1))
    return np.mean(figures, axis=0)


if __name__ == "__main__":
    sys.exit(main())
