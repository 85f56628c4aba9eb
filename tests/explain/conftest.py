"""An explained clip."""

import pytest
from clips import moving_clip

import jaxvqa


@pytest.fixture(scope="module")
def model(released_weights):
    return jaxvqa.load(released_weights)


@pytest.fixture(scope="module")
def explained(model, tmp_path_factory):
    return model.explain(moving_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", 280, 240, 320))
