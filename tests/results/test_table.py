"""Tables of labels."""

import pytest

from jaxvqa import UserError
from jaxvqa.results.table import group_numbers, read_table


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
