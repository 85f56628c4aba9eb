import contextlib
import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import jaxvqa
from jaxvqa import DIMENSIONS, UserError
from jaxvqa.evaluation.metrics import evaluate, fitted
from jaxvqa.main import main
from jaxvqa.results.table import ScoreTable, read_table
from jaxvqa.synthetic.maxwell import render
from jaxvqa.system.files import lock_folder

CONFIG = Path(__file__).parents[1] / "configs" / "evaluate.py"


def write(path, names, header="filename", **columns):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([header, *columns])
        writer.writerows(zip(names, *columns.values(), strict=True))
    return path


@pytest.fixture
def pair(tmp_path):
    """Files of predictions and labels of the same 40 videos, in different orders."""
    random = np.random.default_rng(0)
    truth = random.normal(size=(40, 2))
    predicted = 1 / (1 + np.exp(-truth - 0.5 * random.normal(size=(40, 2))))
    names = [f"{i}.mp4" for i in range(40)]
    labels = write(tmp_path / "labels.csv", names, O=truth[:, 0], **{"T-3": truth[:, 1]})
    predictions = write(
        tmp_path / "scores.csv",
        [f"folder/{name}" for name in names[::-1]],
        "path",
        overall=predicted[::-1, 0],
        noise=predicted[::-1, 1],
        overall_display=np.zeros(40),
    )
    return predictions, labels


def run(predictions, labels, output, *overrides):
    arguments = [f"--config.predictions={predictions}", f"--config.labels={labels}", f"--config.output={output}"]
    return main(["jaxvqa", f"--config={CONFIG}", *arguments, *overrides])


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


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_few_videos(tmp_path, capfd):
    """Many resamples of three are of one video alone."""
    write(tmp_path / "labels.csv", ["a.mp4", "b.mp4", "c.mp4"], O=[1, 2, 3])
    write(tmp_path / "predictions.csv", ["a.mp4", "b.mp4", "c.mp4"], O=[0.1, 0.3, 0.2])
    assert run(tmp_path / "predictions.csv", tmp_path / "labels.csv", tmp_path / "out", "--config.format=jsonl") == 0
    row = json.loads(capfd.readouterr().out.splitlines()[0])
    assert row["srcc"] == pytest.approx(0.5)
    assert row["srcc_low"] <= row["srcc"] <= row["srcc_high"]
    table = [read_table(tmp_path / f"{name}.csv") for name in ("predictions", "labels")]
    intervals = [evaluate(*table, resamples=1, seed=seed)["O"].intervals[0] for seed in range(40)]
    assert 1 <= sum(np.isnan(interval).all() for interval in intervals) < 20


def test_command(pair, tmp_path, capfd):
    assert run(*pair, tmp_path / "out") == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[1].split()[:2] == ["O", "overall"]
    assert lines[-1].startswith("40 videos")
    table = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    with (tmp_path / "out" / "evaluation.csv").open(newline="") as file:
        rows = {row.pop("dimension"): {k: float(v) for k, v in row.items()} for row in csv.DictReader(file)}
    assert rows == {code: pytest.approx(row, abs=1e-6) for code, row in table.items()}
    assert set(table["T-3"]) == {f"{m}{end}" for m in ("srcc", "plcc", "krcc", "rmse") for end in ("", "_low", "_high")}


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda p, t: edit(p, "folder/7.mp4", "folder/x.mp4"),
            r"scores.csv lacks 1 of the 40 videos of .*, such as 7.mp4",
        ),
        (lambda p, t: edit(t, "7.mp4", "8.mp4"), r"labels.csv has more than one row for 8.mp4"),
        (lambda p, t: write(t, ["a", "b"], O=[1, "nan"]), r"labels.csv, line 3: O is 'nan', not a number"),
        (lambda p, t: write(p, ["a", "b"], O=[1, ""]), r"scores.csv, line 3: O is '', not a number"),
        (lambda p, t: write(t, ["a", "b"], MOS=[1, 2]), "labels.csv has 2 rows and no column named as a dimension"),
        (lambda p, t: write(t, [], O=[]), "labels.csv has 0 rows"),
        (lambda p, t: write(t, ["a", "b"], "video", O=[1, 2]), "labels.csv has no column `filename` or `path`"),
        (lambda p, t: write(t, [f"{i}.mp4" for i in range(40)], O=[3] * 40), "O is the same for all 40 videos"),
        (lambda p, t: write(t, [f"{i}.mp4" for i in range(40)], **{"T-8": range(40)}), "share no dimension"),
        (lambda p, t: p.unlink(), "scores.csv cannot be read: No such file"),
    ],
)
def test_bad_tables_are_one_sentence_and_exit_code_2(pair, tmp_path, capfd, spoil, message):
    spoil(*pair)
    assert run(*pair, tmp_path / "out") == 2
    err = capfd.readouterr().err
    assert err.startswith("jaxvqa: ")
    assert err.count("\n") == 1
    assert re.search(message, err), err
    assert not (tmp_path / "out").exists()


