"""Tables of labels."""

import os
from pathlib import Path

import numpy as np
import pytest

from jaxvqa import UserError
from jaxvqa.results.table import ScoreTable, group_numbers, read_table, write_table


def test_labels_without_names_need_the_list_that_goes_with_them(tmp_path):
    table = tmp_path / "MaxWell_val.csv"
    table.write_text("O,T-3\n1.5,0.1\n2.5,0.2\n4.5,-0.3\n")
    names = tmp_path / "list.txt"
    names.write_text("a.mp4, -1, -1, 1.6\nb.mp4, -1, -1, 2.4\nc.mp4, -1, -1, 4.0\n")
    assert read_table(table, names).names == ["a.mp4", "b.mp4", "c.mp4"]
    for content, message in (
        ("b.mp4, -1, -1, 2.4\na.mp4, -1, -1, 1.6\nc.mp4, -1, -1, 4.0\n", "rank the videos differently"),
        ("a.mp4, -1, -1, 1.6\n", "has 1 lines, but .* 3 rows"),
        ("a.mp4, -1, -1, x\nb, 1\nc, 2\n", "does not end with an overall score"),
    ):
        names.write_text(content)
        with pytest.raises(UserError, match=message):
            read_table(table, names)
    with pytest.raises(UserError, match="name the list of its files"):
        read_table(table)


def test_names_and_columns_come_back_as_they_were(tmp_path):
    names = [
        "=1+1.mp4",
        "-a.mp4",
        "'@b.mp4",
        "a,b;c.mp4",
        "\tx.mp4",
        "'.mp4",
        os.fsdecode(b"\xe9.mp4"),
    ]
    scores = np.linspace(-0.5, 0.5, len(names))
    scores[2] = np.nan
    table = ScoreTable(Path("made up"), names, {"O": scores, "-rich / poor": -scores})
    write_table(tmp_path / "table.csv", table)
    again = read_table(tmp_path / "table.csv", missing=True, custom=True)
    assert again.names == names
    assert list(again.scores) == list(table.scores)
    np.testing.assert_array_equal(again.scores["O"], scores.round(9))
    header, *lines = (tmp_path / "table.csv").read_text(errors="surrogateescape").splitlines()
    assert header == "filename,O,'-rich / poor"
    assert [line.lstrip('"')[0] in "=+-@\t" for line in lines] == [False] * len(names)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("0,whole,1,False,1080", "0,whole,1,False,720"), r"display_height 1080 \(1 rows\); display_height 720 \(1 "),
        (("0,whole,1,False,", "1,published,1,False,"), r"seed 0, sampling whole \(1 rows\); seed 1, sampling publi"),
        (("0,whole,1,False,", "0,whole,5,False,"), r"repeats 1 \(1 rows\); repeats 5 \(1 rows\); score all videos"),
        (("0,whole,9,True,", "0,whole,9,False,"), r"no repeats, dense True \(1 rows\); repeats 9, dense False"),
        (("0,whole,9,True,1080", "0,whole,15,True,1080"), None),
        (("0,whole,1,False,", "0,whole,1,False,"), None),
    ],
)
def test_rows_are_scored_alike(tmp_path, settings, message):
    path = tmp_path / "scores.csv"
    rows = [
        f"{name}.mp4,ok,0.{number},w,{setting}"
        for number, (name, setting) in enumerate(zip("ab", settings, strict=True), 1)
    ]
    path.write_text("\n".join(["path,status,overall,weights,seed,sampling,repeats,dense,display_height", *rows, ""]))
    if message:
        with pytest.raises(UserError, match=message):
            read_table(path)
    else:
        assert read_table(path).names == ["a.mp4", "b.mp4"]


