import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import SCORED

import jaxvqa
from jaxvqa.evaluation.preference import Preference
from jaxvqa.main import main
from jaxvqa.results.rows import DISPLAY, RAW
from jaxvqa.system.files import lock_folder
from jaxvqa.tasks.compare import Pair, clear_differences, print_comparison

ROOT = Path(__file__).parents[2]
NAMED = "Differences of half a point or more beyond sampling noise"


def compare(first, second, weights, output, *overrides):
    """The comparing command in this process; returns its exit code."""
    fields = {"first": first, "second": second, "weights": weights, "output": output, "workers": 1}
    config = f"--config={ROOT / 'configs' / 'compare.py'}"
    return main(["jaxvqa", config, *(f"--config.{k}={v}" for k, v in fields.items()), *overrides])


def rows(output):
    with (output / "comparison.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def folders(clips, tmp_path):
    """a.mp4 in both folders, the second time b's content; a clip alone in each."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        (folder / "deep").mkdir(parents=True)
    shutil.copy(clips / "a.mp4", first / "deep" / "a.mp4")
    shutil.copy(clips / "b.mp4", second / "deep" / "a.mp4")
    return first, second


def test_differences_are_those_of_the_scores(folders, small_weights, tmp_path, capfd):
    first, second = folders
    shutil.copy(first / "deep" / "a.mp4", first / "same.mp4")
    shutil.copy(first / "deep" / "a.mp4", second / "same.mkv")
    assert compare(first, second, small_weights, tmp_path / "out") == 0
    out, err = capfd.readouterr()
    assert "2 of 2 compared" in err
    found = {row["name"]: row for row in rows(tmp_path / "out")}
    assert [*found] == ["deep/a", "same"] or [*found] == ["same", "deep/a"]
    model = jaxvqa.load(small_weights)
    one, other = (model.score(folder / "deep" / "a.mp4") for folder in folders)
    row = found["deep/a"]
    for i, dimension in enumerate(jaxvqa.DIMENSIONS):
        assert float(row[f"{dimension.column}_first"]) == pytest.approx(one.raw[i], abs=2e-6)
        assert float(row[f"{dimension.column}_second"]) == pytest.approx(other.raw[i], abs=2e-6)
        difference = float(other.raw[i]) - float(one.raw[i])
        assert float(row[f"{dimension.column}_difference"]) == pytest.approx(difference, abs=4e-6)
    overall, name, *_ = next(line.split() for line in out.splitlines() if "deep/a" in line)
    assert float(overall) == pytest.approx(100 * (other.display[0] - one.display[0]), abs=0.51)
    assert name == "deep/a"
    assert {found["same"][f"{d.column}_difference"] for d in jaxvqa.DIMENSIONS} == {"0.000000"}
    mean = next(line.split()[0] for line in out.splitlines() if line.split()[1:2] == ["mean"])
    assert float(mean) == pytest.approx(100 * (other.display[0] - one.display[0]) / 2, abs=0.06)
    assert "Both videos were sampled once" in out


def test_the_same_video_twice_does_not_differ(clips, small_weights, tmp_path, capfd):
    copy = shutil.copy(clips / "a.mp4", tmp_path / "another name.mp4")
    assert compare(clips / "a.mp4", copy, small_weights, tmp_path / "out") == 0
    [row] = rows(tmp_path / "out")
    assert {float(row[f"{d.column}_difference"]) for d in jaxvqa.DIMENSIONS} == {0.0}
    assert "What is compared has the same content." in capfd.readouterr().out
    options = ["--config.repeats=2", "--config.prompts=calm / hectic"]
    assert compare(clips / "a.mp4", copy, small_weights, tmp_path / "out", *options) == 0
    out, _ = capfd.readouterr()
    assert "What is compared has the same content." in out
    [row] = rows(tmp_path / "out")
    one = jaxvqa.load(small_weights, custom=[("calm", "hectic")]).explain(clips / "a.mp4", repeats=2).scores
    assert float(row["calm / hectic_first"]) == pytest.approx(one.custom["calm", "hectic"], abs=2e-6)
    assert float(row["calm / hectic_difference"]) == 0
    assert f"{one.custom['calm', 'hectic']:.3f}" in out


def test_what_is_said_of_samplings(capfd):
    row = {"repeats": 1, "dense": False, "samplings": [[0.5] * 16] * 5} | dict.fromkeys([*RAW, *DISPLAY], 0.5)
    pairs = [Pair("a", "x/a.mp4", "y/a.mp4"), Pair("b", "x/b.mp4", "y/b.mkv")]
    once, tested, same = "Both videos were sampled once", NAMED, "has the same content"
    for changed, of, second, said in (
        ({}, pairs, "other", once),
        ({}, pairs[:1], "other", once),
        ({}, pairs, "one", same),
        ({"repeats": 5}, pairs[1:], "other", tested),
        ({"repeats": 5}, pairs[1:], "one", same),
        ({"repeats": 5}, pairs, "other", ""),
        ({"repeats": 5, "dense": True}, pairs[1:], "other", ""),
    ):
        rows = [row | changed | {"sha256": content} for content in ("one", second)]
        print_comparison([(p, *rows) for p in of], None, Preference(), [None] * len(of))
        out, _ = capfd.readouterr()
        assert [each for each in (once, tested, same) if each in out] == [said] * bool(said)


def test_clear_differences_are_named():
    samplings = 0.5 + 0.02 * np.random.default_rng(0).normal(size=(5, 16))
    first = {"repeats": 5, "samplings": samplings.tolist()} | dict.fromkeys([*RAW, *DISPLAY], 0.5)
    changes = {"noise": 0.1, "focus": -0.07, "content": 0.03, "color": 0.1}
    other = samplings + 0.01 * np.random.default_rng(1).normal(size=(5, 16))
    other[:, 1] += 0.03 * np.array([1, -1, 2, -1, 0])  # content: that may be chance
    other += [changes.get(name, 0) for name in RAW]
    display = {"noise_display": 0.51, "focus_display": 0.494, "content_display": 0.6, "color_display": 0.504}
    said = clear_differences(first, first | {"samplings": other.tolist()} | display)  # color is printed as 0
    assert said.startswith(f"{NAMED}: focus, noise (paired t-test of 5 samplings of each video")
    assert "at 5% for all 16 dimensions together" in said
    assert clear_differences(first, first).startswith(f"{NAMED}: none (")


def test_dimensions_that_are_not_scored_are_not_compared(clips, partial_weights, tmp_path, capfd):
    options = ["--config.repeats=2"]
    assert compare(clips / "a.mp4", clips / "b.mp4", partial_weights, tmp_path, *options) == 0
    out, _ = capfd.readouterr()
    names = {line.split("  ")[0] for line in out.splitlines()}
    assert names & {d.name for d in jaxvqa.DIMENSIONS} == {d.name for d in jaxvqa.DIMENSIONS if d.code in SCORED}
    assert f"for all {len(SCORED)} dimensions together" in " ".join(out.split())
    [row] = rows(tmp_path)
    scored = {d.column for d in jaxvqa.DIMENSIONS if d.code in SCORED}
    for dimension in jaxvqa.DIMENSIONS:
        cells = [row[f"{dimension.column}_{side}"] for side in ("first", "second", "difference")]
        assert all(cells) if dimension.column in scored else cells == ["", "", ""]
    assert compare(clips / "a.mp4", clips / "b.mp4", partial_weights, tmp_path, *options, "--config.format=jsonl") == 0
    line = json.loads(capfd.readouterr().out)
    assert (line["content_first"], line["content_difference"]) == (None, None)


def test_what_cannot_be_compared_is_said(folders, small_weights, tmp_path, capfd):
    first, second = folders
    shutil.copy(first / "deep" / "a.mp4", first / "alone.mp4")
    for folder in folders:
        shutil.copy(first / "deep" / "a.mp4", folder / "broken.mp4")
    (second / "broken.mp4").write_bytes(b"no video")
    assert compare(first, second, small_weights, tmp_path / "out") == 1
    _, err = capfd.readouterr()
    assert f"not compared: {first}/alone.mp4 has no partner" in err
    assert "broken.mp4 cannot be opened as a video" in err
    assert "1 of 3 compared" in err
    assert [row["name"] for row in rows(tmp_path / "out")] == ["deep/a"]


def test_wrong_usage(folders, small_weights, tmp_path, capfd):
    first, second = folders
    (tmp_path / "other").mkdir()
    shutil.copy(first / "deep" / "a.mp4", tmp_path / "other" / "b.mp4")
    shutil.copytree(first, tmp_path / "twice")
    shutil.copy(first / "deep" / "a.mp4", tmp_path / "twice" / "deep" / "a.mkv")
    for one, other, message in (
        ("", second, "nothing to compare: give two videos or two folders"),
        (first, first / "deep" / "a.mp4", "must be two videos or two folders"),
        (first, tmp_path / "other", f"no video in {first} has a partner of its name"),
        (tmp_path / "twice", second, "are named alike, but for their suffix: rename one"),
        (f"{first}/deep/*", tmp_path / "none", "no such file or folder"),
        (f"{tmp_path}/twice/deep/*", first / "deep" / "a.mp4", "means 2 videos"),
    ):
        assert compare(one, other, small_weights, tmp_path / "out") == 2
        assert message in capfd.readouterr().err


def test_two_runs_at_once(clips, small_weights, tmp_path, capfd):
    with lock_folder(tmp_path):
        assert compare(clips / "a.mp4", clips / "b.mp4", small_weights, tmp_path) == 2
    assert f"another run is writing to {tmp_path}" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [".lock-0"]