def test_no_bootstrap_samples_are_one_sentence(pair, tmp_path, capfd):
    assert run(*pair, tmp_path / "out", "--config.resamples=0") == 2
    assert capfd.readouterr().err == ("jaxvqa: config.resamples is 0, but intervals take 1 bootstrap sample or more.\n")


def test_labels_without_names_need_the_list_that_goes_with_them(tmp_path):
    table = tmp_path / "MaxWell_val.csv"
    table.write_text("O,T-3\n1.5,0.1\n2.5,0.2\n4.5,-0.3\n")
    names = tmp_path / "list.txt"
    names.write_text("a.mp4, -1, -1, 1.6\nb.mp4, -1, -1, 2.4\nc.mp4, -1, -1, 4.0\n")
    assert read_table(table, names).names == ["a.mp4", "b.mp4", "c.mp4"]
    for content, message in (
        ("b.mp4, -1, -1, 2.4\na.mp4, -1, -1, 1.6\nc.mp4, -1, -1, 4.0\n", "rank the videos differently"),
        ("a.mp4, -1, -1, 1.6\n", "has 1 lines, but .* 3 rows"),
        ("a.mp4, -1, -1, x\nb, 1\nc, 2\n", "does not end with an overall score"),
    ):
        names.write_text(content)
        with pytest.raises(UserError, match=message):
            read_table(table, names)
    with pytest.raises(UserError, match="name the list of its files"):
        read_table(table)


def test_model_on_a_database(tmp_path, capfd):
    render(tmp_path / "data" / "synthetic_maxwell", clips=12, seed=1)
    arguments = [
        f"--config={CONFIG}",
        "--config.weights=random-small",
        "--config.database=synthetic_maxwell",
        *(f"--config.{name}={tmp_path / name}" for name in ("data", "features", "output")),
    ]
    assert main(["jaxvqa", *arguments]) == 0
    out = capfd.readouterr().out
    assert "random-small on synthetic_maxwell (synthetic" in out
    assert "12 videos" in out
    predictions = read_table(tmp_path / "output" / "predictions.csv")
    assert sorted(predictions.names) == [f"{number:04}.mp4" for number in range(12)]
    model = jaxvqa.load("random-small")
    scores = model.score(tmp_path / "data" / "synthetic_maxwell" / "videos" / "0009.mp4")
    row = predictions.names.index("0009.mp4")
    ours = [predictions.scores[dimension.code][row] for dimension in DIMENSIONS]
    np.testing.assert_allclose(ours, scores.raw, atol=1e-3)  # features on disk are float16
    assert main(["jaxvqa", *arguments, "--config.predictions=x.csv"]) == 2
    assert "nothing to evaluate" in capfd.readouterr().err


def test_two_runs_at_once_and_a_full_disk(pair, small_disk, capfd):
    predictions, labels = pair
    output = small_disk("64k") / "out"
    arguments = ["jaxvqa", f"--config={CONFIG}", f"--config.predictions={predictions}", f"--config.labels={labels}"]
    arguments += [f"--config.output={output}", "--config.resamples=20"]
    assert main(arguments) == 0
    earlier = {path.name: path.read_bytes() for path in output.iterdir()}
    with lock_folder(output):
        assert main(arguments) == 2
    assert f"another run is writing to {output}" in capfd.readouterr().err
    with contextlib.suppress(OSError):
        (output.parent / "filler").write_bytes(bytes(1 << 17))
    assert main([*arguments, "--config.resamples=21"]) == 1
    sentence = f"jaxvqa: {output}/evaluation.json: No space left on device; what was finished is kept.\n"
    assert capfd.readouterr() == ("", sentence)
    assert {path.name: path.read_bytes() for path in output.iterdir()} == earlier
