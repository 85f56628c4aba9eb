import contextlib
import os
import tempfile
from pathlib import Path

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
    found = find_videos(str(folder))
    assert names(found.paths, folder) == ["a.MOV", "b.mp4", "z[1].mp4", "deep/c.webm", "deep/deeper/d.mkv"]
    assert names(found.no_videos, folder) == ["notes.txt"]
    assert found.leftovers == []


def test_links_to_folders_are_left_out_and_said(folder):
    (folder / "link").symlink_to(folder)
    assert str(folder / "link") in find_videos(str(folder)).no_videos


def test_one_file_whatever_its_suffix(folder):
    assert names(find_videos(str(folder / "b.mp4")).paths, folder) == ["b.mp4"]
    (folder / "upload").touch()
    assert names(find_videos(str(folder / "upload")).paths, folder) == ["upload"]


def test_name_with_magic_characters_is_a_name_if_there_is_such_a_file(folder):
    assert names(find_videos(str(folder / "z[1].mp4")).paths, folder) == ["z[1].mp4"]


def test_globs(folder):
    assert names(find_videos(f"{folder}/*.mp4").paths, folder) == ["b.mp4", "z[1].mp4"]
    assert names(find_videos(f"{folder}/**/*.mkv").paths, folder) == ["deep/deeper/d.mkv"]
    assert names(find_videos(f"{folder}/d*").paths, folder) == ["deep/c.webm", "deep/deeper/d.mkv"]


def test_list(folder):
    (folder / "list.txt").write_text(f"\ufeffb.mp4\r\n\ndeep/c.webm\n a\u2028b.mp4\nb.mp4\n{folder}/missing.mp4\n")
    found = find_videos(str(folder / "list.txt")).paths
    assert found == [f"{folder}/{name}" for name in ("b.mp4", "deep/c.webm", " a\u2028b.mp4", "missing.mp4")]
    (folder / "list.txt").write_text("b.mp4\n", encoding="utf-16")
    with pytest.raises(UserError, match=r"list\.txt is not UTF-8 text"):
        find_videos(str(folder / "list.txt"))


LEFTOVERS = [  # of macOS, Windows, Linux, Android, network storage, browsers, download managers, and those that copy
    *("._b.mp4", ".DS_Store", "__MACOSX/._b.mp4", ".Trashes/501/b.mp4", ".Spotlight-V100/store.mp4"),
    *("deep/.AppleDouble/b.mp4", "b.mp4.download/b.mp4", "Network Trash Folder/b.mp4", ".TemporaryItems/b.mp4"),
    *("$RECYCLE.BIN/S-1-5/$R0.mp4", "System Volume Information/b.mp4", "FOUND.000/FILE0000.mp4"),
    *("lost+found/#12.mp4", ".Trash-1000/files/b.mp4", "LOST.DIR/7.mp4", ".trashed-1700000000-b.mp4", ".git/b.mp4"),
    *("@eaDir/b.mp4/SYNOVIDEO.mp4", "#recycle/b.mp4", "@Recycle/b.mp4", "~snapshot/daily/b.mp4"),
    *(
        "b.mp4.part",
        "b.mp4.crdownload",
        "b.mp4.opdownload",
        "b.mp4.partial",
        "b.mp4.filepart",
        "b.mp4.tmp",
        "b.mp4.!qB",
    ),
    *("b.mp4.aria2", "b.mp4.ytdl", "b.mp4.part-Frag3", ".b.mp4.Zk3xQ7", "deep/torrent.aria2", "deep/torrent/b.mp4"),
]


