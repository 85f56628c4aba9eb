import csv
from pathlib import Path

import numpy as np
import pytest
from conftest import SMALL, save_random

from jaxvqa.main import main
from jaxvqa.models.clip_resnet import CLIPResNet
from jaxvqa.models.clip_text import prompt_tree
from jaxvqa.system.compilation import jitted
from jaxvqa.text.tokens import tokenize
from jaxvqa.video.sampling import Sampling
from jaxvqa.video.workers import decode_file
from jaxvqa.weights.assemble import PARTS
from jaxvqa.weights.load import load_weights

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


def test_scores_are_those_of_the_definition(clips, clip_weights, tmp_path, capfd):
    path = clips / "a.mp4"
    assert zero_shot(path, clip_weights, tmp_path) == 0
    [row] = rows(tmp_path)
    parts = load_weights(clip_weights).parts
    frames = decode_file(str(path), Sampling()).views.aesthetic / 255
    mean, deviation = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
    see = jitted(CLIPResNet.__call__, parts["clip_visual"])
    pooled = np.asarray(see(((frames - mean) / deviation).astype(np.float32)))[:, 0]
    scores = []
    for pair in (("high quality", "low quality"), ("good", "bad")):
        tree = prompt_tree(tokenize([f"a {words} photo" for words in pair]))
        texts = np.asarray(parts["clip_text"](parts["clip_text"].embedding(tree.tokens), tree))
        norms = np.linalg.norm(pooled, axis=1)[:, None] * np.linalg.norm(texts, axis=1)
        good, bad = (pooled @ texts.T / norms).mean(axis=0)
        scores.append(1 / (1 + np.exp(-100 * (good - bad))))
        assert float(row[" / ".join(pair)]) == pytest.approx(scores[-1], abs=1e-4)
    assert 0 < scores[0] < 1
    assert scores[0] != pytest.approx(scores[1], abs=1e-3)
    assert float(row["mean"]) == pytest.approx(np.mean(scores), abs=1e-4)
    out, _ = capfd.readouterr()
    assert "Zero-shot" in out
    assert f"{scores[0]:.3f}" in out
