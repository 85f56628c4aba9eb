import numpy as np
import pytest
from conftest import GOLDEN

from jaxvqa import DIMENSIONS, UserError
from jaxvqa.dimensions import default_prompts
from jaxvqa.prompts import ends_of_text, tokenize


def test_default_prompts_have_clips_own_tokens():
    tokens = tokenize(default_prompts())
    assert tokens.dtype == np.int32
    assert np.array_equal(tokens, np.load(GOLDEN / "seed0" / "text.npz")["tokens"])
    assert ends_of_text(tokens).max() == 9


def test_prompts_stand_in_pairs_in_the_order_of_the_dimensions():
    prompts = default_prompts()
    assert len(prompts) == 2 * len(DIMENSIONS) == 32
    for i, dimension in enumerate(DIMENSIONS):
        assert prompts[i] == f"a X {dimension.positive} photo"
        assert prompts[16 + i] == f"a X {dimension.negative} photo"


def test_custom_prompts():
    [tokens] = tokenize(["a cinematic photo, isn't it?"])
    assert tokens[0] == 49406
    assert tokens[ends_of_text(tokens[None])[0]] == 49407
    assert (tokens[ends_of_text(tokens[None])[0] + 1 :] == 0).all()


def test_longest_prompt_and_one_more():
    assert ends_of_text(tokenize(["photo " * 75])) == [76]
    with pytest.raises(UserError, match="76 tokens is too long"):
        tokenize(["photo " * 76])


def test_blank_prompt_is_refused():
    with pytest.raises(UserError, match="empty"):
        tokenize(["  "])
