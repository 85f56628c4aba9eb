from pathlib import Path

import numpy as np
import pytest

from jaxvqa.results.rows import DEVIATION, DISPLAY, RAW
from jaxvqa.system.terminal import Log
from jaxvqa.tasks.output import (
    print_custom,
    print_deviations,
    print_notes,
    tell_failures,
    tell_left_out,
    tell_other_weights,
)
from jaxvqa.text.prompts import PromptPair


@pytest.fixture
def rows():
    """A row with scores, and one without."""
    scores = dict(zip(RAW, np.linspace(0.2, 0.8, 16), strict=True))
    scores |= dict(zip(DISPLAY, np.linspace(0.1, 0.85, 16), strict=True))
    scores |= dict.fromkeys(DEVIATION, 0.01) | {DEVIATION[3]: 0.05}
    sound = {"path": "a\x1b.mp4", "status": "ok", "repeats": 2, "custom": {"good / bad": 0.25}, **scores}
    return [sound, {"path": "b.mp4", "status": "error", "error": "b.mp4 is an empty file.", "repeats": 1}]


def test_deviations_name_the_largest(rows, capsys):
    print_deviations(rows)
    assert "by 0.050 at most (color of a\ufffd.mp4)" in capsys.readouterr().out
    print_deviations([rows[0] | {DEVIATION[3]: None}])
    assert "by 0.010 at most" in capsys.readouterr().out
    print_deviations([{**rows[0], "repeats": 1}])
    assert capsys.readouterr().out == ""


def test_notes_are_a_line_a_video(capsys):
    print_notes([{"path": "a\x1b.mp4", "notes": "HDR (PQ); interlaced"}, {"path": "b.mp4", "notes": ""}])
    assert capsys.readouterr().out == "a\ufffd.mp4: HDR (PQ); interlaced\n"


def test_custom_prompts_are_called_zero_shot(rows, capsys):
    print_custom(rows, [PromptPair("good", "bad")], None)
    out = capsys.readouterr().out
    assert "good / bad (zero-shot)" in out
    assert "0.250" in out
    print_custom(rows, [], None)
    assert capsys.readouterr().out == ""


def test_failures_are_told_to_stderr(rows, capsys):
    assert tell_failures(rows, Log()) == rows[1:]
    assert [tell_left_out({"b.mp4": "b.mp4 is an empty file."}, allowed, Log()) for allowed in (True, False)] == [0, 1]
    assert tell_left_out({}, False, Log()) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["failed: b.mp4 is an empty file.", *["left out: b.mp4 is an empty file."] * 2]


def test_rows_by_other_weights_are_counted(capfd):
    keys = [("a.mp4", 0, "new"), ("b.mp4", 0, "new"), ("a.mp4", 0, "old"), ("b.mp4", 1, "old"), ("b.mp4", 1, "mini")]
    tell_other_weights(keys, "new", Path("out/scores.csv"), Log())
    assert capfd.readouterr().err == "out/scores.csv also has rows by other weights: mini (1), old (2)\n"
    tell_other_weights(keys[:2], "new", Path("out/scores.csv"), Log())
    assert capfd.readouterr().err == ""