@pytest.fixture
def littered(tmp_path):
    """A folder with three videos, and with what is left next to videos."""
    for name in ("a.mp4", "deep/part.mp4", "deep/recycled/tmp.mov", "loading.mp4", "loading.mp4.aria2", *LEFTOVERS):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_what_systems_and_downloads_leave_is_left_out_of_folders_and_counted(littered):
    found = find_videos(str(littered))
    assert names(found.paths, littered) == ["a.mp4", "deep/part.mp4", "deep/recycled/tmp.mov"]
    assert found.no_videos == []
    assert sorted(names(found.leftovers, littered)) == sorted(["loading.mp4", "loading.mp4.aria2", *LEFTOVERS])


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [(pattern, ["a.mp4", "deep/part.mp4", "deep/recycled/tmp.mov"]) for pattern in ("**", "*", "**/*", "**/*.*")]
    + [("[!x]*/**", ["deep/part.mp4", "deep/recycled/tmp.mov"])],
)
def test_and_out_of_globs(littered, pattern, expected):
    found = find_videos(f"{littered}/{pattern}")
    assert sorted(names(found.paths, littered)) == expected
    assert {"$RECYCLE.BIN/S-1-5/$R0.mp4", "deep/torrent/b.mp4"} <= {*names(found.leftovers, littered)}


def test_what_shells_make_of_globs_includes_no_folder_of_a_system(littered):
    visible = sorted(str(path) for path in littered.iterdir() if not path.name.startswith(".") and path.is_dir())
    found = find_videos(str(littered / "a.mp4"), *visible)
    assert names(found.paths, littered) == ["a.mp4", "deep/part.mp4", "deep/recycled/tmp.mov"]
    assert str(littered / "lost+found/#12.mp4") in found.leftovers


def test_what_is_named_itself_is_taken(littered):
    """Also by a list, and the videos in a folder that is."""
    for name in ("._b.mp4", "b.mp4.part", "loading.mp4"):
        assert find_videos(str(littered / name)).paths == [str(littered / name)]
    assert names(find_videos(str(littered / "lost+found")).paths, littered) == ["lost+found/#12.mp4"]
    assert names(find_videos(f"{littered}/.Trashes/*/*").paths, littered) == [".Trashes/501/b.mp4"]
    (littered / "list.txt").write_text("._b.mp4\n.git/b.mp4\n")
    assert names(find_videos(str(littered / "list.txt")).paths, littered) == ["._b.mp4", ".git/b.mp4"]


def test_nothing_but_leftovers(littered):
    said = r"such as .*__MACOSX/\._b\.mp4: to score them, name them one by one\.$"
    for sources in (["__MACOSX"], ["__MACOSX/.*"], ["__MACOSX", "__MACOSX/"]):
        with pytest.raises(UserError, match=said):
            find_videos(*(f"{littered}/{source}" for source in sources))


def test_lists_may_name_the_home_folder_but_no_addresses(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder / "deep"))
    (folder / "list.txt").write_text("~/c.webm\n./~/c.webm\n~\n")
    expected = [f"{folder}/deep/c.webm", f"{folder}/./~/c.webm", f"{folder}/deep"]
    assert find_videos(str(folder / "list.txt")).paths == expected
    (folder / "list.txt").write_text("b.mp4\nrtsp://camera/1\n")
    with pytest.raises(UserError, match=r"^rtsp://camera/1 is an address, and addresses are not fetched: download it"):
        find_videos(str(folder / "list.txt"))


def test_path_keeps_its_meaning(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "link").symlink_to(folder / "deep" / "deeper")
    (folder / "deep" / "b.mp4").touch()
    assert find_videos("link/../b.mp4").paths == ["link/../b.mp4"]
    assert find_videos(".").paths[:2] == ["a.MOV", "b.mp4"]


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


@pytest.fixture
def open_folder():
    """A folder that every user can get to; those above `tmp_path` are their owner's alone."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_unreadable_folder_is_an_error_not_an_omission(open_folder):
    deep = open_folder / "deep"
    deep.mkdir(mode=0)
    try:
        for source in (open_folder, open_folder / "**" / "*.mp4", deep / "*.mp4"):
            with unprivileged(), pytest.raises(UserError, match="deep cannot be read: Permission denied"):
                find_videos(str(source))
        (open_folder / "a.mp4").touch()
        deep.rename(open_folder / "lost+found")
        deep = open_folder / "lost+found"
        for source in (open_folder, open_folder / "**" / "*.mp4"):  # what only the system may read is a leftover
            with unprivileged():
                found = find_videos(str(source))
            assert names(found.paths, open_folder) == ["a.mp4"]
    finally:
        deep.chmod(0o755)
