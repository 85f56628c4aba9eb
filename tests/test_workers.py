"""Decoding in processes: the same views in the same order, whatever happens to a process."""

import multiprocessing
import os
import signal
import time
from contextlib import closing

import numpy as np
import pytest
from clips import moving_clip

from jaxvqa import UserError
from jaxvqa.video import workers
from jaxvqa.video.workers import Decoded, decode_file, decode_files


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    return [str(moving_clip(folder / f"{i}.mp4", frames=8, seed=i)) for i in range(5)]


def no_children():
    deadline = time.monotonic() + 20
    while multiprocessing.active_children() and time.monotonic() < deadline:
        time.sleep(0.01)
    return not multiprocessing.active_children()


@pytest.mark.parametrize("count", [1, 3])
def test_views_and_facts_are_those_of_this_process_in_order(videos, count):
    missing = f"{videos[0]}.missing"
    paths = [videos[3], missing, *videos[:3], videos[4]]
    for path, decoded in zip(paths, decode_files(paths, seed=1, workers=count), strict=True):
        expected = decode_file(path, 1)
        assert (decoded.path, decoded.facts, decoded.error) == (path, expected.facts, expected.error)
        if path == missing:
            assert decoded.views is None
            assert decoded.error == f"{missing} cannot be read: No such file or directory."
        else:
            assert decoded.facts.keys() == {"sha256", "frames", "height", "width", "fps"}
            for ours, theirs in zip(decoded.views, expected.views, strict=True):
                assert np.array_equal(ours, theirs)
    assert no_children()


def test_nothing_to_decode():
    assert [*decode_files([], 0)] == []


def test_no_more_is_decoded_than_is_soon_needed(videos, monkeypatch):
    asked = []
    monkeypatch.setattr(workers.Worker, "decode", lambda self, path, *_: asked.append(path) or Decoded(path, {}, None))
    with closing(decode_files(videos * 4, 0, workers=1)) as decoded:
        for given in range(1, 6):
            next(decoded)
            assert len(asked) <= given - 1 + workers.AHEAD


def test_a_file_on_which_the_decoder_dies_costs_itself_alone(videos, monkeypatch):
    """The third file's process is killed while it works on it."""
    send = workers.multiprocessing.connection.Connection.send

    def send_and_kill(self, message):
        send(self, message)
        if message[0] == videos[2]:
            [child] = multiprocessing.active_children()
            os.kill(child.pid, signal.SIGSEGV)

    monkeypatch.setattr(workers.multiprocessing.connection.Connection, "send", send_and_kill)
    decoded = [*decode_files(videos, 0, workers=1)]
    assert [video.error for video in decoded if video.path != videos[2]] == [""] * 4
    assert decoded[2].error == f"{videos[2]} cannot be decoded: the decoder crashed (SIGSEGV)."
    assert no_children()


def test_a_decoder_that_hangs_is_replaced(videos, monkeypatch):
    send = workers.multiprocessing.connection.Connection.send

    def send_and_stop(self, message):
        if message[0] == videos[1]:  # stopped, a process hangs for ever
            [child] = multiprocessing.active_children()
            os.kill(child.pid, signal.SIGSTOP)
        send(self, message)

    monkeypatch.setattr(workers.multiprocessing.connection.Connection, "send", send_and_stop)
    decoded = [*decode_files(videos[:3], 0, workers=1, silence=15)]
    assert [bool(video.error) for video in decoded] == [False, True, False]
    assert decoded[1].error == f"{videos[1]} cannot be decoded: the decoder gave no frame for 15 s."
    assert no_children()


def test_left_early_no_process_stays(videos):
    with closing(decode_files(videos, 0, workers=2)) as decoded:
        next(decoded)
    assert no_children()


def test_negative_seed_is_refused_before_a_process_starts(videos):
    with pytest.raises(UserError, match="seed is -1"):
        next(decode_files(videos, -1))
    assert no_children()
