import re

import ml_collections
import pytest

from jaxvqa import UserError
from jaxvqa.main import main
from jaxvqa.tasks.configuration import config_path, config_paths, describe, read_config


@pytest.mark.parametrize("name", config_paths())
def test_every_field_of_a_config_is_explained(name):
    said, fields = describe(config_path(name))
    assert said.splitlines()[0].endswith(".")
    assert [field.name for field in fields if not field.comment] == []


@pytest.mark.hostile
def test_config_with_a_mistake_in_it(tmp_path, capfd):
    for content, message in (
        ("1 / 0", r"config \S+ cannot be read .ZeroDivisionError: division by zero.: correct the file"),
        ("{}['x']", r"config \S+ cannot be read .KeyError: 'x'.: correct the file"),
        (
            "import math\nmath.fly",
            r"config \S+ cannot be read .AttributeError: module 'math' has no attribute 'fly'.: correct",
        ),
        ("import ml_collections\ndef get_config(): return ml_collections.ConfigDict()", "the config has no task"),
    ):
        (tmp_path / "config.py").write_text(content)
        assert main(["jaxvqa", f"--config={tmp_path}/config.py"]) == 2
        err = capfd.readouterr().err
        assert re.search(message, err), err
        assert err.count("\n") == 1


def test_config_is_asked_for(capfd):
    for arguments, message in (
        ([], "no config given"),
        (["--config.videos=x"], "no config given"),
        (["--config=nowhere.py"], "config nowhere.py does not exist"),
    ):
        assert main(["jaxvqa", *arguments]) == 2
        assert re.search(message, capfd.readouterr().err)


def test_changes_to_fields_are_read(tmp_path):
    path = tmp_path / "config.py"
    path.write_text(
        "import ml_collections\n"
        "def get_config():\n"
        "    return ml_collections.ConfigDict({'task': 'score', 'seed': 1, 'deep': {'rate': 0.5}})\n"
    )
    config = read_config(["jaxvqa", f"--config={path}", "--config.seed=7", "--config.deep.rate=2"])
    assert (config.task, config.seed, config.deep.rate) == ("score", 7, 2.0)
    for argument in ("--config.sead=1", "--config.seed=x", "other"):
        with pytest.raises(UserError):
            read_config(["jaxvqa", f"--config={path}", argument])


def test_paths_are_on_this_machine_wherever_they_stand(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    deep = "{'folder': '~', 'paths': ['~/a', 'b']}"
    fields = f"{{'task': 'x', 'output': '~/o', 'rate': 1, 'deep': {deep}, 'source': '', 'videos': ''}}"
    text = f"import ml_collections\ndef get_config():\n    return ml_collections.ConfigDict({fields})\n"
    (tmp_path / "config.py").write_text(text)
    argv = ["jaxvqa", "--config=~/config.py", "--config.deep.folder", "~/folder"]
    config = read_config(argv, {"videos": ["~/v", "w"]})
    assert (config.output, config.deep.folder) == (f"{tmp_path}/o", f"{tmp_path}/folder")
    assert (list(config.deep.paths), list(config.videos)) == ([f"{tmp_path}/a", "b"], [f"{tmp_path}/v", "w"])
    assert read_config(["jaxvqa", "--config", "~/config.py"]).deep.folder == str(tmp_path)
    for argument in ("--config.output=s3://bucket/o", "--config.deep.folder=https://a.b/c"):
        with pytest.raises(UserError, match=r"^(s3|https)://.* is an address, and addresses are not fetched"):
            read_config([*argv, argument])
    for source in ("https://mirror.example/files", "~/files"):  # which may be either
        expected = source.replace("~", str(tmp_path))
        assert read_config([*argv[:2], f"--config.source={source}"]).source == expected


def test_there_is_no_config_of_another_name():
    with pytest.raises(UserError, match="there is no config 'scores', but "):
        config_path("scores")


def test_fields_within_fields_are_named_with_dots():
    _, fields = describe(config_path("maxwell"))
    assert {"train.batch", "optimizer.schedule.peak", "decode_seconds"} <= {field.name for field in fields}
    assert all(not isinstance(field.default, ml_collections.ConfigDict) for field in fields)
