"""Scoring as a Beam pipeline: the rows of scoring, each once, whatever is damaged, stopped or started again."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from clips import moving_clip
from surroundings import console_script, plant_modules

from jaxvqa.cli import main
from jaxvqa.scoring.cluster import Score, Work, load_once
from jaxvqa.video.limits import DecodeLimits
from jaxvqa.video.sampling import Sampling

pytest.importorskip("apache_beam")


ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Five clips in two folders, a file that is none, and a name that is no UTF-8."""
    folder = tmp_path_factory.mktemp("videos")
    (folder / "deep").mkdir()
    for i, name in enumerate(("b.mp4", "a.mp4", "deep/a.mp4", "deep/c.mp4")):
        moving_clip(folder / name, frames=8, height=224, width=240, seed=i)
    (folder / "no.mp4").write_bytes(b"no video")
    moving_clip(folder / "odd.mp4", frames=8, height=224, width=240, seed=9)
    os.rename(folder / "odd.mp4", os.fsencode(folder) + b"/\xff.mp4")
    return folder


@pytest.fixture
def copied(videos, tmp_path):
    """A copy of them, to be changed."""
    return shutil.copytree(videos, tmp_path / "videos")


@pytest.fixture
def score_many(small_weights, monkeypatch):
    """The command in this process, with batches of two."""
    monkeypatch.setattr("jaxvqa.scoring.cluster.BATCH", 2)

    def run(videos, output, **options):
        options = {"weights": small_weights, "workers": 1, "output": output, **options}
        return main(["score-many", str(videos), *(f"--{name}={value}" for name, value in options.items())])

    return run


def rows(folder):
    return (folder / "scores.jsonl").read_bytes()


def parts(folder):
    return {path.name: path.read_bytes() for path in (folder / "parts").iterdir()}


