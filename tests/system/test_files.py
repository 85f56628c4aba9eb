import contextlib
import os
import stat
import subprocess
import sys

import pytest

from jaxvqa import UserError
from jaxvqa.system.files import allocate, atomic_folder, lock_folder, write_atomic


@pytest.fixture
def folder(tmp_path):
    for name in ("b.mp4", "a.MOV", "notes.txt", "deep/c.webm", "deep/deeper/d.mkv", "z[1].mp4"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


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
