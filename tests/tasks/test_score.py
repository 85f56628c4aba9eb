import contextlib
import csv
import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import SCORED
from pages import Page

import jaxvqa
from jaxvqa.main import main
from jaxvqa.video.workers import decode_samples

ROOT = Path(__file__).parents[2]


def score(videos, weights, output, *overrides):
    """The scoring command in this process; returns its exit code."""
    config = ROOT / "configs" / "score.py"
    fields = {"videos": videos, "weights": weights, "output": output}
    return main(["jaxvqa", f"--config={config}", *(f"--config.{k}={v}" for k, v in fields.items()), *overrides])


def rows(output):
    with (output / "scores.csv").open(newline="", errors="surrogateescape") as file:
        return list(csv.DictReader(file))


def files(output):
    return (output / "scores.csv").read_bytes(), (output / "scores.jsonl").read_bytes()


@pytest.fixture(scope="module")
def scored(clips, small_weights, tmp_path_factory):
    """Results of all clips in one run."""
    output = tmp_path_factory.mktemp("scored")
    assert score(clips, small_weights, output) == 0
    return output


def test_table_and_files(clips, small_weights, scored, capfd):
    assert score(clips, small_weights, scored) == 0
    out, err = capfd.readouterr()
    ranking, dimensions = (part.splitlines() for part in out.split("\n\n"))
    assert ranking[0].split() == ["overall", "video", "in", str(clips), "weakest", "in"]
    ranked = [line.split() for line in ranking[1:]]
    assert {name for _, _, name, *_ in ranked} == {"a.mp4", "b.mp4", "deep/c.mkv"}
    shown = {name: int(overall) for _, overall, name, *_ in ranked}
    for row in rows(scored):
        name = os.path.relpath(row["path"], clips)
        assert shown[name] == pytest.approx(100 * float(row["overall_display"]), abs=0.51)
    assert [*shown.values()] == sorted(shown.values(), reverse=True)
    assert {line.split("  ")[0] for line in dimensions[1:]} == {d.name for d in jaxvqa.DIMENSIONS[1:]}
    assert "3 of 3 videos scored (3 of them in an earlier run)" in err

    table = {os.path.basename(row["path"]): row for row in rows(scored)}
    assert [table["c.mkv"][k] for k in ("status", "frames", "height", "width", "fps", "seed")] == [
        "ok", "20", "144", "96", "25.000000", "0",
    ]  # fmt: skip
    assert 0 < float(table["a.mp4"]["overall"]) < 1
    columns = [dimension.column for dimension in jaxvqa.DIMENSIONS]  # overall alone can agree to six digits
    assert [table["a.mp4"][name] for name in columns] != [table["b.mp4"][name] for name in columns]
    assert json.loads((scored / "config.json").read_text())["seed"] == 0


def test_released_weights_tell_their_name_and_limits(clips, released_weights, tmp_path, capfd):
    assert score(clips / "a.mp4", released_weights, tmp_path) == 0
    out, _ = capfd.readouterr()
    codes = [dimension.code for dimension in jaxvqa.DIMENSIONS]
    assert out.splitlines()[-14].strip() == "not validated"
    [row] = rows(tmp_path)
    assert row["weights"].startswith("tiny-")
    assert row["unvalidated"].split() == [code for code in codes if code not in ("T-1", "T-3")]


