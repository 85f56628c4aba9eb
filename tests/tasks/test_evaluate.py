"""The evaluating task."""

import contextlib
import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from tables import write

from jaxvqa.evaluation.metrics import evaluate
from jaxvqa.main import main
from jaxvqa.results.table import read_table
from jaxvqa.system.files import lock_folder

CONFIG = Path(__file__).parents[2] / "configs" / "evaluate.py"


def run(predictions, labels, output, *overrides):
    arguments = [f"--config.predictions={predictions}", f"--config.labels={labels}", f"--config.output={output}"]
    return main(["jaxvqa", f"--config={CONFIG}", *arguments, *overrides])


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
        (lambda p, t: p.unlink(), "scores.csv does not exist"),
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


def rows_of(line, header="filename,overall", end="\n"):
    """A table of labels of eight videos, 1.9 to 4.6."""
    values = (1.9, 2.4, 2.6, 3.1, 3.3, 3.8, 4.2, 4.6)
    return end.join([header, *(line.format(name=f"clip{i}.mp4", value=v) for i, v in enumerate(values)), ""])


PLAIN = rows_of("{name},{value}")
EUROPEAN = rows_of("{name};{value}", "filename;overall", "\r\n")
EUROPEAN = EUROPEAN.replace(".", ",").replace(",mp4", ".mp4")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (PLAIN, "utf-8"),
        (PLAIN.replace("\n", "\r\n"), "utf-8-sig"),
        (PLAIN.replace("\n", "\r"), "utf-8"),
        (PLAIN.replace(",", "\t"), "utf-8"),
        (PLAIN.replace(",", "\t").replace("\n", "\r\n"), "utf-16"),
        (EUROPEAN, "utf-8"),
        ("sep=;\r\n" + EUROPEAN, "utf-8-sig"),
        ("sep=,\n" + PLAIN, "utf-8"),
        (PLAIN.replace(",", ", "), "utf-8"),
        (PLAIN.replace(",", " ,"), "utf-8"),
        (PLAIN.replace("filename,overall", "Filename,O"), "utf-8"),
        (PLAIN.replace("clip3", ",\n   \n\nclip3") + ",\n,\n", "utf-8"),
        (PLAIN.replace("clip", "videos\\clip"), "utf-8"),
        (PLAIN.replace("clip", "D:\\study/videos\\clip"), "utf-8"),
        (re.sub("(clip.*),(.*)", r'"\1", "\2"', PLAIN), "utf-8"),
    ],
)
def test_labels_are_read_as_spreadsheets_write_them(tmp_path, text, encoding):
    (tmp_path / "predictions.csv").write_text(rows_of("there/{name},{value}", "path,overall"))
    (tmp_path / "labels.csv").write_bytes(text.encode(encoding))
    out = tmp_path / "out"
    assert run(tmp_path / "predictions.csv", tmp_path / "labels.csv", out, "--config.resamples=2") == 0
    agreement = json.loads((out / "evaluation.json").read_text())["O"]
    assert [agreement["srcc"], agreement["plcc"]] == pytest.approx([1, 1])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PLAIN.replace("3.1", "3.1,7"), ", line 5: it has 3 cells, but the header has 2."),
        (PLAIN.replace(",3.1", ""), ", line 5: it has 1 cells, but the header has 2."),
        (
            re.sub(r"(\d)\.(\d)", r"\1,\2", PLAIN),
            ", line 2: it has 3 cells, but the header has 2, as have all 8 rows of",
        ),
        (
            re.sub(r"(\d\.\d)", r"\1,\1", PLAIN).replace("overall", "O,overall"),
            ", line 1: columns 2 and 3, 'O' and 'overa",
        ),
        (PLAIN.replace("1.9", "1_9"), ", line 2: overall is '1_9', not a number"),
        (PLAIN.replace("clip3", "\n\n\nclip3").replace("3.1", "good"), ", line 8: overall is 'good', not a number"),
        (PLAIN.replace("clip5", '"clip5'), ", line 7: it begins a cell in quotes that is never closed"),
        (
            PLAIN.replace("clip0", '"clip0') + "other.mp4,3.0\n" * 10_000,
            ", line 2: it begins a cell of more than 131072 ch",
        ),
        (
            PLAIN.replace("overall", "MOS"),
            " is UTF-8 text separated by commas, its columns are 'filename', 'MOS', and ",
        ),
        (
            re.sub(r",(\d)\.(\d)", r',"\1,\2"', PLAIN),
            ", line 2: overall is '1,9', not a number: write decimals with a p",
        ),
    ],
)
def test_labels_that_might_be_misread_are_refused(tmp_path, capfd, text, said):
    (tmp_path / "predictions.csv").write_text(PLAIN)
    (tmp_path / "labels.csv").write_text(text)
    assert run(tmp_path / "predictions.csv", tmp_path / "labels.csv", tmp_path / "out") == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith(f"jaxvqa: {tmp_path}/labels.csv{said}")
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_no_bootstrap_samples_are_one_sentence(pair, tmp_path, capfd):
    assert run(*pair, tmp_path / "out", "--config.resamples=0") == 2
    assert capfd.readouterr().err == "jaxvqa: resamples is 0; it must be 1 or larger.\n"


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


