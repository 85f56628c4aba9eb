import csv
import io
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from clips import moving_clip

import jaxvqa
from jaxvqa.cli import main
from jaxvqa.example import EXAMPLE
from jaxvqa.results.rows import COLUMNS, NESTED, RAW
from jaxvqa.scoring.reference import TOLERANCE, packaged
from jaxvqa.tasks import TASKS
from jaxvqa.tasks.configuration import config_path, describe

CONFIGS = Path(__file__).parents[1] / "configs"
COMMAND = [sys.executable, "-m", "jaxvqa"]


def test_score_several_files_as_csv_jsonl_and_table(clips, small_weights, tmp_path, capfd):
    videos = [str(clips / name) for name in ("b.mp4", "a.mp4", "b.mp4")]
    options = ["--weights", str(small_weights), "--output", str(tmp_path)]
    assert main(["score", *videos, *options, "--format", "csv", "--repeats", "2"]) == 0
    out, err = capfd.readouterr()
    table = list(csv.DictReader(io.StringIO(out)))
    assert [row["path"] for row in table] == videos[:2]
    assert list(table[0]) == [column for column in COLUMNS if column not in NESTED]
    assert all(float(row["overall"]) > 0 for row in table)
    assert "2 of 2 videos scored" in err
    assert main(["score", *videos, *options, "--format=jsonl", "--repeats=2"]) == 0
    out, err = capfd.readouterr()
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["path"] for line in lines] == videos[:2]
    for line, row in zip(lines, table, strict=True):
        assert [line[name] for name in RAW] == pytest.approx([float(row[name]) for name in RAW], abs=1e-6)
    assert "(2 of them in an earlier run)" in err
    assert main(["score", *videos, *options, "--repeats=2"]) == 0
    assert capfd.readouterr().out.splitlines()[0].split()[:2] == ["overall", "video"]
    assert json.loads((tmp_path / "config.json").read_text())["videos"] == videos


def test_report_writes_the_page(clips, small_weights, tmp_path):
    command = ["report", str(clips / "a.mp4"), f"--weights={small_weights}", f"--output={tmp_path}"]
    assert main(command) == 0
    assert "a.mp4" in (tmp_path / "report.html").read_text()


@pytest.mark.slow
def test_the_example_has_something_to_show(tmp_path, monkeypatch, capfd):
    """Distortions in its second half, in two places, which jaxvqa-mini sees and the report names."""
    monkeypatch.chdir(tmp_path)
    assert main(["report", "--example", "--format=jsonl"]) == 0
    row = json.loads(capfd.readouterr().out)
    assert (row["path"], row["status"]) == (str(EXAMPLE), "ok")
    expected = packaged("mini")["scores"]
    assert {name: row[name.replace(" ", "_")] for name in expected} == pytest.approx(expected, abs=TOLERANCE)
    page = (tmp_path / "scores" / "report.html").read_text()
    assert f"<h2>{EXAMPLE}</h2>" in page
    explanation = jaxvqa.load("mini").explain(EXAMPLE)
    codes = [dimension.code for dimension in jaxvqa.DIMENSIONS]
    first, second = np.split(explanation.scores.local.reshape(-1, 7, 7, 16), 2)
    for code in ("O", "T-2", "T-7"):
        assert second[..., codes.index(code)].mean() < first[..., codes.index(code)].mean() - 0.1
    assert re.search(r"worst (at|between) [2-4]\.\d s", explanation.sentences[0])


def test_failures_are_rows_of_every_format(small_weights, tmp_path, capfd):
    (tmp_path / "odd,\n.mp4").write_text("text")
    command = ["score", str(tmp_path / "odd,\n.mp4"), f"--weights={small_weights}", f"--output={tmp_path / 'out'}"]
    assert main([*command, "--format=csv"]) == 1
    [row] = csv.DictReader(io.StringIO(capfd.readouterr().out))
    assert (row["status"], row["path"]) == ("error", str(tmp_path / "odd,\n.mp4"))
    assert main([*command, "--format=jsonl"]) == 1
    assert json.loads(capfd.readouterr().out)["status"] == "error"


