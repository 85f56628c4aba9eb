"""What scripts/fuzz.py does at length, in short."""

import importlib.util
from pathlib import Path

import pytest

SPEC = importlib.util.spec_from_file_location("fuzz", Path(__file__).parents[2] / "scripts" / "fuzz.py")


fuzz = importlib.util.module_from_spec(SPEC)


SPEC.loader.exec_module(fuzz)


@pytest.mark.hostile
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.parametrize("reader", fuzz.READERS)
def test_damaged_files_are_read_or_refused_with_a_sentence(reader):
    counts, slowest, others = fuzz.fuzz(reader, 60)
    assert others == []
    assert counts["accepted"]
    assert counts["refused"]
    assert slowest < 30
