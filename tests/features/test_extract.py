"""Features on disk: what they are, that none is lost or done twice, and what is said when the disk is at fault."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import jax.numpy as jnp
import numpy as np
import psutil
import pytest
from clips import moving_clip
from conftest import SMALL, save_random

from jaxvqa import UserError
from jaxvqa.features.extract import extract, find_keys
from jaxvqa.features.store import store_row
from jaxvqa.models.visual_encoders import encode_views
from jaxvqa.system.compilation import jitted
from jaxvqa.system.files import lock_folder
from jaxvqa.video.decode import open_video
from jaxvqa.video.limits import DecodeLimits
from jaxvqa.video.sampling import Sampling
from jaxvqa.video.views import video_views
from jaxvqa.video.workers import decode_file
from jaxvqa.weights.assemble import ENCODERS, PARTS
from jaxvqa.weights.load import load_weights

PROGRAM = """
import sys
from jaxvqa.features.extract import extract
from jaxvqa.system.files import lock_folder
from jaxvqa.video.sampling import Sampling
from jaxvqa.weights.assemble import ENCODERS
from jaxvqa.weights.load import load_weights
directory, root, *paths = sys.argv[1:]
extract(paths, load_weights(directory, ENCODERS), root, Sampling())
"""


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Paths of six different videos, not in the order of their names."""
    folder = tmp_path_factory.mktemp("videos")
    return [str(moving_clip(folder / f"{i}.mp4", frames=8, height=224, width=240, seed=i)) for i in (3, 1, 5, 0, 4, 2)]


@pytest.fixture(scope="module")
def encoders(small_weights):
    return load_weights(small_weights, ENCODERS)


@pytest.fixture(scope="module")
def extracted(videos, encoders, tmp_path_factory):
    """A root with the features of all videos from one run, in order."""
    root = tmp_path_factory.mktemp("features")
    found, errors = extract(videos, encoders, root, Sampling())
    assert not errors
    return root, found.read(range(len(videos)))


@pytest.fixture
def root(extracted, tmp_path):
    """A copy of that root, to be harmed."""
    return shutil.copytree(extracted[0], tmp_path / "features")


@pytest.fixture
def in_this_process(monkeypatch):
    """Decodes in this process, without the second that others take to start."""
    monkeypatch.setattr(
        "jaxvqa.features.extract.decode_files",
        lambda paths, sampling, limits: (decode_file(p, sampling) for p in paths),
    )


@pytest.fixture
def no_decoding(monkeypatch):
    """Nothing may be extracted."""

    def fail(*_):
        raise AssertionError("something is extracted again")

    monkeypatch.setattr("jaxvqa.features.extract.decode_files", fail)


def one(root, pattern):
    [path] = root.glob(f"*/{pattern}")
    return path


def index_lines(root):
    return [line for path in sorted(root.glob("*/*.jsonl")) for line in path.read_text().splitlines()]


def names(root):
    return [json.loads(line)["name"] for line in index_lines(root)]


