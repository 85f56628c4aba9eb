import socket
import sys
from pathlib import Path

import pytest

from jaxvqa.main import main

ROOT = Path(__file__).parents[2]


CONFIG = f"--config={ROOT / 'configs' / 'demo.py'}"


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("port=70000", "port is 70000; it must be from 0 to 65535"),
        ("max_seconds=0", "max_seconds is 0; it must be 1 or larger"),
        ("max_megabytes=-1", "max_megabytes is -1; it must be 1 or larger"),
        ("seed=-1", "seed is -1"),
        ("weights=nowhere", "weights directory nowhere does not exist"),
        ("host=nowhere.invalid", "nowhere.invalid is not available"),
    ],
)
def test_wrong_usage_is_one_sentence(capfd, argument, message):
    assert main(["jaxvqa", CONFIG, "--config.port=0", f"--config.{argument}"]) == 2
    err = capfd.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_a_port_in_use_is_one_sentence(capfd):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["jaxvqa", CONFIG, f"--config.port={port}"]) == 2
    err = capfd.readouterr().err
    assert err.startswith(f"jaxvqa: port {port} of 127.0.0.1 is not available (Address already in use")
    assert err.count("\n") == 1


def test_without_gradio_it_says_what_to_install(monkeypatch, capfd):
    monkeypatch.delitem(sys.modules, "jaxvqa.tasks.demo", raising=False)
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert main(["jaxvqa", CONFIG]) == 2
    assert capfd.readouterr().err.startswith("jaxvqa: gradio is not installed; to get it: pip install ")
