import contextlib
import csv
import shutil
import subprocess
import sys

import numpy as np
import pytest
from clips import moving_clip

from jaxvqa import DIMENSIONS, UserError
from jaxvqa.datasets.cache import load_rated
from jaxvqa.datasets.databases import DATABASES
from jaxvqa.datasets.videos import split_folds

CODES = [dimension.code for dimension in DIMENSIONS]
FILES = DATABASES["maxwell"].label_files
NAMES = {"train": [f"{i:04}.mp4" for i in (5, 2, 7, 1)], "validation": [f"{i:04}.mp4" for i in (4, 0, 3)]}


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return moving_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", frames=3, height=32, width=32)


@pytest.fixture
def add(clip, tmp_path):
    """Puts a clip at each of some paths below a folder of the root."""

    def put(folder, *paths):
        for path in paths:
            target = tmp_path / folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(clip, target)

    return put


def labels_of(split):
    return np.random.default_rng(len(split)).normal(size=(len(NAMES[split]), 16))


def write_maxwell(home, split, names=None, labels=None, codes=CODES, overall=None):
    """The two label files of a split; `overall` is what stands in the list, by default as in the table."""
    names = NAMES[split] if names is None else names
    labels = labels_of(split) if labels is None else labels
    overall = [row[0] for row in labels] if overall is None else overall
    table, name_list = (home / file for file in FILES[split])
    home.mkdir(parents=True, exist_ok=True)
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([codes, *(row[: len(codes)] for row in labels)])
    name_list.write_text("".join(f"{name}, -1, -1, {o}\n" for name, o in zip(names, overall, strict=True)))


@pytest.fixture
def maxwell(add, tmp_path):
    """A root with a small database in MaxWell's layout."""
    for split in FILES:
        write_maxwell(tmp_path / "maxwell", split)
    add("maxwell/videos", *NAMES["train"], *NAMES["validation"])
    return tmp_path


def write_mos(root, text, database="konvid_1k"):
    (root / database).mkdir(parents=True, exist_ok=True)
    (root / database / "labels.txt").write_text(text)


