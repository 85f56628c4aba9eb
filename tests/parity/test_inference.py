"""The input of golden arrays."""

import numpy as np

from jaxvqa.parity.inference import pattern_video


def test_input_is_the_golden_one(shared):
    import importlib.util

    spec = importlib.util.spec_from_file_location("inputs", shared / "golden" / "inputs.py")
    inputs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(inputs)
    assert np.array_equal(pattern_video(3, 40, 50, 7), inputs.pattern_video(3, 40, 50, 7))