def test_compare(clips, small_weights, tmp_path, capfd):
    videos = [str(clips / "a.mp4"), str(clips / "b.mp4")]
    assert main(["compare", *videos, f"--weights={small_weights}", f"--output={tmp_path}", "--format=jsonl"]) == 0
    row = json.loads(capfd.readouterr().out)
    assert (row["first"], row["second"]) == tuple(videos)
    assert row["overall_difference"] == pytest.approx(row["overall_second"] - row["overall_first"], abs=2e-6)
    with (tmp_path / "comparison.csv").open(newline="") as file:
        [written] = csv.DictReader(file)
    assert {name: str(value) for name, value in row.items()}.keys() == written.keys()


def test_zero_shot_words(clips, full_weights, tmp_path, capfd):
    command = ["zero-shot", str(clips / "a.mp4"), "--prompts", "calm / busy", f"--weights={full_weights}"]
    assert main([*command, f"--output={tmp_path}", "--format=csv"]) == 0
    [row] = csv.DictReader(io.StringIO(capfd.readouterr().out))
    assert 0 < float(row["calm / busy"]) < 1


def test_evaluate(tmp_path, capfd):
    generator = np.random.default_rng(0)
    for name, noise in (("labels", 0), ("predictions", 0.3)):
        rows = [f"{i}.mp4,{i / 20 + noise * generator.random():.4f}" for i in range(20)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["filename,O", *rows]))
    files = [f"--{name}={tmp_path / name}.csv" for name in ("labels", "predictions")]
    assert main(["evaluate", *files, f"--output={tmp_path / 'out'}", "--format=csv", "--resamples=20"]) == 0
    rows = list(csv.DictReader(io.StringIO(capfd.readouterr().out)))
    assert [row["dimension"] for row in rows] == ["O", "mean"]
    assert float(rows[0]["srcc_low"]) <= float(rows[0]["srcc"]) <= 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["scoer"], "there is no command scoer; did you mean score? `jaxvqa --help` lists all commands."),
        (["help", "scoer"], "there is no command scoer; did you mean score?"),
        (["nothing.mp4"], "nothing.mp4 is not a command; to score it: jaxvqa score nothing.mp4"),
        (["a b.MKV", "--dense"], "a b.MKV is not a command; to score it: jaxvqa score 'a b.MKV' --dense"),
        (["."], ". is not a command; to score it: jaxvqa score ."),
        (["-q", "score"], "there is no option -q. `jaxvqa --help` lists all commands."),
        (["score"], "no videos given: name a file, a folder, a glob or a list (.txt), or choose the example."),
        (
            ["report", "x", "--example"],
            "example scores the clip that comes with jaxvqa: leave it out, or name no videos",
        ),
        (["score-many"], "VIDEOS is missing. `jaxvqa score-many --help` lists all options."),
        (["score", "nowhere.mp4"], "no such file or folder: nowhere.mp4."),
        (
            ["score", "x", "--sead=1"],
            "there is no option --sead; did you mean --seed? `jaxvqa score --help` lists all options.",
        ),
        (["score", "x", "--repeats", "five"], "repeats is 'five'; it must be a whole number."),
        (["score", "x", "--repeats", "2.5"], "repeats is '2.5'; it must be a whole number."),
        (["score", "x", "--decode-seconds=1m"], "decode_seconds is '1m'; it must be a number."),
        (["train", "maxwell", "--optimizer.schedule.peak=x"], "optimizer.schedule.peak is 'x'; it must be a number."),
        (["score", "x", "--format=xsv"], "format is 'xsv'; it must be table, csv, json or jsonl. Did you mean csv?"),
        (["score", "x", "--device=cuda"], "device is 'cuda'; it must be cpu, gpu or tpu."),
        (["score", "x", "--precision=float16"], "it must be float32 or bfloat16. Did you mean bfloat16?"),
        (
            ["score", "x", "--output"],
            "option '--output' requires an argument. `jaxvqa score --help` lists all options.",
        ),
        (["score", "x", "-o", "--dense"], "option '--output' requires an argument."),
        (["score", "x", "--dense=yes"], "option '--dense' does not take a value."),
        (["score", ".", "--weights=nowhere"], "weights directory nowhere does not exist: run `jaxvqa download`"),
        (["score", "x", "--seed=-1"], "seed is -1; it must be 0 or larger."),
        (["score", "x", "--format=xml"], "format is 'xml'; it must be table, csv, json or jsonl."),
        (["report", "x", "--no-report"], "there is no option --no-report; did you mean"),
        (["compare", "one"], "SECOND is missing. `jaxvqa compare --help` lists all options."),
        (["score", "-clip.mp4"], "jaxvqa: -clip.mp4 begins with a dash, as options do: if it is a file, write ./-clip"),
        (["score", "a.mp4", "-1.mp4", "--seed", "1"], "-1.mp4, or put it after --; for the options, see jaxvqa score"),
        (["compare", "a.mp4", "-h.mp4"], "-h.mp4 begins with a dash"),
        (["score", "a.mp4", "--output", "-out"], "write ./-out"),
        (["score", "x", "--no_such_option=1"], "there is no option --no-such-option."),
        (["score", "--clip.mp4"], "there is no option --clip.mp4."),
        (["score", "x", "--seed", "-1"], "seed is -1; it must be 0 or larger."),
        (["score", "https://a.b/c.mp4?d=1"], "https://a.b/c.mp4?d=1 is an address, and addresses are not fetched"),
        (["compare", "a.mp4", "rtsp://camera/1"], "rtsp://camera/1 is an address"),
        (["score", "a.mp4", "--output=s3://bucket/a"], "s3://bucket/a is an address"),
        (["train"], "missing command. `jaxvqa train --help` lists all trainings."),
        (["train", "maxvell"], "there is no training maxvell; did you mean maxwell?"),
        (["train", "nowhere.py"], "nowhere.py"),
        (["train", "maxwell"], "no weights given: "),
        (
            ["train", "quickstart", "--optimizer.schedule.kind=flat"],
            "optimizer.schedule.kind is 'flat'; it must be constant or cosine.",
        ),
        (["extract", "maxwell:train"], "no weights given: name a directory, maxvqa or mini; to get some,"),
        (["convert"], "nothing to convert: give at least one checkpoint"),
        (["convert", "--clip", "nowhere.pt"], "checkpoint nowhere.pt does not exist or is not a file."),
        (["evaluate"], "nothing to evaluate: give predictions and labels, or weights and a database."),
        (["evaluate", "--predictions=p.csv", "--labels=l.csv"], "labels l.csv does not exist."),
        (["extract", "maxwel:train", "--weights=mini"], "there is no database 'maxwel': choose maxwell"),
        (["demo", "--port=70000"], "port is 70000; it must be from 0 to 65535."),
        (["train", "quickstart", "--train.batch=0"], "batch is 0; it must be 2 or larger."),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(tmp_path, monkeypatch, capfd, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("jaxvqa: ")
    assert err.count("\n") == 1
    assert sentence in err
    assert "config." not in err


@pytest.mark.hostile
def test_train_takes_a_config_of_ones_own(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text((CONFIGS / "quickstart.py").read_text().replace('"mini"', '"nowhere"'))
    assert main(["train", "mine.py"]) == 2
    assert "weights directory nowhere does not exist" in capfd.readouterr().err
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["train", "~/mine.py"]) == 2
    assert "weights directory nowhere does not exist" in capfd.readouterr().err
    (tmp_path / "broken.py").write_text("get_config = 1 / 0")
    assert main(["train", "broken.py"]) == 2
    assert "division by zero" in capfd.readouterr().err


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.command)
def test_help_tells_every_option(capfd, task):
    assert main([*task.command.split(), "--help"]) == 0
    out = capfd.readouterr().out
    assert f"Usage: jaxvqa {task.command}" in out
    assert "--config" not in out
    for field in describe(config_path(task.config))[1]:
        shown = field.name.upper() if field.name in task.positional else field.name
        told = re.search(rf"^ +\[?(-., )?(--)?{re.escape(shown).replace('_', '[-_]')}\b", out, re.MULTILINE)
        assert bool(told) != (field.name in dict(task.fixed) or isinstance(field.default, list)), field.name


