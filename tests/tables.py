"""A table of predictions and one of labels, as a fixture that tests share."""

import csv

import numpy as np
import pytest


def write(path, names, header="filename", **columns):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([header, *columns])
        writer.writerows(zip(names, *columns.values(), strict=True))
    return path


@pytest.fixture
def pair(tmp_path):
    """Files of predictions and labels of the same 40 videos, in different orders."""
    random = np.random.default_rng(0)
    truth = random.normal(size=(40, 2))
    predicted = 1 / (1 + np.exp(-truth - 0.5 * random.normal(size=(40, 2))))
    names = [f"{i}.mp4" for i in range(40)]
    labels = write(tmp_path / "labels.csv", names, O=truth[:, 0], **{"T-3": truth[:, 1]})
    predictions = write(
        tmp_path / "scores.csv",
        [f"folder/{name}" for name in names[::-1]],
        "path",
        overall=predicted[::-1, 0],
        noise=predicted[::-1, 1],
        overall_display=np.zeros(40),
    )
    return predictions, labels
