import pytest

from jaxvqa.errors import WeightsError
from jaxvqa.weights.find import UNTRAINED, default_weights, find_weights
from jaxvqa.weights.load import RANDOM


def test_who_has_no_home_has_no_downloaded_weights(no_home):
    assert default_weights() == "mini"
    with pytest.raises(WeightsError, match="there is no home folder: set HOME, or name a directory"):
        find_weights("maxvqa")


def test_untrained_weights_have_their_names():
    assert set(UNTRAINED) == RANDOM.keys()
