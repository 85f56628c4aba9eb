"""The evaluating task."""

import json
from pathlib import Path

import numpy as np
from conftest import SCORED

import jaxvqa
from jaxvqa import DIMENSIONS
from jaxvqa.main import main
from jaxvqa.results.table import read_table
from jaxvqa.synthetic.maxwell import render

CONFIG = Path(__file__).parents[2] / "configs" / "evaluate.py"


def test_model_on_a_database(tmp_path, capfd):
    render(tmp_path / "data" / "synthetic_maxwell", clips=12, seed=1)
    arguments = [
        f"--config={CONFIG}",
        "--config.weights=random-small",
        "--config.database=synthetic_maxwell",
        *(f"--config.{name}={tmp_path / name}" for name in ("data", "features", "output")),
    ]
    assert main(["jaxvqa", *arguments]) == 0
    out = capfd.readouterr().out
    assert "random-small on synthetic_maxwell (synthetic" in out
    assert "weights random-small\n" in out
    assert "12 videos" in out
    predictions = read_table(tmp_path / "output" / "predictions.csv")
    assert sorted(predictions.names) == [f"{number:04}.mp4" for number in range(12)]
    model = jaxvqa.load("random-small")
    scores = model.score(tmp_path / "data" / "synthetic_maxwell" / "videos" / "0009.mp4")
    row = predictions.names.index("0009.mp4")
    ours = [predictions.scores[dimension.code][row] for dimension in DIMENSIONS]
    np.testing.assert_allclose(ours, scores.raw, atol=1e-3)  # features on disk are float16
    assert main(["jaxvqa", *arguments, "--config.predictions=x.csv"]) == 2
    assert "nothing to evaluate" in capfd.readouterr().err


def test_model_is_evaluated_in_what_it_scores(partial_weights, tmp_path, capfd):
    render(tmp_path / "data" / "synthetic_maxwell", clips=12, seed=1)
    arguments = [
        f"--config={CONFIG}",
        f"--config.weights={partial_weights}",
        "--config.database=synthetic_maxwell",
        "--config.resamples=20",
        *(f"--config.{name}={tmp_path / name}" for name in ("data", "features", "output")),
    ]
    assert main(["jaxvqa", *arguments]) == 0
    assert "not evaluated, because predictions for synthetic_maxwell has no scores in them: A-1, " in (
        capfd.readouterr().err
    )
    assert [*read_table(tmp_path / "output" / "predictions.csv").scores] == [*SCORED]
    assert [*json.loads((tmp_path / "output" / "evaluation.json").read_text())] == [*SCORED, "mean"]
