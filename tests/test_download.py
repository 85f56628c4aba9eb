import csv
import hashlib
import io
import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import jaxvqa
from jaxvqa import UserError
from jaxvqa.cli import main
from jaxvqa.system.files import lock_folder
from jaxvqa.system.terminal import Log
from jaxvqa.upstream.download import PAUSES, PUBLISHED, fetch, obtain
from jaxvqa.weights.directory import DESCRIPTION, TENSORS, read_description
from jaxvqa.weights.load import load_weights

DATA = np.random.default_rng(0).bytes(3_000_000)
NAMES = ["maxvqa_maxwell.pt", "DOVER.pth", "RN50.pt"]
QUIET = Log(quiet=True)
STALL = 0.3  # seconds after which the tests give up on a connection


@pytest.fixture
def server():
    """A server on this machine: `files` by path, `requests` as (path, Range), `ways` to answer the first of them."""
    state = SimpleNamespace(files={}, requests=[], ways=[], ended=threading.Event())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            state.requests.append((self.path, self.headers["Range"]))
            way = state.ways.pop(0) if state.ways else answer
            way(self, state.files.get(self.path), state)

        def log_message(self, *_):
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.address = f"http://127.0.0.1:{listener.server_port}"
    threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True).start()
    yield state
    state.ended.set()
    listener.shutdown()
    listener.server_close()


def head(request, status, **headers):
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()


