"""jaxvqa-mini, the model that comes with the package, as users get it."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import jaxvqa
from jaxvqa.main import main
from jaxvqa.results.rows import RAW
from jaxvqa.synthetic.material import pan
from jaxvqa.synthetic.scenes import load
from jaxvqa.synthetic.transcode import encode
from jaxvqa.weights.directory import TENSORS, read_tensors
from jaxvqa.weights.find import PACKAGED
from jaxvqa.weights.model_card import not_scored

ROOT = Path(__file__).parents[2]
NAMES = [dimension.name for dimension in jaxvqa.DIMENSIONS]


@pytest.fixture(scope="module")
def mini():
    return jaxvqa.load()


def test_it_is_small_and_says_what_it_is(mini):
    folder = PACKAGED["mini"]
    assert sum(path.stat().st_size for path in folder.iterdir()) < 10e6
    assert {str(values.dtype) for values in read_tensors(folder / TENSORS, "display").values()} == {"float16"}
    assert mini.weights_id.startswith("jaxvqa-mini-")
    assert "not on ratings; blind to content and taste" in mini.card.limits
    assert mini.card.validated
    assert set(mini.card.validated) <= set(mini.card.dimensions)
    assert not_scored(mini.card) == [d.code for d in jaxvqa.DIMENSIONS if d.code.startswith("A-")]
    assert mini.card.vmaf_interval


def test_scores_without_weights_given(clips, tmp_path, capfd):
    arguments = [f"--config.videos={clips / 'a.mp4'}", f"--config.output={tmp_path}", "--config.workers=1"]
    assert main(["jaxvqa", f"--config={ROOT / 'configs' / 'score.py'}", *arguments]) == 0
    out, err = capfd.readouterr()
    assert re.search(r"(?m)^overall \d+ ±\d+$", out)
    assert "weights: jaxvqa-mini, for no others are given; `jaxvqa download` fetches the published ones\n" in err
    assert "content" not in out
    with (tmp_path / "scores.csv").open(newline="") as file:
        [row] = csv.DictReader(file)
    assert row["weights"].startswith("jaxvqa-mini-")
    assert row["not_scored"].split()[0] == "A-1"
    assert (row["content"], row["content_display"]) == ("", "")
    assert row["display_height"] == "1080"


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
            rows = {row["path"]: [float(row[name] or "nan") for name in RAW] for row in csv.DictReader(file)}
        tables.append(rows)
    everything, one_core, alone = tables
    assert len(everything) == 3
    for path, scores in everything.items():
        np.testing.assert_allclose(one_core[path], scores, rtol=0, atol=1e-5)
    for path, scores in alone.items():
        np.testing.assert_allclose(scores, everything[path], rtol=0, atol=1e-5)


def filmed(file, lines, frames=40):
    """A slow camera over a photograph that scikit-image or scikit-learn ships, none of which was trained on."""
    photograph = load(file)
    scale = 8 / 7 * lines / min(photograph.size)
    large = photograph.resize([round(side * scale) for side in photograph.size], Image.Resampling.LANCZOS)
    clip = pan(np.asarray(large)[None].repeat(frames, 0), np.random.default_rng(0))  # which moves
    return clip[:, : clip.shape[1] // 4 * 4, : clip.shape[2] // 4 * 4]


@pytest.fixture(scope="module", params=["china.jpg", "coffee.png"])
def scene(request):
    return filmed(request.param, 360)


def test_overall_falls_with_compression(mini, scene, tmp_path):
    found = []
    for crf in (18, 24, 30, 36, 42, 48):
        encode(tmp_path / f"{crf}.mp4", scene, 30, crf)
        found.append([mini.score(tmp_path / f"{crf}.mp4", display_height=lines).display for lines in (360, 1080)])
    table = np.array(found)
    for name in ("overall", "technical"):
        assert (np.diff(table[..., NAMES.index(name)], axis=0) < 0).all(), (name, table[..., NAMES.index(name)])


def test_overall_falls_with_resolution(mini, scene, tmp_path):
    found = []
    for part in (1, 2 / 3, 1 / 3, 1 / 6):
        size = [round(side * part / 2) * 2 for side in scene.shape[2:0:-1]]
        small = np.stack([np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS)) for frame in scene])
        encode(tmp_path / "small.mp4", small, 30, 18)
        found.append([mini.score(tmp_path / "small.mp4", display_height=lines).overall for lines in (360, 1080)])
    assert (np.diff(found, axis=0) < 0).all(), found


def test_a_larger_display_shows_more(mini, scene, tmp_path):
    encode(tmp_path / "clip.mp4", scene, 30, 26)
    found = [mini.score(tmp_path / "clip.mp4", display_height=lines).overall for lines in (360, 720, 1440)]
    assert (np.diff(found) < 0).all(), found


def test_noise_and_held_frames_lower_their_own_score(mini, scene, tmp_path):
    noisy = scene + np.random.default_rng(0).normal(0, 15, scene.shape)
    versions = {
        "clean": scene,
        "noise": noisy.round().clip(0, 255).astype(np.uint8),
        "fluency": scene[::8].repeat(8, 0),
    }
    found = {}
    for name, clip in versions.items():
        encode(tmp_path / f"{name}.mp4", clip, 30, 14)
        found[name] = mini.score(tmp_path / f"{name}.mp4", display_height=360).display
    for name, other in (("noise", "fluency"), ("fluency", "noise")):
        fall = found["clean"] - found[name]
        assert fall[NAMES.index(name)] > 0.2, (name, fall)
        assert abs(fall[NAMES.index(other)]) < 0.1, (name, fall)