@pytest.mark.slow
def test_rows_are_those_of_scoring(videos, small_weights, score_many, tmp_path, capfd):
    assert score_many(videos, tmp_path / "many") == 1
    err = capfd.readouterr().err
    assert "failed: " in err
    assert "5 of 6 videos scored (0 of them in an earlier run)" in err
    assert main(["score", str(videos), f"--weights={small_weights}", f"--output={tmp_path / 'one'}"]) == 1
    for name in ("scores.jsonl", "scores.csv"):
        assert (tmp_path / "many" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()
    assert len(parts(tmp_path / "many")) >= 3
    left = {path.name for path in (tmp_path / "many").iterdir()}
    assert left - {"scores.jsonl", "scores.csv", "config.json", "parts"} <= {".lock-0"}


@pytest.mark.slow
def test_a_second_run_scores_what_failed_or_changed(copied, score_many, tmp_path, capfd):
    assert score_many(copied, tmp_path / "out") == 1
    before = parts(tmp_path / "out")
    moving_clip(copied / "no.mp4", frames=8, height=224, width=240, seed=20)
    moving_clip(copied / "a.mp4", frames=8, height=224, width=240, seed=21)
    capfd.readouterr()
    assert score_many(copied, tmp_path / "out") == 0
    assert "6 of 6 videos scored (4 of them in an earlier run)" in capfd.readouterr().err
    new = {name: part for name, part in parts(tmp_path / "out").items() if name not in before}
    scored = [Path(json.loads(line)["path"]).name for part in new.values() for line in part.splitlines()]
    assert sorted(scored) == ["a.mp4", "no.mp4"]
    found = [json.loads(line) for line in rows(tmp_path / "out").splitlines()]
    assert len(found) == 6
    assert {row["status"] for row in found} == {"ok"}
    # Touched, but the same: looked into, and not scored again; nor with nothing to do.
    after, table = parts(tmp_path / "out"), rows(tmp_path / "out")
    os.utime(copied / "b.mp4")
    assert score_many(copied, tmp_path / "out") == 0
    assert parts(tmp_path / "out") == after
    assert rows(tmp_path / "out") == table
    # Other settings are other work.
    assert score_many(copied / "deep", tmp_path / "out", seed=1) == 0
    assert len(rows(tmp_path / "out").splitlines()) == 8


@pytest.mark.slow
def test_killed_it_goes_on(copied, small_weights, score_many, tmp_path, capfd):
    for i in range(24):
        moving_clip(copied / f"more{i}.mp4", frames=8, height=224, width=240, seed=30 + i)
    (copied / "no.mp4").unlink()
    command = [sys.executable, "-m", "jaxvqa.main", "--config=configs/score_many.py", f"--config.videos={copied}"]
    command += [f"--config.weights={small_weights}", f"--config.output={tmp_path / 'out'}", "--config.workers=1"]
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 120
        while not list((tmp_path / "out").glob("parts/*.jsonl")) and time.monotonic() < deadline:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
    before = parts(tmp_path / "out")
    assert not (tmp_path / "out" / "scores.jsonl").exists()
    capfd.readouterr()
    assert score_many(copied, tmp_path / "out") == 0
    kept = sum(part.count(b"\n") for name, part in before.items() if name.endswith(".jsonl"))
    assert kept == 16
    assert f"29 of 29 videos scored ({kept} of them in an earlier run)" in capfd.readouterr().err
    assert len(rows(tmp_path / "out").splitlines()) == 29


def test_the_model_is_loaded_once_a_process(videos, small_weights, tmp_path):
    (tmp_path / "parts").mkdir()
    work = Work(str(small_weights), "float32", (), Sampling(), DecodeLimits(workers=1), tmp_path / "parts")
    identity = load_once(str(small_weights), "float32", ()).weights_id
    first, second = (Score(work, identity) for _ in range(2))
    try:
        first.setup()
        second.setup()
        assert first.model is second.model
        workers = [worker.process.pid for worker in first.decoders.workers]
        batches = [list(first.process([json.dumps(str(videos / name))])) for name in ("a.mp4", "no.mp4", "b.mp4")]
        assert [json.loads(row)["status"] for [row] in batches] == ["ok", "error", "ok"]
        assert [worker.process.pid for worker in first.decoders.workers] == workers
        assert len(list((tmp_path / "parts").glob("*.jsonl"))) == 3
    finally:
        first.teardown()
        second.teardown()
    assert not any(worker.process.is_alive() for worker in first.decoders.workers)


@pytest.mark.slow
def test_a_pipeline_that_breaks_off_says_why(videos, small_weights, tmp_path):
    command = [sys.executable, "-m", "jaxvqa.main", "--config=configs/score_many.py", f"--config.videos={videos}"]
    command += [f"--config.weights={small_weights}", f"--config.output={tmp_path / 'out'}", "--config.workers=1"]
    limited = ["bash", "-c", 'ulimit -f 2 && exec "$@"', "bash", *command]  # files of 2 kB: less than six rows take
    done = subprocess.run(limited, cwd=ROOT, capture_output=True, text=True, errors="replace", timeout=120)
    assert done.returncode == 1
    assert "the pipeline broke off: " in done.stderr
    assert "File too large" in done.stderr
    assert "0 of 6 videos scored" in done.stderr
    assert "6 were not reached" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_workers_of_beam_run_no_foreign_modules(videos, small_weights, tmp_path):
    here, command = plant_modules(tmp_path / "here"), console_script(tmp_path)
    command += ["score-many", videos / "a.mp4", "--output=out", "--workers=1", f"--weights={small_weights}"]
    command += ["--beam-options=--direct_running_mode=multi_processing"]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "1 of 1 videos scored" in done.stderr
    assert not (here / "RAN").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"runner": "NoRunner"}, "Beam cannot run with runner NoRunner"),
        ({"beam-options": "--direct_num_workers=x"}, "direct_num_workers: invalid int value: 'x'."),
        ({"seed": -1}, "seed"),
        ({"repeats": 0}, "repeats"),
        ({"decode-seconds": 0.0}, "decode_seconds is 0; it must be above 0"),
        ({"weights": "nowhere"}, "weights directory nowhere does not exist"),
        ({"precision": "float8"}, "precision is 'float8'"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(videos, score_many, tmp_path, capfd, options, sentence):
    assert score_many(videos, tmp_path / "out", **options) == 2
    err = capfd.readouterr().err
    assert sentence in err.splitlines()[-1]
    assert "Traceback" not in err
    assert not (tmp_path / "out" / "scores.jsonl").exists()
