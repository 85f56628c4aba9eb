"""Agreement of predicted with human scores."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from jaxvqa import DIMENSIONS, UserError
from jaxvqa.evaluation.metrics import agreement, bootstrap, evaluate, fitted, interval, metrics
from jaxvqa.results.table import ScoreTable, read_table


def test_published_predictions_have_the_published_metrics(shared):
    folder = shared / "maxwell"
    labels = read_table(folder / "MaxWell_val.csv", folder / "test_labels.txt")
    results = evaluate(read_table(folder / "published_val_predictions.csv"), labels, resamples=2)
    published = json.loads((folder / "published_val_metrics.json").read_text())
    assert list(results) == list(published) == [*(d.code for d in DIMENSIONS), "mean"]
    for code, values in published.items():
        expected = [values[name] for name in ("srcc", "plcc", "krcc")]
        np.testing.assert_allclose(results[code].values[:3], expected, atol=1e-6)


def test_videos_are_joined_by_name_not_by_row(pair):
    predictions, labels = (read_table(path) for path in pair)
    results = evaluate(predictions, labels)
    assert list(results) == ["O", "T-3", "mean"]
    for found in results.values():
        assert found.values[0] > 0.8
        assert (found.intervals[:, 0] < found.values).all()
        assert (found.values < found.intervals[:, 1]).all()
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


def table(name, names="abcdef", **scores):
    columns = {code.replace("_", "-"): np.array(values, float) for code, values in scores.items()}
    return ScoreTable(Path(name), list(names), columns)


RISING = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]


@pytest.mark.parametrize(
    ("predictions", "labels", "said"),
    [
        (table("p", "abcde", O=RISING[:5]), table("l", O=RISING), "p lacks 1 of the 6 videos of l, such as f."),
        (table("p", O=RISING), table("l", "abcde", O=RISING[:5]), "l lacks 1 of the 6 videos of p, such as f."),
        (table("p", T_1=RISING), table("l", T_2=RISING), "p and l share no dimension."),
        (table("p", O=[0.5] * 6), table("l", O=RISING), "p: O is the same for all 6 videos"),
        (table("p", O=RISING), table("l", O=[0.5] * 6), "l: O is the same for all 6 videos"),
        (table("p", O=[*RISING[:1] * 5, 9]), table("l", O=[*RISING[:5], np.nan]), "p: O is the same for all 5 videos"),
        (table("p", O=RISING), table("l", O=[np.nan] * 6), "p: O is the same for all 0 videos"),
    ],
)
def test_tables_that_do_not_go_together_are_refused(predictions, labels, said):
    with pytest.raises(UserError, match=said):
        evaluate(predictions, labels, 2)


def files(folder, predictions, labels):
    """Tables of scores 0.1, 0.2, ... of paths, and of labels 1, 2, ... of names."""
    for file, names, scale in (("p", predictions, 0.1), ("l", labels, 1)):
        rows = (f"{name},{scale * i}\n" for i, name in enumerate(names, 1))
        (folder / file).write_text("filename,O\n" + "".join(rows), encoding="utf-8", errors="surrogateescape")
    return read_table(folder / "p"), read_table(folder / "l")


@pytest.mark.parametrize(
    ("predictions", "labels"),
    [
        (["/v/one/a.mp4", "/v/two/a.mp4", "/v/b.mp4"], ["one/a.mp4", "two/a.mp4", "x/b.mp4"]),
        (["one/a.mp4", "two/a.mp4"], ["D:\\v\\one\\a.mp4", "D:\\v\\two\\a.mp4"]),
        (["v/caf\u00e9.mp4", "v/b.mp4"], ["cafe\u0301.mp4", "b.mp4"]),
        (["cafe\u0301.mp4", "b.mp4"], ["caf\u00e9.mp4 ", "b.mp4"]),
    ],
)
def test_videos_are_joined_by_path_where_it_is_given(tmp_path, predictions, labels):
    assert evaluate(*files(tmp_path, predictions, labels), 2)["O"].values[1] == pytest.approx(1)


@pytest.mark.parametrize(
    ("predictions", "labels", "said"),
    [
        (["one/a.mp4", "two/a.mp4"], ["a.mp4"], "a.mp4 of .*l might be one/a.mp4 or two/a.mp4 of .*p: give the path"),
        (["one/a.mp4"], ["one/a.mp4", "two/a.mp4"], "p lacks 1 of the 2 videos of .*l, such as two/a.mp4."),
        (
            ["one/a.mp4", "two/a.mp4"],
            ["one/a.mp4", "six/a.mp4"],
            "p lacks 1 of the 2 videos of .*l, such as six/a.mp4.",
        ),
        (["one/a.mp4", "one/b.mp4"], ["a.mp4"], "l lacks 1 of the 2 videos of .*p, such as b.mp4."),
        (["a.mp4", "b.mp4"], ["a.mp4", "a", "b"], "a.mp4 and a of .*l both mean a.mp4: correct the names."),
        (["caf\u00e9"], ["caf\udce9"], "p lacks 1 .*, such as caf.*; not all of .*l is UTF-8, so export it as UTF-8."),
    ],
)
def test_videos_are_not_guessed(tmp_path, predictions, labels, said):
    with pytest.raises(UserError, match=said):
        evaluate(*files(tmp_path, predictions, labels), 2)


def test_dimensions_come_in_the_published_order_and_others_behind():
    columns = {"calm / hectic": RISING, "T_1": RISING, "O": RISING}
    assert [*evaluate(table("p", **columns), table("l", **columns), 2)] == ["O", "T-1", "calm / hectic", "mean"]


def test_intervals_hold_the_middle_95_percent_of_what_has_a_value():
    values = np.append(np.arange(1001.0), np.nan)
    np.testing.assert_allclose(interval(values), [25, 975])
    assert np.isnan(interval(np.full(3, np.nan))).all()


def test_any_video_may_be_drawn():
    """The last one, too: without it, this correlation would be perfect in all resamples."""
    predictions, labels = table("p", O=RISING), table("l", O=[*RISING[:5], 0.0])
    low, high = evaluate(predictions, labels, 100)["O"].intervals[0]
    assert low < 0 < high == pytest.approx(1)


def test_metrics_of_a_sample_by_hand():
    p, t = np.array([1.0, 2, 3, 5, 8, 13]), np.array([2.0, 1, 4, 3, 6, 9])
    sample = [*np.array([[0, 1, 2, 3, 4, 5], [0, 0, 1, 2, 3, 4], [0, 0, 0, 0, 0, 0]])]
    whole, part, one = metrics(p, t, sample)
    assert whole[0] == pytest.approx(1 - 6 * 4 / (6 * 35))  # two pairs are exchanged
    assert whole[1] == pytest.approx(np.corrcoef(p, t)[0, 1])
    assert whole[2] == pytest.approx((13 - 2) / 15)
    errors = (fitted(p, t) - t) ** 2
    assert whole[3] == pytest.approx(np.sqrt(errors.mean()))
    assert part[3] == pytest.approx(np.sqrt(errors[sample[1]].mean()))
    assert np.isnan(one[:3]).all()
    assert one[3] == pytest.approx(np.sqrt(errors[0]))


def test_a_sample_with_one_rated_video_has_no_correlation():
    p, t = np.array([1.0, 2, 3, 5, 8]), np.array([2.0, 1, 4, 3, np.nan])
    assert np.isnan(metrics(p, t, [np.array([0, 4, 4, 4, 4])])[0, :3]).all()


def test_a_line_is_fitted_to_fewer_videos_than_a_logistic_takes():
    np.testing.assert_allclose(fitted(np.array([0.1, 0.2, 0.4]), np.array([1.0, 2, 4])), [1, 2, 4])


def test_agreement_leaves_out_what_is_not_rated_or_does_not_differ():
    targets = np.array([[1.0, 3, np.nan, 1], [2, 3, np.nan, np.nan], [3, 3, np.nan, 2], [9, 3, np.nan, 4]])
    predictions = np.array([[0.1, 0.2, 0.3, 0.5], [0.2, 0.4, 0.1, 0.0], [0.1, 0.3, 0.2, 0.5], [0.7, 0.6, 0.9, 0.5]])
    row = agreement(predictions, targets, {0: "O", 1: "A-1", 2: "A-2", 3: "A-3"})
    plcc = np.corrcoef(predictions[:, 0], targets[:, 0])[0, 1]
    assert row == pytest.approx(
        {
            "plcc_mean": plcc / 2,
            "plcc_O": plcc,
            "plcc_A-3": 0,
            "srcc_mean": spearmanr(predictions[:, 0], targets[:, 0])[0] / 2,
        }
    )


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
