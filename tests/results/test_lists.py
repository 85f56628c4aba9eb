"""MaxWell's lists of file names."""

import numpy as np
import pytest

from jaxvqa import UserError
from jaxvqa.results.lists import read_list

SCORES = {"O": np.array([1.5, 2.5, 4.0])}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a.mp4, -1, -1, 1.6\nb.mp4, -1, -1, 2.4\nc.mp4, -1, -1, 4\n", ["a.mp4", "b.mp4", "c.mp4"]),
        ("a.mp4,1.6\r\n\r\n , \r\nb.mp4,2.4\r\nc.mp4,4\r\n", ["a.mp4", "b.mp4", "c.mp4"]),
        ("a, b.mp4, -1, -1, 1.6\nb.mp4, -1, -1, 2.4\n,c.mp4, -1, -1, 4\n", ["a, b.mp4", "b.mp4", ",c.mp4"]),
        ('"a, 1", -1, -1, 1.6\nb.mp4, -1, -1, 2.4\nc.mp4, -1, -1, 4\n', ["a, 1", "b.mp4", "c.mp4"]),
        ("1, 1.6\n2, 2.4\n3, 4\n", ["1", "2", "3"]),  # a name may be a number
        ("a.mp4;-1;1,6\nb, x.mp4;-1;2,4\nc;y.mp4;-1;4\n", ["a.mp4", "b, x.mp4", "c;y.mp4"]),
        ("a.mp4\t1.6\nb;.mp4\t2.4\nc.mp4\t4\n", ["a.mp4", "b;.mp4", "c.mp4"]),
    ],
)
def test_names_come_before_the_numbers(tmp_path, text, names):
    path = tmp_path / "list.txt"
    path.write_bytes(text.encode("utf-16"))
    assert read_list(path, tmp_path / "table.csv", SCORES) == names


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "a.mp4, 1\n\n\nb.mp4, 2_0\nc.mp4, 3\n",
            "list.txt, line 4: it does not end with an overall score, but with '2_0'.",
        ),
        ("a.mp4, 1\nb.mp4, nan\nc.mp4, 3\n", "line 2: it does not end with an overall score, but with 'nan'."),
        (
            "a.mp4, 1\nb, 7, 2\nc.mp4, 3\n",
            "line 2: 2 numbers stand behind its name, but 1 in the first line: put a name",
        ),
        ("a.mp4, 1\n2\nc.mp4, 3\n", "line 2: '2' is not of the form `name, ..., overall`"),
        ("a.mp4, 1\nb.mp4, 2\n, 3\n", "line 3: ', 3' is not of the form `name, ..., overall`"),
        ("a.mp4;1,5\nb.mp4;2.5\nc.mp4;3\n", "has decimal commas and decimal points"),
        ("a.mp4, 1\nb.mp4, 2\n\n", "has 2 lines, but .*table.csv 3 rows"),
        ("a.mp4, 3\nb.mp4, 2\nc.mp4, 1\n", "rank the videos differently by overall score"),
        ('a.mp4, 1\n"b.mp4, 2\nc.mp4, 3\n', "line 2: it begins a cell in quotes that is never closed"),
    ],
)
def test_lists_that_do_not_go_with_a_table_are_refused(tmp_path, text, said):
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(UserError, match=said):
        read_list(tmp_path / "list.txt", tmp_path / "table.csv", SCORES)
