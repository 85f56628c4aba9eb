import contextlib
import errno
import hashlib
import os
import stat
import subprocess
import sys

import pytest

from jaxvqa import UserError
from jaxvqa.system.files import (
    allocate,
    atomic_folder,
    expand_home,
    file_sha256,
    local_path,
    lock_folder,
    private_folder,
    user_cache,
    user_data,
    with_filename,
    write_atomic,
)


@pytest.fixture
def folder(tmp_path):
    for name in ("b.mp4", "a.MOV", "notes.txt", "deep/c.webm", "deep/deeper/d.mkv", "z[1].mp4"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("~", "/home/me"),
        ("~/a b/~", "/home/me/a b/~"),
        ("./~/a", "./~/a"),
        ("a/~", "a/~"),
        ("~root/a", os.path.expanduser("~root/a")),
        ("~$draft.mp4", "~$draft.mp4"),
        ("", ""),
        ("C:/a.mp4", "C:/a.mp4"),
        ("a: b.mp4", "a: b.mp4"),
        ("12:30.mp4", "12:30.mp4"),
        ("./https://a", "./https://a"),
    ],
)
def test_a_tilde_is_the_home_folder(monkeypatch, path, meant):
    monkeypatch.setenv("HOME", "/home/me")
    assert expand_home(path) == local_path(path) == meant


@pytest.mark.parametrize(
    "address",
    [
        "https://a.b/c.mp4?d=~",
        "HTTP://a",
        "rtsp://camera/1",
        "s3://b/c",
        "file:///c.mp4",
        "file:/c.mp4",
        "magnet:?xt=1",
    ],
)
def test_addresses_are_no_paths(address):
    with pytest.raises(UserError) as caught:
        local_path(address)
    assert str(caught.value) == (
        f"{address} is an address, and addresses are not fetched: download it first, and name the file."
    )
    assert expand_home(address) == address


def test_who_has_no_home(no_home, monkeypatch):
    assert (user_cache(), user_data()) == (None, None)
    assert expand_home("a") == "a"
    for path in ("~", "~/a"):
        with pytest.raises(UserError, match=f"^{path} lies in the home folder, but there is no home folder: set HOME"):
            expand_home(path)
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert str(user_cache()) == "/cache/jaxvqa"


def test_a_folder_is_claimed_by_one_at_a_time(tmp_path):
    folder = tmp_path / "deep" / "folder"
    message = f"another run is writing to {folder}: wait for it, or choose another folder."
    with (
        lock_folder(folder),
        lock_folder(folder, process=1),
        pytest.raises(UserError, match=message),
    ):  # of one run, two processes
        lock_folder(folder)
    with lock_folder(folder):
        pass


def test_what_a_killed_process_claimed_is_free(tmp_path):
    program = "import sys; from jaxvqa.system.files import lock_folder; "
    program += "claimed = lock_folder(sys.argv[1]); print(); sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program, tmp_path], **pipes) as process:
        process.stdout.readline()
        with pytest.raises(UserError, match="another run"):
            lock_folder(tmp_path)
        process.kill()
    with lock_folder(tmp_path):
        pass


def test_folders_that_cannot_be_written(tmp_path, small_disk):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"/file/folder cannot be written: Not a directory\.$"):
        lock_folder(tmp_path / "file" / "folder")
    disk = small_disk("1m", "ro")
    for folder in (disk, disk / "new"):
        with pytest.raises(UserError, match=r"cannot be written: Read-only file system\.$"):
            lock_folder(folder)


def test_new_folders_are_whole_or_not_there(tmp_path):
    folder = tmp_path / "new"
    with contextlib.suppress(KeyboardInterrupt), atomic_folder(folder) as scratch:
        (scratch / "half").touch()
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())
    (tmp_path / ".new-unfinished" / "new").mkdir(parents=True)
    (tmp_path / ".new-unfinished" / "new" / "half").touch()  # left by a run that was killed
    with atomic_folder(folder) as scratch:
        (scratch / "whole").touch()
        with pytest.raises(UserError, match="another run is writing to"), atomic_folder(folder):
            pass
    assert [path.name for path in folder.iterdir()] == ["whole"]
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_room_where_the_system_cannot_reserve_it(small_disk, monkeypatch):
    """As on macOS."""
    monkeypatch.delattr(os, "posix_fallocate")
    folder = small_disk(1 << 20)
    with (folder / "file").open("wb") as file:
        allocate(file, 1 << 19)
        assert (folder / "file").stat().st_size == 1 << 19
        with pytest.raises(OSError, match="No space left") as caught:
            allocate(file, 1 << 21)
    assert caught.value.filename == str(folder / "file")


