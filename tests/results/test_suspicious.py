"""What is the same where it should differ is told, and nothing else."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from clips import moving_clip, write_clip

import jaxvqa
from jaxvqa.features.extract import extract
from jaxvqa.main import main
from jaxvqa.results.rows import RAW
from jaxvqa.results.suspicious import CLOSE, constant_scores
from jaxvqa.video.sampling import Sampling
from jaxvqa.weights.assemble import ENCODERS
from jaxvqa.weights.load import load_weights

CONFIG = Path(__file__).parents[2] / "configs" / "score.py"


def rows(scores, **fields):
    return [
        {"path": f"{i}.mp4", "sha256": f"{i:064}", "status": "ok", **dict(zip(RAW, row, strict=True)), **fields}
        for i, row in enumerate(np.asarray(scores).tolist())
    ]


def test_a_constant_dimension_is_named():
    scores = np.random.default_rng(0).uniform(0.3, 0.7, (7, 16))
    assert constant_scores(rows(scores)) == []
    scores[:, 9] = 0.5 + CLOSE / 10 * np.arange(7)
    [sentence] = constant_scores(rows(scores))
    assert sentence == (
        "suspicious: 7 different files score the same, within 0.0001, in T-3 noise: 0.mp4, 1.mp4, 2.mp4, 3.mp4, 4.mp4 "
        "and 2 more; look whether they show anything, and whether the weights are sound."
    )
    assert constant_scores(rows(scores[:4])) == []  # few may be close by chance
    assert constant_scores(rows(scores, sha256="a")) == []  # one file under seven names
    assert constant_scores(rows(scores, status="error")) == []
    scores[:] = scores[:1] + CLOSE / 10 * np.arange(7)[:, None]
    assert " in every dimension: " in constant_scores(rows(scores))[0]


def test_scores_at_an_end_of_the_scale_are_not_constant():
    scores = np.random.default_rng(0).uniform(size=(7, 16))
    scores[:, 9] = 1 - 1e-5 * np.arange(1, 8)  # as those of videos without noise
    assert constant_scores(rows(scores)) == []
    scores[:, 9] = 1 - 1e-7 * np.arange(7)
    assert " in T-3 noise: " in constant_scores(rows(scores))[0]


def test_dimensions_that_are_not_scored_are_not_constant():
    scores = np.random.default_rng(0).uniform(size=(7, 16))
    missing = rows(scores, content=None, overall=None)
    assert constant_scores(missing) == []
    alike = [{**row, **dict.fromkeys(RAW[2:], 0.5 + CLOSE / 10 * i)} for i, row in enumerate(missing)]
    assert " in every dimension: " in constant_scores(alike)[0]


def test_identical_scores_are_named():
    scores = np.random.default_rng(0).uniform(size=(4, 16))
    scores[2] = scores[0]
    [sentence] = constant_scores(rows(scores))
    assert sentence.startswith("suspicious: 2 different files have the same scores to the last digit: 0.mp4, 2.mp4; ")


def test_ordinary_videos_raise_no_alarm(tmp_path):
    """Noise drifting at one speed, and one clip looked at with several seeds, are as alike as videos get."""
    model = jaxvqa.load()
    clips = [moving_clip(tmp_path / f"{i}.mp4", 12, 64, 96, seed=i) for i in range(5)]
    assert constant_scores(rows([model.score(clip).raw for clip in clips])) == []
    assert constant_scores(rows([model.score(clips[0], seed).raw for seed in range(5)])) == []


@pytest.fixture
def black(tmp_path):
    """A folder with a clip, a copy of it, and two black clips of different lengths."""
    folder = tmp_path / "clips"
    folder.mkdir()
    shutil.copy(moving_clip(folder / "moving.mp4"), folder / "copy.mp4")
    for frames in (10, 12):
        write_clip(folder / f"black-{frames}.mp4", np.zeros((frames, 64, 96, 3), np.uint8))
    return folder


def test_command_and_extraction_tell_of_black_videos(black, small_weights, tmp_path, capfd):
    config = ["jaxvqa", f"--config={CONFIG}", f"--config.videos={black}", f"--config.output={tmp_path / 'out'}"]
    assert main([*config, f"--config.weights={small_weights}"]) == 0
    told = [line for line in capfd.readouterr().err.splitlines() if line.startswith("suspicious")]
    expected = f"{black}/black-10.mp4, {black}/black-12.mp4; look whether they show the same, or nothing."
    assert told == [f"suspicious: 2 different files have the same scores to the last digit: {expected}"]
    extract(sorted(map(str, black.glob("*"))), load_weights(small_weights, ENCODERS), tmp_path / "features", Sampling())
    assert capfd.readouterr().err.splitlines() == [told[0].replace("scores", "features")]
