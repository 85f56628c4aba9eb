"""Freezes what a user sees: help texts, rows of scores, the id of jaxvqa-mini and the README's Python examples.

To accept a change on purpose, run `RENEW_FROZEN=1 pytest tests/test_frozen.py` and review the diff of tests/frozen.
"""

import contextlib
import csv
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from clips import moving_clip

import jaxvqa
from jaxvqa.cli import main

ROOT = Path(__file__).parents[1]
FROZEN = Path(__file__).parent / "frozen"
MINI = "jaxvqa-mini-b37e34112f0c"
COMMANDS = (
    "score score-many report compare zero-shot demo evaluate train finetune extract synthetic convert export download "
    "doctor"
).split()
TRAININGS = "quickstart maxwell cross mixed ablation mini".split()
HELP = ["", *COMMANDS, *(f"train {name}" for name in TRAININGS)]
RUNS = {"once": [], "twice": ["--repeats=2"]}


def frozen(name, text):
    """The frozen text of a file in tests/frozen, which becomes `text` if RENEW_FROZEN is set."""
    path = FROZEN / name
    if os.environ.get("RENEW_FROZEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return path.read_bytes().decode()


@pytest.mark.parametrize("command", HELP, ids=lambda command: command or "jaxvqa")
def test_help_of_commands(command, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    try:
        code = main([*command.split(), "--help"])
    except SystemExit as stopped:
        code = stopped.code
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    assert out == frozen(f"help/{'.'.join(['jaxvqa', *command.split()])}.txt", out)


def test_help_of_the_main_module():
    command = [sys.executable, "-m", "jaxvqa.main", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "80"})
    assert done.stderr == ""
    assert done.stdout == frozen("help/jaxvqa.main.txt", done.stdout)


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """A folder with three clips, a truncated one and a text file.

    They hold the clips of the fixture `clips`, in files that do not depend on the machine: x264 encodes differently on
    each number of cores and with each kind of processor, and Matroska files get random ids.
    """
    folder = tmp_path_factory.mktemp("frozen") / "videos"
    (folder / "deep").mkdir(parents=True)
    same = {"codec_options": {"threads": "1", "x264-params": "cpu-independent=1"}, "fflags": "+bitexact"}
    moving_clip(folder / "a.mp4", seed=1, **same)
    moving_clip(folder / "b.mp4", frames=90, seed=2, **same)
    moving_clip(folder / "deep" / "c.mkv", height=144, width=96, seed=3, **same)
    (folder / "cut.mp4").write_bytes((folder / "a.mp4").read_bytes()[:20_000])
    (folder / "text.mp4").write_text("This is not a video.\n")
    digests = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.m*"))
    }
    expected = json.loads(frozen("videos.json", json.dumps(digests, indent=1) + "\n"))
    if changed := [name for name in digests if digests[name] != expected.get(name)]:
        pytest.fail(
            f"the test clips {', '.join(changed)} are encoded differently here than when their scores were frozen, so "
            "scores cannot be compared; install the av of constraints.txt, or renew tests/frozen with RENEW_FROZEN=1."
        )
    return folder


@pytest.fixture(scope="module", params=RUNS)
def scored(request, videos):
    """The name of a run, and what `jaxvqa score` prints and writes: JSON lines on stdout, JSON lines, CSV."""
    output, printed = videos.parent / request.param, io.StringIO()
    command = ["score", ".", "--weights=mini", f"--output={output}", "--format=jsonl", *RUNS[request.param]]
    with contextlib.chdir(videos), contextlib.redirect_stdout(printed):
        assert main(command) == 1  # Two of the files cannot be scored.
    written = [(output / name).read_bytes().decode() for name in ("scores.jsonl", "scores.csv")]
    return request.param, printed.getvalue(), *written


def close(rows):
    """Rows that compare equal where their floats are within 1e-5, because processors round differently."""
    return [
        {name: pytest.approx(x, rel=0, abs=1e-5) if isinstance(x, float) else x for name, x in row.items()}
        for row in rows
    ]


def test_rows_of_scores(scored):
    run, printed, lines, table = scored
    expected = [json.loads(line) for line in frozen(f"{run}.jsonl", lines).splitlines()]
    rows = [json.loads(line) for line in lines.splitlines()]
    assert sorted(printed.splitlines()) == sorted(lines.splitlines())
    assert [list(row) for row in rows] == [list(row) for row in expected]
    assert rows == close(expected)
    assert [row["status"] for row in rows] == ["ok", "ok", "damaged", "ok", "error"]

    floats = {name for row in expected for name, value in row.items() if isinstance(value, float)}
    assert (
        len(floats) == {"once": 26, "twice": 36}[run]
    )  # 10 dimensions two or three times, 5 statistics, and frames per second
    frozen_table = frozen(f"{run}.csv", table)
    assert table.splitlines(keepends=True)[0] == frozen_table.splitlines(keepends=True)[0]
    cells, frozen_cells = (
        [
            {name: float(x) if name in floats and x else x for name, x in row.items()}
            for row in csv.DictReader(io.StringIO(text, newline=""))
        ]
        for text in (table, frozen_table)
    )
    assert cells == close(frozen_cells)


def test_id_of_mini(scored):
    assert {json.loads(line)["weights"] for line in scored[2].splitlines()} == {MINI}
    assert jaxvqa.load("mini").weights_id == MINI


def test_python_examples_of_the_readme(small_weights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    moving_clip(tmp_path / "clip.mp4")
    shutil.copytree(small_weights, tmp_path / "weights")  # The example with custom prompts needs a text encoder.
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    assert any("jaxvqa.load(" in block for block in blocks)
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
