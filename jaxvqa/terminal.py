"""What a person sees on stdout."""

from rich.console import Console


def table_console() -> Console:
    """A console for tables on stdout; what reads a pipe wraps lines itself."""
    console = Console()
    if not console.is_terminal:
        console.width = 1000
    return console


def printable(text: str) -> str:
    """Text with a mark for each byte that is no text, and each character that a terminal would obey."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
