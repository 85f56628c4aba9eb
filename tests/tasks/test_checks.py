"""What is checked of a config is what the rooms below take; wrong usage itself is in tests/test_cli.py."""

from jaxvqa.model import PRECISIONS
from jaxvqa.tasks.configuration import config_path, config_paths, describe
from jaxvqa.tasks.defaults import CHOICES
from jaxvqa.video.sampling import RULES


def test_choices_are_those_of_the_rooms_below():
    assert set(CHOICES["precision"]) == set(PRECISIONS)
    assert set(CHOICES["sampling"]) == set(RULES)


def test_defaults_are_among_the_choices():
    for name in config_paths():
        for field in describe(config_path(name))[1]:
            choices = CHOICES.get(field.name.rpartition(".")[2])
            assert not choices or field.default in ("", *choices), field.name
