"""The boundary to what users hand in: their files and programs may fail in any way, and that becomes a sentence."""

import contextlib
import sys
import traceback
from collections.abc import Generator

from ..errors import UserError, first_line

PACKAGE = __name__.partition(".")[0]


@contextlib.contextmanager
def untrusted(
    subject: object,
    error: type[UserError],
    remedy: str,
    problem: str = "cannot be read",
    passing: type[Exception] | tuple[type[Exception], ...] = (),
) -> Generator[None, None, None]:
    """Turns whatever a library makes of a user's file into a sentence: subject, problem, reason and remedy.

    Slips of this package keep their tracebacks, and so do failed type checks and a lack of memory. Which is which is
    told by the innermost frame, so what this package raises itself about a file must be a `UserError`.

    Args:
        subject: what is read, such as the path of a file.
        error: kind of the error to raise.
        remedy: what the user can do.
        problem: what the subject cannot do.
        passing: further errors that stay as they are.
    """
    try:
        with whole_tracebacks():
            yield
    except passing:
        raise
    except Exception as cause:
        if not is_foreign(cause):
            raise
        raise error(f"{subject} {problem} ({first_line(cause)}): {remedy}.") from cause


def is_foreign(error: Exception) -> bool:
    """Whether an error comes from the system or a library, and not from this package or its type checks."""
    if isinstance(error, UserError | MemoryError):
        return False
    if any(kind.__name__ == "TypeCheckError" or kind.__module__.startswith("beartype") for kind in type(error).__mro__):
        return False
    if isinstance(error, OSError):  # the system's, even if no frame lies between it and this package
        return True
    *_, (innermost, _) = traceback.walk_tb(error.__traceback__)
    return innermost.f_globals.get("__name__", "").partition(".")[0] != PACKAGE


@contextlib.contextmanager
def whole_tracebacks() -> Generator[None, None, None]:
    """Has JAX leave its own frames in tracebacks, without which its errors would look like this package's."""
    jax = sys.modules.get("jax")
    if jax is None:
        yield
        return
    before = jax.config.jax_traceback_filtering
    jax.config.update("jax_traceback_filtering", "off")
    try:
        yield
    finally:
        jax.config.update("jax_traceback_filtering", before)
