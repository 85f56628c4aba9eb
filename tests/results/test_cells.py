"""Files of separated values, as spreadsheets and people write them."""

import codecs
import re

import numpy as np
import pytest

from jaxvqa import UserError
from jaxvqa.results.cells import (
    Score,
    decimal_comma,
    ends_with_number,
    leading_text,
    number,
    numbers,
    read_sheet,
)

TEXT = "name,score\na.mp4,1\nb.mp4,2\n"


def has_name(cells, separator):
    return len(cells) > 1 and "name" in cells


def cells_of(path, content, fits=has_name):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [line.cells for line in read_sheet(path, fits).lines]


def refused(path, content, fits=has_name):
    with pytest.raises(UserError) as caught:
        cells_of(path, content, fits)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert message.endswith(".")
    assert "\n" not in message
    return message.removeprefix(str(path))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (b"", "utf-16-le"),
        (b"", "utf-16-be"),
    ],
)
def test_separators_line_ends_and_encodings(tmp_path, separator, end, mark, encoding):
    text = 'name,score\n"ä; b.mp4",1\n\nc.mp4,2\n'
    path = tmp_path / "table.csv"
    path.write_bytes(mark + text.replace(",", separator).replace("\n", end).encode(encoding))
    sheet = read_sheet(path, has_name)
    assert [line.cells for line in sheet.lines] == [["name", "score"], ["ä; b.mp4", "1"], ["c.mp4", "2"]]
    assert [line.number for line in sheet.lines] == [1, 2, 4]
    assert sheet.separator == separator
    assert encoding.upper().startswith(sheet.encoding)


def test_the_form_is_told_in_words(tmp_path):
    path = tmp_path / "table.csv"
    for content, form in (
        (TEXT, "UTF-8 text separated by commas"),
        (TEXT.replace(",", "\t").encode("utf-16"), "UTF-16 text separated by tabs"),
        (TEXT.replace(",", ";").encode("utf-8-sig"), "UTF-8 text separated by semicolons"),
        (TEXT.encode() + b"\xe9.mp4,3\n", "partly UTF-8 text separated by commas"),
        ("sep=:\n" + TEXT.replace(",", ":"), "UTF-8 text separated by ':'"),
    ):
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        assert read_sheet(path, has_name).form == form


@pytest.mark.parametrize("hint", ["sep=;\n", "SEP=;\r\n", '"sep=;"\n', "sep=;;\n", "\ufeffsep=;\n"])
def test_a_hint_names_the_separator(tmp_path, hint):
    """The last but one is what programs write that take the hint for a row."""
    path = tmp_path / "table.csv"
    path.write_text(hint + "name;a,b\nx;1\n", encoding="utf-8")
    lines = read_sheet(path, has_name).lines
    assert [(line.number, line.cells) for line in lines] == [(2, ["name", "a,b"]), (3, ["x", "1"])]
    assert cells_of(path, "sep=,\nname;score\n") == [["name;score"]]  # whatever would fit


def test_the_separator_is_the_only_one_that_fits(tmp_path):
    path = tmp_path / "table.csv"
    assert cells_of(path, "name;a,b,c\nx;1\n")[0] == ["name", "a,b,c"]
    assert cells_of(path, 'name;"a\nb"\n')[0] == ["name", "a\nb"]
    assert cells_of(path, "x;y;z,w\n")[0] == ["x", "y", "z,w"]  # none does: for the message
    assert cells_of(path, "") == []
    said = refused(path, "name,score;name\n")
    assert said == " might be separated by commas or semicolons: use only one of them in its first line."


def test_blanks_do_not_count(tmp_path):
    path = tmp_path / "table.csv"
    text = ' name , "score"\n\n , ,\n   \n\t\n"",""\n\u00a0,\na.mp4 ,\t1 \n;;\n'
    assert cells_of(path, text) == [["name", "score"], ["a.mp4", "1"], [";;"]]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('name,score\n"a,1\nb,2\n', 2, "it begins a cell in quotes that is never closed"),
        ('name,score\na,1\n\nb,"2\n', 4, "it begins a cell in quotes that is never closed"),
        ('"name,score\na,1\n', 1, "it begins a cell in quotes that is never closed"),
        ('name,score\na,1\n"b,2\nc,3\n"d",4\n', 3, "something other than a separator follows"),
        ('name,score\n"a"x,1\n', 2, "something other than a separator follows"),
        ('name,score\n"a,1\n' + "b,2\n" * 40_000, 2, "it begins a cell of more than 131072 characters"),
        ('name,score\n"a,1\n' + "b,2\n" * 40_000 + '"c",3\n', 2, "it begins a cell of more than 131072 characters"),
    ],
)
def test_quotes_that_are_not_closed_are_told_with_their_line(tmp_path, text, line, said):
    message = refused(tmp_path / "table.csv", text)
    assert message.startswith(f", line {line}: ")
    assert said in message
    assert message.endswith("; correct the quotation marks.")


