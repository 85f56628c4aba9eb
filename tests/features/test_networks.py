"""What is made of weights, and in which order its functions take the parameters."""

import numpy as np

from jaxvqa.features.encoder import Encoder
from jaxvqa.features.networks import keep_networks, make_networks, names_of
from jaxvqa.weights.assemble import SCORING_PARTS, encoders_of, tensors_of
from jaxvqa.weights.load import load_weights


def test_parameters_are_named_in_the_order_of_the_function(released_weights):
    parts = load_weights(released_weights, SCORING_PARTS).parts
    names, leaves = names_of(parts, *encoders_of(parts)), Encoder(parts).compiled.args[-1]
    tensors = {name: x for part in encoders_of(parts) for name, x in tensors_of(part, parts[part]).items()}
    assert set(names) == tensors.keys()
    assert all(np.array_equal(tensors[name], leaf) for name, leaf in zip(names, leaves, strict=True))


def test_networks_stay_as_they_are_where_nothing_can_be_kept(released_weights, small_weights):
    for weights in (released_weights, small_weights):  # without a folder, and with a text encoder
        loaded = load_weights(weights, SCORING_PARTS)
        networks = make_networks(loaded, "float32", loaded.prompts)
        assert networks.views == "fragments"
        assert keep_networks(loaded, "float32", networks) is networks
