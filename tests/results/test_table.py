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
