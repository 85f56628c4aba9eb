"""Schemas accept what commands really write, and nothing else."""

import csv
import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest
from clips import moving_clip
from conftest import SMALL, save_random
from jsonschema import Draft202012Validator
from tables import write

import jaxvqa
from jaxvqa.cli import main
from jaxvqa.evaluation.gate import Violation
from jaxvqa.results.moments import COLUMNS as MOMENT_COLUMNS
from jaxvqa.results.rows import COLUMNS
from jaxvqa.results.schemas import ROWS, VERSION
from jaxvqa.weights.assemble import PARTS

ROOT = Path(__file__).parents[2]
FROZEN = {1: "8f4e17f63ce8552d"}  # of each version of the schemas, without descriptions


def problems(name, value):
    """What is wrong with a value, by place: all of it, and nothing is an empty list."""
    found = Draft202012Validator(jaxvqa.schema(name)).iter_errors(value)
    return [f"{error.json_path}: {error.message[:200]}" for error in found]


def all_problems(name, rows):
    assert rows
    return [problem for row in rows for problem in problems(name, row)]


def run(capfd, command, *arguments, **options):
    """Runs a command in this process; returns what it prints as JSON, or None if that is no JSON."""
    options = {"format": "json", **options}
    assert main([command, *map(str, arguments), *(f"--{name}={value}" for name, value in options.items())]) in (0, 1)
    return json.loads(capfd.readouterr().out)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_schemas_are_sound_and_have_a_version():
    for name in ROWS:
        schema = jaxvqa.schema(name)
        Draft202012Validator.check_schema(schema)
        assert schema["$id"].endswith(f"/schemas/{VERSION}/{name}.json")
    with pytest.raises(jaxvqa.UserError, match=r"schema 'scores' does not exist; choose from score, moments,"):
        jaxvqa.schema("scores")


def test_columns_are_those_of_the_code():
    for name, columns in (("score", COLUMNS), ("moments", MOMENT_COLUMNS), ("check", Violation._fields)):
        assert [*ROWS[name][1]["properties"]] == [*columns], name


def test_a_schema_changes_with_its_version_alone():
    """If this fails, raise `VERSION` and add the hash of the new one."""

    def bare(value):
        if isinstance(value, dict):
            return {key: bare(each) for key, each in value.items() if not isinstance(each, str) or key != "description"}
        return [*map(bare, value)] if isinstance(value, list) else value

    text = json.dumps([bare(row) for _, row in ROWS.values()])
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == FROZEN[VERSION]


@pytest.mark.parametrize("file", ["once", "twice"])
def test_rows_of_the_included_model_fit(file):
    """Of several samplings, too, and of videos that failed."""
    rows = lines(ROOT / "tests" / "frozen" / f"{file}.jsonl")
    assert {row["status"] for row in rows} == {"ok", "damaged", "error"}
    assert all_problems("score", rows) == []


def test_scores_moments_and_comparisons_fit(clips, small_weights, tmp_path, capfd):
    options = {"weights": small_weights, "workers": 1, "prompts": "calm / hectic", "output": tmp_path, "repeats": 2}
    compared = run(capfd, "compare", clips / "a.mp4", clips / "b.mp4", "--per-moment", **options)
    assert 0 < compared[0]["second_better"] < 1
    assert compared[0]["calm / hectic_difference"] is not None
    assert all_problems("compare", compared) == []
    rows = lines(tmp_path / "scores.jsonl")
    assert rows[0]["overall_mos"]
    assert all_problems("score", rows) == []
    with (tmp_path / "moments.csv").open(newline="") as file:
        moments = [*csv.DictReader(file)]
    kinds = jaxvqa.schema("moments")["properties"]
    for moment in moments:
        for name, text in moment.items():
            moment[name] = None if text == "" else text if "string" in kinds[name]["type"] else json.loads(text)
    assert all_problems("moments", moments) == []
    assert problems("moments", moments[0] | {"seconds": -1.0}) != []


def test_printed_lists_fit(clips, small_weights, tmp_path, capfd):
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    shutil.copy(clips / "a.mp4", tmp_path)
    options = {"weights": small_weights, "workers": 1, "output": tmp_path / "out"}
    rows = run(capfd, "score", tmp_path, **options)
    assert [row["status"] for row in rows] == ["ok", "error"]
    assert all_problems("score", rows) == []
    before = [row | {"overall_display": 1.0} for row in rows]
    (tmp_path / "before.jsonl").write_text("".join(json.dumps(row) + "\n" for row in before))
    options |= {"min": "noise=100", "max_drop": 0, "baseline": tmp_path / "before.jsonl"}
    violations = run(capfd, "check", tmp_path, **options)
    assert {each["rule"] for each in violations} == {"min noise", "max_drop overall", "scored"}
    assert all_problems("check", violations) == []
    assert problems("check", violations[0] | {"probability": 1.1}) != []