def fails(match, spec, root, **options):
    """Asserts that loading ends with a sentence on one line."""
    with pytest.raises(UserError, match=match) as caught:
        load_rated(spec, root, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


def test_maxwell_is_in_the_order_of_its_labels(maxwell, capfd, caplog):
    videos = load_rated("maxwell:train", maxwell)
    assert videos.names == NAMES["train"]
    assert videos.paths == [str(maxwell / "maxwell" / "videos" / name) for name in NAMES["train"]]
    assert videos.labels.dtype == np.float64
    np.testing.assert_array_equal(videos.labels, labels_of("train").astype(np.float32))
    assert (videos.database, videos.synthetic) == ("maxwell", False)
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_splits_and_selection(maxwell):
    assert load_rated("maxwell:validation", maxwell).names == NAMES["validation"]
    for spec in ("maxwell", "maxwell:all"):
        videos = load_rated(spec, maxwell)
        assert videos.names == NAMES["train"] + NAMES["validation"]
    some = videos.select(np.array([5, 0]))
    assert some.names == [NAMES["validation"][1], NAMES["train"][0]]
    assert some.paths == [videos.paths[5], videos.paths[0]]
    np.testing.assert_array_equal(some.labels, videos.labels[[5, 0]])


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


def test_changes_are_seen(maxwell, add):
    load_rated("maxwell", maxwell)
    labels = labels_of("validation")
    labels[1, 9] = 0.5
    write_maxwell(maxwell / "maxwell", "validation", labels=labels)
    np.testing.assert_array_equal(load_rated("maxwell:validation", maxwell).labels, labels.astype(np.float32))
    video = maxwell / "maxwell" / "videos" / NAMES["train"][0]
    video.unlink()
    fails("lacks 1 of 4 videos", "maxwell:train", maxwell)
    add("maxwell/elsewhere", NAMES["train"][0])
    assert "elsewhere" in load_rated("maxwell:train", maxwell).paths[0]


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


def test_videos_without_labels_are_told_of(maxwell, add, capsys):
    add("maxwell/videos", "new.mp4", "newer.mkv")
    assert load_rated("maxwell:train", maxwell).names == NAMES["train"]
    expected = "maxwell: left out 2 videos without labels, such as videos/new.mp4.\n"
    assert capsys.readouterr().err == expected


def test_wrong_specs(maxwell):
    fails("no database 'maxwel': choose maxwell, synthetic_maxwell, custom, konvid_1k", "maxwel:train", maxwell)
    fails("no split 'test': choose train, validation or all", "maxwell:test", maxwell)
    fails("no split 'train': choose rated or all", "konvid_1k:train", maxwell)
    for database in DATABASES:
        if database == "custom":
            assert "train.csv and validation.csv" in fails("no folder .*custom: put .*README", database, maxwell)
        elif "maxwell" not in database:
            assert "labels.txt" in fails(f"no folder .*{database}: get .*README", database, maxwell)
    (maxwell / "maxwell" / "train_labels.txt").unlink()
    fails("lacks the label file train_labels.txt: get MaxWell.*README", "maxwell:validation", maxwell)


def test_wrong_labels_of_maxwell(maxwell):
    home = maxwell / "maxwell"

    def wrong(match, split="train", **options):
        write_maxwell(home, split, **options)
        fails(match, "maxwell:train", maxwell)
        write_maxwell(home, split)

    labels, names = labels_of("train"), NAMES["train"]
    wrong("rank the videos differently", overall=labels[::-1, 0])
    wrong("MaxWell_train.csv lacks T-8, T-all", codes=CODES[:14])
    wrong("lacks T-2", codes=[code if code != "T-2" else "T-9" for code in CODES])
    wrong(r"line 4: T-3 is 'nan', not a number", labels=np.where(np.arange(64).reshape(4, 16) == 41, np.nan, labels))
    wrong("more than one row for 0002.mp4", names=["0002.mp4", *names[1:]])
    wrong("two lines for 0005.mp4", split="validation", names=["0005.mp4", *NAMES["validation"][1:]])
    with (home / "train_labels.txt").open("a") as file:
        file.write("more.mp4, -1, -1, 3\n")
    fails("train_labels.txt has 5 lines, but .* 4 rows", "maxwell:train", maxwell)
    (home / "train_labels.txt").write_text("".join(f"{name}, 1\n" for name in names[1:]))
    fails("train_labels.txt has 3 lines, but .* 4 rows", "maxwell:train", maxwell)
    write_maxwell(home, "train")
    text = (home / "MaxWell_train.csv").read_text()
    (home / "MaxWell_train.csv").write_text(text.replace(str(labels[0, 5]), "good"))
    fails("line 2: A-5 is 'good', not a number", "maxwell:train", maxwell)
    (home / "MaxWell_train.csv").write_text(text.splitlines()[0])
    fails("0 rows", "maxwell:train", maxwell)
    write_maxwell(home, "train")
    assert load_rated("maxwell:train", maxwell).names == names


def test_mean_opinion_scores(tmp_path, add, capsys):
    write_mos(tmp_path, "a.mp4, 30, x, 3.25\n\nb, 1.5\nsub/c.mkv, 4\n")
    add("konvid_1k/any/where", "b.MP4", "a.mp4")
    add("konvid_1k", "sub/c.mkv", "other/c.mkv")
    for spec in ("konvid_1k", "konvid_1k:all", "konvid_1k:rated"):
        videos = load_rated(spec, tmp_path)
        assert videos.names == ["a.mp4", "b", "sub/c.mkv"]
        expected = [f"{tmp_path}/konvid_1k/{path}" for path in ("any/where/a.mp4", "any/where/b.MP4", "sub/c.mkv")]
        assert videos.paths == expected
        np.testing.assert_array_equal(videos.labels[:, 0], [3.25, 1.5, 4])
        assert np.isnan(videos.labels[:, 1:]).all()
    assert "without labels, such as other/c.mkv" in capsys.readouterr().err


@pytest.mark.parametrize("header", ["name, mos\n", "\ufefffile,p1,MOS\n", "name,Score\r\n"])
def test_a_header_ends_with_mos_or_score(tmp_path, add, header):
    write_mos(tmp_path, header + "a.mp4, 3\n")
    add("konvid_1k", "a.mp4")
    assert load_rated("konvid_1k", tmp_path).names == ["a.mp4"]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "holds no line"),
        ("name, mos\n", "holds no line"),
        ("name, quality\na.mp4, 3\n", "line 1: mos is 'quality', not a number"),
        ("a.mp4, 3\nname, mos\n", "line 2: mos is 'mos', not a number"),
        ("a.mp4, 3\nb.mp4, nan\n", "line 2: mos is 'nan', not a number"),
        ("a.mp4, 3\n\nb.mp4,\n", "line 3: mos is '', not a number"),
        ("a.mp4\n", "line 1: 'a.mp4' is not of the form"),
        (", 3\n", "line 1: ',3' is not of the form"),
        ("a.mp4, 3\na.mp4, 3\n", "two lines for a.mp4"),
        ("a.mp4, 3\na, 3\n", "a.mp4 and a of the labels in .* both mean a.mp4"),
        ("x.mp4, 3\n", "x.mp4 of the labels in .* might be one/x.mp4 or two/x.mp4"),
        ("y, 3\n", "y of the labels in .* might be y.mkv or y.mp4"),
        ("three/x.mp4, 3\n", "three/x.mp4 of the labels in .* might be one/x.mp4 or two/x.mp4"),
        ("b.avi, 3\n", "lacks 1 of 1 videos"),
        ("../a.mp4, 3\n../b/a.mp4, 3\n", "lacks 2 of 2 videos"),
    ],
)
def test_wrong_labels_of_mean_opinion_scores(tmp_path, add, text, match):
    add("konvid_1k", "a.mp4", "b.mp4", "one/x.mp4", "two/x.mp4", "y.mkv", "y.mp4")
    write_mos(tmp_path, text)
    fails(match, "konvid_1k", tmp_path)


