import contextlib
import os

import pytest

from jaxvqa import UserError
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