def test_rows_are_by_one_of_several_weights(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("path,status,overall,weights\na.mp4,ok,0.1,w1\nb.mp4,ok,0.2,w2\nc.mp4,ok,x,w1\nd.mp4,ok,0.4,w2\n")
    with pytest.raises(UserError, match=r"rows by several weights: w1 \(2 rows\), w2 \(2 rows\); choose .* weights_id"):
        read_table(path)
    table = read_table(path, weights_id="w2")
    assert (table.names, table.weights, table.scores["O"].tolist()) == (["b.mp4", "d.mp4"], "w2", [0.2, 0.4])
    with pytest.raises(UserError, match="no row by weights 'w3', but by w1"):
        read_table(path, weights_id="w3")
    with pytest.raises(UserError, match="line 4: overall is 'x'"):  # as the file counts them
        read_table(path, weights_id="w1")


def test_columns_without_any_score_are_skipped(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("path,overall,content\na.mp4,0.1,\nb.mp4,0.2,\n")
    assert [*read_table(path).scores] == ["O"]
    assert np.isnan(read_table(path, missing=True).scores["A-1"]).all()
    path.write_text("path,overall,content\na.mp4,0.1,\nb.mp4,0.2,0.3\n")
    with pytest.raises(UserError, match="line 2: content is '', not a number"):
        read_table(path)
    path.write_text("path,overall\na.mp4,\n")
    with pytest.raises(UserError, match="has 1 rows, and none of them has a score"):
        read_table(path)


def test_weights_may_mean_something_else_in_a_table_of_labels(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("filename,O,weights\na.mp4,1,0.5\nb.mp4,2,0.25\n")
    assert read_table(path).weights == ""


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("b.mp4,2", "it has 2 cells, but the header has 3."),
        ("b.mp4", "it has 1 cells, but the header has 3."),
        ("b.mp4,2,5,x", "it has 4 cells, but the header has 3."),  # a decimal comma
    ],
)
def test_a_row_of_another_length_is_one_sentence(tmp_path, row, said):
    path = tmp_path / "labels.csv"
    path.write_text(f"filename,overall,group\na.mp4,1,x\n{row}\nc.mp4,3,y\n")
    with pytest.raises(UserError) as caught:
        read_table(path, missing=True)
    assert str(caught.value) == f"{path}, line 3: {said}"


def test_groups_are_texts_and_empty_cells_none(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("filename,overall,group\na.mp4,1,x\nb.mp4,2,\nc.mp4,3, x \nd.mp4,3,  ,,\n")
    table = read_table(path)
    assert table.groups == ["x", "", "x", ""]
    assert group_numbers(table.groups).tolist() == [0, 1, 0, 2]


def test_videos_that_share_a_key_are_in_a_group_and_so_are_their_fellows():
    assert group_numbers(["b", "a", "b"]).tolist() == [0, 1, 0]
    assert group_numbers(["", "", ""]).tolist() == [0, 1, 2]
    assert group_numbers(["x", "", "y", "", "z"], ["1", "2", "2", "1", "3"]).tolist() == [0, 1, 1, 0, 2]
    assert group_numbers(["1", "2"], ["2", "1"]).tolist() == [0, 1]  # keys of one kind alone are compared


@pytest.mark.parametrize(
    ("content", "settings", "said"),
    [
        ("filename,x\na,1\n", {}, "has 1 rows and no column named as a dimension (O, A-1, ... T-all)."),
        ("filename,O\n", {}, "has 0 rows and no column named as a dimension (O, A-1, ... T-all)."),
        ("filename,rich / poor\na,1\n", {}, "has 1 rows and no column named as a dimension (O, A-1, ... T-all)."),
        ("filename,x\na,1\n", {"custom": True}, "(O, A-1, ... T-all), or by a prompt pair (cinematic / amateurish)."),
        ("filename,O\nx/a,1\nb,2\ny/a,3\n", {}, "has more than one row for a."),
        ("filename,O\na,inf\n", {}, "line 2: O is 'inf', not a number."),
        ("filename,O\na,\n", {}, "has 1 rows, and none of them has a score."),
        ("filename,O\na,1\nb,2\n", {"weights_id": "w"}, "has no row by weights 'w', but by unnamed (2 rows)."),
    ],
)
def test_tables_that_cannot_be_used_are_one_sentence(tmp_path, content, settings, said):
    path = tmp_path / "labels.csv"
    path.write_text(content)
    with pytest.raises(UserError) as caught:
        read_table(path, **settings)
    assert str(caught.value).startswith(str(path))
    assert str(caught.value).endswith(said)


def test_tables_of_other_programs(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text(
        "filename,path,noise,rich / poor\na.mp4,deep/x.mp4,0.5,0.7\n", encoding="utf-8-sig"
    )  # as Excel does
    table = read_table(path)
    assert table.names == ["a.mp4"]
    assert {code: scores.tolist() for code, scores in table.scores.items()} == {"T-3": [0.5]}
    assert [*read_table(path, custom=True).scores] == ["T-3", "rich / poor"]
    path.write_text("path,T-3\nvideos/deep/a.mp4,1\n")
    assert read_table(path).names == ["a.mp4"]


def test_columns_are_known_in_any_case_and_with_blanks(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("Index,FILENAME , o,Motion Blur,t-3,GROUP\n0,a.mp4,1,2,3,x\n1, b.mp4,4,5,6,\n")
    table = read_table(path)
    assert (table.names, table.groups) == (["a.mp4", "b.mp4"], ["x", ""])
    assert {code: column.tolist() for code, column in table.scores.items()} == {
        "O": [1, 4],
        "T-3": [3, 6],
        "T-4": [2, 5],
    }


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("filename,O,overall,x", "columns 2 and 3, 'O' and 'overall', both stand for O: remove one of them."),
        (
            "filename,overall,x,Overall",
            "columns 2 and 4, 'overall' and 'Overall', both stand for O: remove one of them.",
        ),
        (
            "filename,motion blur,x,T-4",
            "columns 2 and 4, 'motion blur' and 'T-4', both stand for T-4: remove one of them.",
        ),
        (
            "filename,O,Filename,x",
            "columns 1 and 3, 'filename' and 'Filename', both stand for filename: remove one of the",
        ),
        ("filename,O,group,group", "columns 3 and 4, 'group' and 'group', both stand for group: remove one of them."),
        ("filename,a / b,x,a /  b", "columns 2 and 4, 'a / b' and 'a /  b', both stand for a / b: remove one of them."),
        ("filename,O,x,a / b; c / d", "column 'a / b; c / d' names several prompt pairs; it must name one."),
        ("filename,O,x,a / b / c", "'a / b / c' is not a prompt pair"),
    ],
)
def test_a_column_stands_for_one_thing_alone(tmp_path, header, said):
    path = tmp_path / "labels.csv"
    path.write_text(f"\n{header}\na.mp4,1,2,3\n")
    with pytest.raises(UserError) as caught:
        read_table(path, custom=True)
    assert str(caught.value).startswith(f"{path}, line 2: {said}")
    path.write_text("filename,O,x,x\na.mp4,1,2,3\n")  # which mean nothing
    assert [*read_table(path).scores] == ["O"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "filename,O\na,1,9\nb,2,4\n",
            ", line 2: it has 3 cells, but the header has 2, as have all 2 rows of this UTF-8 te",
        ),
        (
            "filename;O\na;1;9\nb;2\n",
            ", line 2: it has 3 cells, but the header has 2, in UTF-8 text separated by semicolo",
        ),
        ("filename,O,\na,1,\nb,1,9\n", ", line 3: it has 3 cells, but the header has 2."),  # no name, no column
        ("filename,O,x\n\na,1,2\n\nb,1\n", ", line 5: it has 2 cells, but the header has 3."),
        (
            'filename,O\na,1\n"b,2\nc",3\nd,4\n',
            ", line 3: a quote that opens here closes in a later line, and each of the ",
        ),
        (
            'filename,O,said\na,1,"good\nb,2,bad"\n',
            ", line 2: a quote that opens here closes in a later line, and each of the ",
        ),
        (
            'filename,O,group\na,1,x\nb,2,x"\n',
            ", line 3: it has a quotation mark without a second one; put cells with such",
        ),
        ("filename,O\na,1\n ,2\n", ", line 3: filename is '', not the name of a file."),
        ("filename,O\na,1\n\n\nb,1_9\n", ", line 5: O is '1_9', not a number."),
        ("filename;O\na;1,9\nb;2.4\n", " has decimal commas and decimal points"),
        ("video;O\na;1\n", " has no column `filename` or `path` ("),
    ],
)
def test_rows_that_might_be_misread_are_refused(tmp_path, text, said):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        read_table(path)
    assert str(caught.value).startswith(f"{path}{said}")