def test_rows_over_several_lines_are_counted_by_their_first(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text('name,score\n"a\n\nb",1\n\nc,2\n')
    assert [line.number for line in read_sheet(path, has_name).lines] == [1, 2, 6]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04\x14\x00\x06\x00\x08\x00", " is not a text file: export the table as CSV, in UTF-8."),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00\x00", " is not a text file: export the table as CSV, in UTF-8."),
        (TEXT.encode("utf-16")[:-1], " is damaged UTF-16 text (truncated data): save it again as UTF-8."),
        (None, " cannot be read: No such file or directory."),
    ],
)
def test_what_is_no_text_is_refused(tmp_path, content, said):
    path = tmp_path / "table.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_sheet(path, has_name)
    assert str(caught.value) == f"{path}{said}"


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("-1.5", -1.5), ("+.5", 0.5), ("3.", 3), ("1e-3", 0.001), ("2.5E2", 250)],
)
def test_numbers_are_written_in_digits(text, value):
    assert number(text) == value
    assert number(text.replace(".", ","), comma=True) == value


@pytest.mark.parametrize(
    "text",
    [
        *"1_9 nan NaN inf -Infinity 1e999 1,9 1,234.5 0x1A \u0661.\u0669 \uff11 1.9.2 1..2 . e5 -- 50% 5/10".split(),
        *("", " ", "1 9", "1\u00a09", "1\n"),
    ],
)
def test_all_else_is_no_number(text):
    assert number(text) is None


def test_a_decimal_sign_is_one_of_two():
    assert number("1.9", comma=True) is None
    assert number("1.234,5", comma=True) is None
    assert number("1,9") is None


def sheet_of(path, separator):
    path.write_text(f"name{separator}score\n")
    return read_sheet(path, has_name)


@pytest.mark.parametrize(
    ("separator", "texts", "comma"),
    [
        (";", ["1,9", "2"], True),
        (";", ["1,234"], True),  # semicolons separate cells because commas do not
        (";", ["1.9", "2"], False),
        (";", ["", "x,y", "2.5"], False),
        ("\t", ["1,9", "1,234"], True),
        ("\t", ["0,123"], True),
        ("\t", ["1", "2"], False),
        (",", ["1,9"], False),
    ],
)
def test_decimals_may_follow_a_comma_that_does_not_separate(tmp_path, separator, texts, comma):
    scores = [Score(i, "score", text) for i, text in enumerate(texts, 2)]
    assert decimal_comma(sheet_of(tmp_path / "table.csv", separator), scores) is comma


@pytest.mark.parametrize(
    ("separator", "texts", "said"),
    [
        (
            ";",
            ["3", "1,9", "2.5"],
            r" has decimal commas and decimal points \('1,9' in line 3, '2.5' in line 4\): use on",
        ),
        ("\t", ["3", "1,234"], ", line 3: score is '1,234', which might be 1.234 or 1234: write decimals with a point"),
        (",", ["1,9"], ", line 2: score is '1,9', not a number: write decimals with a point."),
        (",", ["1", "good"], ", line 3: score is 'good', not a number."),
        (";", ["1.234,5"], ", line 2: score is '1.234,5', not a number"),
        (",", [""], ", line 2: score is '', not a number."),
    ],
)
def test_numbers_that_might_be_another_are_refused(tmp_path, separator, texts, said):
    path = tmp_path / "table.csv"
    with pytest.raises(UserError, match=f"^{re.escape(str(path))}{said}"):
        numbers(sheet_of(path, separator), [Score(i, "score", text) for i, text in enumerate(texts, 2)])


def test_scores_that_may_be_missing_are_so_in_empty_cells_alone(tmp_path):
    sheet = sheet_of(tmp_path / "table.csv", ";")
    scores = [Score(2, "score", "1,5"), Score(3, "score", "")]
    np.testing.assert_array_equal(numbers(sheet, scores, missing=True), [1.5, np.nan])
    with pytest.raises(UserError, match="line 4: score is 'n/a', not a number; leave a cell empty where there is no"):
        numbers(sheet, [*scores, Score(4, "score", "n/a")], missing=True)


def test_rows_without_a_header_end_with_a_number():
    assert ends_with_number(["a.mp4", "-1", "3.5"], ",")
    assert ends_with_number(["a.mp4", "3,5"], ";")
    assert ends_with_number(["a.mp4", "3.5"], "\t")
    assert not ends_with_number(["a.mp4;3", "5"], ",")  # which is a decimal comma
    assert not ends_with_number(["a.mp4\t3", "5"], ",")
    assert not ends_with_number(["a.mp4", "good"], ",")
    assert not ends_with_number(["3"], ",")


def test_names_keep_their_commas(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text('a,  b; c.mp4 , -1, 3\n"d, e.mp4", -1, 3\nf.mp4, -1, 3\n')
    sheet = read_sheet(path, ends_with_number)
    assert [leading_text(line, ",", 2) for line in sheet.lines] == ["a,  b; c.mp4", "d, e.mp4", "f.mp4"]