def test_help_lists_every_command(capfd):
    for arguments in (["--help"], ["train", "-h"]):
        assert main(arguments) == 0
    out = capfd.readouterr().out
    assert [word for task in TASKS for word in task.command.split() if not re.search(rf"\b{word}\b", out)] == []


def test_help_is_a_command(capfd):
    for asked, same in (
        (["help"], ["--help"]),
        (["help", "score"], ["score", "--help"]),
        (["help", "train"], ["train", "-h"]),
    ):
        assert main(asked) == main(same) == 0
        out = capfd.readouterr().out
        assert out[: len(out) // 2] == out[len(out) // 2 :] != ""


def test_no_command_is_shown_what_there_is(capfd):
    assert main([]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    first, *_, last = out.strip().splitlines()
    assert "video quality assessment" in first
    assert re.findall(r"^  jaxvqa (\w+) ", out, re.MULTILINE) == ["score", "compare", "report"]
    assert "`jaxvqa help` lists all commands" in last


# Each value that no field of a number takes, and each option that there is not, whatever the command.
WRONG = """
import sys
from jaxvqa.cli import main
from jaxvqa.tasks import TASKS
from jaxvqa.tasks.configuration import config_path, describe

SLOW = {"jax", "scipy"}  # to import
for task in TASKS:
    command = [*task.command.split(), *("." for _ in task.positional)]
    numbers = [field.name for field in describe(config_path(task.config))[1] if type(field.default) in (int, float)]
    for wrong in ("--nonsense", *(f"--{name}=five" for name in numbers)):
        code = main([*command, wrong])
        if code != 2 or not SLOW.isdisjoint(sys.modules):
            sys.exit(f"{command} {wrong}: {code}, {SLOW & {*sys.modules}}")
    if task.positional:
        assert main(task.command.split()) == 2
for command in sys.argv[1:]:
    if main(command.split()) != 2 or not SLOW.isdisjoint(sys.modules):
        sys.exit(f"{command}: {SLOW & {*sys.modules}}")
"""


def test_wrong_usage_is_said_before_jax_is_imported(tmp_path):
    values = [
        "score nowhere.mp4",
        "score . --seed=-1",
        "score . --repeats=0",
        "score . --prompts=x",
        "score . --format=x",
    ]
    values += ["score . --weights=nowhere", "compare . nowhere", "zero-shot .", "evaluate", "convert", "export"]
    values += ["export --weights=nowhere --output=x", "extract maxwell", "extract nothing --weights=mini"]
    values += [
        "finetune nowhere.csv .",
        "finetune . . --folds=1",
        "train maxwell",
        "train cross --folds=1 --weights=mini",
    ]
    values += ["train quickstart --train.batch=0", "train quickstart --loss.huber-delta=0", "train ablation --seeds=0"]
    values += ["train quickstart --cluster=nowhere", "train mixed --weights=mini --train.keep=best", "demo --port=-1"]
    values += ["download --source=nowhere", "score-many nowhere", "models --format=xml", "score . --device=x"]
    done = subprocess.run([sys.executable, "-c", WRONG, *values], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-500:]
    assert "Traceback" not in done.stderr


def test_short_options(small_weights, clips, tmp_path, capfd):
    command = ["score", str(clips / "a.mp4"), f"--weights={small_weights}", "-o", str(tmp_path), "-q"]
    assert main(command) == 0
    out, err = capfd.readouterr()
    assert ("overall" in out, err) == (True, "")
    assert (tmp_path / "scores.csv").exists()
    (tmp_path / "text.mp4").write_text("text")
    assert main(["score", str(tmp_path / "text.mp4"), *command[2:]]) == 1
    assert capfd.readouterr().err.startswith("failed: ")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_nothing_is_wider_than_the_terminal(small_weights, clips, tmp_path, monkeypatch, capfd, width):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("FORCE_COLOR", "1")  # as if somebody watched
    long = tmp_path / "a folder of results" / "with-a-name-that-is-rather-long"
    options = [f"--weights={small_weights}", f"--output={long}"]
    assert main(["report", str(clips), *options]) == 0
    assert main(["score", str(clips / "a.mp4"), *options]) == 0
    assert main(["score", str(clips), *options, "--dry-run"]) == 0
    assert main(["models"]) == main(["--help"]) == main(["score", "--help"]) == 0
    assert main(["score", "nowhere.mp4", "--weights", "nowhere" * 20]) == 2
    assert main(["score", str(clips / "a.mp4"), "--weights", "nowhere" * 20]) == 2
    lines = "".join(capfd.readouterr()).splitlines()
    plain = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line).rpartition("\r")[2].rstrip() for line in lines]
    assert [line for line in plain if len(line) > width] == []
    assert "3 of 3 videos scored" in "\n".join(plain)


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        (["sc"], ["score", "score-many"]),
        (["train", "ma"], ["maxwell"]),
        (["score", "--prec"], ["--precision"]),
        (["score", "--format", "c"], ["csv"]),
        (["train", "quickstart", "--train.ba"], ["--train.batch"]),
    ],
)
def test_shells_complete_commands_options_and_choices(monkeypatch, capfd, typed, completed):
    monkeypatch.setenv("_JAXVQA_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", " ".join(["jaxvqa", *typed]))
    monkeypatch.setenv("COMP_CWORD", str(len(typed)))
    with pytest.raises(SystemExit, match="0"):
        main(["ignored"])
    assert capfd.readouterr().out.split() == [f"plain,{each}" for each in completed]