def test_cells_may_go_over_several_lines(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text('filename,O,said\na,1,"good, but\nno more"\n"b\nb",2,\n')
    assert read_table(path).names == ["a", "b\nb"]


def test_columns_that_were_found_are_told(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_bytes("filename;MOS;é;a,b\nx;1;2;3\n".encode("utf-16"))
    with pytest.raises(UserError) as caught:
        read_table(path)
    found = "'filename', 'MOS', 'é', 'a,b'"
    assert str(caught.value).startswith(f"{path} is UTF-16 text separated by semicolons, its columns are {found}, and ")
    path.write_text(",".join(f"x{i}" for i in range(20)) + "\n")
    with pytest.raises(UserError, match=r"its columns are 'x0', .* 'x7' and 12 more, and labels.csv has 0 rows"):
        read_table(path)
    path.write_text("")
    with pytest.raises(UserError, match=r"its columns are none, and labels.csv has 0 rows"):
        read_table(path)


def test_paths_are_kept_beside_names(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("filename,O\nx/a.mp4,1\nb.mp4,2\nC:\\y\\c.mp4,3\n")
    table = read_table(path)
    assert table.names == ["a.mp4", "b.mp4", "c.mp4"]
    assert table.paths == ["x/a.mp4", "b.mp4", "C:\\y\\c.mp4"]
    path.write_text("filename,O,path\na.mp4,1,x/a.mp4\na.mp4,2,y/a.mp4\n")
    assert read_table(path).names == read_table(path).paths == ["x/a.mp4", "y/a.mp4"]
    path.write_text("filename,O,path\na.mp4,1,x/a.mp4\nb.mp4,2,y/c.mp4\n")  # which do not agree
    assert read_table(path).paths == ["a.mp4", "b.mp4"]


def test_groups_of_one_text_are_one_group_in_any_unicode_form(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("filename,O,group\na,1,\u00e9\nb,2,e\u0301\n", encoding="utf-8")
    assert set(read_table(path).groups) == {"\u00e9"}


@pytest.mark.filterwarnings("ignore:An input array is constant")
def test_lists_go_with_tables_that_they_rank_alike(tmp_path):
    table, names = tmp_path / "labels.csv", tmp_path / "list.txt"
    names.write_bytes(b" \xe9.mp4 , 1\n\nb.mp4, 2\nc.mp4, 3\nd.mp4, 4\ne.mp4, 5\n\n")
    wanted = [os.fsdecode(b"\xe9.mp4"), "b.mp4", "c.mp4", "d.mp4", "e.mp4"]
    table.write_text("filename,T-3\nv,5\nw,4\nx,3\ny,2\nz,1\n")
    assert read_table(table, names).names == wanted  # there are no overall scores to rank
    for scores, alike in (("12345", True), ("12354", False), ("11111", False)):
        table.write_text("O\n" + "\n".join(scores) + "\n")
        if alike:
            assert read_table(table, names).names == wanted
        else:
            with pytest.raises(UserError, match="rank the videos differently"):
                read_table(table, names)


def test_tables_are_written_to_folders_that_are_not_there_yet(tmp_path):
    path = tmp_path / "deep" / "folder" / "table.csv"
    write_table(path, ScoreTable(path, ["a"], {"O": np.array([0.123456789])}))
    assert path.read_text() == "filename,O\na,0.123456789\n"
