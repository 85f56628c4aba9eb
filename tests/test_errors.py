"""Sentences for users: what they are made from."""

from dataclasses import dataclass

import pytest

from jaxvqa import UserError, VideoError
from jaxvqa.errors import DamagedError, MiscountError, check_lowest, few, few_of_each, first_line


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("no such thing.\nmore\n"), "no such thing"),
        (OSError(" spaces . "), "spaces"),
        (KeyError(), "KeyError"),
        (RuntimeError("\n \n"), "RuntimeError"),
    ],
)
def test_what_a_library_says_becomes_a_part_of_a_sentence(error, line):
    assert first_line(error) == line


@dataclass
class Settings:
    seed: int
    rate: float


@pytest.mark.parametrize(("seed", "rate", "message"), [(-1, 1, "seed is -1; it must be 0"), (0, float("nan"), "rate")])
def test_values_below_their_lowest_are_refused(seed, rate, message):
    check_lowest(Settings(0, 0.5), seed=0, rate=0.5)
    with pytest.raises(UserError, match=f"{message}.* or larger"):
        check_lowest(Settings(seed, rate), seed=0, rate=0.5)


def test_what_is_damaged_is_a_video_that_cannot_be_decoded():
    assert issubclass(MiscountError, DamagedError)
    assert issubclass(DamagedError, VideoError)
    assert issubclass(VideoError, UserError)


def test_lists_are_cut_however_long_they_are():
    assert few(["a"]) == "a"
    assert few(list("abcd")) == "a, b, c, d"
    assert few(list("abcdefg"), "; ") == "a; b; c; d; 3 more"
    problems = [*(f"missing: {i}" for i in range(600)), "unexpected: x", *(f"missing: {i}" for i in range(10))]
    lines = few_of_each(problems).split("\n  ")
    assert lines == ["", *(f"missing: {i}" for i in range(4)), "606 more", "unexpected: x"]
