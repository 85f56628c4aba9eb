"""Prompts as CLIP tokens. Source: CLIP (arXiv:2103.00020, section 2.4)."""

import functools
import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int

from ..errors import UserError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

CONTEXT = 77
START, END = 49406, 49407
MERGES = Path(__file__).with_name("clip_merges.txt.gz")  # as published; where from: clip_merges.LICENSE
LAST = "</w>"  # marks the last letter of a word
# Contractions, words, digits one by one, runs of other characters.
PARTS = r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"


def tokenize(texts: Sequence[str]) -> Int[np.ndarray, "prompts 77"]:
    """CLIP's byte-pair tokens, int32, between start (49406) and end of text (49407), padded with 0.

    Text is taken as it is, in lower case. CLIP's code first repairs it (HTML entities, ligatures, letters composed of
    several characters): of plain text, that changes nothing. Text never turns into the tokens of start and end.

    Raises:
        UserError: a text of no token, or of more than the 75 that CLIP has positions for.
    """
    encode = tokenizer().encode
    tokens = np.zeros((len(texts), CONTEXT), np.int32)
    for row, text in zip(tokens, texts, strict=True):
        ids = [START, *encode(text.lower()).ids, END]
        if len(ids) == 2:
            raise UserError(f"prompt {text!r} is empty: describe something.")
        if len(ids) > CONTEXT:
            raise UserError(f"prompt of {len(ids) - 2} tokens is too long, CLIP takes {CONTEXT - 2}: shorten {text!r}.")
        row[: len(ids)] = ids
    return tokens


@functools.cache
def tokenizer() -> "Tokenizer":
    """CLIP's tokenizer: bytes as letters, joined by the published merges.

    Imported and made when it is first needed: weights without a text encoder score without it.
    """
    from tokenizers import Regex, Tokenizer
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel, Split
    from tokenizers.pre_tokenizers import Sequence as Steps

    with gzip.open(MERGES, "rt", encoding="utf-8", newline="\n") as file:
        merges = [(first, second) for first, second in map(str.split, file)]
    letters = sorted(ByteLevel.alphabet())
    vocabulary = [*letters, *(letter + LAST for letter in letters), *map("".join, merges)]
    made = Tokenizer(BPE({token: i for i, token in enumerate(vocabulary)}, merges, end_of_word_suffix=LAST))
    split = Split(Regex(PARTS), "removed", invert=True)
    made.pre_tokenizer = Steps([split, ByteLevel(add_prefix_space=False, use_regex=False)])
    return made
