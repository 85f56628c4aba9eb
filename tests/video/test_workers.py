"""Decoding in processes: the same views in the same order, whatever happens to a process."""

import errno
import io
import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import av
import numpy as np
import pytest
from clips import moving_clip
from PIL import Image

from jaxvqa import UserError
from jaxvqa.video import workers
from jaxvqa.video.limits import DecodeLimits
from jaxvqa.video.sampling import Sampling
from jaxvqa.video.workers import AHEAD, Decoded, Worker, decode_file, decode_files, noted, serve


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
    for path, decoded in zip(paths, decode_files(paths, Sampling(1), DecodeLimits(workers=count)), strict=True):
        expected = decode_file(path, Sampling(1))
        assert (decoded.path, decoded.facts, decoded.error) == (path, expected.facts, expected.error)
        if path == missing:
            assert decoded.views is None
            assert decoded.error == f"{missing} cannot be read: No such file or directory."
        else:
            assert decoded.facts.keys() == {"sha256", "frames", "height", "width", "fps", "av"}
            for ours, theirs in zip(decoded.views, expected.views, strict=True):
                assert np.array_equal(ours, theirs)
    assert no_children()


def test_nothing_to_decode():
    assert [*decode_files([], Sampling())] == []


def test_longer_videos_than_are_taken_get_a_sentence(tmp_path):
    short, long = (str(moving_clip(tmp_path / f"{seconds}.mp4", seconds + 1, 64, 96, fps=1)) for seconds in (4, 5))
    taken, refused = decode_files([short, long], Sampling(), DecodeLimits(workers=1, longest=4))
    assert (taken.error, refused.views) == ("", None)
    assert refused.error == f"{long} lasts 5 s: no more than 4 s are taken here."


def test_no_more_is_decoded_than_is_soon_needed(videos, monkeypatch):
    asked = []
    monkeypatch.setattr(Worker, "decode", lambda self, job: asked.append(job[0]) or Decoded(job[0], {}, None))
    with closing(decode_files(videos * 4, Sampling(), DecodeLimits(workers=1))) as decoded:
        for given in range(1, 6):
            next(decoded)
            assert len(asked) <= given - 1 + AHEAD


def test_a_file_on_which_the_decoder_dies_costs_itself_alone(videos, monkeypatch):
    """The third file's process is killed while it works on it."""
    send = multiprocessing.connection.Connection.send

    def send_and_kill(self, message):
        send(self, message)
        if message[0] == videos[2]:
            [child] = multiprocessing.active_children()
            os.kill(child.pid, signal.SIGSEGV)

    monkeypatch.setattr(multiprocessing.connection.Connection, "send", send_and_kill)
    decoded = [*decode_files(videos, Sampling(), DecodeLimits(workers=1))]
    assert [video.error for video in decoded if video.path != videos[2]] == [""] * 4
    assert decoded[2].error == f"{videos[2]} cannot be decoded: the decoder crashed (SIGSEGV)."
    assert no_children()


@pytest.mark.parametrize(
    ("limit", "reason"),
    [({"silence": 12}, "gave no sign of life for 12 s"), ({"seconds": 12}, "was not done after 12 s")],
)
def test_a_decoder_that_hangs_is_replaced(videos, monkeypatch, limit, reason):
    send = multiprocessing.connection.Connection.send

    def send_and_stop(self, message):
        if message[0] == videos[1]:  # stopped, a process hangs for ever
            [child] = multiprocessing.active_children()
            os.kill(child.pid, signal.SIGSTOP)
        send(self, message)

    monkeypatch.setattr(multiprocessing.connection.Connection, "send", send_and_stop)
    decoded = [*decode_files(videos[:3], Sampling(), DecodeLimits(workers=1, **limit))]
    assert [bool(video.error) for video in decoded] == [False, True, False]
    assert decoded[1].error == f"{videos[1]} cannot be decoded: the decoder {reason}."
    assert no_children()


