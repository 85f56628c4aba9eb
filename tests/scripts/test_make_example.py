"""The example that comes with the package is what its script makes."""

import importlib.util
from pathlib import Path

import av
import numpy as np
import pytest

from jaxvqa.example import EXAMPLE

SCRIPT = Path(__file__).parents[2] / "scripts" / "make_example.py"


@pytest.mark.slow
def test_the_clip_is_the_one_that_is_made():
    """But for what encoding loses: other versions of x264 and libraries round otherwise."""
    assert EXAMPLE.stat().st_size < 1_000_000
    spec = importlib.util.spec_from_file_location("make_example", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with av.open(str(EXAMPLE)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert container.streams.video[0].average_rate == module.RATE
    made = module.example()
    assert len(frames) == len(made)
    errors = np.array([np.abs(frame - each.astype(float)).mean() for frame, each in zip(frames, made, strict=True)])
    assert errors.max() < 3
    assert np.abs(frames[0] - made[-1].astype(float)).mean() > 6