def test_ladders_fit(small_weights, tmp_path, capfd):
    encodes = [moving_clip(tmp_path / f"{crf}.mp4", seed=1, codec_options={"crf": str(crf)}) for crf in (20, 45)]
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    options = {"weights": small_weights, "workers": 1, "output": tmp_path / "out"}
    rows = run(capfd, "ladder", *encodes, tmp_path / "bad.mp4", **options)
    assert [row["status"] for row in rows] == ["ok", "ok", "error"]
    assert rows[0]["chance_worse"]
    assert all_problems("ladder", rows) == []
    assert all_problems("ladder", lines(tmp_path / "out" / "ladder.jsonl")) == []
    assert problems("ladder", rows[0] | {"bits_per_second": 0}) != []


def test_evaluations_fit(tmp_path, capfd):
    names = [f"{i}.mp4" for i in range(6)]
    write(tmp_path / "labels.csv", names, **{"O": [1, 2, 3, 4, 5, 6], "T-3": [2, 1, 4, 3, 6, 5]})
    write(tmp_path / "predictions.csv", names, **{"O": [0.1, 0.3, 0.2, 0.5, 0.4, 0.6], "T-3": [0.5] * 5 + [0.6]})
    files = {"predictions": tmp_path / "predictions.csv", "labels": tmp_path / "labels.csv", "output": tmp_path}
    rows = run(capfd, "evaluate", **files)
    assert [row["dimension"] for row in rows] == ["O", "T-3", "mean"]
    assert all_problems("evaluate", rows) == []
    table = json.loads((tmp_path / "evaluation.json").read_text())
    assert problems("evaluation", table) == []
    assert problems("evaluate", rows[0] | {"srcc": 1.1}) != []
    assert problems("evaluation", table | {"O": table["O"] | {"bias": 0}}) != []


def test_zero_shot_scores_fit(clips, tmp_path, capfd):
    configs = {part: PARTS[part][1](**SMALL[part]) for part in ("clip_visual", "clip_text")}
    weights = save_random(tmp_path / "weights", configs)
    rows = run(capfd, "zero-shot", clips / "a.mp4", weights=weights, workers=1, output=tmp_path / "out")
    assert all_problems("zero-shot", rows) == []
    assert problems("zero-shot", rows[0] | {"mean": 2}) != []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"invented": 1}, "invented"),
        ({"overall": "0.5"}, "$.overall"),
        ({"overall": 1.01}, "$.overall"),
        ({"overall": None}, "$.overall"),
        ({"content": 0.5}, "$.content"),  # which jaxvqa-mini does not score
        ({"noise_display": -0.1}, "$.noise_display"),
        ({"noise_mos": "1.5"}, "$.noise_mos"),
        ({"overall_deviation": -1}, "$.overall_deviation"),
        ({"status": "fine"}, "$.status"),
        ({"status": "error"}, "$.error"),
        ({"error": "none"}, "$.error"),
        ({"frames": 2.5}, "$.frames"),
        ({"fps": 0}, "$.fps"),
        ({"dense": 0}, "$.dense"),
        ({"sha256": "abc"}, "$.sha256"),
        ({"not_scored": "B-1"}, "$.not_scored"),
        ({"custom": {"calm / hectic": 2}}, "$.custom"),
        ({"pooled": {"overall": {"min": 0.1}}}, "$.pooled.overall"),
        ({"samplings": [[0.5] * 15]}, "$.samplings[0]"),
    ],
)
def test_rows_that_are_none_do_not_fit(change, place):
    row = lines(ROOT / "tests" / "frozen" / "twice.jsonl")[0]
    assert problems("score", row) == []
    assert any(place in problem for problem in problems("score", row | change))


def test_every_column_is_needed():
    row = lines(ROOT / "tests" / "frozen" / "once.jsonl")[0]
    for name in row:
        assert problems("score", {key: value for key, value in row.items() if key != name}) != []


def test_the_documentation_describes_every_column():
    """Those of dimensions by their endings."""
    text = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    described = set(re.findall(r"`([^`]+)`", " ".join(re.findall(r"(?m)^\| (`[^|]*) \|", text))))
    ends = tuple(name.removeprefix("...") for name in described if name.startswith("..."))
    names = {*COLUMNS, *MOMENT_COLUMNS} - described - {d.column for d in jaxvqa.DIMENSIONS}
    assert {"overall", "sharpness"} <= described
    assert [name for name in names if not name.endswith(ends)] == []
