"""Full-size networks against the numbers of the published implementation."""

import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import GOLDEN, SMALL, save_random

from jaxvqa.parity import check_folder
from jaxvqa.upstream.convert import convert_checkpoints
from jaxvqa.weights.assemble import PARTS, PUBLISHED_PARTS
from jaxvqa.weights.load import load_weights

SCRIPT = Path(__file__).parents[2] / "scripts" / "check_parity.py"


@pytest.mark.slow
def test_golden_arrays_of_this_repository(full_weights):
    arrays = 0
    for file, comparison in check_folder(GOLDEN / "seed0", load_weights(full_weights), None):
        assert comparison.passed, (file, comparison.array, comparison.relative)
        arrays += 1
    assert arrays == 4 + 6 + 7 * 6 + 2 + 18 + 4 + 2


@pytest.mark.slow
def test_all_golden_arrays_and_real_videos(shared, full_weights, checkpoints, tmp_path):
    deep = tmp_path / "deep"
    convert_checkpoints(deep, checkpoints["dover"], checkpoints["clip_rn50"], checkpoints["maxvqa_deep"])
    command = [
        sys.executable,
        SCRIPT,
        shared / "golden" / "seed0",
        "--weights",
        full_weights,
        "--deep",
        deep,
        "--videos",
        shared / "videos",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAIL" not in done.stdout
    assert done.stdout.count("pass  video_") == 9 + 5 + 9
    assert done.stdout.count("pass  train_") == 3 * (5 + 3 * 3) + 2 * (5 + 3 * 5)
    assert done.stdout.count("not compared") == 1 + 1  # the training data, the technical view of the small video


def test_script_fails_where_a_number_is_off(tmp_path, standin):
    golden = tmp_path / "golden"
    golden.mkdir()
    shutil.copy(GOLDEN / "seed0" / "frame_sampler.json", golden)
    text = dict(np.load(GOLDEN / "seed0" / "text.npz"))
    np.savez(golden / "text.npz", **text)
    configs = {part: PARTS[part][1]() for part in PUBLISHED_PARTS}
    directory = save_random(tmp_path / "weights", configs)
    done = subprocess.run([sys.executable, SCRIPT, golden, "--weights", directory], capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "FAIL  text.npz" in done.stdout
    assert done.stdout.count("pass") == 18 + 1  # the sampler and the tokens do not depend on weights
    assert "19 arrays within their limits, 3 not" in done.stdout


def test_wrong_usage(tmp_path, small_weights, monkeypatch, capsys):
    program = runpy.run_path(str(SCRIPT))["main"]
    (tmp_path / "video_x.npz").touch()
    swin_only = save_random(tmp_path / "swin", {"swin": PARTS["swin"][1](**SMALL["swin"])})
    for arguments, message in (
        ([tmp_path / "none", "--weights", small_weights], "does not exist"),
        ([tmp_path, "--weights", swin_only], "but not of fastvqa_head, clip_visual, clip_text, maxvqa"),
        ([tmp_path, "--weights", tmp_path], "has no jaxvqa.json"),
        ([tmp_path, "--weights", small_weights, "--videos", tmp_path / "none"], "has no video x"),
    ):
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, arguments)])
        assert program() == 2
        err = capsys.readouterr().err
        assert err.startswith("check_parity: ")
        assert message in err
        assert err.count("\n") == 1
