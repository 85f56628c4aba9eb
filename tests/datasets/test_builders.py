import shutil

import numpy as np
import pytest
from databases import CODES, FILES, NAMES, fails, labels_of, write_maxwell, write_mos

from jaxvqa.datasets.cache import load_rated


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
    names_of_both = ["0005.mp4", *NAMES["validation"][1:]]
    write_maxwell(home, "validation", names=names_of_both)
    assert load_rated("maxwell:validation", maxwell).names == names_of_both
    fails("1 of the videos of maxwell are in two of its splits, such as .*0005.mp4: leave", "maxwell", maxwell)
    write_maxwell(home, "validation")
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
        ("a.mp4, 3\n\nb.mp4, 1_9\n", "line 3: mos is '1_9', not a number"),
        ("a.mp4,3,9\n", "line 1: '3,9' might be one number or two: write decimals with a point"),
        ("name, mos\na.mp4, 3, 9\n", "line 2: it has 3 cells, but the header has 2: write decimals with a point"),
        ("a.mp4;3,9\nb.mp4;4.2\n", "has decimal commas and decimal points"),
        ('"a.mp4, 3\nb.mp4, 2\n', "line 1: it begins a cell in quotes that is never closed"),
        (
            "\u00e9.mp4, 3\n",
            r"\u00e9.mp4 of the labels in .* might be 'e.u0301.mp4' or '.xe9.mp4', which differ only in",
        ),
    ],
)
def test_wrong_labels_of_mean_opinion_scores(tmp_path, add, text, match):
    add("konvid_1k", "a.mp4", "b.mp4", "one/x.mp4", "two/x.mp4", "y.mkv", "y.mp4", "\u00e9.mp4", "e\u0301.mp4")
    write_mos(tmp_path, text)
    fails(match, "konvid_1k", tmp_path)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("a, b.mp4, 3.5\nc.mp4, 1, x, 2\nd, 4\n", "utf-8"),
        ('"a, b.mp4",3.5\r\n,\r\nc.mp4,2\r\n   \r\nd,4\r\n', "utf-8-sig"),
        ("name;votes;MOS\ra, b.mp4;7;3,5\rc.mp4;8;2\rd;9;4\r", "utf-8"),
        ("a, b.mp4\t7\t3.5\nc.mp4\t8\t2\nd\t9\t4\n", "utf-16"),
        ("sep=;\na, b.mp4;3,5\nc.mp4;2\nd;4\n", "utf-8"),
        ("name,who,mos\nx\\a, b.mp4,me,3.5\nc.mp4,7,2\nd,c.mp4,4\n", "utf-8"),
    ],
)
def test_lists_of_mean_opinion_scores_as_spreadsheets_write_them(tmp_path, add, text, encoding):
    add("konvid_1k/x", "a, b.mp4", "c.mp4", "d.mp4")
    (tmp_path / "konvid_1k" / "labels.txt").write_bytes(text.encode(encoding))
    videos = load_rated("konvid_1k", tmp_path)
    assert videos.paths == [f"{tmp_path}/konvid_1k/x/{name}.mp4" for name in ("a, b", "c", "d")]
    np.testing.assert_array_equal(videos.labels[:, 0], [3.5, 2, 4])


def test_own_tables_name_folders_and_are_of_any_spreadsheet(tmp_path, add):
    add("custom/clips/one", "a.mp4", "e\u0301.mp4")
    add("custom/clips", "two/a.mp4", "three/a.mp4")
    table = "FILENAME;Overall\none\\a.mp4;1,5\ntwo\\a.mp4;2\n"
    (tmp_path / "custom" / "train.csv").write_bytes(table.encode("utf-16"))
    table = "sep=,\nfilename, O\n\u00e9.mp4 , 2.5\n,\nthree/a.mp4,3\n"  # a name that the other table has as well
    (tmp_path / "custom" / "validation.csv").write_text(table, encoding="utf-8")
    videos = load_rated("custom", tmp_path)
    wanted = ("one/a", "two/a", "one/e\u0301", "three/a")
    assert videos.paths == [f"{tmp_path}/custom/clips/{name}.mp4" for name in wanted]
    np.testing.assert_array_equal(videos.labels[:, 0], [1.5, 2, 2.5, 3])


def test_own_databases_have_the_dimensions_of_their_columns(tmp_path, add):
    add("custom/clips", "a.mp4", "b.mp4", "c.mkv")
    (tmp_path / "custom" / "train.csv").write_text(
        "filename,who,sharpness,O,group\nb.mp4,me,3,70,\na.mp4,me,1,20.5,x\n"
    )
    (tmp_path / "custom" / "validation.csv").write_text("filename,T-1\nc.mkv,2\n")
    videos = load_rated("custom:train", tmp_path)
    assert videos.names == ["b.mp4", "a.mp4"]
    assert videos.paths == [f"{tmp_path}/custom/clips/{name}" for name in videos.names]
    np.testing.assert_array_equal(videos.labels[:, [0, 7]], [[70, 3], [20.5, 1]])
    assert not videos.synthetic
    assert videos.groups == ("", "x")
    assert load_rated("custom:validation", tmp_path).groups == ()
    assert np.flatnonzero(~np.isnan(videos.labels).any(axis=0)).tolist() == [0, 7]
    assert np.flatnonzero(~np.isnan(load_rated("custom:validation", tmp_path).labels).any(axis=0)).tolist() == [7]

    table = tmp_path / "custom" / "validation.csv"
    table.write_text("filename,O\na.mp4,2\n")  # which is trained on
    assert load_rated("custom:validation", tmp_path).names == ["a.mp4"]
    fails("in two of its splits, such as clips/a.mp4", "custom", tmp_path)
    for text, match in (
        ("filename,quality\nc.mkv,2\n", "no column named as a dimension"),
        ("O\n2\n", "no column `filename`"),
        ("filename,O\nc.mkv,good\n", "line 2: O is 'good', not a number"),
        ("filename,O\nd.mkv,2\n", "custom:validation lacks 1 of 1 videos, such as d.mkv"),
    ):
        table.write_text(text)
        fails(match, "custom:validation", tmp_path)
    table.unlink()
    fails("lacks the label file validation.csv", "custom", tmp_path)


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
