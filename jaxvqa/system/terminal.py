"""What a person sees: tables on stdout, progress on stderr."""

import sys

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text


def table_console() -> Console:
    """A console for tables on stdout; what reads a pipe wraps lines itself."""
    console = Console()
    if not console.is_terminal:
        console.width = 1000
    return console


def progress(doing: str, console: Console, *columns: ProgressColumn) -> Progress:
    """A progress bar that vanishes at its end; where no one watches there is none."""
    standard = (
        TextColumn(doing),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    return Progress(*standard, *columns, console=console, transient=True, disable=not console.is_terminal)


def printable(text: str) -> str:
    """Text with a mark for each byte that is no text, and each character that a terminal would obey."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def say(log: Console, text: str) -> None:
    """Prints a line as it is."""
    log.print(Text(text), soft_wrap=True)


def tell(text: str) -> None:
    """A line on stderr."""
    print(printable(text), file=sys.stderr)