def test_shells_complete_files(monkeypatch, capfd):
    monkeypatch.setenv("_JAXVQA_COMPLETE", "bash_complete")
    for typed in ("jaxvqa score cl", "jaxvqa score --output cl"):
        monkeypatch.setenv("COMP_WORDS", typed)
        monkeypatch.setenv("COMP_CWORD", str(len(typed.split()) - 1))
        with pytest.raises(SystemExit, match="0"):
            main(["ignored"])
        assert capfd.readouterr().out.split() == ["file,cl"]


def test_a_device_that_is_not_there(clips, tmp_path):
    command = [*COMMAND, "score", str(clips / "a.mp4"), f"--output={tmp_path}", "--device=tpu"]
    done = subprocess.run(command, capture_output=True, text=True)
    said = "jaxvqa: device is tpu, but JAX finds none here: leave it out, or see docs/platforms.md.\n"
    assert (done.returncode, done.stderr.splitlines(keepends=True)[-1]) == (2, said)
    assert main([*command[len(COMMAND) : -1], "--device=cpu", "--dry-run"]) == 0


def test_verbose_shows_where_an_error_was_raised(tmp_path):
    done = subprocess.run([*COMMAND, "score", "nowhere.mp4", "-v"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("jaxvqa: no such file or folder: nowhere.mp4.\n")
    assert "Traceback" in done.stderr


def test_underscores_are_hyphens(small_weights, clips, tmp_path):
    command = ["score", str(clips / "a.mp4"), f"--weights={small_weights}", f"--output={tmp_path}"]
    assert main([*command, "--decode_gigabytes=4", "--decode-seconds=60"]) == 0
    config = json.loads((tmp_path / "config.json").read_text())
    assert (config["decode_gigabytes"], config["decode_seconds"]) == (4, 60)


def test_who_reads_may_stop_reading(clips, small_weights, tmp_path):
    """As in `jaxvqa score ... | head -1`."""
    command = [*COMMAND, "score", str(clips), f"--weights={small_weights}", f"--output={tmp_path}", "--format=csv"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        err = process.stderr.read()
    assert process.returncode == 128 + signal.SIGPIPE
    assert "Traceback" not in err
    assert "3 of 3 videos scored" in err


def test_names_that_look_like_options_or_patterns(small_weights, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    for name in ("-odd.mp4", "[1].mp4", "--odd.mp4"):
        moving_clip(tmp_path / name)
    for name in ("-odd.mp4", "--odd.mp4"):
        assert main(["score", name]) == 2
        said = f"jaxvqa: {name} begins with a dash, as options do: if it is a file, write ./{name}, or put it after --;"
        assert capfd.readouterr().err.startswith(said)
    command = ["score", f"--weights={small_weights}", "--format=jsonl", "--", "-odd.mp4", "[1].mp4"]
    assert main(command) == 0
    assert [json.loads(line)["path"] for line in capfd.readouterr().out.splitlines()] == ["-odd.mp4", "[1].mp4"]
