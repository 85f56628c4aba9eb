"""Prompts, and pairs of opposite descriptions in words of a user."""

from collections.abc import Sequence

from ..dimensions import DIMENSIONS, prompt
from ..errors import UserError
from ..system.terminal import printable


def read_pairs(text: str) -> list[tuple[str, str]]:
    """Pairs of opposite descriptions in words of a user: "cinematic / amateurish; lively / dull".

    Raises:
        UserError: a pair is no pair, or is there twice, or a character is none that can be printed.
    """
    if not text.isprintable():
        raise UserError(f"words must be plain text in one line, but are {printable(text)!r}.")
    pairs = []
    for part in filter(str.strip, text.split(";")):
        pair = tuple(description.strip() for description in part.split("/"))
        if len(pair) != 2 or not all(pair):
            raise UserError(
                f"{part.strip()!r} is no pair of words: write what is good, a slash, and its opposite, such as "
                "'cinematic / amateurish'; between pairs, a semicolon."
            )
        pairs.append(pair)
    if len(set(pairs)) < len(pairs):
        raise UserError(f"the same pair of words is there twice in {text!r}.")
    return pairs


def join(pair: tuple[str, str]) -> str:
    """A pair of descriptions as one text."""
    return " / ".join(pair)


def codes(own: Sequence[tuple[str, str]]) -> list[str]:
    """Codes of the 16 dimensions, and pairs of words as those of the dimensions behind them."""
    return [*(dimension.code for dimension in DIMENSIONS), *map(join, own)]


def with_pairs(prompts: Sequence[str], pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Prompts, the positive ones of all dimensions and then the negative ones, with those of more pairs of words."""
    half = len(prompts) // 2
    positive, negative = ([prompt(pair[side]) for pair in pairs] for side in (0, 1))
    return [*prompts[:half], *positive, *prompts[half:], *negative]