def answer(request, data, state, sent=None):
    """As servers should; `sent` bytes of what was asked for, at most."""
    start = int((request.headers["Range"] or "bytes=0-")[6:-1])
    if data is None:
        head(request, 404, Content_Length=0)
    elif start >= len(data) > 0:
        head(request, 416, Content_Range=f"bytes */{len(data)}", Content_Length=0)
    else:
        ranged = {"Content_Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
        head(request, 206 if start else 200, Content_Length=len(data) - start, **ranged)
        request.wfile.write(data[start:][:sent])


def breaks_off(request, data, state):
    answer(request, data, state, sent=len(data) // 3)


def stalls(request, data, state):
    answer(request, data, state, sent=len(data) // 3)
    state.ended.wait(60)


def says_nothing(request, data, state):
    state.ended.wait(60)


def ignores_range(request, data, state):
    head(request, 200, Content_Length=len(data))
    request.wfile.write(data)


def tells_no_length(request, data, state):
    head(request, 200)
    request.wfile.write(data)


def says_more(request, data, state):
    head(request, 200, Content_Length=len(data) + 5)
    request.wfile.write(data)


def says_less(request, data, state):
    head(request, 200, Content_Length=len(data) - 5)
    request.wfile.write(data)


def gives_another_part(request, data, state):
    head(request, 206, Content_Length=7, Content_Range=f"bytes 3-9/{len(data)}")
    request.wfile.write(data[3:10])


def gives_a_part_of_nothing(request, data, state):
    head(request, 206, Content_Length=7)
    request.wfile.write(data[:7])


def is_busy(request, data, state):
    head(request, 503, Content_Length=0)


def redirects(request, data, state):
    """As GitHub does, for releases and large files."""
    head(request, 302, Location=request.path, Content_Length=0)


def speaks_another_language(request, data, state):
    request.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")


def fetched(server, path, pauses=(0.0, 0.0, 0.0)):
    server.files["/file"] = DATA
    fetch(f"{server.address}/file", path, QUIET, STALL, pauses)
    return path.read_bytes()


THIRD = f"bytes={len(DATA) // 3}-"


@pytest.mark.parametrize(
    ("ways", "ranges"),
    [
        ([], [None]),
        ([tells_no_length], [None]),
        ([breaks_off], [None, THIRD]),
        ([stalls], [None, THIRD]),
        ([breaks_off, breaks_off], [None, THIRD, f"bytes={len(DATA) // 3 * 2}-"]),
        ([breaks_off, ignores_range], [None, THIRD]),
        ([redirects, breaks_off, redirects], [None, None, THIRD, THIRD]),
        ([breaks_off, gives_another_part], [None, THIRD, None]),
        ([breaks_off, gives_a_part_of_nothing], [None, THIRD, None]),
        ([is_busy, says_nothing], [None, None, None]),
        ([breaks_off, speaks_another_language, is_busy], [None, THIRD, THIRD, THIRD]),
        ([says_more], [None, f"bytes={len(DATA)}-", None]),  # the server itself has no more, and says so
    ],
)
def test_file_comes_whole_whatever_happens(server, tmp_path, ways, ranges):
    server.ways = ways
    assert fetched(server, tmp_path / "file") == DATA
    assert [each for _, each in server.requests] == ranges


def test_next_run_goes_on(server, tmp_path):
    server.ways = [breaks_off]
    with pytest.raises(UserError, match=f"connection ended after {len(DATA) // 3} of {len(DATA)} bytes.*goes on where"):
        fetched(server, tmp_path / "file", pauses=())
    assert fetched(server, tmp_path / "file", pauses=()) == DATA
    assert server.requests[1][1] == THIRD


def test_gives_up_after_some_tries(server, tmp_path):
    server.ways = [says_nothing] * 3
    with pytest.raises(UserError, match=r"could not be fetched .*timed out"):
        fetched(server, tmp_path / "file", pauses=(0.0, 0.0))
    assert len(server.requests) == 3


def test_length_that_is_never_reached(server, tmp_path):
    server.ways = [says_more] * 4
    with pytest.raises(UserError, match=f"ended after {len(DATA)} of {len(DATA) + 5} bytes"):
        fetched(server, tmp_path / "file")


def test_pauses_before_further_tries(server, tmp_path, monkeypatch):
    slept = []
    monkeypatch.setattr("jaxvqa.upstream.download.time.sleep", slept.append)
    server.ways = [is_busy] * 4
    with pytest.raises(UserError, match="the server answered 503"):
        fetched(server, tmp_path / "file", PAUSES)
    assert slept == [1, 4, 16]


def test_what_a_server_does_not_have_is_asked_for_once(server, tmp_path):
    with pytest.raises(UserError, match="the server answered 404 Not Found: fetch the files by hand"):
        fetch(f"{server.address}/nothing", tmp_path / "file", QUIET, STALL)
    assert len(server.requests) == 1


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/file", "http://[/file"])
def test_no_server_there(tmp_path, address):
    with pytest.raises(UserError, match=f"{re.escape(address)} could not be fetched"):
        fetch(address, tmp_path / "file", QUIET, STALL, pauses=())


def test_full_disk(server, tmp_path, small_disk, monkeypatch, capfd):
    server.files["/maxvqa_maxwell.pt"] = DATA
    folder = small_disk("1m")
    assert main(["download", f"--source={server.address}", f"--output={folder / 'weights'}"]) == 1
    sentence = f"{folder}/.weights-fetched/maxvqa_maxwell.pt.part: No space left on device; what was finished is kept."
    assert sentence in capfd.readouterr().err


def published(monkeypatch, **sha256):
    """Changes what is known of the published files."""
    changed = [file._replace(sha256=sha256.get(file.part, file.sha256)) for file in PUBLISHED]
    for module in ("upstream.download", "tasks.download"):
        monkeypatch.setattr(f"jaxvqa.{module}.PUBLISHED", changed)


def checkpoint(**tensors):
    file = io.BytesIO()
    torch.save({key: torch.tensor(value) for key, value in tensors.items()}, file)
    return file.getvalue()


def kept(folder):
    return sorted(path.name for path in folder.glob(".weights-fetched/[!.]*"))


def test_licenses_come_first_and_a_page_is_no_checkpoint(server, tmp_path, capfd):
    server.files["/maxvqa_maxwell.pt"] = b"<!doctype html><p>Please log in."
    assert main(["download", f"--source={server.address}/", f"--output={tmp_path / 'weights'}"]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert [line.split(":")[0] for line in lines] == [*NAMES, "jaxvqa"]
    assert [line.rpartition("license: ")[2] for line in lines[:3]] == ["non-commercial use only"] * 2 + ["MIT"]
    assert "/maxvqa_maxwell.pt gave no checkpoint, and what it gave was thrown away (checkpoint" in lines[3]
    assert "name their folder as source" in lines[3]
    assert kept(tmp_path) == []
    assert server.requests == [("/maxvqa_maxwell.pt", None)]


def test_other_bytes_than_published_are_thrown_away(server, tmp_path, capfd):
    server.files = {f"/{name}": checkpoint(x=[1.0]) for name in NAMES}
    command = ["download", f"--source={server.address}", f"--output={tmp_path / 'weights'}"]
    assert main(command) == 2
    err = capfd.readouterr().err
    digest = hashlib.sha256(server.files["/DOVER.pth"]).hexdigest()
    assert f"DOVER.pth: SHA-256 {digest}, recorded with the weights, for none is published" in err
    assert f"RN50.pt gave another file than the published one (its SHA-256 is {digest}, not afeb0e10f9e5" in err
    assert kept(tmp_path) == ["DOVER.pth", "maxvqa_maxwell.pt"]
    assert main(command) == 2
    assert [path for path, _ in server.requests] == [*(f"/{name}" for name in NAMES), "/RN50.pt"]


def test_length_told_too_short(server, tmp_path, monkeypatch):
    server.files["/RN50.pt"] = checkpoint(x=[1.0])
    published(monkeypatch, clip=hashlib.sha256(server.files["/RN50.pt"]).hexdigest())
    server.ways = [says_less]
    with pytest.raises(UserError, match="gave another file than the published one"):
        obtain(PUBLISHED[2], f"{server.address}/RN50.pt", tmp_path, QUIET)
    assert list(tmp_path.iterdir()) == []
    path = obtain(PUBLISHED[2], f"{server.address}/RN50.pt", tmp_path, QUIET)
    assert path.read_bytes() == server.files["/RN50.pt"]


def test_checkpoints_of_other_models_are_thrown_away(server, tmp_path, monkeypatch, capfd):
    server.files = {f"/{name}": checkpoint(x=[1.0]) for name in NAMES}
    published(monkeypatch, clip=hashlib.sha256(server.files["/RN50.pt"]).hexdigest())
    assert main(["download", f"--source={server.address}", f"--output={tmp_path / 'weights'}"]) == 2
    assert "DOVER.pth is not a checkpoint of fastvqa_head and swin" in capfd.readouterr().err
    assert kept(tmp_path) == ["RN50.pt"]  # which is as published
    assert [path.name for path in tmp_path.iterdir()] == [".weights-fetched"]


def test_files_fetched_by_hand_are_not_touched(tmp_path, monkeypatch, capfd):
    folder = tmp_path / "fetched"
    folder.mkdir()
    command = ["download", f"--source={folder}", f"--output={tmp_path / 'weights'}"]
    (folder / "DOVER.pth").write_bytes(checkpoint(x=[1.0]))
    assert main(command) == 2
    assert f"{folder} has no maxvqa_maxwell.pt, RN50.pt: put the files there" in capfd.readouterr().err
    for name in NAMES:
        (folder / name).write_bytes(checkpoint(x=[1.0]))
    assert main(command) == 2
    assert f"{folder / 'RN50.pt'} is not the published file" in capfd.readouterr().err
    published(monkeypatch, clip="")
    assert main(command) == 2
    assert "DOVER.pth is not a checkpoint of" in capfd.readouterr().err
    assert sorted(path.name for path in folder.iterdir()) == sorted(NAMES)
    assert [path.name for path in tmp_path.iterdir()] == ["fetched"]


def test_pytorch_is_asked_for_before_anything_is_fetched(server, tmp_path, monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["download", f"--source={server.address}", f"--output={tmp_path / 'weights'}"]) == 2
    assert "conversion needs PyTorch: pip install 'jaxvqa[convert]'" in capfd.readouterr().err
    assert server.requests == []
    assert list(tmp_path.iterdir()) == []


def test_two_runs_at_once(server, tmp_path, capfd):
    with lock_folder(tmp_path / ".weights-fetched"):
        assert main(["download", f"--source={server.address}", f"--output={tmp_path / 'weights'}"]) == 2
    assert "another run is writing to" in capfd.readouterr().err
    assert server.requests == []


def test_what_is_there_must_be_sound(server, small_weights, tmp_path, monkeypatch, capfd):
    command = ["download", f"--source={server.address}", "--output"]
    assert main([*command, str(small_weights)]) == 0
    wanted = load_weights(small_weights, ()).id
    assert capfd.readouterr().out == f"{small_weights}: weights {wanted}, already there and sound\n"
    (tmp_path / "other").mkdir()
    assert main([*command, str(tmp_path / "other")]) == 2
    assert "other is there, but of no use" in capfd.readouterr().err
    (tmp_path / "damaged").mkdir()
    for name in (DESCRIPTION, TENSORS):
        (tmp_path / "damaged" / name).write_bytes((small_weights / name).read_bytes())
    with (tmp_path / "damaged" / TENSORS).open("r+b") as file:
        file.seek(-1, io.SEEK_END)
        file.write(b"\xff")
    assert main([*command, str(tmp_path / "damaged")]) == 2
    assert re.search(r"damaged is there, but of no use .*SHA-256 differs.*move it away", capfd.readouterr().err)
    assert server.requests == []


def test_weights_without_all_parts_are_of_no_use(released_weights, capfd):
    assert main(["download", f"--output={released_weights}"]) == 2
    assert "but not of fastvqa_head" in capfd.readouterr().err


def test_weights_that_score_by_default(small_weights, clips, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(UserError, match="maxvqa does not exist: run `jaxvqa download`"):
        jaxvqa.load("maxvqa")

    (tmp_path / "jaxvqa").mkdir()
    (tmp_path / "jaxvqa" / "maxvqa").symlink_to(small_weights)
    wanted = load_weights(small_weights, ()).id
    assert jaxvqa.load().weights_id == jaxvqa.load("maxvqa").weights_id == wanted
    command = ["score", str(clips / "a.mp4"), "--format=jsonl", f"--output={tmp_path / 'scores'}"]
    assert main(command) == 0
    out, err = capfd.readouterr()
    assert json.loads(out)["weights"] == wanted
    assert f"weights: the published ones, in {tmp_path / 'jaxvqa' / 'maxvqa'}\n" in err
    assert main([*command, f"--weights={small_weights}"]) == 0
    assert "weights:" not in capfd.readouterr().err


@pytest.mark.slow
def test_downloaded_weights_score(server, checkpoints, full_weights, clips, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    for name, standin in zip(NAMES, ("maxvqa", "dover", "clip_rn50"), strict=True):
        server.files[f"/{name}"] = checkpoints[standin].read_bytes()
    published(monkeypatch, clip=hashlib.sha256(server.files["/RN50.pt"]).hexdigest())
    command = ["download", f"--source={server.address}"]
    sound, absurd = server.files["/maxvqa_maxwell.pt"], torch.load(checkpoints["maxvqa"])
    for name in (name for name in absurd if name.startswith("implicit_mlp.")):
        absurd[name] = absurd[name] / absurd[name].abs().max() * 3e38  # which are numbers, but give none
    torch.save(absurd, file := io.BytesIO())
    server.files["/maxvqa_maxwell.pt"] = file.getvalue()
    assert main(command) == 2
    assert re.search("cannot be used: weights .* give scores that are no numbers", capfd.readouterr().err)
    assert [path.name for path in tmp_path.glob("jaxvqa/.maxvqa-fetched/[!.]*")] == ["RN50.pt"]

    server.files["/maxvqa_maxwell.pt"] = sound
    server.requests, server.ways = [], [answer, breaks_off]
    (tmp_path / "jaxvqa" / ".maxvqa-fetched" / "RN50.pt").unlink()
    assert main(command) == 0
    folder, wanted = tmp_path / "jaxvqa" / "maxvqa", load_weights(full_weights, ()).id
    assert capfd.readouterr().out == f"{folder}: weights {wanted}\n"
    assert [path for path, _ in server.requests] == [f"/{NAMES[0]}", *[f"/{NAMES[1]}"] * 2, f"/{NAMES[2]}"]
    sources = read_description(folder)["sources"]
    assert {source["file"]: source["sha256"] for source in sources} == {
        name: hashlib.sha256(server.files[f"/{name}"]).hexdigest() for name in NAMES
    }
    assert [path.name for path in folder.parent.iterdir()] == ["maxvqa"]  # and nothing that it was made from

    assert main(command) == 0
    assert capfd.readouterr().out == f"{folder}: weights {wanted}, already there and sound\n"
    assert len(server.requests) == 4

    changed = torch.load(checkpoints["maxvqa"])
    changed["ctx"] = 0.9 * changed["ctx"]
    torch.save(changed, file := io.BytesIO())
    server.files["/maxvqa_maxwell.pt"] = file.getvalue()
    assert main([*command, f"--output={tmp_path / 'other'}"]) == 0
    err = capfd.readouterr().err
    digest = hashlib.sha256(sound).hexdigest()
    assert f"maxvqa_maxwell.pt is not the file of an earlier download, whose SHA-256 is {digest}\n" in err
    assert err.count("earlier download") == 1

    for task in ("score", "zero-shot"):
        assert main([task, str(clips / "a.mp4"), f"--output={tmp_path / task}", "--format=csv"]) == 0
        out, err = capfd.readouterr()
        [row] = csv.DictReader(io.StringIO(out))
        assert (row["status"], row["weights"]) == ("ok", wanted)
        assert f"weights: the published ones, in {folder}" in err
