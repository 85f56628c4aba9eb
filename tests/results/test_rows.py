import csv
import io
import json

import pytest
from hypothesis import given, strategies

from jaxvqa import UserError
from jaxvqa.results.rows import COLUMNS, DEVIATION, DISPLAY, NESTED, POOLED, RAW, cell, identity, plain, text_of
from jaxvqa.results.store import Results


def row(path, status="ok", seed=0, weights="abc", **fields):
    scores = {**dict.fromkeys([*RAW, *DISPLAY, *POOLED], 0.25), "custom": {}}
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
    assert POOLED == COLUMNS[99:104] == [f"overall_display_{x}" for x in "min perc10 mean harmonic_mean max".split()]
    facts = "custom frames height width fps seed sampling repeats dense weights unvalidated not_scored"
    facts = f"{facts} sha256 display_height jaxvqa av notes coding samplings pooled".split()
    assert COLUMNS[51] == "overall_mos"
    assert COLUMNS[3 + 6 * 16 + 5 :] == facts


def test_csv_and_json_lines_say_the_same(tmp_path):
    write(tmp_path, row("b.mp4", fps=29.97, frames=7, coding={"codec": "h264"}), row("a,b.mp4", "error"))
    with (tmp_path / "scores.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    lines = [json.loads(line) for line in (tmp_path / "scores.jsonl").read_text().splitlines()]
    assert [each["path"] for each in table] == [each["path"] for each in lines] == ["a,b.mp4", "b.mp4"]
    assert list(table[0]) == [column for column in COLUMNS if column not in NESTED]
    assert list(lines[0]) == COLUMNS
    assert (table[1]["overall"], lines[1]["overall"]) == ("0.250000", 0.25)
    assert (table[1]["frames"], lines[1]["frames"], table[1]["fps"]) == ("7", 7, "29.970000")
    assert (lines[0]["coding"], lines[1]["coding"]) == (None, {"codec": "h264"})
    assert Results(tmp_path).rows["b.mp4", 0, "abc"]["coding"] == {"codec": "h264"}
    assert (table[0]["overall"], lines[0]["overall"]) == ("", None)
    assert table[0]["error"] == lines[0]["error"]


def test_rows_of_another_kind_are_refused(tmp_path):
    write(tmp_path, row("a.mp4", **dict.fromkeys(DISPLAY, 0.5), custom={}))
    line = json.loads((tmp_path / "scores.jsonl").read_text())
    wrong = [{"seed": "0"}, {"path": ["a"]}, {"extra": 1}, {"overall": None}, {"overall": "1"}, {"noise": float("nan")}]
    wrong += [{"custom": ["a"]}, {"custom": {"a / b": "c"}}, {"repeats": "2"}, {"repeats": 2}, {"path": "\ud800"}]
    for text in (*(json.dumps({**line, **change}) for change in wrong), "[" * 10**5):
        (tmp_path / "scores.jsonl").write_text(text + "\n")
        with pytest.raises(UserError, match="line 1: not a row of scores, or one of another version"):
            Results(tmp_path)


def test_opinions_are_known_or_not_in_each_dimension(tmp_path):
    known = {"noise_mos": 3.0, "noise_low": 2.0, "noise_high": 4.0}
    write(tmp_path, row("a.mp4", **known))
    assert Results(tmp_path).rows["a.mp4", 0, "abc"]["noise_mos"] == 3.0
    line = json.loads((tmp_path / "scores.jsonl").read_text())
    for wrong in ({"noise_low": None}, {"noise_high": "4"}, {"overall_mos": 3.0}):
        (tmp_path / "scores.jsonl").write_text(json.dumps({**line, **wrong}) + "\n")
        with pytest.raises(UserError, match="line 1: not a row of scores"):
            Results(tmp_path)


def test_scores_are_missing_only_where_they_are_not_scored(tmp_path):
    none = dict.fromkeys(["content", "content_display", "content_deviation"])
    one = row("a.mp4", not_scored="A-1", repeats=2, **dict.fromkeys(DEVIATION, 0.1))
    table, lines = write(tmp_path, one | none)
    [found] = csv.DictReader(io.StringIO(table.decode(), newline=""))
    assert {found[name] for name in none} == {""}
    assert {json.loads(lines)[name] for name in none} == {None}
    assert len(Results(tmp_path).rows) == 1
    for wrong in (
        {"not_scored": ""},
        {"not_scored": ["A-1"]},
        {"composition": None},
        {"content_display": 0.5},
    ):
        (tmp_path / "scores.jsonl").write_text(json.dumps({**json.loads(lines), **wrong}) + "\n")
        with pytest.raises(UserError, match="line 1: not a row of scores"):
            Results(tmp_path)


def test_statistics_are_missing_only_where_overall_is_not_scored(tmp_path):
    unscored = dict.fromkeys([RAW[0], DISPLAY[0], *POOLED])
    _, lines = write(tmp_path, row("a.mp4", not_scored="O") | unscored)
    assert len(Results(tmp_path).rows) == 1
    for wrong in ({"not_scored": ""}, {"overall_display_min": 0.5}):
        (tmp_path / "scores.jsonl").write_text(json.dumps({**json.loads(lines), **wrong}) + "\n")
        with pytest.raises(UserError, match="line 1: not a row of scores"):
            Results(tmp_path)


def test_other_work_has_another_identity():
    one = row("a.mp4", sampling="whole", display_height=None, dense=False, sha256="ab")
    changes = [{"seed": 1}, {"repeats": 2}, {"sha256": "cd"}, {"custom": {"a / b": 0.5}}, {"dense": True}, {}]
    assert len({identity(one | change) for change in changes}) == len(changes)
    assert identity(one | {"jaxvqa": "9", "overall": 0.5}) == identity(one)


def test_names_that_are_no_text(tmp_path):
    name = b"caf\xe9 \xf0\x9f\x8e\xac.mp4".decode("utf-8", "surrogateescape")
    content, lines = write(tmp_path, row(name))
    assert b"caf\xe9 \xf0\x9f\x8e\xac.mp4,ok" in content
    assert json.loads(lines)["path"] == name
    assert [key[0] for key in Results(tmp_path).rows] == [name]


STARTS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"  # of what spreadsheets run


def read_back(cells):
    """Cells as a reader of CSV gives them."""
    [line] = csv.reader(io.StringIO(",".join(cells) + "\n", newline=""))
    return line


@pytest.mark.parametrize("start", STARTS)
def test_no_cell_begins_as_a_formula_and_names_come_back(tmp_path, start):
    name = f"{start}cmd|'/c calc'!A0;=1+1\t=2.mp4"
    found = {"error": f"{start}1 cannot be read", "weights": f"{start}w", "custom": {f"{start}a / b": -0.5}}
    write(tmp_path, row(name, **found), row(f"'{name}"), row("'plain.mp4"), row("a-b=c.mp4"))
    with (tmp_path / "scores.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    cells = [text for each in table for text in each.values()]
    assert len(cells) == 4 * (len(COLUMNS) - len(NESTED))
    assert not [text for text in cells if text.startswith(tuple(STARTS))]
    names = [json.loads(line)["path"] for line in (tmp_path / "scores.jsonl").read_text().splitlines()]
    assert sorted(names) == sorted([name, f"'{name}", "'plain.mp4", "a-b=c.mp4"])
    assert [plain(each["path"]) for each in table] == names
    # Spreadsheets that divide lines at semicolons and tabs as well leave alone what is within quotes.
    lines = (tmp_path / "scores.csv").read_bytes().decode()
    assert f"\"'{start}cmd|" in lines


def test_numbers_stay_numbers():
    assert [cell(value) for value in (-0.5, -3, True, None, 1e-9)] == ["-0.500000", "-3", "True", "", "0.000000"]


@given(strategies.text())
def test_any_text_comes_back_from_a_cell(value):
    [found] = read_back([cell(value)]) or [""]
    assert plain(found) == value
    assert not found.startswith(tuple(STARTS))


def test_json_is_a_list_of_the_rows_that_lines_have():
    rows = [{"path": f"{i}.mp4", "overall": i / 2} for i in range(3)]
    columns = ["path", "overall", "error"]
    lines = [json.loads(line) for line in text_of(rows, columns, "jsonl").splitlines()]
    assert lines[2] == {"path": "2.mp4", "overall": 1.0, "error": None}
    for count in (0, 1, 3):
        assert json.loads(text_of(rows[:count], columns, "json")) == lines[:count]