def test_own_databases_have_the_dimensions_of_their_columns(tmp_path, add):
    add("custom/clips", "a.mp4", "b.mp4", "c.mkv")
    (tmp_path / "custom" / "train.csv").write_text("filename,who,sharpness,O\nb.mp4,me,3,70\na.mp4,me,1,20.5\n")
    (tmp_path / "custom" / "validation.csv").write_text("filename,T-1\nc.mkv,2\n")
    videos = load_rated("custom:train", tmp_path)
    assert videos.names == ["b.mp4", "a.mp4"]
    assert videos.paths == [f"{tmp_path}/custom/clips/{name}" for name in videos.names]
    np.testing.assert_array_equal(videos.labels[:, [0, 7]], [[70, 3], [20.5, 1]])
    assert not videos.synthetic
    assert np.flatnonzero(~np.isnan(videos.labels).any(axis=0)).tolist() == [0, 7]
    assert np.flatnonzero(~np.isnan(load_rated("custom:validation", tmp_path).labels).any(axis=0)).tolist() == [7]

    table = tmp_path / "custom" / "validation.csv"
    for text, match in (
        ("filename,O\na.mp4,2\n", "two lines for a.mp4"),  # which is trained on
        ("filename,quality\nc.mkv,2\n", "no column named as a dimension"),
        ("O\n2\n", "no column `filename`"),
        ("filename,O\nc.mkv,good\n", "line 2: O is 'good', not a number"),
        ("filename,O\nd.mkv,2\n", "custom:validation lacks 1 of 1 videos, such as d.mkv"),
    ):
        table.write_text(text)
        fails(match, "custom:validation", tmp_path)
    table.unlink()
    fails("lacks the label file validation.csv", "custom", tmp_path)


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


