import csv
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from jaxvqa.dimensions import DIMENSIONS

SCALES = np.array([d.ratings for d in DIMENSIONS], float).T

SCRIPT = Path(__file__).parents[2] / "scripts" / "opinions.py"


@pytest.fixture
def opinions():
    spec = importlib.util.spec_from_file_location("opinions_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(path, values):
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerows([[d.code for d in DIMENSIONS], *values.tolist()])
    return str(path)


def test_intervals_hold_nine_in_ten_of_videos_that_were_not_fitted_to(opinions, tmp_path, monkeypatch, capsys):
    generator = np.random.default_rng(0)
    raw = generator.uniform(0.2, 0.8, (400, 16))
    span = SCALES[1] - SCALES[0]
    labels = SCALES[0] + span / (1 + np.exp((0.5 - raw) / 0.1)) + span * generator.normal(0, 0.05, raw.shape)
    target = tmp_path / "table.json"
    monkeypatch.setattr(opinions, "TARGET", target)
    monkeypatch.setattr(opinions, "SPLITS", 10)
    paths = [write(tmp_path / "raw.csv", raw), write(tmp_path / "labels.csv", labels)]
    monkeypatch.setattr(opinions.sys, "argv", ["opinions.py", *paths])
    assert opinions.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 17
    found = np.array([[float(x) for x in line.split()[-5:]] for line in lines[1:]])
    assert found[:, 0].mean() == pytest.approx(0.9, abs=0.02)
    assert (found[:, 1] / span).mean() == pytest.approx(1.645 * 0.05, abs=0.01)
    assert (found[:, 4] > found[:, 3]).all()
    monkeypatch.setattr(opinions.sys, "argv", ["opinions.py"])
    assert opinions.main() == 2


def test_the_table_is_what_the_script_makes_of_the_published_predictions(opinions, shared, tmp_path, monkeypatch):
    shipped = opinions.TARGET.read_text()
    monkeypatch.setattr(opinions, "TARGET", tmp_path / "table.json")
    monkeypatch.setattr(opinions, "measure", lambda *_: np.zeros((16, 5)))
    files = (shared / "maxwell" / name for name in ("published_val_predictions.csv", "MaxWell_val.csv"))
    monkeypatch.setattr(opinions.sys, "argv", ["opinions.py", *map(str, files)])
    assert opinions.main() == 0
    assert np.allclose(numbers(shipped), numbers(opinions.TARGET.read_text()), rtol=1e-3)


def numbers(text):
    import json

    return [[row["half"], row["deviation"]] for row in json.loads(text)["dimensions"].values()]
