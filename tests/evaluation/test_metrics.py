"""Agreement of predicted with human scores."""

import json
from dataclasses import replace

import numpy as np

from jaxvqa import DIMENSIONS
from jaxvqa.evaluation.metrics import evaluate, fitted
from jaxvqa.results.table import ScoreTable, read_table


def test_published_predictions_have_the_published_metrics(shared):
    folder = shared / "maxwell"
    labels = read_table(folder / "MaxWell_val.csv", folder / "test_labels.txt")
    results = evaluate(read_table(folder / "published_val_predictions.csv"), labels, resamples=2)
    published = json.loads((folder / "published_val_metrics.json").read_text())
    assert list(results) == list(published) == [*(d.code for d in DIMENSIONS), "mean"]
    for code, metrics in published.items():
        expected = [metrics[name] for name in ("srcc", "plcc", "krcc")]
        np.testing.assert_allclose(results[code].values[:3], expected, atol=1e-6)


def test_videos_are_joined_by_name_not_by_row(pair):
    predictions, labels = (read_table(path) for path in pair)
    results = evaluate(predictions, labels)
    assert list(results) == ["O", "T-3", "mean"]
    for agreement in results.values():
        assert agreement.values[0] > 0.8
        assert (agreement.intervals[:, 0] < agreement.values).all()
        assert (agreement.values < agreement.intervals[:, 1]).all()
    np.testing.assert_allclose(results["mean"].values, (results["O"].values + results["T-3"].values) / 2)


def test_videos_without_a_label_do_not_count_in_a_dimension(pair):
    predictions, labels = (read_table(path) for path in pair)
    some = np.arange(len(labels.names)) % 3 > 0
    with_holes = replace(labels, scores=labels.scores | {"O": np.where(some, labels.scores["O"], np.nan)})
    results, whole = evaluate(predictions, with_holes, 50), evaluate(predictions, labels, 50)
    kept = [name for name, there in zip(labels.names, some, strict=True) if there]
    rows = [predictions.names.index(name) for name in kept]
    few = [
        ScoreTable(table.path, kept, {"O": table.scores["O"][i]}) for table, i in ((predictions, rows), (labels, some))
    ]
    np.testing.assert_allclose(results["O"].values, evaluate(*few, 50)["O"].values)
    np.testing.assert_allclose(results["T-3"].values, whole["T-3"].values)
    assert np.isfinite(results["O"].intervals).all()


def test_intervals_repeat_with_the_seed(pair):
    predictions, labels = (read_table(path) for path in pair)
    once, again, other = (evaluate(predictions, labels, 200, seed)["O"].intervals for seed in (0, 0, 1))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)


def test_rmse_is_taken_after_a_monotone_fit():
    predictions = np.linspace(0, 1, 50)
    labels = 1 + 4 / (1 + np.exp(-(predictions - 0.4) / 0.1))
    np.testing.assert_allclose(fitted(predictions, labels), labels, atol=1e-6)
    assert (np.diff(fitted(predictions, labels + 0.1 * np.sin(40 * predictions))) >= 0).all()
