import contextlib
import hashlib
import io
import os
import re
import stat
import subprocess

import pytest
import torch
from publisher import DATA, NAMES, answer, breaks_off, etag, head, kept, published

from jaxvqa import UserError
from jaxvqa.cli import main
from jaxvqa.system.terminal import Log
from jaxvqa.upstream.download import LIMIT, PAUSES, PUBLISHED, fetch, obtain

QUIET = Log(quiet=True)


STALL = 0.3  # seconds after which the tests give up on a connection


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
    head(request, 200, Content_Length=len(data) + 5, ETag=etag(data))
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


OTHER = DATA[::-1]
DATE = "Sun, 29 Nov 2026 08:00:00 GMT"


def breaks_off_with(**headers):
    def way(request, data, state):
        head(request, 200, Content_Length=len(data), **headers)
        request.wfile.write(data[: len(data) // 3])

    return way


def gives_the_rest_with(**headers):
    """As servers do that do not know If-Range."""

    def way(request, data, state):
        start = int(request.headers["Range"][6:-1])
        part = f"bytes {start}-{len(data) - 1}/{len(data)}"
        head(request, 206, Content_Length=len(data) - start, Content_Range=part, **headers)
        request.wfile.write(data[start:])

    return way


@pytest.mark.parametrize(
    ("first", "second", "ranges"),
    [
        ({"ETag": '"a"'}, answer, [None, THIRD]),
        ({"ETag": 'W/"a"', "Last_Modified": DATE}, answer, [None, THIRD]),
        ({"ETag": '"a"'}, gives_the_rest_with(ETag='"b"'), [None, THIRD, None]),
        ({"Last_Modified": DATE}, gives_the_rest_with(Last_Modified=DATE.replace("08", "09")), [None, THIRD, None]),
        ({"ETag": 'W/"a"'}, answer, [None, None]),
        ({}, answer, [None, None]),
    ],
)
@pytest.mark.parametrize("pauses", [(0.0, 0.0), ()], ids=["one run", "a run each"])
def test_a_file_that_changes_is_not_joined_to_the_earlier_one(server, tmp_path, first, second, ranges, pauses):
    def begin(*arguments):
        breaks_off_with(**first)(*arguments)
        server.files["/file"] = OTHER

    server.files["/file"], server.ways = DATA, [begin, second]
    for _ in ranges if not pauses else [0]:
        with contextlib.suppress(UserError):
            fetch(f"{server.address}/file", tmp_path / "file", QUIET, STALL, pauses)
    assert (tmp_path / "file").read_bytes() == OTHER
    assert [each for _, each in server.requests] == ranges
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "headers", [{"ETag": '"a"'}, {"Last_Modified": DATE}, {"ETag": 'W/"a"', "Last_Modified": DATE}]
)
def test_a_file_that_stays_is_resumed(server, tmp_path, headers):
    server.ways = [breaks_off_with(**headers), gives_the_rest_with(**headers)]
    assert fetched(server, tmp_path / "file") == DATA
    assert [each for _, each in server.requests] == [None, THIRD]


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


def checkpoint(**tensors):
    file = io.BytesIO()
    torch.save({key: torch.tensor(value) for key, value in tensors.items()}, file)
    return file.getvalue()


def test_licenses_come_first_and_a_page_is_no_checkpoint(server, tmp_path, monkeypatch, capfd):
    published(monkeypatch, maxvqa="")
    server.files["/maxvqa_maxwell.pt"] = b"<!doctype html><p>Please log in."
    assert main(["download", f"--source={server.address}/", f"--output={tmp_path / 'weights'}"]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert [line.split(":")[0] for line in lines] == [*NAMES, "jaxvqa"]
    terms = [line.rpartition("license: ")[2] for line in lines[:3]]
    assert (
        terms[0]
        == terms[1]
        == ("MIT when published, in 2023; non-commercial use only since 2024-08-12; you judge which applies")
    )
    assert terms[2] == "MIT"
    assert "/maxvqa_maxwell.pt gave no checkpoint, and what it gave was thrown away (checkpoint" in lines[3]
    assert "name their folder as source" in lines[3]
    assert kept(tmp_path) == []
    assert server.requests == [("/maxvqa_maxwell.pt", None)]


def test_other_bytes_than_published_are_thrown_away(server, tmp_path, monkeypatch, capfd):
    published(monkeypatch, maxvqa="")
    server.files = {f"/{name}": checkpoint(x=[1.0]) for name in NAMES}
    command = ["download", f"--source={server.address}", f"--output={tmp_path / 'weights'}"]
    assert main(command) == 2
    err = capfd.readouterr().err
    digest = hashlib.sha256(server.files["/DOVER.pth"]).hexdigest()
    size = len(server.files["/DOVER.pth"])
    assert f"DOVER.pth: {size} bytes, SHA-256 {digest}, recorded, because its authors publish none" in err
    assert f"RN50.pt gave another file than the published one (its SHA-256 is {digest}, not afeb0e10f9e5" in err
    assert kept(tmp_path) == ["DOVER.pth", "maxvqa_maxwell.pt"]
    assert main(command) == 2
    assert [path for path, _ in server.requests] == [*(f"/{name}" for name in NAMES), "/RN50.pt"]


def test_maxvqa_is_known_by_its_git_blob(server, tmp_path, monkeypatch):
    """By the id that git itself gives a content."""
    [maxvqa] = [file for file in PUBLISHED if file.part == "maxvqa"]
    assert (maxvqa.sha256, maxvqa.git_blob) == ("", "31a4851c059c354ea3dfa94da34fcc88afe443e9")
    assert "/raw/c55f591/" in maxvqa.address
    content = server.files["/file"] = checkpoint(x=[1.0])
    git = subprocess.run(["git", "hash-object", "--stdin"], input=content, capture_output=True, check=True)
    found = git.stdout.decode().strip()
    with pytest.raises(UserError, match=f"gave another file .*its git blob id is {found}, not 31a4851c059c"):
        obtain(maxvqa, f"{server.address}/file", tmp_path, QUIET)
    assert list(tmp_path.iterdir()) == []
    path = obtain(maxvqa._replace(git_blob=found), f"{server.address}/file", tmp_path, QUIET)
    assert path.read_bytes() == content


def test_length_told_too_short(server, tmp_path, monkeypatch):
    server.files["/RN50.pt"] = checkpoint(x=[1.0])
    *_, clip = published(monkeypatch, clip=hashlib.sha256(server.files["/RN50.pt"]).hexdigest())
    server.ways = [says_less]
    with pytest.raises(UserError, match="gave another file than the published one"):
        obtain(clip, f"{server.address}/RN50.pt", tmp_path, QUIET)
    assert list(tmp_path.iterdir()) == []
    path = obtain(clip, f"{server.address}/RN50.pt", tmp_path, QUIET)
    assert path.read_bytes() == server.files["/RN50.pt"]


def test_checkpoints_of_other_models_are_thrown_away(server, tmp_path, monkeypatch, capfd):
    server.files = {f"/{name}": checkpoint(x=[1.0]) for name in NAMES}
    published(monkeypatch, maxvqa="", clip=hashlib.sha256(server.files["/RN50.pt"]).hexdigest())
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
    assert f"{folder / 'maxvqa_maxwell.pt'} is not the published file (its git blob id" in capfd.readouterr().err
    published(monkeypatch, maxvqa="")
    assert main(command) == 2
    assert f"{folder / 'RN50.pt'} is not the published file (its SHA-256" in capfd.readouterr().err
    published(monkeypatch, maxvqa="", clip="")
    assert main(command) == 2
    assert "DOVER.pth is not a checkpoint of" in capfd.readouterr().err
    assert sorted(path.name for path in folder.iterdir()) == sorted(NAMES)
    assert [path.name for path in tmp_path.iterdir()] == ["fetched"]


def sends_to(address):
    return lambda request, data, state: head(request, 302, Location=address, Content_Length=0)


def test_safe_connections_stay_safe(server, safe_server, tmp_path):
    for each in (server, safe_server):
        each.files["/file"] = DATA
    address = f"{safe_server.address}/file"
    safe_server.ways = [sends_to(f"{safe_server.address}/file")]
    fetch(address, tmp_path / "safe", QUIET, pauses=())
    assert (tmp_path / "safe").read_bytes() == DATA
    assert len(safe_server.requests) == 2
    safe_server.ways = [sends_to(f"{server.address}/file")]
    with pytest.raises(UserError, match=f"{address} redirects to {server.address}/file, which is not HTTPS"):
        fetch(address, tmp_path / "unsafe", QUIET, pauses=(0.0,))
    assert server.requests == []
    assert len(safe_server.requests) == 3  # another try would not do
    assert not (tmp_path / "unsafe").exists()
    server.ways = [sends_to(address)]
    fetch(f"{server.address}/file", tmp_path / "mirror", QUIET, pauses=())
    assert (tmp_path / "mirror").read_bytes() == DATA
    server.ways = [sends_to("ftp://127.0.0.1/file")]
    with pytest.raises(UserError, match=r"redirects to ftp://127.0.0.1/file, which is not HTTPS"):
        fetch(f"{server.address}/file", tmp_path / "ftp", QUIET, pauses=(0.0,))


def promises_too_much(request, data, state):
    head(request, 200, Content_Length=LIMIT + 1)
    request.wfile.write(data)


def never_ends(request, data, state):
    head(request, 200)
    with contextlib.suppress(OSError):
        while not state.ended.is_set():
            request.wfile.write(data)


@pytest.mark.parametrize(("way", "limit"), [(promises_too_much, LIMIT), (never_ends, 2 * len(DATA))])
def test_no_server_fills_the_disk(server, tmp_path, monkeypatch, way, limit):
    monkeypatch.setattr("jaxvqa.upstream.download.LIMIT", limit)
    server.files["/file"], server.ways = DATA, [way]
    with pytest.raises(UserError, match=r"gives more than .* GB, which no published file has, so nothing was kept"):
        fetch(f"{server.address}/file", tmp_path / "file", QUIET, STALL, pauses=(0.0,))
    assert list(tmp_path.iterdir()) == []
    assert len(server.requests) == 1


@pytest.mark.parametrize("known", [True, False])
def test_files_of_an_earlier_run_are_verified(server, tmp_path, monkeypatch, capfd, known):
    """Whether or not their authors publish a digest: what is noted of one that was fetched must still be true."""
    server.files["/RN50.pt"] = checkpoint(x=[1.0])
    *_, clip = published(monkeypatch, clip=hashlib.sha256(server.files["/RN50.pt"]).hexdigest() if known else "")

    def get():
        return obtain(clip, f"{server.address}/RN50.pt", tmp_path, Log()).read_bytes()

    (tmp_path / "RN50.pt").write_bytes(checkpoint(x=[6.0]))  # from somewhere
    assert get() == server.files["/RN50.pt"]
    assert f"{tmp_path / 'RN50.pt'} is not the file that was fetched" in capfd.readouterr().err
    assert get() == server.files["/RN50.pt"]
    assert len(server.requests) == 1
    (tmp_path / "RN50.pt").write_bytes(checkpoint(x=[7.0]))
    assert get() == server.files["/RN50.pt"]
    assert len(server.requests) == 2


def test_a_part_from_elsewhere_is_not_completed(server, tmp_path, monkeypatch):
    server.files["/RN50.pt"] = checkpoint(x=[1.0])
    *_, clip = published(monkeypatch, clip=hashlib.sha256(server.files["/RN50.pt"]).hexdigest())
    (tmp_path / "RN50.pt.part").write_bytes(b"something else")
    path = obtain(clip, f"{server.address}/RN50.pt", tmp_path, QUIET)
    assert path.read_bytes() == server.files["/RN50.pt"]
    assert server.requests == [("/RN50.pt", None)]


def test_the_working_folder_is_this_users_alone(server, tmp_path, capfd):
    kept, elsewhere = tmp_path / ".weights-fetched", tmp_path / "elsewhere"
    command = ["download", f"--source={server.address}", f"--output={tmp_path / 'weights'}"]
    elsewhere.mkdir()
    for make in (
        lambda: (kept.mkdir(), kept.chmod(0o777)),
        lambda: kept.symlink_to(elsewhere),
        kept.touch,
        lambda: (kept.mkdir(), os.chown(kept, 12345, 12345)),
    ):
        with contextlib.suppress(PermissionError):  # to give a folder away takes root
            make()
            assert main(command) == 2
            assert f"{kept} is no folder, or other users can write to it" in capfd.readouterr().err
        kept.rmdir() if kept.is_dir() and not kept.is_symlink() else kept.unlink()
    assert server.requests == []
    assert list(elsewhere.iterdir()) == []
    assert main(command) == 2  # the server has no such file
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
