"""Tables of labels."""

import pytest

from jaxvqa import UserError
from jaxvqa.results.table import read_table


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
