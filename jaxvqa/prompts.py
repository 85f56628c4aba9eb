"""Prompts as CLIP tokens. Source: CLIP (arXiv:2103.00020, section 2.4)."""

from collections.abc import Sequence
from typing import NamedTuple

import instant_clip_tokenizer
import numpy as np
from jaxtyping import Bool, Int

from .dimensions import DIMENSIONS, prompt
from .errors import UserError
from .terminal import printable

CONTEXT = 77


class PromptTree(NamedTuple):
    """Prompts as a tree, in which what several begin with stands once: attention is causal, so it is the same in all.

    Attributes:
        tokens: int32, the tokens of the tree.
        positions: int32, place of each token in its prompt.
        visible: whether a token (row) sees another (column): itself and those before it in its prompt.
        ends: int32, the token that each prompt ends with.
    """

    tokens: Int[np.ndarray, " nodes"]
    positions: Int[np.ndarray, " nodes"]
    visible: Bool[np.ndarray, "nodes nodes"]
    ends: Int[np.ndarray, " prompts"]


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


def tokenize(texts: Sequence[str]) -> Int[np.ndarray, "prompts 77"]:
    """CLIP's byte-pair tokens, int32, between start (49406) and end of text (49407), padded with 0.

    Works offline: the vocabulary comes with the tokenizer package.

    Raises:
        UserError: a text of no token, or of more than the 75 that CLIP has positions for.
    """
    tokenizer = instant_clip_tokenizer.Tokenizer()
    tokens = np.zeros((len(texts), CONTEXT), np.int32)
    for row, text in zip(tokens, texts, strict=True):
        ids = [49406, *tokenizer.encode(text), 49407]
        if len(ids) == 2:
            raise UserError(f"prompt {text!r} is empty: describe something.")
        if len(ids) > CONTEXT:
            raise UserError(f"prompt of {len(ids) - 2} tokens is too long, CLIP takes {CONTEXT - 2}: shorten {text!r}.")
        row[: len(ids)] = ids
    return tokens


def prompt_tree(tokens: Int[np.ndarray, "prompts 77"]) -> PromptTree:
    """Joins tokenized prompts to a tree; of the 32 default ones, 229 tokens become 133."""
    nodes: dict[tuple[int, ...], int] = {}  # number of what a prompt begins with
    ends = []
    for row in tokens.tolist():
        for i in range(row.index(max(row)) + 1):  # the end of text has the largest id
            end = nodes.setdefault(tuple(row[: i + 1]), len(nodes))
        ends.append(end)
    visible = np.zeros((len(nodes), len(nodes)), bool)
    for start, number in nodes.items():
        visible[number, [nodes[start[: i + 1]] for i in range(len(start))]] = True
    return PromptTree(
        np.array([start[-1] for start in nodes], np.int32),
        np.array([len(start) - 1 for start in nodes], np.int32),
        visible,
        np.array(ends, np.int32),
    )
