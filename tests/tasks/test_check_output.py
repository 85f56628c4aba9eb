from xml.etree import ElementTree

from jaxvqa.evaluation.gate import Violation
from jaxvqa.tasks.check_output import annotations, junit, print_violations

PATHS = ["a.mp4", "b,c:d.mp4", "e\x1b[31m.mp4", "f.mp4"]
FOUND = [
    Violation("b,c:d.mp4", "min overall", 40.0, 50.0, None, "overall 40.0 is below 50"),
    Violation("b,c:d.mp4", "max_drop noise", 40.0, 50.0, None, "noise 40.0 is 15.0 below the baseline's 55.0"),
    Violation("e\x1b[31m.mp4", "scored", None, None, None, "e\x1b[31m.mp4 is empty."),
]


def test_the_verdict_comes_first(capsys):
    print_violations(PATHS, FOUND)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "2 of 4 videos fail.",
        "  b,c:d.mp4: overall 40.0 is below 50",
        "  b,c:d.mp4: noise 40.0 is 15.0 below the baseline's 55.0",
        "  e\ufffd[31m.mp4 is empty.",
    ]
    print_violations(PATHS, [])
    assert capsys.readouterr().out == "All 4 videos pass.\n"


def test_junit_counts_videos_and_holds_what_they_break():
    suite = ElementTree.fromstring(junit(PATHS, FOUND))
    assert {name: suite.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": "4",
        "failures": "1",
        "errors": "1",
    }
    cases = {case.get("name"): case for case in suite}
    assert [*cases] == ["a.mp4", "b,c:d.mp4", "e\ufffd[31m.mp4", "f.mp4"]
    assert not [*cases["a.mp4"]]
    [failure] = cases["b,c:d.mp4"]
    assert (failure.tag, failure.text.count("\n")) == ("failure", 1)
    assert failure.get("message").startswith("overall 40.0 is below 50; noise")
    [error] = cases["e\ufffd[31m.mp4"]
    assert error.tag == "error"


def test_annotations_are_escaped():
    lines = annotations([FOUND[0]._replace(path="50%,x:y.mp4"), FOUND[2]]).splitlines()
    assert lines[0] == "::error file=50%25%2Cx%3Ay.mp4,title=jaxvqa check::50%25,x:y.mp4: overall 40.0 is below 50"
    assert len(lines) == 2
    assert "\x1b" not in lines[1]
