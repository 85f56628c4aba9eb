import json

import numpy as np
import pytest

import jaxvqa
from jaxvqa import UserError, WeightsError
from jaxvqa.example import EXAMPLE
from jaxvqa.scoring.reference import NAME, PACKAGED, TOLERANCE, compare, keep, kept, measure, packaged
from jaxvqa.system.files import file_sha256


@pytest.mark.parametrize("name", json.loads(PACKAGED.read_text()))
def test_packaged_references_are_reached(name):
    """To renew them on purpose: python scripts/make_example.py scores."""
    measured = measure(jaxvqa.load(name))
    assert measured["clip"] == packaged(name)["clip"] == file_sha256(EXAMPLE)
    assert "within 0.0000" in compare(measured, packaged(name))


REFERENCE = {"clip": file_sha256(EXAMPLE), "weights": "a", "scores": {"overall": 0.5, "noise": 0.9}}


def test_scores_are_compared_then_weights():
    assert compare(REFERENCE, REFERENCE) == "scores of the example within 0.000001 of their reference"
    near = REFERENCE | {"scores": {"overall": 0.5, "noise": 0.9 - 0.9 * TOLERANCE}}
    assert compare(near, REFERENCE) == "scores of the example within 0.000900 of their reference"
    far = REFERENCE | {"scores": {"overall": 0.5, "noise": 0.9 - 1.1 * TOLERANCE}, "weights": "b"}
    with pytest.raises(UserError, match=r"the example scores 0.8989 in noise, not 0.9000$"):
        compare(far, REFERENCE)
    with pytest.raises(UserError, match=r"the weights are b, and the reference scores are of a$"):
        compare(near | {"weights": "b"}, REFERENCE)
    with pytest.raises(UserError, match=r"scores in overall, not in overall, noise$"):
        compare(REFERENCE | {"scores": {"overall": 0.5}}, REFERENCE)


def test_a_reference_is_kept_with_its_weights(tmp_path):
    assert kept(tmp_path) is None
    keep(REFERENCE, tmp_path)
    assert kept(tmp_path) == REFERENCE
    keep(REFERENCE | {"clip": "of another version"}, tmp_path)
    assert kept(tmp_path) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        json.dumps(REFERENCE | {"scores": {"overall": None}}),
        json.dumps(REFERENCE | {"scores": {"overall": np.nan}}),
        json.dumps(REFERENCE | {"scores": [0.5]}),
        json.dumps({"clip": REFERENCE["clip"], "scores": {}}),
    ],
)
def test_what_is_no_reference_is_told(tmp_path, text):
    (tmp_path / NAME).write_text(text)
    with pytest.raises(WeightsError, match="holds no reference scores"):
        kept(tmp_path)
