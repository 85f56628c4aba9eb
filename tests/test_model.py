import dataclasses
from pathlib import Path

import numpy as np
import pytest

import jaxvqa
from jaxvqa.main import main
from jaxvqa.video.sampling import draw_plan

ROOT = Path(__file__).parents[1]


def score(videos, weights, output, *overrides):
    """The scoring command in this process; returns its exit code."""
    config = ROOT / "configs" / "score.py"
    fields = {"videos": videos, "weights": weights, "output": output}
    return main(["jaxvqa", f"--config={config}", *(f"--config.{k}={v}" for k, v in fields.items()), *overrides])


def test_plan_given_by_the_caller(clips, small_weights):
    model = jaxvqa.load(small_weights)
    plan = draw_plan(5, "another name", 20, 240, 320)
    expected = model.score(clips / "a.mp4", plan=plan)
    assert np.array_equal(model.score(clips / "a.mp4", plan=plan).local, expected.local)
    assert not np.array_equal(model.score(clips / "a.mp4").local, expected.local)
    for field, value in (
        ("technical_indices", np.full(128, 20)),
        ("aesthetic_indices", np.full(64, -1)),
        ("row_offsets", np.full((7, 7, 4), -1)),
        ("column_offsets", np.full((7, 7, 4), 320 // 7 - 31)),
    ):
        with pytest.raises(jaxvqa.UserError, match=f"sampling plan: {field} must be"):
            model.score(clips / "a.mp4", plan=dataclasses.replace(plan, **{field: value}))


def test_words_need_a_text_transformer(clips, released_weights, tmp_path, capfd):
    assert score(clips / "a.mp4", released_weights, tmp_path, "--config.prompts=good / bad") == 2
    assert "have no text encoder, so they cannot score custom prompts" in capfd.readouterr().err