def test_the_synthetic_database_is_rendered_once(tmp_path, add, monkeypatch, capsys):
    rendered = []

    def render(folder):
        rendered.append(folder)
        for split in FILES:
            write_maxwell(folder, split)
        add("synthetic_maxwell/videos", *NAMES["train"], *NAMES["validation"])
        (folder / "synthetic.json").write_text("{}")

    monkeypatch.setattr("jaxvqa.datasets.cache.render", render)
    videos = load_rated("synthetic_maxwell:train", tmp_path)
    assert (videos.database, videos.synthetic, videos.names) == ("synthetic_maxwell", True, NAMES["train"])
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "synthetic" in err
    assert load_rated("synthetic_maxwell:validation", tmp_path).names == NAMES["validation"]
    assert rendered == [tmp_path / "synthetic_maxwell"]
    assert capsys.readouterr().err == ""
    (tmp_path / "synthetic_maxwell" / "synthetic.json").unlink()
    fails("lacks synthetic.json: it is unfinished", "synthetic_maxwell", tmp_path)


def test_synthetic_videos_do_not_pass_for_real_ones(maxwell):
    (maxwell / "maxwell" / "synthetic.json").write_text("{}")
    fails("is synthetic by its synthetic.json", "maxwell", maxwell)


def test_a_root_that_cannot_be_written(maxwell):
    (maxwell / ".tfds").write_text("a file in the way, which stops root as well")
    fails(f"{maxwell} cannot be written", "maxwell", maxwell)


def test_two_processes_may_prepare_at_once(maxwell):
    program = (
        f"from jaxvqa.datasets.cache import load_rated; print(*load_rated('maxwell:train', {str(maxwell)!r}).names)"
    )
    program += "; import sys; assert 'tensorflow' not in sys.modules"
    running = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in running:
        assert process.communicate() == (" ".join(NAMES["train"]) + "\n", "")
    assert len(list(maxwell.glob(".tfds/maxwell-*/maxwell/*"))) == 1


def test_the_published_label_files(shared, tmp_path):
    home = tmp_path / "maxwell"
    (home / "videos").mkdir(parents=True)
    expected = {}
    for split, count in (("train", 3634), ("validation", 909)):
        table, name_list = (shutil.copy(shared / "maxwell" / file, home) for file in FILES[split])
        names = np.loadtxt(name_list, str, delimiter=",", usecols=0).tolist()
        labels = np.loadtxt(table, delimiter=",", skiprows=1)
        assert len(names) == len(labels) == count
        for name in names:
            (home / "videos" / name).touch()
        expected[split] = names, labels.astype(np.float32)
    for split, (names, labels) in expected.items():
        videos = load_rated(f"maxwell:{split}", tmp_path)
        assert videos.names == names
        np.testing.assert_array_equal(videos.labels, labels)


def test_folds():
    parts = [split_folds(23, 5, fold, seed=3) for fold in range(5)]
    assert sorted(np.concatenate([test for _, test in parts])) == list(range(23))
    for train, test in parts:
        assert sorted([*train, *test]) == list(range(23))
        assert len(test) in (4, 5)
    again, other = split_folds(23, 5, 2, seed=3)[1], split_folds(23, 5, 2, seed=4)[1]
    assert np.array_equal(again, parts[2][1])
    assert not np.array_equal(other, parts[2][1])
    for n, folds, fold, match in ((3, 4, 0, "3 videos"), (9, 1, 0, "1 folds"), (9, 3, 3, "no fold 3")):
        with pytest.raises(UserError, match=match):
            split_folds(n, folds, fold, seed=0)


def test_full_disk_is_one_sentence(maxwell, small_disk):
    root = small_disk("4m") / "data"
    shutil.copytree(maxwell / "maxwell", root / "maxwell")
    with contextlib.suppress(OSError):
        (root.parent / "filler").write_bytes(bytes(8 << 20))
    fails(f"{root} cannot be written .*No space left on device", "maxwell", root)
    (root.parent / "filler").unlink()
    assert load_rated("maxwell:train", root).names == NAMES["train"]
