"""What a training starts from."""

import numpy as np
import pytest
from trainings import history, sentence

import jaxvqa
from jaxvqa.weights.load import load_weights


def test_warm_start_goes_on_from_the_head(train, trained, tmp_path):
    changes = {"weights": trained / "model", "warm_start": True, "optimizer.schedule.kind": "constant"}
    changes |= {"optimizer.schedule.peak": 1e-12, "optimizer.weight_decay": 0.0, "train.passes": 1}
    assert train(tmp_path, **changes) == 0
    best = max(float(row["plcc_mean"]) for row in history(trained))
    assert float(history(tmp_path)[0]["plcc_mean"]) == pytest.approx(best, abs=1e-4)


def test_a_new_head_without_a_text_encoder_holds_its_prompts(train, released_weights, tmp_path):
    assert train(tmp_path / "out", weights=released_weights, **{"train.passes": 1}) == 0
    parts = load_weights(tmp_path / "out" / "model").parts
    assert [*parts] == ["swin", "clip_visual", "maxvqa"]
    assert parts["maxvqa"].config.prompts == 32
    assert len(parts["maxvqa"].layers) == 4  # that of the settings, not of the weights
    assert len({float(row["plcc_mean"]) for row in history(tmp_path / "out")}) > 1


def test_a_head_that_holds_its_prompts_is_trained_with_them(train, released_weights, tmp_path):
    assert train(tmp_path / "out", weights=released_weights, warm_start=True, **{"train.passes": 1}) == 0
    before, after = (load_weights(folder).parts for folder in (released_weights, tmp_path / "out" / "model"))
    assert [*after] == ["swin", "clip_visual", "maxvqa"]
    assert not np.array_equal(before["maxvqa"].prompts[...], after["maxvqa"].prompts[...])
    assert np.array_equal(before["swin"].patch_embed.kernel[...], after["swin"].patch_embed.kernel[...])
    card = jaxvqa.load(tmp_path / "out" / "model").card
    assert (card.name, card.validated) == ("", None)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"unfreeze.stages": 5}, "stages is 5; it must be from 0 to 4 for these encoders"),
        ({"unfreeze.stages": -1}, "stages is -1; it must be 0 or larger"),
        ({"unfreeze.stages": 1, "unfreeze.rate": 0.0}, "rate is 0, which trains no stage"),
    ],
)
def test_stages_that_cannot_be_trained(changes, match, train, tmp_path, capfd):
    assert train(tmp_path / "out", **changes) == 2
    sentence(capfd, match)
