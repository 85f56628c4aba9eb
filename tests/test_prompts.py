import numpy as np
import pytest
from conftest import GOLDEN

from jaxvqa import DIMENSIONS, UserError
from jaxvqa.dimensions import default_prompts
from jaxvqa.models.clip_text import prompt_tree
from jaxvqa.text.prompts import PromptPair, codes, read_pairs, with_pairs
from jaxvqa.text.tokens import tokenize


def test_default_prompts_have_clips_own_tokens():
    tokens = tokenize(default_prompts())
    assert tokens.dtype == np.int32
    assert np.array_equal(tokens, np.load(GOLDEN / "seed0" / "text.npz")["tokens"])


def test_prompts_stand_in_pairs_in_the_order_of_the_dimensions():
    prompts = default_prompts()
    assert len(prompts) == 2 * len(DIMENSIONS) == 32
    for i, dimension in enumerate(DIMENSIONS):
        assert prompts[i] == f"a X {dimension.positive} photo"
        assert prompts[16 + i] == f"a X {dimension.negative} photo"


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


def test_tree_holds_each_prompt_and_what_they_share_once():
    tokens = tokenize(default_prompts())
    tree = prompt_tree(tokens)
    assert len(tree.tokens) == 133 < (tokens > 0).sum()
    for row, end in zip(tokens, tree.ends, strict=True):
        path = np.flatnonzero(tree.visible[end])
        path = path[np.argsort(tree.positions[path])]
        assert tree.tokens[path].tolist() == row[row > 0].tolist()
        assert tree.positions[path].tolist() == list(range(len(path)))
        for i, node in enumerate(path):  # each sees what is before it, and no more
            assert set(np.flatnonzero(tree.visible[node])) == set(path[: i + 1])


def test_tree_keeps_equal_prompts_apart_by_their_ends_only():
    tree = prompt_tree(tokenize(["a X photo", "a X photo", "a X photo of"]))
    assert tree.ends[0] == tree.ends[1] != tree.ends[2]
    assert len(tree.tokens) == 7  # start, a, X, photo, end; of, end


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
