"""Settings of a training: their ranges, and that they are what configs hold."""

import dataclasses
import json

import pytest

from jaxvqa import UserError
from jaxvqa.tasks.defaults import training_config
from jaxvqa.tasks.train_inputs import train_settings
from jaxvqa.train.chunks import ChunkOrder
from jaxvqa.train.settings import HeadSettings, TrainSettings, UnfreezeSettings
from jaxvqa.train.step import Recipe


def test_defaults_are_those_of_the_configs():
    assert train_settings(training_config()) == TrainSettings()


def test_settings_can_be_stored_and_compared():
    settings = TrainSettings(seed=3, order=ChunkOrder(batch=8), keep="last")
    stored = json.loads(json.dumps(dataclasses.asdict(settings)))
    assert stored == dataclasses.asdict(settings)
    assert stored["order"]["batch"] == 8
    assert stored != dataclasses.asdict(dataclasses.replace(settings, seed=4))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ChunkOrder(batch=1), "batch is 1; it must be 2 or larger."),
        (lambda: ChunkOrder(epochs_per_chunk=0), "epochs_per_chunk is 0; it must be 1 or larger."),
        (lambda: HeadSettings(depth=0), "depth is 0; it must be 1 or larger."),
        (lambda: UnfreezeSettings(stages=-1), "stages is -1; it must be 0 or larger."),
        (lambda: UnfreezeSettings(1, float("nan")), "rate is nan; it must be 0 or larger."),
        (lambda: UnfreezeSettings(1, 0.0), "rate is 0, which trains no stage; set stages to 0, or a rate above 0."),
        (lambda: Recipe(huber_delta=0.0), "huber_delta is 0.0; it must be above 0."),
        (lambda: Recipe(huber_delta=float("nan")), "huber_delta is nan; it must be above 0."),
        (lambda: Recipe(ema=-0.1), "ema is -0.1; it must be from 0 to below 1."),
        (lambda: Recipe(ema=1.0), "ema is 1.0; it must be from 0 to below 1."),
        (lambda: TrainSettings(keep="first"), "keep is 'first'; it must be best or last."),
    ],
)
def test_values_out_of_range_are_one_sentence(make, said):
    with pytest.raises(UserError) as caught:
        make()
    assert str(caught.value) == said


def test_values_at_the_edge_of_their_range_pass():
    assert (Recipe(ema=0.0).ema, Recipe(huber_delta=1e-9).huber_delta, ChunkOrder(batch=2).batch) == (0, 1e-9, 2)
