"""The boundary to what users hand in: their files and programs may fail in any way, and that becomes a sentence."""

import contextlib
import errno
import os
import sys
import traceback
from collections.abc import Generator

from ..errors import UserError, first_line

PACKAGE = __name__.partition(".")[0]

# What reading damaged data comes to; no lack of rights, disk, memory or devices, and no package that is broken.
DAMAGE = (OSError, EOFError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError)
# What the system says that a file's own content or name can be the cause of.
ABOUT_FILES = {
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EINVAL, errno.EFBIG, errno.EOVERFLOW),
    *(errno.EILSEQ, errno.ENAMETOOLONG, errno.ELOOP),
}
PLATFORMS = ("JAX_PLATFORMS", "JAX_PLATFORM_NAME")  # variables by which JAX is asked for a kind of device


@contextlib.contextmanager
def untrusted(
    subject: object,
    error: type[UserError],
    remedy: str,
    problem: str = "cannot be read",
    kinds: type[Exception] | tuple[type[Exception], ...] = DAMAGE,
) -> Generator[None, None, None]:
    """Turns whatever a library makes of a user's file into a sentence: subject, problem, reason and remedy.

    Slips of this package stay as they are, and so do failed type checks, a lack of memory, and what the system says of
    itself instead of a file: that there are too many open files, no space, no rights. Whose an error is is told by the
    innermost frame, so what this package raises itself about a file must be a `UserError`.

    Args:
        subject: what is read, such as the path of a file.
        error: kind of the error to raise.
        remedy: what the user can do.
        problem: what the subject cannot do.
        kinds: errors that what is read can be the cause of; others stay as they are. If that is `Exception`, which
            foresees none, the sentence names the kind.
    """
    try:
        with whole_tracebacks():
            yield
    except kinds as cause:
        if not is_foreign(cause):
            raise
        kind = f"{type(cause).__name__}: " if kinds is Exception else ""
        raise error(f"{subject} {problem} ({kind}{first_line(cause)}): {remedy}.") from cause


def is_foreign(error: Exception) -> bool:
    """Whether an error is about what is read, and neither this package's, nor about what the machine lacks."""
    if isinstance(error, UserError) or lacks_memory(error):
        return False
    if any(kind.__name__ == "TypeCheckError" or kind.__module__.startswith("beartype") for kind in type(error).__mro__):
        return False
    if isinstance(error, OSError):  # the system's, even if no frame lies between it and this package
        return error.errno is None or error.errno in ABOUT_FILES
    return raised_in(error) != PACKAGE


def raised_in(error: BaseException) -> str:
    """The package whose code raised an error."""
    *_, (innermost, _) = traceback.walk_tb(error.__traceback__)
    return innermost.f_globals.get("__name__", "").partition(".")[0]


def lacks_memory(error: BaseException) -> bool:
    """Whether an error says that memory, of the machine or of a device, is not enough, as JAX puts it."""
    said = str(error) if isinstance(error, RuntimeError) else ""
    signs = ("RESOURCE_EXHAUSTED", "allocate memory", "out of memory")
    return isinstance(error, MemoryError) or any(sign in said for sign in signs)


def lacks_device() -> str:
    """A sentence if JAX was asked for a kind of device that it does not find here, else "".

    What it then raises, wherever devices are first needed, is of several kinds, and may have no text: so it is asked
    again.
    """
    jax = sys.modules.get("jax")
    asked = [f"{name}={os.environ[name]}" for name in PLATFORMS if os.environ.get(name)]
    if jax is None or not asked:
        return ""
    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:
        reason = f" ({first_line(error).partition(' (set ')[0].rstrip('.')})" if str(error) else ""
        return f"{asked[0]} asks for devices that are not there{reason}: unset it, or set it to cpu."
    return ""


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
