"""Recipes with several seeds."""

import csv
import json
import re
import shutil

import numpy as np
import pytest
from trainings import history

ABLATION = """
from jaxvqa.tasks.defaults import training_config


def get_config():
    config = training_config()
    config.task = "ablate"
    config.seeds = 2
    config.recipes = [
        ("baseline", {"train": {"chunks": 1}, "loss": {"huber": 0.0}}),
        ("+ chunks", {"train": {"chunks": 0}}),
    ]
    return config
"""


@pytest.mark.slow
def test_ablation(train, trained, tmp_path, capfd):
    config = tmp_path / "ablation.py"
    config.write_text(ABLATION)
    output = tmp_path / "out"
    capfd.readouterr()
    assert train(output, config=config, **{"train.passes": 1}) == 0
    out = capfd.readouterr().out
    assert re.search(r"^baseline +-?0\.\d{3} ± 0\.\d{3}", out, re.MULTILINE)
    assert "deviation over 2 seeds" in out
    values = json.loads((output / "ablation.json").read_text())
    histories = {name: [history(output / f"{name.replace(' ', '_')}-{seed}") for seed in (0, 1)] for name in values}
    assert {name: [len(rows) for rows in runs] for name, runs in histories.items()} == {
        "baseline": [2, 2],
        "+ chunks": [4, 4],
    }
    for name, runs in histories.items():
        assert [*values[name]] == ["PLCC", "SRCC", "PLCC of the best epoch", "SRCC of the best epoch"]
        assert values[name]["PLCC"] == pytest.approx([float(rows[-1]["plcc_mean"]) for rows in runs])
        assert values[name]["SRCC"] == pytest.approx([float(rows[-1]["srcc_mean"]) for rows in runs])
        expected = [max(float(row["plcc_mean"]) for row in rows) for rows in runs]
        assert values[name]["PLCC of the best epoch"] == pytest.approx(expected)
        assert "loss_huber" not in runs[0][0]
    with (output / "ablation.csv").open(newline="") as file:
        [baseline, chunks] = csv.DictReader(file)
    assert float(baseline["PLCC"]) == pytest.approx(np.mean(values["baseline"]["PLCC"]), abs=1e-6)
    assert float(chunks["SRCC deviation"]) == pytest.approx(np.std(values["+ chunks"]["SRCC"]), abs=1e-6)
    assert (output / "curves.png").stat().st_size > 20_000
    assert json.loads((output / "config.json").read_text())["recipes"]

    table = (output / "ablation.csv").read_bytes()
    shutil.rmtree(output / "+_chunks-1" / "checkpoints")  # as if it had been stopped in the last one
    (output / "ablation.csv").unlink()
    capfd.readouterr()
    assert train(output, config=config, **{"train.passes": 1}) == 0
    assert (output / "ablation.csv").read_bytes() == table
    assert set(re.findall(r"^(.*): epoch", capfd.readouterr().err, re.MULTILINE)) == {"+ chunks, seed 1"}
