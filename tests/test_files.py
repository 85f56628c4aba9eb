import contextlib
import os
import subprocess
import sys

import pytest

from jaxvqa import UserError
from jaxvqa.system.files import allocate, atomic_folder, lock_folder
from jaxvqa.video.find import find_videos


@pytest.fixture
def folder(tmp_path):
    for name in ("b.mp4", "a.MOV", "notes.txt", "deep/c.webm", "deep/deeper/d.mkv", "z[1].mp4"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def names(found, folder):
    return [os.path.relpath(path, folder) for path in found]


def test_folder_with_all_folders_in_it(folder):
    found, left_out = find_videos(str(folder))
    assert names(found, folder) == ["a.MOV", "b.mp4", "z[1].mp4", "deep/c.webm", "deep/deeper/d.mkv"]
    assert names(left_out, folder) == ["notes.txt"]


def test_links_to_folders_are_left_out_and_said(folder):
    (folder / "link").symlink_to(folder)
    assert str(folder / "link") in find_videos(str(folder))[1]


def test_one_file_whatever_its_suffix(folder):
    assert names(find_videos(str(folder / "b.mp4"))[0], folder) == ["b.mp4"]
    (folder / "upload").touch()
    assert names(find_videos(str(folder / "upload"))[0], folder) == ["upload"]


def test_name_with_magic_characters_is_a_name_if_there_is_such_a_file(folder):
    assert names(find_videos(str(folder / "z[1].mp4"))[0], folder) == ["z[1].mp4"]


def test_globs(folder):
    assert names(find_videos(f"{folder}/*.mp4")[0], folder) == ["b.mp4", "z[1].mp4"]
    assert names(find_videos(f"{folder}/**/*.mkv")[0], folder) == ["deep/deeper/d.mkv"]
    assert names(find_videos(f"{folder}/d*")[0], folder) == ["deep/c.webm", "deep/deeper/d.mkv"]


def test_list(folder):
    (folder / "list.txt").write_text(f"\ufeffb.mp4\r\n\ndeep/c.webm\n a\u2028b.mp4\nb.mp4\n{folder}/missing.mp4\n")
    found, _ = find_videos(str(folder / "list.txt"))
    assert found == [f"{folder}/{name}" for name in ("b.mp4", "deep/c.webm", " a\u2028b.mp4", "missing.mp4")]
    (folder / "list.txt").write_text("b.mp4\n", encoding="utf-16")
    with pytest.raises(UserError, match=r"list\.txt is not UTF-8 text"):
        find_videos(str(folder / "list.txt"))


def test_path_keeps_its_meaning(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "link").symlink_to(folder / "deep" / "deeper")
    (folder / "deep" / "b.mp4").touch()
    assert find_videos("link/../b.mp4")[0] == ["link/../b.mp4"]
    assert find_videos(".")[0][:2] == ["a.MOV", "b.mp4"]


def test_nothing_there(folder):
    (folder / "empty").mkdir()
    (folder / "empty.txt").write_text("\n")
    for source, message in (
        ("nope.mp4", "no such file or folder: .*nope.mp4"),
        ("*.avi", "no video file matches"),
        ("empty", "holds no video file"),
        ("empty.txt", "names no file"),
        ("missing.txt", "no such file or folder"),
    ):
        with pytest.raises(UserError, match=message):
            find_videos(str(folder / source))


@contextlib.contextmanager
def unprivileged():
    """As a user whom permissions hold back; root they do not."""
    if os.geteuid() == 0:
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)
    else:
        yield


def test_unreadable_folder_is_an_error_not_an_omission(folder):
    for path in [folder, *folder.parents][:3]:
        path.chmod(0o755)
    (folder / "deep").chmod(0)
    try:
        for source in (folder, folder / "**" / "*.mp4", folder / "deep" / "*.mp4"):
            with unprivileged(), pytest.raises(UserError, match="deep cannot be read: Permission denied"):
                find_videos(str(source))
    finally:
        (folder / "deep").chmod(0o755)


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
