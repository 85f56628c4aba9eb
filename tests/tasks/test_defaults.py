import pytest

from jaxvqa.tasks import TASKS
from jaxvqa.tasks.configuration import config_path, read_config
from jaxvqa.tasks.defaults import decoding_config, scoring_config, training_config


def read(name):
    return read_config(["", f"--config={config_path(name)}"])


@pytest.mark.parametrize(
    "name",
    sorted(
        {task.config for task in TASKS} - {"convert", "doctor", "download", "export", "mini", "models", "synthetic"}
    ),
)
def test_every_command_that_decodes_has_limits(name):
    assert set(decoding_config()) <= set(read(name))


def test_comparing_scores_as_scoring_does():
    score, compare = read("score"), read("compare")
    for field in scoring_config():
        assert field in score
        assert compare[field] == score[field] or field == "output"


@pytest.mark.parametrize("name", ["quickstart", "maxwell", "cross", "mixed", "ablation", "finetune"])
def test_trainings_have_the_same_fields(name):
    config = read(name)
    for field, value in training_config().items():
        assert type(config[field]) is type(value), field
