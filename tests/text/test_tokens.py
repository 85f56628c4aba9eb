import json
from pathlib import Path

import numpy as np
import pytest
from conftest import GOLDEN

from jaxvqa import UserError
from jaxvqa.dimensions import default_prompts
from jaxvqa.text.tokens import tokenize


def test_default_prompts_have_clips_own_tokens():
    tokens = tokenize(default_prompts())
    assert tokens.dtype == np.int32
    assert np.array_equal(tokens, np.load(GOLDEN / "seed0" / "text.npz")["tokens"])


def test_words_and_phrases_have_the_tokens_they_had():
    """Of the 32 prompts and of random words, numbers, signs and scripts, by instant-clip-tokenizer 0.1.1."""
    lines = Path(__file__).with_name("phrases.jsonl").read_text().splitlines()
    phrases, ids = zip(*map(json.loads, lines), strict=True)
    assert len(set(phrases)) == len(phrases) == 300
    for phrase, row, expected in zip(phrases, tokenize(phrases), ids, strict=True):
        assert row[: len(expected) + 2].tolist() == [49406, *expected, 49407], phrase
        assert not row[len(expected) + 2 :].any()


def test_text_never_turns_into_the_tokens_of_start_and_end():
    [row] = tokenize(["a <|startoftext|> photo <|endoftext|>"])
    assert row.tolist().count(49406) == row.tolist().count(49407) == 1


def test_custom_prompts():
    [tokens] = tokenize(["a cinematic photo, isn't it?"])
    assert tokens[0] == 49406
    end = tokens.tolist().index(49407)
    assert end > 5
    assert (tokens[end + 1 :] == 0).all()


def test_longest_prompt_and_one_more():
    assert tokenize(["photo " * 75])[0, 76] == 49407
    with pytest.raises(UserError, match="76 tokens is too long"):
        tokenize(["photo " * 76])


def test_blank_prompt_is_refused():
    with pytest.raises(UserError, match="empty"):
        tokenize(["  "])
