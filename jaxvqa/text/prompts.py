"""Prompt pairs: custom dimensions, each a description of good videos and its opposite."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..dimensions import DIMENSIONS, prompt
from ..errors import UserError


class PromptPair(NamedTuple):
    """Two opposite descriptions that stand for a dimension.

    Attributes:
        positive: what fits a good video, such as "cinematic".
        negative: its opposite, such as "amateurish".
    """

    positive: str
    negative: str

    def __str__(self) -> str:
        return " / ".join(self)


def read_pairs(text: str) -> list[PromptPair]:
    """Reads prompt pairs as a user types them: "cinematic / amateurish; lively / dull".

    Raises:
        UserError: a pair lacks a side or has too many, or occurs twice, or a character cannot be printed.
    """
    if not text.isprintable():
        raise UserError(f"prompts are {text!r}; they must be plain text in one line.")
    pairs = []
    for part in filter(str.strip, text.split(";")):
        sides = [description.strip() for description in part.split("/")]
        if len(sides) != 2 or not all(sides):
            raise UserError(
                f"{part.strip()!r} is not a prompt pair; write the positive description, a slash and its opposite, "
                "such as 'cinematic / amateurish', and put a semicolon between pairs."
            )
        pairs.append(PromptPair(*sides))
    if len(set(pairs)) < len(pairs):
        raise UserError(f"prompts {text!r} contain the same pair twice; remove one.")
    return pairs


def codes(custom: Iterable[PromptPair]) -> list[str]:
    """Lists the codes of the 16 dimensions, then those of custom ones, which are their prompt pairs."""
    return [*(dimension.code for dimension in DIMENSIONS), *map(str, custom)]


def with_pairs(prompts: Sequence[str], pairs: Sequence[PromptPair]) -> list[str]:
    """Adds the prompts of pairs to those of dimensions: all positive ones first, then the negative ones."""
    half = len(prompts) // 2
    positive, negative = ([prompt(pair[side]) for pair in pairs] for side in (0, 1))
    return [*prompts[:half], *positive, *prompts[half:], *negative]
