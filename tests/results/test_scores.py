import numpy as np

from jaxvqa.results.scores import Scores


def test_scores_have_names():
    raw = np.linspace(0.1, 0.85, 16, dtype=np.float32)
    scores = Scores(np.tile(raw, (64, 49, 1)), raw, raw)
    assert scores.overall == float(raw[0])
    assert list(scores.dimensions.values()) == raw.tolist()
    assert scores.dimensions["overall"] == scores.overall
    assert scores.dimensions.keys() >= {"sharpness", "noise", "content"}
    raw[1:] = np.nan
    assert scores.dimensions == {"overall": scores.overall}
