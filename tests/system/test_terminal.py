import pytest

from jaxvqa.system.terminal import Log, printable, table_console


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
