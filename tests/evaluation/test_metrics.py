"""Agreement of predicted with human scores."""

import json
from dataclasses import replace

import numpy as np
import pytest

from jaxvqa import DIMENSIONS
from jaxvqa.evaluation.metrics import agreement, bootstrap, evaluate, fitted
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
    for result in results.values():
        assert result.values[0] > 0.8
        assert (result.intervals[:, 0] < result.values).all()
        assert (result.values < result.intervals[:, 1]).all()
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


def test_intervals_of_groups_are_as_wide_as_groups_are_few(pair):
    """Four copies of each video know no more than one: their interval is that of the videos, not half of it."""
    predictions, labels = (read_table(path) for path in pair)
    several = []
    for table in (predictions, labels):
        names = [f"{copy}-{name}" for copy in range(4) for name in table.names]
        scores = {code: np.tile(values, 4) for code, values in table.scores.items()}
        several.append(replace(table, names=names, scores=scores))
    grouped = replace(several[1], groups=[name.partition("-")[2] for name in several[1].names])
    one, ungrouped, by_group = (
        evaluate(*tables, 200)["mean"] for tables in ((predictions, labels), several, (several[0], grouped))
    )
    widths = [np.ptp(result.intervals[0]) for result in (one, ungrouped, by_group)]
    np.testing.assert_allclose(by_group.values, ungrouped.values)
    assert widths[2] == pytest.approx(widths[0], rel=0.25)
    assert widths[1] < 0.7 * widths[0]


def test_videos_of_no_group_are_sampled_as_ever():
    samples = np.array([*bootstrap([""] * 30, 50, 3)])
    np.testing.assert_array_equal(samples, np.random.default_rng(3).integers(0, 30, (50, 30)))
    for sample in bootstrap(["a", "b", "a", "", "b"], 50, 0):
        counts = np.bincount(sample, minlength=5)
        assert counts[0] == counts[2]
        assert counts[1] == counts[4]
        assert counts[0] + counts[1] + counts[3] == 3


def test_agreement_of_labels_that_do_not_differ_is_no_number():
    row = agreement(np.array([[0.1], [0.2]]), np.array([[1.0], [1.0]]), {0: "O"})
    assert np.isnan([row["plcc_mean"], row["srcc_mean"]]).all()