def test_what_is_not_scored_has_no_numbers(clips, partial_weights, tmp_path, capfd):
    assert score(clips, partial_weights, tmp_path, "--config.repeats=2", "--config.report=True") == 0
    said = capfd.readouterr().out
    unscored = [d for d in jaxvqa.DIMENSIONS if d.code not in SCORED]
    assert "content" not in said
    assert "Means of several samplings each" in said
    table = rows(tmp_path)
    written = [json.loads(line) for line in (tmp_path / "scores.jsonl").read_text().splitlines()]
    for row, found in zip(table, written, strict=True):
        assert (row["unvalidated"], row["not_scored"]) == ("", " ".join(d.code for d in unscored))
        for d in jaxvqa.DIMENSIONS:
            names = d.column, f"{d.column}_display", f"{d.column}_deviation"
            assert [row[name] == "" for name in names] == [d in unscored] * 3
            assert [found[name] is None for name in names] == [d in unscored] * 3
    capfd.readouterr()
    assert score(clips, partial_weights, tmp_path, "--config.repeats=2", "--config.report=True") == 0
    out, err = capfd.readouterr()
    assert "3 of 3 videos scored (3 of them in an earlier run)" in err
    assert out == said
    page = Page((tmp_path / "report.html").read_text())
    assert [html.count('class="plot"') for html in page.stored] == 3 * [len(SCORED) + 2]  # and how it was coded
    assert "nan" not in "".join([*page.text, *Page("".join(page.stored)).text]).lower().split()
    assert [set(found["pooled"]) for found in written] == [
        {d.column for d in jaxvqa.DIMENSIONS if d not in unscored}
    ] * 3
    assert score(clips / "a.mp4", partial_weights, tmp_path / "one", "--config.format=jsonl") == 0
    [line] = capfd.readouterr().out.splitlines()
    assert (json.loads(line)["content"], json.loads(line)["content_display"]) == (None, None)


def test_scores_are_those_of_the_library(clips, small_weights, scored):
    model = jaxvqa.load(small_weights)
    scores = model.score(clips / "b.mp4")
    [row] = [row for row in rows(scored) if row["path"].endswith("b.mp4")]
    assert row["weights"] == model.weights_id
    for name, value in scores.dimensions.items():
        assert float(row[name.replace(" ", "_")]) == pytest.approx(value, abs=1e-6)
    assert scores.overall == scores.dimensions["overall"]
    assert scores.local.shape == (64, 49, 16)
    np.testing.assert_allclose(scores.raw, scores.local.mean(axis=(0, 1), dtype=float), atol=1e-6)
    np.testing.assert_allclose(scores.display, jaxvqa.display(scores.raw))
    assert float(row["noise_display"]) == pytest.approx(scores.display[9], abs=1e-6)


def test_same_bytes_in_another_order_and_in_three_runs(clips, small_weights, scored, tmp_path):
    paths = [str(clips / name) for name in ("deep/c.mkv", "b.mp4", "a.mp4")]
    (tmp_path / "list.txt").write_text("\n".join(paths))
    assert score(tmp_path / "list.txt", small_weights, tmp_path / "order") == 0
    for path in paths:
        assert score(path, small_weights, tmp_path / "runs") == 0
    assert files(tmp_path / "order") == files(tmp_path / "runs") == files(scored)


def test_seed_changes_scores_and_keeps_earlier_rows(clips, small_weights, tmp_path):
    path = clips / "b.mp4"
    assert score(path, small_weights, tmp_path) == score(path, small_weights, tmp_path, "--config.seed=1") == 0
    first, second = rows(tmp_path)
    assert (first["seed"], second["seed"]) == ("0", "1")
    assert first["overall"] != second["overall"]


def test_resumed_run_scores_the_rest_only(clips, small_weights, scored, tmp_path, monkeypatch):
    output = shutil.copytree(scored, tmp_path / "output")
    lines = (output / "scores.jsonl").read_bytes().splitlines(keepends=True)
    (output / "scores.jsonl").write_bytes(lines[0] + lines[1][:50])
    opened = []
    monkeypatch.setattr(
        "jaxvqa.scoring.videos.decode_samples",
        lambda paths, *_, **options: opened.extend(paths) or decode_samples(paths, *_, **options),
    )
    assert score(clips, small_weights, output) == 0
    assert [os.path.basename(path) for path in opened] == ["b.mp4", "c.mkv"]
    assert files(output) == files(scored)


