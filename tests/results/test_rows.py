import csv
import json

import pytest

from jaxvqa import UserError
from jaxvqa.results.rows import COLUMNS, DISPLAY, RAW
from jaxvqa.results.store import Results


def row(path, status="ok", seed=0, weights="abc", **fields):
    scores = {**dict.fromkeys([*RAW, *DISPLAY], 0.25), "custom": {}}
    found = scores if status == "ok" else {"error": 'it is broken, see "log"\nline 2'}
    return {"path": path, "status": status, "seed": seed, "weights": weights, "repeats": 1, **found, **fields}


def write(folder, *rows):
    results = Results(folder)
    for each in rows:
        results.add(each)
    results.close()
    return (folder / "scores.csv").read_bytes(), (folder / "scores.jsonl").read_bytes()


def test_columns_are_stable():
    assert COLUMNS[:5] == ["path", "status", "error", "overall", "content"]
    assert COLUMNS[19] == "overall_display"
    assert COLUMNS[35] == "overall_deviation"
    assert (
        COLUMNS[-12:] == "custom frames height width fps seed sampling repeats dense weights unvalidated sha256".split()
    )
    assert len(COLUMNS) == 3 + 48 + 12


def test_csv_and_json_lines_say_the_same(tmp_path):
    write(tmp_path, row("b.mp4", fps=29.97, frames=7), row("a,b.mp4", "error"))
    with (tmp_path / "scores.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    lines = [json.loads(line) for line in (tmp_path / "scores.jsonl").read_text().splitlines()]
    assert [each["path"] for each in table] == [each["path"] for each in lines] == ["a,b.mp4", "b.mp4"]
    assert list(table[0]) == list(lines[0]) == COLUMNS
    assert (table[1]["overall"], lines[1]["overall"]) == ("0.250000", 0.25)
    assert (table[1]["frames"], lines[1]["frames"], table[1]["fps"]) == ("7", 7, "29.970000")
    assert (table[0]["overall"], lines[0]["overall"]) == ("", None)
    assert table[0]["error"] == lines[0]["error"]


def test_rows_of_another_kind_are_refused(tmp_path):
    write(tmp_path, row("a.mp4", **dict.fromkeys(DISPLAY, 0.5), custom={}))
    line = json.loads((tmp_path / "scores.jsonl").read_text())
    wrong = [{"seed": "0"}, {"path": ["a"]}, {"extra": 1}, {"overall": None}, {"overall": "1"}, {"noise": float("nan")}]
    wrong += [{"custom": ["a"]}, {"custom": {"a / b": "c"}}, {"repeats": "2"}, {"repeats": 2}, {"path": "\ud800"}]
    for text in (*(json.dumps({**line, **change}) for change in wrong), "[" * 10**5):
        (tmp_path / "scores.jsonl").write_text(text + "\n")
        with pytest.raises(UserError, match="line 1: not a row of scores"):
            Results(tmp_path)


def test_names_that_are_no_text(tmp_path):
    name = b"caf\xe9 \xf0\x9f\x8e\xac.mp4".decode("utf-8", "surrogateescape")
    content, lines = write(tmp_path, row(name))
    assert b"caf\xe9 \xf0\x9f\x8e\xac.mp4,ok" in content
    assert json.loads(lines)["path"] == name
    assert [key[0] for key in Results(tmp_path).rows] == [name]