@pytest.mark.parametrize(
    ("side", "reason"), [(12000, "decoded: it takes more memory than"), (16384, "opened as a video: Invalid data")]
)
def test_a_frame_that_takes_too_much_memory_costs_its_video_alone(videos, tmp_path, side, reason):
    large = str(tmp_path / "large.mov")
    picture = io.BytesIO()
    Image.new("L", (side, side)).save(picture, "png")
    with av.open(large, "w") as container:
        stream = container.add_stream("png", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "rgb24"  # what is read is another thing
        packet = av.Packet(picture.getvalue())
        packet.stream, packet.pts, packet.dts, packet.is_keyframe = stream, 0, 0, True
        container.mux(packet)
    refused, other = decode_files([large, videos[0]], Sampling(), DecodeLimits(workers=1, gigabytes=0.5))
    assert f"{large} cannot be {reason}" in refused.error
    assert not refused.damaged
    assert (other.error, other.views is None) == ("", False)
    assert no_children()


@pytest.mark.parametrize("limits", [{"seconds": 0}, {"gigabytes": -1}, {"seconds": float("nan")}])
def test_limits_that_let_nothing_through_are_refused(limits):
    [name] = limits
    with pytest.raises(UserError, match=f"^decode_{name} is .*; it must be above 0"):
        DecodeLimits(**limits)


def test_what_is_damaged_is_told_from_what_is_no_video(videos, tmp_path):
    cut, text = tmp_path / "cut.mp4", tmp_path / "text.mp4"
    cut.write_bytes(Path(videos[0]).read_bytes()[:-100])
    text.write_text("no video")
    assert [video.damaged for video in decode_files([videos[0], str(cut), str(text)], Sampling())] == [
        False,
        True,
        False,
    ]


def opened_until(calls, error, module):
    """PyAV's open, which from some call on raises an error, as code of a module does."""
    error.__traceback__ = None  # of another test
    program = {"__name__": module, "left": itertools.count(1), "calls": calls, "error": error, "whole": av.open}
    exec(
        "def open(*args, **options):\n if next(left) > calls: raise error\n return whole(*args, **options)",
        program,
    )
    return program["open"]


ERRORS = (KeyError(31), RuntimeError("broken"), AssertionError("odd"), TypeError("bad"), NotImplementedError("not yet"))


@pytest.mark.hostile
@pytest.mark.parametrize("error", ERRORS, ids=repr)
@pytest.mark.parametrize("calls", [0, 2])
def test_whatever_a_decoder_raises_is_a_sentence_with_its_kind(videos, monkeypatch, error, calls):
    monkeypatch.setattr(av, "open", opened_until(calls, error, "av.somewhere"))
    decoded = decode_file(videos[0], Sampling())
    said = f"({type(error).__name__}: {error})"
    assert decoded.error == f"{videos[0]} cannot be decoded {said}: convert it, with FFmpeg for example."
    assert decoded.views is None
    assert decoded.facts.get("frames") == (8 if calls else None)


@pytest.mark.hostile
@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_slips_of_this_package_keep_their_traceback(videos, monkeypatch, error):
    monkeypatch.setattr(av, "open", opened_until(0, error, "jaxvqa.somewhere"))
    with pytest.raises(type(error)) as caught:
        decode_file(videos[0], Sampling())
    assert caught.value is error


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EIO, "Input/output error"), "read: Input/output error"),
        (OSError(errno.EACCES, "Permission denied"), "read: Permission denied"),
        (av.error.OSError(errno.EOPNOTSUPP, "Operation not supported"), "decoded: Operation not supported"),
        (OSError("odd"), "decoded (OSError: odd): convert it, with FFmpeg for example"),
    ],
)
def test_errors_of_the_system_are_told_from_those_of_ffmpeg(videos, monkeypatch, error, said):
    monkeypatch.setattr(av, "open", opened_until(2, error, "av.somewhere"))
    assert decode_file(videos[0], Sampling()).error == f"{videos[0]} cannot be {said}."


def test_what_was_met_comes_with_what_was_decoded(videos, tmp_path):
    options = {"flags": "+ildct+ilme", "x264-params": "tff=1"}
    path = str(moving_clip(tmp_path / "interlaced.mp4", frames=8, codec_options=options))
    plain, interlaced, missing = decode_files([videos[0], path, "nowhere.mp4"], Sampling(), DecodeLimits(workers=1))
    assert [noted([each]) for each in (plain, interlaced, missing)] == ["", "interlaced, deinterlaced by bwdif", ""]
    assert noted([plain, interlaced, interlaced]) == "interlaced, deinterlaced by bwdif"


def test_left_early_no_process_stays(videos):
    with closing(decode_files(videos, Sampling(), DecodeLimits(workers=2))) as decoded:
        next(decoded)
    assert no_children()


def test_many_deaths_at_once_end_nothing_else(videos):
    decoded = []
    for video in decode_files(videos * 4, Sampling(), DecodeLimits(workers=3)):
        decoded.append(video)
        if len(decoded) in (2, 8):
            for child in multiprocessing.active_children():
                os.kill(child.pid, signal.SIGKILL)
    assert [video.path for video in decoded] == videos * 4
    killed = [video.error for video in decoded if video.views is None]
    assert killed
    assert [error for error in killed if "the decoder" not in error] == []
    assert decoded[-1].views is not None
    assert no_children()


def test_a_process_that_died_between_files_costs_none(videos):
    decoded = decode_files(videos[:1] * (AHEAD + 1), Sampling(), DecodeLimits(workers=1))
    first = next(decoded)
    [child] = multiprocessing.active_children()
    time.sleep(3)  # what was asked for ahead is done by now
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert [video.error for video in (first, *decoded)] == [""] * 3


def test_left_early_a_stopped_process_does_not_stay(videos):
    with closing(decode_files(videos, Sampling(), DecodeLimits(workers=1))) as decoded:
        next(decoded)
        for child in multiprocessing.active_children():
            os.kill(child.pid, signal.SIGSTOP)
    assert no_children()


def test_signs_of_life_come_about_every_second(monkeypatch):
    clock = itertools.count(step=0.4)
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(workers, "follow_parent", lambda: None)
    monkeypatch.setattr(workers, "limit_memory", lambda gigabytes: None)

    def decode(path, sampling, alive):
        for _ in range(9):
            alive()
        return Decoded(path, {}, None, "broken.")

    monkeypatch.setattr(workers, "decode_file", decode)
    ours, theirs = multiprocessing.Pipe()
    thread = threading.Thread(target=serve, args=(theirs, 1))
    thread.start()
    ours.send(("a file", 0))
    answers = [ours.recv()]
    while answers[-1] is None:
        answers.append(ours.recv())
    ours.close()
    thread.join()
    assert 2 <= len(answers) - 1 < 9


def test_negative_number_of_workers_is_refused():
    with pytest.raises(UserError, match="workers is -1; use 1 or more"):
        DecodeLimits(workers=-1)


def test_processes_that_decode_do_without_jax():
    program = "import sys, jaxvqa.main, jaxvqa.video.workers; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_signals_that_stop_a_run_do_not_reach_decoders():
    """Of a fresh process: what Python starts beside the first decoder lifted its mask."""
    program = "from jaxvqa.video.workers import DecodeLimits, Worker; worker = Worker(DecodeLimits())\n"
    program += "print(open(f'/proc/{worker.process.pid}/status').read()); worker.end()"
    status = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    [blocked] = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigBlk")]
    assert all(blocked >> (number - 1) & 1 for number in (signal.SIGINT, signal.SIGTERM))
