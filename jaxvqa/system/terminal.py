"""What a person sees: tables on stdout; a log and progress on stderr."""

import contextlib
import errno
import logging
import os
import sys
import unicodedata
from collections.abc import Generator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class Log:
    """Writes lines to stderr: no markup, nothing that a terminal would obey.

    A terminal gets them wrapped between words, at its width; a file or a pipe gets them as they are.

    Args:
        quiet: writes nothing, as all but the first of several processes do.
    """

    hushed = False  # whether this process shows warnings only

    def __init__(self, quiet: bool = False):
        self.console = Console(stderr=True, quiet=quiet)

    def __call__(self, text: str) -> None:
        """Writes a text, line by line, unless only warnings are shown."""
        if not self.hushed:
            self.warn(text)

    def warn(self, text: str) -> None:
        """Writes a text about what went wrong, or about what may mislead."""
        for line in text.split("\n"):
            self.console.print(Text(printable(line)), soft_wrap=not self.console.is_terminal)

    def progress(self, doing: str) -> Progress:
        """Shows a progress bar that vanishes at its end; nothing if nobody watches."""
        columns = (
            TextColumn(doing),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        shown = self.console.is_terminal and not self.hushed
        return Progress(*columns, console=self.console, transient=True, disable=not shown)


def hush(hushed: bool) -> None:
    """Lets logs of this process show warnings only, and no progress."""
    Log.hushed = hushed


def open_streams() -> None:
    """Opens those of stdin, stdout and stderr that are closed, as after `>&-`, and loses what is written to them.

    The next file that is opened would take its number, and with it all that libraries write there; Python has None.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None or (number > 0 and not is_writable(number)):
            null = os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
            os.dup2(null, number)
            os.set_inheritable(number, True)  # for processes that are started
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115, it stays open
            if null != number:
                os.close(null)


def is_writable(number: int) -> bool:
    """Whether the file of a number is open for writing; of a closed stderr, shells make that of their script."""
    try:
        os.write(number, b"")
    except OSError as error:
        return error.errno != errno.EBADF
    return True


def table_console() -> Console:
    """A console for tables on stdout; what reads a pipe wraps lines itself."""
    console = Console()
    if not console.is_terminal:
        console.width = 1000
    return console


def printable(text: str) -> str:
    """Text with a mark for each byte that is no text, and each character that a terminal would obey.

    Spaces of all widths, no-break ones among them, become ordinary ones.
    """
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(
        character if character.isprintable() else " " if unicodedata.category(character) == "Zs" else "\ufffd"
        for character in text
    )


@contextlib.contextmanager
def without_warnings() -> Generator[None, None, None]:
    """Keeps libraries from logging warnings meanwhile."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
