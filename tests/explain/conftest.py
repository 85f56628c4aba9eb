"""An explained clip."""

import dataclasses

import pytest
from clips import moving_clip

import jaxvqa


@pytest.fixture(scope="module")
def model(released_weights):
    return jaxvqa.load(released_weights)


@pytest.fixture(scope="module")
def explained(model, tmp_path_factory):
    return model.explain(moving_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", 280, 240, 320))


@pytest.fixture(scope="module")
def with_local(explained):
    """A function that gives an explanation of the same video with other local scores, of validated weights."""

    def make(local):
        raw = local.mean(axis=(0, 1))
        card = dataclasses.replace(explained.card, validated=tuple(d.code for d in jaxvqa.DIMENSIONS))
        scores = dataclasses.replace(explained.scores, local=local, raw=raw, display=raw)
        return dataclasses.replace(explained, scores=scores, card=card)

    return make