def test_a_file_is_replaced_whole_or_not_at_all(small_disk):
    path = small_disk("64k") / "report.html"
    write_atomic(path, ["earlier ", "results"])
    with pytest.raises(OSError, match="No space left on device") as caught:
        write_atomic(path, (1000 * "later" for _ in range(100)))
    assert caught.value.filename == str(path)
    assert path.read_text() == "earlier results"
    assert [path.name for path in path.parent.iterdir()] == ["report.html"]


def test_a_folder_that_others_can_write_to_holds_no_half_finished_one(tmp_path):
    (tmp_path / ".weights-unfinished").mkdir()
    (tmp_path / ".weights-unfinished").chmod(0o777)
    with pytest.raises(UserError, match="other users can write to it"), atomic_folder(tmp_path / "weights"):
        pass
    (tmp_path / ".weights-unfinished").chmod(0o755)
    with atomic_folder(tmp_path / "weights") as scratch:
        assert stat.S_IMODE(scratch.parent.stat().st_mode) & 0o022 == 0
    assert (tmp_path / "weights").is_dir()


def test_who_has_a_file_open_keeps_what_it_was(tmp_path):
    path = tmp_path / "scores.csv"
    write_atomic(path, "before")
    with path.open() as file:
        write_atomic(path, ["caf\udce9 ", "after"])
        assert file.read() == "before"
    assert path.read_bytes() == b"caf\xe9 after"
    write_atomic(path, b"\0\1")
    assert path.read_bytes() == b"\0\1"


def test_what_breaks_off_a_text_leaves_no_file(tmp_path):
    def parts():
        yield "half"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "report.html", parts())
    assert not list(tmp_path.iterdir())


def test_errors_name_the_file_unless_the_system_did(tmp_path):
    for known, named in ((None, str(tmp_path)), ("other", "other")):
        with pytest.raises(OSError, match="No space left") as caught, with_filename(tmp_path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), known)
        assert caught.value.filename == named


@pytest.mark.parametrize(("size", "calls"), [(0, 0), (1, 1), (1 << 20, 1), ((2 << 20) + 1, 3)])
def test_digests_are_of_whole_files_megabyte_by_megabyte(tmp_path, size, calls):
    path, called = tmp_path / "file", []
    path.write_bytes(bytes(range(251)) * (size // 251) + bytes(size % 251))
    assert file_sha256(path, lambda: called.append(1)) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert len(called) == calls


def test_room_is_reserved_before_anything_is_written(small_disk):
    path = small_disk(1 << 20) / "file"
    with path.open("wb") as file:
        allocate(file, 1 << 19)
        assert path.stat().st_blocks * 512 >= 1 << 19
        with pytest.raises(OSError, match="No space left"):
            allocate(file, 1 << 21)


def test_folders_that_are_made_are_private_whatever_the_system_would_allow(tmp_path):
    before = os.umask(0)
    try:
        private_folder(tmp_path / "deep" / "folder")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "deep" / "folder").stat().st_mode) == 0o700
    private_folder(tmp_path / "deep" / "folder")  # is there already


@pytest.mark.parametrize("mode", [0o720, 0o702])
def test_folders_that_others_can_write_to_are_refused(tmp_path, mode):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder").chmod(mode)
    with pytest.raises(UserError, match="is no folder, or other users can write to it"):
        private_folder(tmp_path / "folder")


def test_what_is_no_folder_of_this_user_is_refused(tmp_path, monkeypatch):
    (tmp_path / "file").touch(mode=0o600)
    (tmp_path / "folder").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    for name in ("file", "link"):
        with pytest.raises(UserError, match="is no folder, or other users can write to it"):
            private_folder(tmp_path / name)
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    with pytest.raises(UserError, match="is no folder, or other users can write to it"):
        private_folder(tmp_path / "folder")
