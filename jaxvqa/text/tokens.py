"""Prompts as CLIP tokens. Source: CLIP (arXiv:2103.00020, section 2.4)."""

from collections.abc import Sequence

import instant_clip_tokenizer
import numpy as np
from jaxtyping import Int

from ..errors import UserError

CONTEXT = 77


def tokenize(texts: Sequence[str]) -> Int[np.ndarray, "prompts 77"]:
    """CLIP's byte-pair tokens, int32, between start (49406) and end of text (49407), padded with 0.

    Works offline: the vocabulary comes with the tokenizer package.

    Raises:
        UserError: a text of no token, or of more than the 75 that CLIP has positions for.
    """
    tokenizer = instant_clip_tokenizer.Tokenizer()  # ty: ignore[missing-attribute], a compiled module without types
    tokens = np.zeros((len(texts), CONTEXT), np.int32)
    for row, text in zip(tokens, texts, strict=True):
        ids = [49406, *tokenizer.encode(text), 49407]
        if len(ids) == 2:
            raise UserError(f"prompt {text!r} is empty: describe something.")
        if len(ids) > CONTEXT:
            raise UserError(f"prompt of {len(ids) - 2} tokens is too long, CLIP takes {CONTEXT - 2}: shorten {text!r}.")
        row[: len(ids)] = ids
    return tokens
