"""What FFmpeg says of errors, after which it may go on."""

import contextlib
from collections.abc import Generator

import av
import av.logging


@contextlib.contextmanager
def ffmpeg_errors() -> Generator[list[str], None, None]:
    """A list that holds, when this ends, the errors that FFmpeg spoke of meanwhile in this thread."""
    level, messages = av.logging.get_level(), []
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture() as said:
            yield messages
    finally:
        messages += [message.strip() for _, _, message in said]
        av.logging.set_level(level)