@pytest.mark.parametrize(("signal", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_run_goes_on_to_the_same_files(clips, small_weights, scored, tmp_path, signal, code):
    fields = {"videos": clips, "weights": small_weights, "output": tmp_path}
    command = [sys.executable, "-m", "jaxvqa.main", "--config=configs/score.py"]
    command += [f"--config.{k}={v}" for k, v in fields.items()]
    pipes = {"stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as process:
        written = tmp_path / "scores.jsonl"
        while process.poll() is None and not (written.exists() and written.stat().st_size):
            time.sleep(0.01)
        os.killpg(process.pid, signal)  # as terminals and schedulers do, decoders included
        _, err = process.communicate()
    assert process.returncode == code
    assert err == ("jaxvqa: stopped; the same command goes on with what is left to do.\n" if code > 0 else "")
    assert [row["status"] for row in rows(tmp_path)] in (["ok"], ["ok", "ok"])
    assert score(clips, small_weights, tmp_path) == 0
    assert files(tmp_path) == files(scored)


def test_changed_file_is_scored_again(clips, small_weights, tmp_path):
    path = shutil.copy(clips / "a.mp4", tmp_path / "clip.mp4")
    assert score(path, small_weights, tmp_path / "out") == 0
    [before] = rows(tmp_path / "out")
    shutil.copy(clips / "b.mp4", path)
    assert score(path, small_weights, tmp_path / "out") == 0
    [after] = rows(tmp_path / "out")
    assert (before["frames"], after["frames"]) == ("20", "90")
    assert before["sha256"] != after["sha256"]


def test_scores_do_not_depend_on_the_folder(clips, small_weights, tmp_path):
    model = jaxvqa.load(small_weights)
    copy = shutil.copy(clips / "b.mp4", tmp_path / "b.mp4")
    assert np.array_equal(model.score(copy).local, model.score(clips / "b.mp4").local)


def test_failures_are_rows_and_exit_code_1(clips, small_weights, tmp_path, capfd):
    folder = tmp_path / "videos"
    folder.mkdir()
    shutil.copy(clips / "a.mp4", folder / "good.mp4")
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("not a video " * 100)
    (folder / "cut.mp4").write_bytes((clips / "a.mp4").read_bytes()[:5000])
    os.mkfifo(folder / "pipe.mp4")
    assert score(folder, small_weights, tmp_path / "out") == 1
    out, err = capfd.readouterr()
    table = {os.path.basename(row["path"]): row for row in rows(tmp_path / "out")}
    assert {name: row["status"] for name, row in table.items()} == {
        "good.mp4": "ok", "empty.mp4": "error", "text.mp4": "error", "cut.mp4": "damaged", "pipe.mp4": "error",
    }  # fmt: skip
    for name, message in (("empty", "is an empty file"), ("text", "opened"), ("cut", "cut short"), ("pipe", "regular")):
        row = table[f"{name}.mp4"]
        assert message in row["error"]
        assert row["overall"] == row["overall_display"] == ""
        assert f"failed: {row['error']}" in err
    assert "1 of 5 videos scored" in err
    assert "Traceback" not in err
    assert out.count("not scored: ") == 4

    (folder / "empty.mp4").write_bytes((clips / "b.mp4").read_bytes())  # the user mends one and runs it again
    assert score(folder, small_weights, tmp_path / "out") == 1
    assert {os.path.basename(row["path"]): row["status"] for row in rows(tmp_path / "out")}["empty.mp4"] == "ok"


def test_scored_file_that_gave_way_to_a_pipe_is_not_waited_on(clips, small_weights, tmp_path):
    path = tmp_path / "clip.mp4"
    shutil.copy(clips / "a.mp4", path)
    assert score(path, small_weights, tmp_path / "out") == 0
    path.unlink()
    os.mkfifo(path)
    assert score(path, small_weights, tmp_path / "out") == 1
    assert "is not a regular file" in rows(tmp_path / "out")[0]["error"]


def test_names_that_are_no_text_are_scored(clips, small_weights, tmp_path):
    name = os.path.join(os.fsencode(tmp_path), b"[red]caf\xe9.mp4")
    shutil.copy(clips / "a.mp4", name)
    assert score(tmp_path, small_weights, tmp_path / "out") == 0
    assert [row["status"] for row in rows(tmp_path / "out")] == ["ok"]


def test_one_frame_video(small_weights, tmp_path):
    from clips import moving_clip

    path = moving_clip(tmp_path / "one.mp4", 1)
    local = jaxvqa.load(small_weights).score(path).local
    assert np.isfinite(local).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config.videos=", "--config.weights=W"], "no videos given"),
        (["--config.videos=V", "--config.weights=missing"], "weights directory missing does not exist"),
        (["--config.videos=V", "--config.weights=V"], "has no jaxvqa.json, so it is no jaxvqa weights directory"),
        (["--config.videos=missing.mp4", "--config.weights=W"], "no such file or folder: missing.mp4"),
        (["--config.videos=*.nothing", "--config.weights=W"], r"no video file matches \*.nothing"),
        (["--config.videos=V", "--config.weights=W", "--config.seed=-1"], "seed is -1"),
        (["--config.videos=V", "--config.weights=W", "--config.repeats=0"], "repeats is 0; it must be 1"),
        (
            ["--config.videos=V", "--config.weights=W", "--config.workers=-1"],
            "workers is -1; use 1 or more, or 0 for one per core",
        ),
        (["--config.videos=V", "--config.weights=W", "--config.precision=half"], "precision is 'half'; it must be"),
        (["--config.videos=V", "--config.weights=W", "--config.seed=x"], "seed is .x.; it must be a whole number"),
        (["--config.vidoes=V"], 'Did you mean "videos"'),
        (["stray"], "unexpected argument 'stray'"),
        (["--config.task=dance", "--config.videos=V"], "task is 'dance'; it must be score, score_many"),
        (["--verbose"], "Unknown command line flag 'verbose'"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(clips, small_weights, tmp_path, capfd, arguments, message):
    arguments = [a.replace("=V", f"={clips}").replace("=W", f"={small_weights}") for a in arguments]
    config = f"--config={ROOT / 'configs' / 'score.py'}"
    assert main(["jaxvqa", config, f"--config.output={tmp_path / 'out'}", *arguments]) == 2
    err = capfd.readouterr().err
    assert err.startswith("jaxvqa: ")
    assert err.count("\n") == 1
    assert re.search(message, err)


def test_unwritable_output_is_one_sentence(clips, small_weights, tmp_path, capfd):
    (tmp_path / "file").touch()
    assert score(clips / "a.mp4", small_weights, tmp_path / "file" / "out") == 2
    err = capfd.readouterr().err
    assert err.startswith(f"jaxvqa: folder {tmp_path / 'file'}")
    assert "Traceback" not in err


def test_command_line(clips, small_weights, tmp_path):
    command = [sys.executable, "-m", "jaxvqa.main", "--config", "configs/score.py"]
    arguments = [f"--config.videos={clips}/a.mp4", f"--config.weights={small_weights}", f"--config.output={tmp_path}"]
    done = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "a.mp4" in done.stdout
    assert "Warning" not in done.stderr
    helped = subprocess.run([*command[:3], "--help"], cwd=ROOT, capture_output=True, text=True)
    assert helped.returncode == 0
    assert "usage: python -m jaxvqa.main --config" in helped.stdout


def test_bfloat16_is_close_and_another_model(clips, small_weights):
    exact, rough = jaxvqa.load(small_weights), jaxvqa.load(small_weights, "bfloat16")
    assert rough.weights_id == f"{exact.weights_id}-bfloat16"
    exact, rough = (model.score(clips / "b.mp4") for model in (exact, rough))
    assert rough.local.dtype == np.float32
    assert 1e-6 < np.abs(rough.raw - exact.raw).max() < 0.02
    with pytest.raises(jaxvqa.UserError, match="precision is 'half', but must be float32 or bfloat16"):
        jaxvqa.load(small_weights, "half")


def test_report_of_a_run_and_of_the_one_that_goes_on(clips, small_weights, tmp_path, capfd):
    output = tmp_path / "out"
    videos = shutil.copytree(clips, tmp_path / "videos")
    assert score(videos / "a.mp4", small_weights, output) == 0
    assert not (output / "report.html").exists()
    (videos / "<broken>.mp4").write_bytes(b"no video")
    assert score(videos, small_weights, output, "--config.report=True") == 1
    err = capfd.readouterr().err
    assert "3 of 4 videos scored (0 of them in an earlier run)" in err  # without a section, it is scored again
    assert f"in {output}: scores.csv, scores.jsonl, report.html" in err
    page = (output / "report.html").read_text()
    assert "&lt;broken&gt;.mp4 cannot be opened as a video" in page
    assert len(Page(page).stored) == 3
    assert all(f"{videos}/{name}" in page for name in ("a.mp4", "b.mp4", "deep/c.mkv"))
    overall = round(100 * float(rows(output)[1]["overall_display"]))
    assert any(f"<b>{overall}</b> of 100" in html for html in Page(page).stored)

    for section in sorted((output / "sections").iterdir())[:1]:
        section.unlink()
    assert score(videos, small_weights, output, "--config.report=True") == 1
    assert "3 of 4 videos scored (2 of them in an earlier run)" in capfd.readouterr().err
    assert (output / "report.html").read_text() == page

    assert score(videos / "<broken>.mp4", small_weights, output, "--config.report=True") == 1
    assert "&lt;broken&gt;.mp4 cannot be opened as a video" in (output / "report.html").read_text()


def test_scores_at_each_time_step(clips, small_weights, tmp_path, capfd):
    assert score(clips, small_weights, tmp_path, "--config.repeats=2", "--config.per_moment=True") == 0
    assert f"in {tmp_path}: scores.csv, scores.jsonl, moments.csv" in capfd.readouterr().err
    written = (tmp_path / "moments.csv").read_bytes()
    with (tmp_path / "moments.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 3 * 2 * 64
    explanation = jaxvqa.load(small_weights).explain(clips / "b.mp4", repeats=2)
    for line, expected in zip([x for x in lines if x["path"].endswith("b.mp4")], explanation.moments, strict=True):
        assert line.keys() == expected.keys()
        for name, value in expected.items():
            assert (
                line[name] == str(value)
                if name in ("path", "weights")
                else float(line[name]) == pytest.approx(value, abs=2e-6)
            )
    [row] = [json.loads(x) for x in (tmp_path / "scores.jsonl").read_text().splitlines() if "b.mp4" in x]
    for name in ("overall", "noise"):
        over_time = np.array([x[f"{name}_display"] for x in explanation.moments])
        pooled = {"min": over_time.min(), "max": over_time.max(), "mean": over_time.mean()}
        assert {x: row["pooled"][name][x] for x in pooled} == pytest.approx(pooled, abs=2e-6)
    assert row["overall_display_harmonic_mean"] == row["pooled"]["overall"]["harmonic_mean"]

    (part, *_) = sorted((tmp_path / "moments").iterdir())
    part.unlink()  # as if it had been scored without --per-moment
    assert score(clips, small_weights, tmp_path, "--config.repeats=2", "--config.per_moment=True") == 0
    assert "3 of 3 videos scored (2 of them in an earlier run)" in capfd.readouterr().err
    assert (tmp_path / "moments.csv").read_bytes() == written


def test_repeats_give_means_and_deviations(clips, small_weights, tmp_path, capfd):
    video = clips / "a.mp4"
    assert score(video, small_weights, tmp_path, "--config.repeats=3", "--config.seed=5", "--config.report=True") == 0
    out, _ = capfd.readouterr()
    [row] = rows(tmp_path)
    model = jaxvqa.load(small_weights)
    raw = np.stack([model.score(video, seed).raw for seed in (5, 6, 7)])
    assert np.ptp(raw, axis=0).max() > 2e-5  # ten times the tolerance of rows; it varies with libx264
    for i, dimension in enumerate(jaxvqa.DIMENSIONS):
        assert float(row[dimension.column]) == pytest.approx(raw[:, i].mean(), abs=2e-6)
        assert float(row[f"{dimension.column}_deviation"]) == pytest.approx(raw[:, i].std(ddof=1), abs=2e-6)
    assert row["repeats"] == "3"
    assert f"raw scores deviate by {raw.std(axis=0, ddof=1).mean():.3f} on average" in out
    assert " ± " in (tmp_path / "report.html").read_text()

    assert score(video, small_weights, tmp_path, "--config.seed=5") == 0  # one sampling is another score
    _, err = capfd.readouterr()
    assert "1 of 1 videos scored (0 of them in an earlier run)" in err
    [row] = rows(tmp_path)
    assert (row["repeats"], row["overall_deviation"]) == ("1", "")
    assert float(row["overall"]) == pytest.approx(raw[0, 0], abs=2e-6)


def test_rows_say_by_which_rule_frames_were_drawn(clips, small_weights, tmp_path, capfd):
    model, raw = jaxvqa.load(small_weights), []
    for rule in ("whole", "published"):
        assert score(clips / "b.mp4", small_weights, tmp_path, f"--config.sampling={rule}") == 0
        assert "1 of 1 videos scored (0 of them in an earlier run)" in capfd.readouterr().err
        [row] = rows(tmp_path)
        raw.append(model.score(clips / "b.mp4", sampling=rule).overall)
        assert (row["sampling"], float(row["overall"])) == (rule, pytest.approx(raw[-1], abs=2e-6))
    assert raw[0] != raw[1]
    earlier = json.loads((tmp_path / "scores.jsonl").read_text())
    del earlier["sampling"]  # as versions wrote it that had no other rule
    (tmp_path / "scores.jsonl").write_text(json.dumps(earlier) + "\n")
    assert score(clips / "b.mp4", small_weights, tmp_path) == 2
    assert (
        "line 1: not a row of scores, or one of another version of jaxvqa; move the file away" in capfd.readouterr().err
    )


def test_what_fails_in_one_of_several_samplings_has_failed(clips, small_weights, tmp_path, monkeypatch, capfd):
    def decode(*arguments, **options):
        first, second = decode_samples(*arguments, **options)
        yield first
        yield dataclasses.replace(second, views=None, error="it broke.")

    monkeypatch.setattr("jaxvqa.scoring.videos.decode_samples", decode)
    assert score(clips / "a.mp4", small_weights, tmp_path, "--config.repeats=2") == 1
    [row] = rows(tmp_path)
    assert (row["status"], row["error"], row["overall"]) == ("error", "it broke.", "")
    assert "it broke." in capfd.readouterr().err


def test_dense_scores_are_means_over_plans_that_cover_the_video(clips, small_weights, tmp_path, capfd):
    video = clips / "b.mp4"
    assert score(video, small_weights, tmp_path, "--config.dense=True", "--config.report=True") == 0
    [row] = rows(tmp_path)
    expected = jaxvqa.load(small_weights).explain(video, dense=True)
    assert int(row["repeats"]) == len(expected.plans) > 1
    assert row["dense"] == "True"
    assert float(row["overall"]) == pytest.approx(expected.scores.raw[0], abs=2e-6)
    assert "which cover every frame" in (tmp_path / "report.html").read_text()
    capfd.readouterr()

    assert score(video, small_weights, tmp_path, "--config.dense=True") == 0
    assert "(1 of them in an earlier run)" in capfd.readouterr().err
    assert score(video, small_weights, tmp_path) == 0  # other samplings are other scores
    assert "(0 of them in an earlier run)" in capfd.readouterr().err
    assert score(video, small_weights, tmp_path, "--config.dense=True", "--config.repeats=2") == 2
    assert "leave repeats at 1" in capfd.readouterr().err


def test_a_broken_file_is_one_row_in_dense_mode_too(clips, small_weights, tmp_path, capfd):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(b"no video")
    shutil.copy(clips / "b.mp4", folder)
    assert score(folder, small_weights, tmp_path / "out", "--config.dense=True") == 1
    assert [row["status"] for row in rows(tmp_path / "out")] == ["error", "ok"]


def test_words_of_ones_own_are_scored_beside_the_sixteen(clips, small_weights, tmp_path, capfd):
    video, words = clips / "a.mp4", "cinematic / amateurish; <b>lively / dull"
    assert score(video, small_weights, tmp_path, f"--config.prompts={words}", "--config.report=True") == 0
    out, _ = capfd.readouterr()
    [row] = rows(tmp_path)
    custom = json.loads(row["custom"])
    model = jaxvqa.load(small_weights, custom=[("cinematic", "amateurish"), ("amateurish", "cinematic")])
    scores = model.score(video)
    assert custom["cinematic / amateurish"] == pytest.approx(scores.custom["cinematic", "amateurish"], abs=2e-6)
    assert sum(scores.custom.values()) == pytest.approx(1, abs=1e-6)  # the other way round, the opposite
    assert not 0.499 < custom["cinematic / amateurish"] < 0.501
    np.testing.assert_allclose(scores.raw, jaxvqa.load(small_weights).score(video).raw, atol=1e-5)
    assert f"{custom['cinematic / amateurish']:.3f}" in out
    assert "zero-shot" in out
    page = (tmp_path / "report.html").read_text()
    assert "&lt;b&gt;lively / dull" in page
    assert "<b>lively" not in page

    assert score(video, small_weights, tmp_path, "--config.prompts=lively / dull") == 0  # has to be scored for them
    assert "(0 of them in an earlier run)" in capfd.readouterr().err


@pytest.mark.parametrize(
    "words", ["cinematic", "a / b / c", "good / ", "good / bad; good / bad", "good\n / bad", "caf\udce9 / pair"]
)
def test_words_that_are_no_pairs_are_refused(words, clips, small_weights, tmp_path, capfd):
    assert score(clips / "a.mp4", small_weights, tmp_path, f"--config.prompts={words}") == 2
    assert re.search("pair|plain text", capfd.readouterr().err)


def test_full_and_read_only_disks_are_one_sentence_and_cost_nothing_earlier(
    clips, small_weights, scored, small_disk, capfd
):
    output = small_disk("1m") / "out"
    assert score(clips / "a.mp4", small_weights, output) == 0
    earlier = {path.name: path.read_bytes() for path in output.iterdir()}
    filler = output.parent / "filler"
    capfd.readouterr()
    for disk, reason in (("full", "No space left on device"), ("ro", "Read-only file system")):
        if disk == "ro":
            filler.unlink()
            small_disk("1m", "remount", "ro")
        else:
            with contextlib.suppress(OSError):
                filler.write_bytes(bytes(1 << 21))
        assert score(clips, small_weights, output) == 2
        assert capfd.readouterr() == ("", f"jaxvqa: folder {output} cannot be written: {reason}.\n")
        assert {path.name: path.read_bytes() for path in output.iterdir()} == earlier
    small_disk("28k", "remount", "rw")  # full after another row or two
    assert score(clips, small_weights, output) == 1
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert re.fullmatch(rf"jaxvqa: {output}/.*: No space left on device; what was finished is kept\.\n", err)
    assert rows(output)[0]["path"] == str(clips / "a.mp4")
    small_disk("1m", "remount")
    assert score(clips, small_weights, output) == 0
    assert files(output) == files(scored)
