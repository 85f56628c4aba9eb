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
