"""Names of videos and the paths that they mean."""

import os
import unicodedata
from pathlib import Path

import pytest

from jaxvqa import UserError
from jaxvqa.results.names import ambiguity, encoding_advice, match_paths, name_key, short_names

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "café_été.mp4") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(
    ("name", "paths", "found"),
    [
        ("a.mp4", ["b.mp4", "x/a.mp4"], ["x/a.mp4"]),
        ("x/a.mp4", ["y/a.mp4", "deep/x/a.mp4"], ["deep/x/a.mp4"]),
        ("a.mp4", ["a.mp4", "x/a.mp4"], ["a.mp4"]),  # just this path
        ("a.mp4", ["x/a.mp4", "y/a.mp4"], ["x/a.mp4", "y/a.mp4"]),
        ("a", ["x/a.mp4", "a.b.mp4"], ["x/a.mp4"]),
        ("a.mov", ["a.mp4"], []),
        ("moved/a.mp4", ["x/a.mp4"], ["x/a.mp4"]),
        ("/data/x/a.mp4", ["x/a.mp4", "y/a.mp4"], ["x/a.mp4"]),
        ("./x/a.mp4", ["x/a.mp4"], ["x/a.mp4"]),
        (r"C:\videos\a.mp4", ["videos/a.mp4", "x/a.mp4"], ["videos/a.mp4"]),
        (r"x\a.mp4", ["x/a.mp4", "y/a.mp4"], ["x/a.mp4"]),
        ("x/a.mp4", [r"x\a.mp4"], [r"x\a.mp4"]),
        (COMPOSED, [f"x/{DECOMPOSED}"], [f"x/{DECOMPOSED}"]),
        (DECOMPOSED, [COMPOSED], [COMPOSED]),
        (COMPOSED, [DECOMPOSED, COMPOSED], [DECOMPOSED, COMPOSED]),
        ("a.mp4", ["a.mp4 "], ["a.mp4 "]),
        (os.fsdecode(b"\xe9.mp4"), [os.fsdecode(b"x/\xe9.mp4")], [os.fsdecode(b"x/\xe9.mp4")]),
        ("A.mp4", ["a.mp4"], []),
    ],
)
def test_names_mean_paths(name, paths, found):
    [indices] = match_paths([name], paths)
    assert [paths[i] for i in indices] == found


def test_ends_that_names_share_mean_nothing():
    """A file of another folder is never taken for a missing one."""
    assert match_paths(["p/x.mp4", "q/x.mp4"], ["p/x.mp4", "r/x.mp4"]) == [[0], []]
    assert match_paths(["1/k/x.mp4", "2/k/x.mp4"], ["k/x.mp4"]) == [[], []]
    assert match_paths([], ["a.mp4"]) == []


def test_keys_do_not_tell_forms_apart():
    assert name_key(f" {DECOMPOSED}\t") == name_key(COMPOSED) == COMPOSED
    assert name_key(r".\x\\a.mp4") == "x/a.mp4"
    assert name_key(" / ") == ""


def test_names_have_folders_where_they_need_them():
    source = Path("labels.csv")
    assert short_names(source, ["x/a.mp4", "b.mp4", r"y\c.mp4"]) == ["a.mp4", "b.mp4", "c.mp4"]
    assert short_names(source, ["x/a.mp4", "y/a.mp4"]) == ["x/a.mp4", "y/a.mp4"]
    for given, said in (
        (["a.mp4", "a.mp4"], "labels.csv has more than one row for a.mp4."),
        (["x/a.mp4", "b.mp4", "y/a.mp4"], "labels.csv has more than one row for a.mp4."),
        (["x/a.mp4", "x/a.mp4"], "labels.csv has more than one row for x/a.mp4."),
        (
            [COMPOSED, DECOMPOSED],
            r"labels.csv has rows for 'caf\xe9_\xe9t\xe9.mp4' and 'cafe\u0301_e\u0301te\u0301.mp4', which differ only "
            "in Unicode form, slashes or blanks: rename one, or remove a row.",
        ),
    ):
        with pytest.raises(UserError) as caught:
            short_names(source, given)
        assert str(caught.value) == said


def test_two_paths_for_a_name_are_told_apart():
    assert ambiguity("a", "l.csv", "x/a", "y/a") == "a of l.csv might be x/a or y/a"
    assert ambiguity("é", "l.csv", "e\u0301", "\u00e9") == (
        r"é of l.csv might be 'e\u0301' or '\xe9', which differ only in Unicode form, slashes or blanks"
    )


def test_another_encoding_is_told_of():
    names = ["a.mp4", COMPOSED]
    assert encoding_advice(Path("l.csv"), names) == ""
    said = encoding_advice(Path("l.csv"), [*names, os.fsdecode("é.mp4".encode("cp1252"))])
    assert said == "; not all of l.csv is UTF-8, so export it as UTF-8"
