import csv
import json

import pytest

from jaxvqa import UserError
from jaxvqa.results.rows import COLUMNS, DISPLAY, RAW
from jaxvqa.results.store import Results
from jaxvqa.system.files import write_atomic


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
    assert COLUMNS[-11:] == "custom frames height width fps seed repeats dense weights unvalidated sha256".split()
    assert len(COLUMNS) == 3 + 48 + 11


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


def test_order_and_number_of_runs_do_not_matter(tmp_path):
    rows = [row(f"{name}.mp4") for name in "cab"]
    once = write(tmp_path / "once", *rows)
    for each in rows[::-1]:
        parts = write(tmp_path / "parts", each)
    assert parts == once


def test_later_row_of_a_video_takes_the_place_of_the_earlier(tmp_path):
    write(tmp_path, row("a.mp4", "error"))
    content, _ = write(tmp_path, row("a.mp4"), row("a.mp4", seed=1), row("a.mp4", weights="def"))
    assert content.count(b"a.mp4,ok") == 3
    assert b"error," not in content.split(b"\n", 1)[1]


def test_killed_run_loses_the_unfinished_line_only(tmp_path):
    results = Results(tmp_path)
    results.add(row("a.mp4"))
    results.add(row("b.mp4"))
    del results  # as the end of its process does, this releases the lock
    path = tmp_path / "scores.jsonl"
    path.write_bytes(path.read_bytes()[:-30])  # killed while writing b.mp4
    assert [key[0] for key in Results(tmp_path).rows] == ["a.mp4"]
    assert (tmp_path / "scores.csv").read_text().count("\n") == 2


def test_file_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "scores.jsonl").write_text('{"loss": 1}\n')
    with pytest.raises(UserError, match=r"scores.jsonl, line 1: not a row of scores"):
        Results(tmp_path)
    assert (tmp_path / "scores.jsonl").read_text() == '{"loss": 1}\n'


def test_two_runs_at_once_are_refused(tmp_path):
    first = Results(tmp_path)
    first.add(row("a.mp4"))
    with pytest.raises(UserError, match="another run is writing to"):
        Results(tmp_path)
    first.add(row("b.mp4"))
    first.close()
    assert len(Results(tmp_path).rows) == 2


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


def test_full_disk_costs_the_last_row(small_disk):
    folder = small_disk("64k")
    results = Results(folder)
    number = 0

    def write_more():
        nonlocal number
        for number in range(1000):
            results.add(row(f"{number}.mp4"))

    with pytest.raises(OSError, match="No space left on device") as caught:
        write_more()
    assert caught.value.filename.startswith(f"{folder}/scores.")
    with pytest.raises(OSError, match="No space left on device"):
        results.close()
    small_disk("1m", "remount")
    results = Results(folder)
    assert [key[0] for key in results.rows] == [f"{i}.mp4" for i in range(len(results.rows))]
    assert len(results.rows) in (number, number + 1)
    results.close()


def test_a_file_is_replaced_whole_or_not_at_all(small_disk):
    path = small_disk("64k") / "report.html"
    write_atomic(path, ["earlier ", "results"])
    with pytest.raises(OSError, match="No space left on device") as caught:
        write_atomic(path, (1000 * "later" for _ in range(100)))
    assert caught.value.filename == str(path)
    assert path.read_text() == "earlier results"
    assert [path.name for path in path.parent.iterdir()] == ["report.html"]
