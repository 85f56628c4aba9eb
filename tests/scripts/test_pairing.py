import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
from clips import moving_clip

SCRIPT = Path(__file__).parents[2] / "scripts" / "pairing.py"


@pytest.fixture
def pairing():
    spec = importlib.util.spec_from_file_location("pairing", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_seeds_share_goes_when_they_are_paired(pairing):
    """Two encodes a point apart, whose scores move by five with the seed, and by a tenth each for itself."""
    generator = np.random.default_rng(0)
    shape = (20, 3, 6, 400)
    scores = -np.arange(6)[:, None] + 5 * generator.normal(size=(20, 3, 1, 400)) + 0.1 * generator.normal(size=shape)
    (right, low, high), (deviation, *_) = pairing.figures(scores, 0)
    assert right == low == high == 1
    assert deviation == pytest.approx(0.1 * 2**0.5, rel=0.02)
    (right, low, high), (deviation, *_) = pairing.figures(scores, 1)
    assert low <= right <= high
    assert right == pytest.approx(0.556, abs=0.01)  # of a normal variable with mean 1 and deviation 5 * sqrt(2)
    assert deviation == pytest.approx(5 * 2**0.5, rel=0.02)


def test_encodes_are_scored_by_several_seeds(pairing, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pairing, "ENCODERS", {"x264": (["-c:v", "libx264", "-preset", "veryfast"], (20, 45))})
    monkeypatch.setattr(pairing, "SEEDS", 2)
    monkeypatch.setattr(pairing.sys, "argv", ["pairing.py", str(moving_clip(tmp_path / "clip.mp4", 20, 240, 320))])
    assert pairing.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"1 videos, 2 encodes, jaxvqa-mini-\w{12}", lines[0])
    assert [re.findall(r"-?[\d.]+", line)[:1] for line in lines[2:4]] == [["1.000"]] * 2
