import pytest

from jaxvqa import DIMENSIONS, UserError
from jaxvqa.dimensions import default_prompts
from jaxvqa.text.prompts import PromptPair, codes, read_pairs, with_pairs


def test_prompts_stand_in_pairs_in_the_order_of_the_dimensions():
    prompts = default_prompts()
    assert len(prompts) == 2 * len(DIMENSIONS) == 32
    for i, dimension in enumerate(DIMENSIONS):
        assert prompts[i] == f"a X {dimension.positive} photo"
        assert prompts[16 + i] == f"a X {dimension.negative} photo"


def test_prompt_pairs_are_read_as_they_are_written():
    pairs = read_pairs("cinematic/amateurish ;  lively / dull;")
    assert pairs == [PromptPair("cinematic", "amateurish"), PromptPair("lively", "dull")]
    assert pairs[0] == ("cinematic", "amateurish")  # so that users may look scores up by plain tuples
    assert (pairs[0].positive, pairs[0].negative) == ("cinematic", "amateurish")
    assert read_pairs("; ".join(map(str, pairs))) == pairs
    assert read_pairs("") == []
    assert codes(pairs) == [*(dimension.code for dimension in DIMENSIONS), "cinematic / amateurish", "lively / dull"]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("good", "'good' is not a prompt pair"),
        ("a / b / c", "'a / b / c' is not a prompt pair"),
        ("good /", "is not a prompt pair"),
        ("a / b; a / b", "the same pair twice"),
        ("a\n / b", "plain text in one line"),
    ],
)
def test_what_is_no_prompt_pair_is_refused(text, match):
    with pytest.raises(UserError, match=match):
        read_pairs(text)


def test_prompts_of_pairs_stand_behind_those_of_the_dimensions():
    prompts = with_pairs(["good", "bad"], [PromptPair("lively", "dull")])
    assert prompts == ["good", "a X lively photo", "bad", "a X dull photo"]
