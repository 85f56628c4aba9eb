import pytest

from jaxvqa.scoring.kept import content, same_work
from jaxvqa.text.prompts import PromptPair
from jaxvqa.video.sampling import Sampling

ROW = {"sampling": "whole", "display_height": None, "repeats": 1, "dense": False, "custom": {"good / bad": 0.5}}


@pytest.mark.parametrize(
    ("row", "sampling", "custom", "same"),
    [
        (ROW, Sampling(), [], True),
        (ROW, Sampling(repeats=2), [], False),
        (ROW, Sampling(dense=True), [], False),
        (ROW | {"dense": True, "repeats": 15}, Sampling(dense=True), [], True),
        (ROW | {"dense": True}, Sampling(), [], False),
        (ROW, Sampling(rule="published"), [], False),
        (ROW | {"sampling": "published"}, Sampling(), [], False),
        (ROW | {"sampling": "published"}, Sampling(rule="published"), [], True),
        (ROW | {"display_height": 720}, Sampling(display_height=720, views="pieces"), [], True),
        (ROW | {"display_height": 1080}, Sampling(display_height=720, views="pieces"), [], False),
        (ROW, Sampling(display_height=720), [], True),
        (ROW, Sampling(), [PromptPair("good", "bad")], True),
        (ROW, Sampling(), [PromptPair("bad", "good")], False),
    ],
)
def test_rows_are_kept_if_they_are_of_the_same_samples_and_prompts(row, sampling, custom, same):
    assert same_work(row, sampling, custom) is same


def test_what_cannot_be_read_has_no_content(tmp_path):
    assert content(str(tmp_path / "nothing.mp4")) is None
