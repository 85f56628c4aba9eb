import csv
import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

import jaxvqa
from jaxvqa.main import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def check(small_weights, tmp_path):
    def run(videos, *overrides):
        fields = {"videos": videos, "weights": small_weights, "output": tmp_path / "out", "workers": 1}
        config = f"--config={ROOT / 'configs' / 'check.py'}"
        return main(["jaxvqa", config, *(f"--config.{k}={v}" for k, v in fields.items()), *overrides])

    return run


def test_videos_pass_or_fail(check, clips, small_weights, tmp_path, capfd):
    score = 100 * jaxvqa.load(small_weights).score(clips / "a.mp4").display[0]
    report = f"--config.junit={tmp_path / 'junit.xml'}"
    assert check(clips / "a.mp4", f"--config.min=overall={score - 0.1:.4f}", report) == 0
    assert capfd.readouterr().out == "All 1 videos pass.\n"
    assert ElementTree.parse(tmp_path / "junit.xml").getroot().get("failures") == "0"
    assert check(clips / "a.mp4", f"--config.min=overall={score + 0.1:.4f}", report) == 1
    assert "1 of 1 videos fail." in capfd.readouterr().out
    assert ElementTree.parse(tmp_path / "junit.xml").getroot().get("failures") == "1"
    with (tmp_path / "out" / "violations.csv").open(newline="") as file:
        [row] = csv.DictReader(file)
    assert (row["path"], row["rule"]) == (str(clips / "a.mp4"), "min overall")
    assert float(row["score"]) == pytest.approx(score, abs=1e-3)
    for option, said in (("format=jsonl", '"rule": "min overall"'), ("github=True", "::error file=")):
        assert check(clips / "a.mp4", "--config.min=overall=100", f"--config.{option}") == 1
        assert said in capfd.readouterr().out


def test_a_build_is_checked_against_the_one_before(check, clips, tmp_path, capfd):
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in ("a", "b"):
        shutil.copy(clips / f"{name}.mp4", folder)
    assert check(folder, "--config.min=overall=0") == 0
    baseline = shutil.copy(tmp_path / "out" / "scores.csv", tmp_path / "baseline.csv")
    rules = [f"--config.baseline={baseline}", "--config.max_drop=0"]
    assert check(folder, *rules) == 0
    scores = {
        Path(row["path"]).name: row["overall_display"]
        for row in map(json.loads, (tmp_path / "out" / "scores.jsonl").read_text().splitlines())
    }
    better, worse = sorted(scores, key=scores.get, reverse=True)
    shutil.copy(folder / worse, folder / better)
    capfd.readouterr()
    assert check(folder, *rules) == 1
    out, _ = capfd.readouterr()
    assert f"{better}: overall {100 * scores[worse]:.1f} is" in out
    assert re.search(r"\(people would rate it lower: \d\d%\)", out)
    (folder / worse).write_bytes(b"no video")
    shutil.copy(folder / better, folder / "new.mp4")
    assert check(folder, *rules) == 1
    out, err = capfd.readouterr()
    assert "3 of 3 videos fail." in out
    assert "new.mp4: no row of the baseline may be its own" in out
    assert f"{worse} cannot be opened as a video" in out
    assert "cannot be opened" in err


def test_wrong_usage(check, clips, partial_weights, tmp_path, capfd):
    baseline = "--config.baseline=scores.csv"
    for videos, overrides, said in (
        ("", ["--config.min=overall=1"], "no videos given"),
        (clips, [], "no rules given: set min (overall=50), or max_drop (5) with a baseline"),
        (clips, ["--config.max_drop=5"], "max_drop and baseline go together"),
        (clips, [baseline, "--config.min=overall=1"], "max_drop and baseline go together"),
        (clips, ["--config.max_drop=5", f"--config.baseline={tmp_path}/out/scores.csv"], "is in the output folder"),
        (clips, ["--config.max_drop=5", f"--config.baseline={tmp_path}/no.csv"], "does not exist"),
        (clips, ["--config.min=loudness=1"], "min names 'loudness', which is no dimension"),
        (clips, ["--config.min=overall=1", f"--config.junit={tmp_path}/no/j.xml"], "in a folder that does not exist"),
        (clips, ["--config.min=content=1", f"--config.weights={partial_weights}"], "do not score content"),
    ):
        assert check(videos, *overrides) == 2
        assert said in capfd.readouterr().err
    assert not (tmp_path / "out").exists()
