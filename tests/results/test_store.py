import pytest

from jaxvqa import UserError
from jaxvqa.results.moments import COLUMNS as MOMENT_COLUMNS
from jaxvqa.results.rows import COLUMNS, DEVIATION, DISPLAY, POOLED, RAW
from jaxvqa.results.store import Results, remove_report
from jaxvqa.system.files import lock_folder
from jaxvqa.system.terminal import Log


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
    with lock_folder(tmp_path):  # nor does it keep the folder from others
        pass


def test_rows_are_on_disk_at_once_behind_those_of_earlier_runs(tmp_path):
    write(tmp_path, row("b.mp4"))
    results = Results(tmp_path)
    results.add(row("a.mp4"))
    for name in ("scores.csv", "scores.jsonl"):
        text = (tmp_path / name).read_text()
        assert 0 < text.index("b.mp4") < text.index("a.mp4")  # in order of path once it is closed
    results.add(row("a.mp4", repeats=2))
    assert results.rows["a.mp4", 0, "abc"]["repeats"] == 2
    results.close()
    assert (tmp_path / "scores.jsonl").read_text().count("a.mp4") == 1


def test_the_end_of_a_context_closes(tmp_path):
    with Results(tmp_path) as results:
        results.add(row("b.mp4"))
        results.add(row("a.mp4"))
    text = (tmp_path / "scores.csv").read_text()
    assert text.index("a.mp4") < text.index("b.mp4")
    with Results(tmp_path) as again:  # while the first one is still there
        assert [path for path, *_ in again.rows] == ["a.mp4", "b.mp4"]


def test_paths_of_any_bytes_and_columns_of_ones_own_come_back(tmp_path):
    columns = [*COLUMNS, "mine"]
    with Results(tmp_path, columns) as results:
        results.add(row("caf\udce9.mp4", mine=0.5))
        assert b"caf\xe9.mp4" in (tmp_path / "scores.csv").read_bytes()
    with Results(tmp_path, columns) as results:
        assert [(each["path"], each["mine"]) for each in results.rows.values()] == [("caf\udce9.mp4", 0.5)]


def test_files_that_cannot_be_written_are_one_sentence(tmp_path):
    (tmp_path / "scores.csv").mkdir()
    with pytest.raises(UserError, match=rf"^folder {tmp_path} cannot be written: Is a directory\.$"):
        Results(tmp_path)
    with lock_folder(tmp_path):
        pass


def test_reports_of_earlier_scores_are_removed(tmp_path, capfd):
    report = tmp_path / "report.html"
    remove_report(tmp_path, Log())
    for log in (Log(), None):
        report.touch()
        assert capfd.readouterr().err == ""
        remove_report(tmp_path, log)
        assert not report.exists()
        assert ("report.html showed earlier scores and was removed" in capfd.readouterr().err) == bool(log)


def moments(path, score=0.5):
    return [
        {"path": path, "seed": 0, "weights": "abc", "moment": i, "seconds": 0.5 * i, "overall": score} for i in (0, 1)
    ]


def write_moments(folder, *rows, score=0.5):
    with Results(folder, per_moment=True) as results:
        for each in rows:
            results.add(each, moments(each["path"], score) if each["status"] == "ok" else [])
    return (folder / "moments.csv").read_bytes()


def test_time_steps_are_in_order_however_many_runs_they_came_from(tmp_path):
    rows = [row(f"{name}.mp4") for name in "cab"]
    once = write_moments(tmp_path / "once", *rows, row("d.mp4", "error"))
    lines = once.decode().splitlines()
    assert lines[0].split(",") == MOMENT_COLUMNS
    assert [line.split(",")[:7] for line in lines[1:3]] == [
        ["a.mp4", "0", "abc", str(i), "", f"{i / 2:.6f}", ""] for i in (0, 1)
    ]
    assert len(lines) == 1 + 3 * 2
    for each in rows[::-1]:
        parts = write_moments(tmp_path / "parts", each)
    assert parts == once


def test_time_steps_are_those_of_the_rows(tmp_path):
    write_moments(tmp_path, row("a.mp4"), row("b.mp4"))
    changed = write_moments(tmp_path, row("a.mp4", sha256="new"), score=0.75).decode()
    assert [line.count("0.750000") for line in changed.splitlines()[1:]] == [1, 1, 0, 0]
    write(tmp_path, row("a.mp4", repeats=2, **dict.fromkeys(DEVIATION, 0.1)))  # without its time steps
    assert [line[:5] for line in (tmp_path / "moments.csv").read_text().splitlines()[1:]] == ["b.mp4", "b.mp4"]
    assert not (tmp_path / "none").exists()
    write(tmp_path / "none", row("a.mp4"))
    assert not (tmp_path / "none" / "moments.csv").exists()


def test_killed_run_leaves_no_half_of_a_video(tmp_path):
    whole = write_moments(tmp_path / "whole", row("a.mp4"), row("b.mp4"))
    results = Results(tmp_path / "killed", per_moment=True)
    results.add(row("a.mp4"), moments("a.mp4"))
    results.add(row("b.mp4"), moments("b.mp4"))
    del results
    for name in ("moments.csv", "scores.jsonl"):  # killed while writing b.mp4
        path = tmp_path / "killed" / name
        path.write_bytes(path.read_bytes()[:-30])
    results = Results(tmp_path / "killed", per_moment=True)
    text = (tmp_path / "killed" / "moments.csv").read_text()
    assert (text.count("a.mp4"), text.count("b.mp4")) == (2, 0)
    results.close()
    assert write_moments(tmp_path / "killed", row("b.mp4")) == whole


def test_two_runs_at_once_are_refused(tmp_path):
    first = Results(tmp_path)
    first.add(row("a.mp4"))
    with pytest.raises(UserError, match="another run is writing to"):
        Results(tmp_path)
    first.add(row("b.mp4"))
    first.close()
    assert len(Results(tmp_path).rows) == 2


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
    with pytest.raises(OSError, match="No space left on device") as caught:
        results.close()
    assert caught.value.filename.startswith(f"{folder}/scores.")
    small_disk("1m", "remount")
    results = Results(folder)
    assert [key[0] for key in results.rows] == [f"{i}.mp4" for i in range(len(results.rows))]
    assert len(results.rows) in (number, number + 1)
    results.close()
