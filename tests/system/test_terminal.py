import pytest

from jaxvqa.system.terminal import Log, hush, printable, table_console


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ä 漢", "ä 漢"),
        ("a\x1b[2Jb", "a\ufffd[2Jb"),
        ("caf\udce9", "caf\ufffd"),
        ("a\nb", "a\ufffdb"),
        ("a\u00a0b\u2003c", "a b c"),
    ],
)
def test_what_a_terminal_would_obey_is_marked(text, shown):
    assert printable(text) == shown


def test_a_log_writes_lines_to_stderr_as_they_are(capsys):
    log = Log()
    log(f"[red]{'long ' * 60}[/red]\nand \x07 another")
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"[red]{'long ' * 60}[/red]\nand \ufffd another\n")


def test_a_quiet_log_writes_nothing(capsys):
    Log(quiet=True)("anything")
    assert capsys.readouterr() == ("", "")


def test_a_progress_bar_shows_nothing_where_nobody_watches(capsys):
    with Log().progress("doing") as bar:
        assert list(bar.track(range(3))) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")


def test_tables_in_a_pipe_are_not_wrapped(capsys):
    table_console().print("x" * 500)
    assert capsys.readouterr().out == "x" * 500 + "\n"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_terminal_gets_lines_wrapped_between_words(monkeypatch, capsys, width):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("FORCE_COLOR", "1")
    said = " ".join(["a/path/with/its/folders"] * 20)
    Log()(f"  {said}\n{'x' * 150}")
    *wrapped, _ = capsys.readouterr().err.split("x", 1)
    lines = wrapped[0].splitlines()
    assert all(len(line) <= width for line in lines)
    assert all(len(line) > width - 26 for line in lines[:-1])
    assert " ".join(line.strip() for line in lines) == said


def test_a_hushed_log_writes_warnings_only(capsys):
    try:
        hush(True)
        Log()("anything")
        Log().warn("a failure")
    finally:
        hush(False)
    Log()("again")
    assert capsys.readouterr().err == "a failure\nagain\n"
