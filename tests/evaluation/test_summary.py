"""Tables of several trainings."""

import csv
import json

import pytest

from jaxvqa.evaluation.summary import Cells, add_values, mean_and_deviation, write_summary


def test_values_of_several_trainings_are_written_with_mean_and_deviation(tmp_path):
    cells: Cells = {}
    for value in (0.5, 0.7):
        add_values(cells, "baseline", {"PLCC": value, "SRCC": 1 - value})
    add_values(cells, "a, b", {"PLCC": 0.9, "SRCC": 0.1})
    assert mean_and_deviation(cells["baseline"]["PLCC"]) == pytest.approx((0.6, 0.1))
    write_summary(tmp_path / "table", cells)
    assert json.loads((tmp_path / "table.json").read_text()) == cells
    with (tmp_path / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row[""] for row in rows] == ["baseline", "a b"]
    assert [*rows[0]] == ["", "PLCC", "PLCC deviation", "SRCC", "SRCC deviation"]
    assert float(rows[0]["SRCC"]) == pytest.approx(0.4)
    assert float(rows[0]["SRCC deviation"]) == pytest.approx(0.1)
