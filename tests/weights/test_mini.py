"""jaxvqa-mini, the model that comes with the package, as users get it."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

import jaxvqa
from jaxvqa.main import main
from jaxvqa.results.rows import RAW
from jaxvqa.synthetic.degradations import AESTHETIC, TECHNICAL, degrade
from jaxvqa.synthetic.scenes import Camera, film, load, photographs
from jaxvqa.synthetic.transcode import encode
from jaxvqa.weights.directory import TENSORS, read_tensors
from jaxvqa.weights.load import PACKAGED

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def mini():
    return jaxvqa.load()


def test_it_is_small_and_says_what_it_is(mini):
    folder = PACKAGED["mini"]
    assert sum(path.stat().st_size for path in folder.iterdir()) < 10e6
    assert {str(values.dtype) for values in read_tensors(folder / TENSORS, "swin").values()} == {"float16"}
    assert mini.weights_id.startswith("jaxvqa-mini-")
    assert "trained on synthetic degradations, blind to content and taste" in mini.card.limits
    assert mini.card.validated
    assert set(mini.card.validated) <= set(TECHNICAL)


def test_scores_without_weights_given(clips, tmp_path, capfd):
    arguments = [f"--config.videos={clips / 'a.mp4'}", f"--config.output={tmp_path}", "--config.workers=1"]
    assert main(["jaxvqa", f"--config={ROOT / 'configs' / 'score.py'}", *arguments]) == 0
    out, err = capfd.readouterr()
    assert "jaxvqa-mini: trained on synthetic degradations" in out
    assert "weights: jaxvqa-mini, for no others are given; `jaxvqa download` fetches the published ones\n" in err
    assert "O*" in out.splitlines()[0].split()
    with (tmp_path / "scores.csv").open(newline="") as file:
        [row] = csv.DictReader(file)
    assert row["weights"].startswith("jaxvqa-mini-")
    assert row["unvalidated"].split()[0] == "O"


@pytest.mark.slow
def test_scores_depend_on_neither_cores_nor_workers_nor_company(clips, tmp_path):
    cores = sorted(os.sched_getaffinity(0))
    tables = []
    for name, videos, workers, used in (
        ("all", clips, 2, cores),
        ("one core", clips, 1, cores[:1]),
        ("alone", clips / "b.mp4", 1, cores[:1]),
    ):
        output = tmp_path / name
        settings = [f"--config.videos={videos}", f"--config.output={output}", f"--config.workers={workers}"]
        subprocess.run(
            [sys.executable, "-m", "jaxvqa.main", "--config", "configs/score.py", *settings],
            cwd=ROOT,
            check=True,
            capture_output=True,
            preexec_fn=lambda used=used: os.sched_setaffinity(0, used),
        )
        with (output / "scores.csv").open(newline="") as file:
            rows = {row["path"]: [float(row[name]) for name in RAW] for row in csv.DictReader(file)}
        tables.append(rows)
    everything, one_core, alone = tables
    assert len(everything) == 3
    for path, scores in everything.items():
        np.testing.assert_allclose(one_core[path], scores, rtol=0, atol=1e-5)
    for path, scores in alone.items():
        np.testing.assert_allclose(scores, everything[path], rtol=0, atol=1e-5)


def test_validated_scores_follow_flaws_of_a_scene_never_trained_on(mini, tmp_path):
    assert "cat" in photographs("validation")
    clip = film([load("chelsea.png")] * 32, 240, 320, 0, Camera(), np.random.default_rng(0))
    for code in mini.card.validated:
        scores = []
        for strength in (0, 0.3, 0.6, 0.9):
            strengths = dict.fromkeys(AESTHETIC + TECHNICAL, 0.0) | {code: strength}
            path = tmp_path / f"{code}-{strength}.mp4"
            encode(path, degrade(clip, strengths, np.random.default_rng(0)), 25, 18)
            scores.append(mini.score(path).dimensions[name_of(code)])
        assert spearmanr(scores, [0, -1, -2, -3]).statistic > 0.7, (code, scores)


def name_of(code):
    return next(dimension.name for dimension in jaxvqa.DIMENSIONS if dimension.code == code)
