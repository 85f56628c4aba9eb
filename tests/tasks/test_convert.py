import subprocess
import sys
from pathlib import Path

from jaxvqa.weights.load import load_weights

SCRIPT = Path(__file__).parents[2] / "scripts" / "convert.py"


def test_script(checkpoints, tmp_path):
    command = [sys.executable, SCRIPT, "--fastvqa", checkpoints["dover"], "--output", tmp_path / "weights"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(load_weights(tmp_path / "weights").parts) == {"swin", "fastvqa_head"}
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 2
    assert again.stderr == (
        f"jaxvqa: {tmp_path / 'weights'} already exists: remove it or choose another output directory.\n"
    )
