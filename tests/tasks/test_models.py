import json
import shutil

import pytest

from jaxvqa.cli import main
from jaxvqa.weights.find import PACKAGED, downloaded


@pytest.fixture
def data(tmp_path, monkeypatch):
    """An empty folder for downloads."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    (tmp_path / "jaxvqa").mkdir()
    return tmp_path / "jaxvqa"


def rows(capfd):
    assert main(["models", "--format=jsonl"]) == 0
    return [json.loads(line) for line in capfd.readouterr().out.splitlines()]


def test_what_is_here_and_how_to_get_the_rest(data, capfd):
    mini, maxvqa = rows(capfd)
    assert mini["id"].startswith("jaxvqa-mini-")
    assert (mini["path"], mini["license"]) == (str(PACKAGED["mini"]), "Apache-2.0")
    assert mini["validated"].startswith("overall, sharpness, focus, noise")
    assert 1e6 < mini["bytes"] < 1e7
    assert (maxvqa["id"], maxvqa["path"], maxvqa["bytes"]) == ("not here: run `jaxvqa download`", None, None)
    assert "non-commercial" in maxvqa["license"]
    assert main(["models"]) == 0
    assert "1.6 MB" in capfd.readouterr().out


def test_weights_next_to_the_downloaded_ones(data, small_weights, capfd):
    shutil.copytree(small_weights, downloaded())
    shutil.copytree(PACKAGED["mini"], data / "copy")
    (data / "notes").mkdir()
    (data / "broken").mkdir()
    (data / "broken" / "jaxvqa.json").write_text("{}")
    found = {row["name"]: row for row in rows(capfd)}
    assert found.keys() == {"mini", "maxvqa", "broken", "copy"}
    assert found["maxvqa"]["path"] == str(downloaded())
    assert len(found["maxvqa"]["id"]) == 12
    assert found["copy"]["id"] == found["mini"]["id"]
    assert found["broken"]["id"].startswith("not usable: ")