def fails(match, *arguments):
    """Asserts that extraction ends with a sentence on one line."""
    with pytest.raises(UserError, match=match) as caught:
        extract(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


def test_values_are_those_of_the_encoders(videos, encoders, extracted):
    encode = jitted(encode_views, encoders.parts["swin"], encoders.parts["clip_visual"])
    stored = extracted[1]
    assert stored.dtype == np.float16
    for path, values in list(zip(videos, stored, strict=True))[:2]:
        video = open_video(path)
        views = video_views(video, Sampling().plans(video)[0])
        np.testing.assert_array_equal(values, np.asarray(encode(views.technical, views.aesthetic)).astype(np.float16))
    assert len(np.unique(stored.reshape(len(videos), -1), axis=0)) == len(videos)


def test_read_back_in_any_order(videos, encoders, extracted, no_decoding):
    root, expected = extracted
    before = {path: path.stat().st_mtime_ns for path in root.glob("*/shard-*")}
    assert len(before) == 2
    order = [4, 0, 5]
    found, errors = extract([videos[i] for i in order], encoders, root, Sampling())
    assert not errors
    assert len(found) == 3
    np.testing.assert_array_equal(found.read(range(3)), expected[order])
    np.testing.assert_array_equal(found.read(np.array([2, 2, 0])), expected[[5, 5, 4]])
    assert {path: path.stat().st_mtime_ns for path in root.glob("*/shard-*")} == before


def test_moved_and_renamed_videos_are_known(videos, encoders, extracted, tmp_path, no_decoding):
    moved = shutil.copy(videos[2], str(tmp_path / "renamed.mp4"))
    np.testing.assert_array_equal(extract([moved], encoders, extracted[0], Sampling())[0].read([0]), extracted[1][[2]])


def test_changed_file_is_extracted_anew(videos, encoders, root, extracted, tmp_path, in_this_process):
    path = moving_clip(tmp_path / os.path.basename(videos[0]), frames=8, height=224, width=240, seed=9)
    found, _ = extract([str(path), videos[0]], encoders, root, Sampling())
    new, old = found.read([0, 1])
    assert not np.array_equal(new, old)
    np.testing.assert_array_equal(old, extracted[1][0])
    assert names(root)[6:] == [path.name]


def test_other_seed_rule_or_weights_have_their_own(videos, encoders, root, extracted, tmp_path, in_this_process):
    path = videos[0]
    seed = extract([path], encoders, root, Sampling(1))[0].read([0])
    configs = {part: PARTS[part][1](**SMALL[part]) for part in ENCODERS}
    configs["clip_visual"] = PARTS["clip_visual"][1](**SMALL["clip_visual"] | {"output_width": 16})
    other = load_weights(save_random(tmp_path / "weights", configs))
    assert extract([path], other, root, Sampling())[0].read([0]).shape == (1, 64, 49, 80)
    assert not np.array_equal(seed, extracted[1][[0]])
    published = extract([path], encoders, root, Sampling(rule="published"))[0].read([0])
    assert not np.array_equal(published, extracted[1][[0]])
    assert len(list(root.iterdir())) == 4
    assert len([*root.glob("*-whole-seed0-v3")]) == len([*root.glob("*-published-seed0-v3")]) + 1 == 2
    np.testing.assert_array_equal(extract([path], encoders, root, Sampling())[0].read([0]), extracted[1][[0]])


@pytest.mark.slow
def test_killed_extraction_loses_and_doubles_nothing(videos, encoders, small_weights, extracted, tmp_path):
    root = tmp_path / "features"
    with subprocess.Popen([sys.executable, "-c", PROGRAM, small_weights, root, *videos]) as process:
        while process.poll() is None and len(index_lines(root)) < 2:
            time.sleep(0.01)
        with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
            children = file.read().split()
        process.kill()
    done = len(index_lines(root))
    assert 2 <= done < 6
    assert children
    deadline = time.monotonic() + 20  # and what it started ends with it
    while any(os.path.exists(f"/proc/{child}") for child in children) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [child for child in children if os.path.exists(f"/proc/{child}")]

    found, errors = extract(videos, encoders, root, Sampling())
    assert not errors
    np.testing.assert_array_equal(found.read(range(6)), extracted[1])
    assert names(root) == [os.path.basename(path) for path in videos]
    assert one(root, "*.npy").read_bytes() == one(extracted[0], "*.npy").read_bytes()


def test_half_a_line_is_no_row(videos, encoders, root, extracted, in_this_process):
    index = one(root, "*.jsonl")
    whole = index.read_bytes()
    index.write_bytes(whole[: whole.rindex(b"{") + 30])
    np.save(one(root, "*.npy"), np.concatenate([extracted[1][:5], np.full_like(extracted[1][:1], 7)]))
    found, _ = extract(videos, encoders, root, Sampling())
    np.testing.assert_array_equal(found.read(range(6)), extracted[1])
    assert index.read_bytes() == whole


def test_videos_that_fail_are_left_out_by_name(videos, encoders, tmp_path, in_this_process):
    broken = {name: str(tmp_path / name) for name in ("text.mp4", "empty.mp4", "cut.mp4", "missing.mp4")}
    (tmp_path / "text.mp4").write_text("not a video " * 100)
    (tmp_path / "empty.mp4").touch()
    with open(videos[0], "rb") as file:
        (tmp_path / "cut.mp4").write_bytes(file.read()[:5000])
    paths = [broken["text.mp4"], videos[1], broken["cut.mp4"], broken["missing.mp4"], videos[0], broken["empty.mp4"]]
    found, errors = extract(paths, encoders, tmp_path / "features", Sampling())
    assert errors.keys() == set(broken.values())
    for path, sentence in errors.items():
        assert sentence.startswith(f"{path} ")
        assert sentence.endswith(".")
        assert "\n" not in sentence
    assert len(found) == 2
    assert names(tmp_path / "features") == ["1.mp4", "3.mp4"]
    # What was kept free for them serves others.
    extract(videos, encoders, tmp_path / "features", Sampling())
    assert len(names(tmp_path / "features")) == len(set(names(tmp_path / "features"))) == 6
    assert [len(np.load(shard)) for shard in sorted(tmp_path.glob("features/*/*.npy"))] == [3, 3]


def test_features_beyond_float16_are_an_error(videos, encoders, tmp_path, monkeypatch, recwarn, in_this_process):
    monkeypatch.setattr("jaxvqa.features.encoder.jitted", lambda *_: lambda *_: jnp.full((64, 49, 96), 1e5))
    found, errors = extract(videos[:1], encoders, tmp_path, Sampling())
    assert len(found) == 0
    assert "beyond float16" in errors[videos[0]]
    assert not recwarn.list


@pytest.mark.hostile
@pytest.mark.parametrize("harm", ["cut", "header", "text", "gone", "type", "shape", "rows", "index", "deep"])
def test_harmed_shard_is_named_and_its_removal_mends_it(videos, encoders, root, extracted, harm, in_this_process):
    shard, index = one(root, "*.npy"), one(root, "*.jsonl")
    whole = shard.read_bytes()
    match harm:
        case "cut":
            shard.write_bytes(whole[: len(whole) // 2])
        case "header":
            shard.write_bytes(whole[:50])
        case "text":
            shard.write_bytes(whole[:10] + b"(" + whole[11:])
        case "gone":
            shard.unlink()
        case "type":
            np.save(shard, extracted[1].astype(np.float32))
        case "shape":
            np.save(shard, extracted[1][:, :32])
        case "rows":
            np.save(shard, extracted[1][:3])
        case "index":
            index.write_text("something else\n" + index.read_text())
        case "deep":
            index.write_text("[" * 10**5 + "\n" + index.read_text())
    message = fails("move it and shard-0-0.jsonl away", videos, encoders, root, Sampling())
    assert message.startswith(f"{shard} ")
    if harm not in ("cut", "header", "gone"):
        return  # the rest is the same for all
    shard.unlink(missing_ok=True)
    index.unlink()
    np.testing.assert_array_equal(extract(videos, encoders, root, Sampling())[0].read(range(6)), extracted[1])


def test_full_disk_keeps_what_is_there(videos, encoders, extracted, small_disk, in_this_process):
    folder = small_disk(2_000_000)
    extract(videos[:2], encoders, folder, Sampling())
    with pytest.raises(OSError, match=r"No space left on device, for 0\.0 GB of features of 4 videos") as caught:
        extract(videos, encoders, folder, Sampling())
    assert caught.value.filename == str(next(folder.glob("*/*.npy"))).replace("-0.npy", "-1.npy")
    assert sorted(path.name for path in folder.glob("*/shard-*")) == ["shard-0-0.jsonl", "shard-0-0.npy"]
    np.testing.assert_array_equal(extract(videos[:2], encoders, folder, Sampling())[0].read([0, 1]), extracted[1][:2])
    small_disk(20_000_000, "remount")
    np.testing.assert_array_equal(extract(videos, encoders, folder, Sampling())[0].read(range(6)), extracted[1])


def test_two_runs_at_once(videos, encoders, root, extracted, tmp_path):
    folder = one(root, ".lock-0").parent
    with lock_folder(folder):
        new = str(moving_clip(tmp_path / "new.mp4", frames=8, height=224, width=240, seed=9))
        fails(f"another run is writing to {folder}", [new], encoders, root, Sampling())
        found, _ = extract(videos, encoders, root, Sampling())  # reading what is there is no harm
    np.testing.assert_array_equal(found.read(range(6)), extracted[1])


def test_death_of_decoders_costs_their_videos_alone(videos, encoders, extracted, tmp_path, monkeypatch):
    """They are killed again and again from the first stored video on, so that some are amid a video."""
    store, stored, done = store_row, threading.Event(), threading.Event()

    def store_and_tell(*arguments):
        store(*arguments)
        stored.set()

    def kill():
        stored.wait()
        while not done.wait(0.05):
            for child in psutil.Process().children():
                with contextlib.suppress(psutil.NoSuchProcess):
                    if "spawn_main" in " ".join(child.cmdline()):
                        child.kill()

    monkeypatch.setattr("jaxvqa.features.extract.store_row", store_and_tell)
    killer = threading.Thread(target=kill)
    killer.start()
    try:
        found, errors = extract(videos, encoders, tmp_path, Sampling(), DecodeLimits(1))
    finally:
        stored.set()
        done.set()
        killer.join()
    assert len(found) + len(errors) == len(videos)
    assert errors
    assert videos[0] not in errors
    for sentence in errors.values():
        assert sentence.endswith("cannot be decoded: the decoder was killed, for want of memory perhaps.")
    monkeypatch.undo()
    np.testing.assert_array_equal(extract(videos, encoders, tmp_path, Sampling())[0].read(range(6)), extracted[1])


def test_a_file_that_changes_while_it_is_read_is_not_stored(videos, encoders, tmp_path, monkeypatch):
    path = shutil.copy(videos[0], tmp_path / "clip.mp4")

    def change_and_decode(paths, sampling, limits):
        shutil.copy(videos[1], path)
        yield decode_file(paths[0], sampling)

    monkeypatch.setattr("jaxvqa.features.extract.decode_files", change_and_decode)
    found, errors = extract([str(path)], encoders, tmp_path / "features", Sampling())
    assert len(found) == 0
    assert "changed while it was read" in errors[str(path)]


def test_ctrl_c_does_not_wait_for_a_large_file_to_be_read(tmp_path):
    paths = [str(tmp_path / f"{number}.mp4") for number in range(8)]
    for path in paths:
        with open(path, "wb") as file:
            file.truncate(1 << 36)  # which takes no room on disk, but minutes to read
    began, before = time.monotonic(), signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in background
    try:
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            find_keys(paths)
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - began < 4