def test_what_is_not_scored_is_not_evaluated(tmp_path, capfd):
    names = [f"{i}.mp4" for i in range(6)]
    facts = {"status": ["ok"] * 6, "weights": ["w"] * 6, "not_scored": ["A-1"] * 6}
    predictions = write(
        tmp_path / "scores.csv", names, "path", overall=[0.1, 0.2, 0.6, 0.5, 0.4, 0.3], content=[""] * 6, **facts
    )
    labels = write(tmp_path / "labels.csv", names, O=[6, 5, 4, 3, 2, 1], **{"A-1": range(6)})
    assert run(predictions, labels, tmp_path / "out", "--config.resamples=20") == 0
    assert f"not evaluated, because {predictions} has no scores in them: A-1" in capfd.readouterr().err
    assert [*json.loads((tmp_path / "out" / "evaluation.json").read_text())] == ["O", "mean"]
    labels = write(tmp_path / "labels.csv", names, **{"A-1": range(6)})
    assert run(predictions, labels, tmp_path / "out", "--config.resamples=20") == 2
    assert "share no dimension" in capfd.readouterr().err


def test_scores_by_several_weights_are_evaluated_one_by_one(tmp_path, capfd):
    """Rows by other weights are what scoring half, downloading, and scoring the rest leaves."""
    names = [f"{i}.mp4" for i in range(6)]
    facts = {"status": ["ok"] * 6, "weights": ["mini", "mini", "other", "other", "other", "other"]}
    predictions = write(tmp_path / "scores.csv", names, "path", overall=[0.1, 0.2, 0.6, 0.5, 0.4, 0.3], **facts)
    labels = write(tmp_path / "labels.csv", names[2:], O=[4, 3, 2, 1])
    output = tmp_path / "out"
    assert run(predictions, labels, output) == 2
    said = f"jaxvqa: {predictions} has rows by several weights: mini (2 rows), other (4 rows); choose one of them with "
    assert capfd.readouterr().err == f"{said}weights_id.\n"
    assert not output.exists()

    assert run(predictions, labels, output, "--config.weights_id=other") == 0
    assert capfd.readouterr().out.startswith(f"{predictions}, scores by weights other\n")
    table = json.loads((output / "evaluation.json").read_text())
    assert {row["weights"] for row in table.values()} == {"other"}
    assert table["O"]["srcc"] == 1
    with (output / "evaluation.csv").open(newline="") as file:
        assert {row["weights"] for row in csv.DictReader(file)} == {"other"}

    assert run(predictions, labels, output, "--config.weights_id=mini") == 2
    assert "lacks 4 of the 4 videos" in capfd.readouterr().err
