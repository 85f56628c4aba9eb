import shutil

import numpy as np
from databases import NAMES, fails, labels_of, write_mos

from jaxvqa.datasets.cache import load_rated


def test_labels_go_with_names_wherever_the_files_are(maxwell, add):
    before = load_rated("maxwell", maxwell)
    shutil.rmtree(maxwell / "maxwell" / "videos")
    for i, name in enumerate(reversed(NAMES["train"] + NAMES["validation"])):
        add(f"maxwell/{9 - i}/deep", name)
    after = load_rated("maxwell", maxwell)
    assert after.names == before.names
    np.testing.assert_array_equal(after.labels, before.labels)
    assert after.paths != before.paths
    assert [path.rpartition("/")[2] for path in after.paths] == after.names


def test_videos_may_lie_in_a_linked_folder(maxwell):
    elsewhere = maxwell / "elsewhere"
    (maxwell / "maxwell" / "videos").rename(elsewhere)
    (maxwell / "maxwell" / "videos").symlink_to(elsewhere)
    assert load_rated("maxwell:train", maxwell).names == NAMES["train"]


def test_leftovers_are_no_videos_of_a_name(maxwell):
    name = NAMES["train"][0]
    for other in (f"__MACOSX/{name}", f".Trashes/501/{name}", f"lost+found/{name}"):
        path = maxwell / "maxwell" / other
        path.parent.mkdir(parents=True)
        path.touch()
    (found,) = [path for path in load_rated("maxwell:train", maxwell).paths if path.endswith(f"/{name}")]
    assert found == str(maxwell / "maxwell" / "videos" / name)


def test_missing_videos(maxwell, capsys):
    for name in NAMES["train"][:3]:
        (maxwell / "maxwell" / "videos" / name).unlink()
    for _ in range(2):  # from the labels, then from what is prepared
        message = fails("maxwell:train lacks 3 of 4 videos", "maxwell:train", maxwell)
        assert ", ".join(NAMES["train"][:3]) in message
        assert (maxwell / "missing_maxwell.txt").read_text().split() == NAMES["train"][:3]
    capsys.readouterr()
    videos = load_rated("maxwell:train", maxwell, allow_missing=True)
    assert videos.names == NAMES["train"][3:]
    np.testing.assert_array_equal(videos.labels, labels_of("train")[3:].astype(np.float32))
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"maxwell:train: left out 3 of 4 videos, which are not in {maxwell / 'maxwell'}."]
    assert load_rated("maxwell:validation", maxwell).names == NAMES["validation"]
    (maxwell / "maxwell" / "videos" / NAMES["train"][3]).unlink()
    fails("maxwell:train is empty", "maxwell:train", maxwell, allow_missing=True)


def test_the_list_of_missing_videos_is_whole(maxwell):
    write_mos(maxwell, "".join(f"{i}.mp4, {i}\n" for i in range(9)))
    message = fails("lacks 9 of 9 videos, such as 0.mp4, 1.mp4, 2.mp4, 3.mp4, 4.mp4 ", "konvid_1k", maxwell)
    assert str(maxwell / "missing_konvid_1k.txt") in message
    assert len((maxwell / "missing_konvid_1k.txt").read_text().splitlines()) == 9


def test_names_with_folders(tmp_path, add):
    """As in LSVQ, whose lists have `ia-batch1/xyz`: another batch's file is never taken for a missing one."""
    write_mos(tmp_path, "ia-batch1/x, 1\nia-batch2/x, 2\nyfcc-batch3/y, 3\n", "lsvq")
    add("lsvq/videos", "ia-batch1/x.mp4", "ia-batch2/x.mp4", "y.mp4")
    videos = load_rated("lsvq", tmp_path)
    names = [path.removeprefix(f"{tmp_path}/lsvq/videos/") for path in videos.paths]
    assert names == ["ia-batch1/x.mp4", "ia-batch2/x.mp4", "y.mp4"]
    (tmp_path / "lsvq/videos/ia-batch1/x.mp4").unlink()
    fails("lacks 1 of 3 videos, such as ia-batch1/x ", "lsvq", tmp_path)


def test_names_need_not_be_text(tmp_path, add):
    name = b"caf\xe9.mp4".decode("utf-8", "surrogateescape")
    add("konvid_1k", name, "grün.mp4")
    (tmp_path / "konvid_1k" / "labels.txt").write_bytes(b"caf\xe9.mp4, 2\ngr\xc3\xbcn.mp4, 3\n")
    assert load_rated("konvid_1k", tmp_path).names == [name, "grün.mp4"]
