import os
import shutil

import pytest

from jaxvqa.cli import main


def plan(capfd, *arguments):
    """What a dry run prints, by the names of its lines."""
    assert main([*arguments, "--dry-run"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[-1] == "Dry run: nothing was computed or written."
    return {name: said.strip() for name, _, said in (line.partition("  ") for line in lines[:-2])}


def test_nothing_is_written_and_what_is_there_is_skipped(clips, small_weights, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    shutil.copy(clips / "a.mp4", "a.mp4")
    options = [f"--weights={small_weights}"]
    said = plan(capfd, "score", "a.mp4", *options)
    assert (said["videos"], said["skipped"], said["output"]) == ("1: a.mp4", "none", "scores, which will be made")
    assert said["weights"].endswith(f", in {small_weights}")
    assert os.listdir() == ["a.mp4"]
    assert main(["score", "a.mp4", *options]) == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "scores").iterdir()}
    shutil.copy(clips / "b.mp4", "b.mp4")
    capfd.readouterr()
    said = plan(capfd, "score", ".", *options)
    assert said["videos"] == "2: a.mp4, b.mp4"
    assert said["skipped"] == "1: a.mp4 (scored before, with the same settings)"
    assert said["output"] == "scores, which exists"
    assert plan(capfd, "score", "a.mp4", *options, "--repeats=2")["skipped"] == "none"
    assert plan(capfd, "report", "a.mp4", *options)["skipped"] == "none"  # there is no section of it
    assert plan(capfd, "score", "a.mp4", *options, "--per-moment")["skipped"] == "none"  # nor are its time steps kept
    shutil.copy(clips / "b.mp4", "a.mp4")
    assert plan(capfd, "score", "a.mp4", *options)["skipped"] == "none"
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "scores").iterdir()} == before


def test_pairs_to_compare(clips, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    for folder, names in (("one", ("a.mp4", "b.mp4")), ("other", ("a.mp4",))):
        os.mkdir(folder)
        for name in names:
            shutil.copy(clips / name, folder)
    said = plan(capfd, "compare", "one", "other")
    assert (said["pairs"], said["without partner"]) == ("1: a", "1: one/b.mp4")
    assert said["videos"] == "2: one/a.mp4, other/a.mp4"
    assert main(["compare", "one", "other/a.mp4", "--dry-run"]) == 2


@pytest.mark.parametrize(
    ("command", "name", "said"),
    [
        ("train quickstart", "database", "synthetic_maxwell:validation, in data/synthetic_maxwell, which will be"),
        ("train maxwell --weights mini", "database", "which is not there: get MaxWell"),
        ("extract konvid_1k --weights mini", "features", "features; videos whose features are there are skipped"),
        ("synthetic", "output", "data/synthetic_maxwell, which will be made"),
        ("export -o out", "output", "out, which will be made"),
        ("download", "file", "license: MIT"),
    ],
)
def test_every_lasting_work_has_a_plan(tmp_path, monkeypatch, capfd, command, name, said):
    monkeypatch.chdir(tmp_path)
    assert said in plan(capfd, *command.split())[name]
    assert os.listdir() == []
