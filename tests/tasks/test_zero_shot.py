"""The zero-shot task: scores by CLIP alone, in a user's words."""

import csv
from pathlib import Path

import pytest
from conftest import SMALL, save_random

from jaxvqa.main import main
from jaxvqa.system.files import lock_folder
from jaxvqa.weights.assemble import PARTS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def clip_weights(tmp_path_factory):
    configs = {part: PARTS[part][1](**SMALL[part]) for part in ("clip_visual", "clip_text")}
    return save_random(tmp_path_factory.mktemp("clip") / "weights", configs)


def zero_shot(videos, directory, output, *more):
    arguments = [f"--config.videos={videos}", f"--config.weights={directory}", f"--config.output={output}", *more]
    return main(["jaxvqa", f"--config={ROOT / 'configs' / 'zero_shot.py'}", *arguments])


def rows(output):
    with (output / "scores.csv").open(newline="") as file:
        return [*csv.DictReader(file)]


def test_random_weights_are_called_random(clips, tmp_path, capfd):
    assert zero_shot(clips / "a.mp4", "random-small", tmp_path) == 0
    assert "weights are random" in capfd.readouterr().err


def test_files_that_fail_are_rows_and_others_are_kept(clips, clip_weights, tmp_path, capfd):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "broken.mp4").write_bytes(b"no video")
    (folder / "a.mp4").write_bytes((clips / "a.mp4").read_bytes())
    for _ in range(2):
        assert zero_shot(folder, clip_weights, tmp_path / "out", "--config.prompts=calm / hectic") == 1
        assert [row["status"] for row in rows(tmp_path / "out")] == ["ok", "error"]
        assert "1 of 2 videos scored" in capfd.readouterr().err
    assert zero_shot(folder, clip_weights, tmp_path / "out") == 2  # other words make other columns
    assert "choose another output" in capfd.readouterr().err


def test_what_cannot_work_is_said(clips, clip_weights, released_weights, tmp_path, capfd):
    for arguments, said in (
        (("", clip_weights), "no videos given"),
        ((clips, ""), "no weights given"),
        ((clips, released_weights), "have no text encoder"),
        ((clips, clip_weights, "--config.prompts="), "no prompts given"),
        ((clips, clip_weights, "--config.prompts=good"), "is not a prompt pair"),
        ((clips, clip_weights, "--config.seed=-1"), "seed is -1"),
    ):
        videos, directory, *more = arguments
        assert zero_shot(videos, directory, tmp_path, *more) == 2
        assert said in capfd.readouterr().err


def test_two_runs_at_once(clips, clip_weights, tmp_path, capfd):
    with lock_folder(tmp_path):
        assert zero_shot(clips / "a.mp4", clip_weights, tmp_path) == 2
    assert f"another run is writing to {tmp_path}" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [".lock-0"]
