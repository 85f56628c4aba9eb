"""Sentences for users: what they are made from."""

from dataclasses import dataclass

import pytest

from jaxvqa import UserError, VideoError
from jaxvqa.errors import DamagedError, MiscountError, check_lowest, first_line


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
