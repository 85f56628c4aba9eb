"""Databases of rated videos, as their authors lay them out."""

import csv

import numpy as np
import pytest

from jaxvqa import DIMENSIONS, UserError
from jaxvqa.datasets.cache import load_rated
from jaxvqa.datasets.databases import DATABASES

CODES = [dimension.code for dimension in DIMENSIONS]


FILES = DATABASES["maxwell"].label_files


NAMES = {"train": [f"{i:04}.mp4" for i in (5, 2, 7, 1)], "validation": [f"{i:04}.mp4" for i in (4, 0, 3)]}


def labels_of(split):
    return np.random.default_rng(len(split)).normal(size=(len(NAMES[split]), 16))


def write_maxwell(home, split, names=None, labels=None, codes=CODES, overall=None):
    """The two label files of a split; `overall` is what stands in the list, by default as in the table."""
    names = NAMES[split] if names is None else names
    labels = labels_of(split) if labels is None else labels
    overall = [row[0] for row in labels] if overall is None else overall
    table, name_list = (home / file for file in FILES[split])
    home.mkdir(parents=True, exist_ok=True)
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([codes, *(row[: len(codes)] for row in labels)])
    name_list.write_text("".join(f"{name}, -1, -1, {o}\n" for name, o in zip(names, overall, strict=True)))


def write_mos(root, text, database="konvid_1k"):
    (root / database).mkdir(parents=True, exist_ok=True)
    (root / database / "labels.txt").write_text(text)


def fails(match, spec, root, **options):
    """Asserts that loading ends with a sentence on one line."""
    with pytest.raises(UserError, match=match) as caught:
        load_rated(spec, root, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message
