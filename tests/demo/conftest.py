"""The demo, and a clip for it."""

import signal

import pytest
from clips import moving_clip
from serving import ROOT, said, serving


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    home = tmp_path_factory.mktemp("demo")
    errors, arguments = home / "stderr", ("--config.max_seconds=9", "--config.max_megabytes=2")
    with serving(errors, *arguments, folder=home / "tmp") as (process, address):
        yield address
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert errors.read_text() == said(address)  # and not a warning
    assert list((home / "tmp").iterdir()) == []


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    real = ROOT.parent / "shared" / "videos" / "10053703034.mp4"
    return real if real.exists() else moving_clip(tmp_path_factory.mktemp("clip") / "moving.mp4", 100)
