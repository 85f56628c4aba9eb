"""Decoding in processes: the same views in the same order, whatever happens to a process."""

import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
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
    assert decoded[1].error == f"{videos[1]} cannot be decoded: the decoder gave no sign of life for 15 s."
    assert no_children()


def test_left_early_no_process_stays(videos):
    with closing(decode_files(videos, 0, workers=2)) as decoded:
        next(decoded)
    assert no_children()


def test_negative_seed_is_refused_before_a_process_starts(videos):
    with pytest.raises(UserError, match="seed is -1"):
        next(decode_files(videos, -1))
    assert no_children()


def test_many_deaths_at_once_end_nothing_else(videos):
    decoded = []
    for video in decode_files(videos * 4, 0, workers=3):
        decoded.append(video)
        if len(decoded) in (2, 8):
            for child in multiprocessing.active_children():
                os.kill(child.pid, signal.SIGKILL)
    assert [video.path for video in decoded] == videos * 4
    assert all("the decoder" in video.error for video in decoded if video.views is None)
    assert decoded[-1].views is not None
    assert no_children()


def test_a_process_that_died_between_files_costs_none(videos):
    decoded = decode_files(videos[:1] * (workers.AHEAD + 1), 0, workers=1)
    first = next(decoded)
    [child] = multiprocessing.active_children()
    time.sleep(3)  # what was asked for ahead is done by now
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert [video.error for video in (first, *decoded)] == [""] * 3


def test_left_early_a_stopped_process_does_not_stay(videos):
    with closing(decode_files(videos, 0, workers=1)) as decoded:
        next(decoded)
        for child in multiprocessing.active_children():
            os.kill(child.pid, signal.SIGSTOP)
    assert no_children()


def test_signs_of_life_come_about_every_second(monkeypatch):
    clock = itertools.count(step=0.4)
    monkeypatch.setattr(workers.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(workers, "follow_parent", lambda: None)
    monkeypatch.setattr(workers, "decode_file", lambda path, seed, stills, dense, alive: [alive() for _ in range(9)])
    ours, theirs = multiprocessing.Pipe()
    thread = threading.Thread(target=workers.serve, args=(theirs,))
    thread.start()
    ours.send(("a file", 0, False, None))
    answers = [ours.recv()]
    while answers[-1] is None:
        answers.append(ours.recv())
    ours.close()
    thread.join()
    assert 2 <= len(answers) - 1 < 9


def test_negative_number_of_workers_is_refused(videos):
    with pytest.raises(UserError, match="-1 workers are none"):
        next(decode_files(videos, 0, workers=-1))


def test_processes_that_decode_do_without_jax():
    program = "import sys, jaxvqa.main, jaxvqa.video.workers; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
