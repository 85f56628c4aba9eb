import pytest

from jaxvqa import UserError
from jaxvqa.results.rows import DISPLAY, RAW
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
