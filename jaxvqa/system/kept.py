"""Executables kept whole for the next process, which then neither traces nor lowers nor compiles, nor imports Flax.

JAX's own cache spares compiling alone, and asks for it with what tracing and lowering gave. An entry here is named
after all that decides about that instead.
"""

import contextlib
import functools
import hashlib
import importlib.metadata
import json
import os
import pickle
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import jax

from .compilation import executables_folder
from .files import write_atomic

PACKAGE = Path(__file__).parents[1]
DIGEST = hashlib.sha256().digest_size


def read(about: Any) -> dict[str, Any] | None:
    """Reads what `write` kept, with executables as functions; None if there is no sound entry for this process.

    Args:
        about: as JSON, what is known of the functions before they are made.
    """
    if not (place := entry(about)):
        return None
    try:
        content = place.read_bytes()
    except OSError:
        return None
    payload = content[DIGEST:]
    if content[:DIGEST] != digest(place, payload):  # cut short, or of another name
        return None
    from jax.experimental.serialize_executable import deserialize_and_load

    kept = pickle.loads(payload)
    try:
        kept["functions"] = {name: deserialize_and_load(*parts) for name, parts in kept["functions"].items()}
    except jax.errors.JaxRuntimeError:  # XLA cannot load it here
        return None
    return kept


def write(
    about: Any, functions: dict[str, Callable[[], jax.stages.Lowered]], **more: Any
) -> dict[str, jax.stages.Compiled]:
    """Compiles functions and keeps them; compiles none, and gives none, if there is no place for them.

    Args:
        about: as in `read`.
        functions: what gives each as `jax.jit(...).lower(...)` does.
        more: what else is kept, of Python's own types.
    """
    if not (place := entry(about)):
        return {}
    from jax.experimental.serialize_executable import serialize

    with compiled_anew():
        compiled = {name: lower().compile() for name, lower in functions.items()}
    payload = pickle.dumps({**more, "functions": {name: serialize(function) for name, function in compiled.items()}})
    with contextlib.suppress(OSError):  # the disk is full: the next process compiles, too
        write_atomic(place, digest(place, payload) + payload)
    return compiled


def entry(about: Any) -> Path | None:
    """The file of an entry; None if none are kept: on several devices, on others than CPUs, which were not tried."""
    if jax.default_backend() != "cpu" or jax.device_count() > 1 or not (folder := executables_folder()):
        return None
    versions = [jax.__version__, *map(importlib.metadata.version, ("jaxlib", "flax"))]
    deciding = [about, versions, os.environ.get("XLA_FLAGS"), sorted(jax.config.values.items()), source()]
    return folder / hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()


@functools.cache
def source() -> str:
    """SHA-256 of this package's code, in hexadecimal."""
    found = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()


def digest(place: Path, payload: bytes) -> bytes:
    """What an entry begins with: SHA-256 of its name and of what follows."""
    return hashlib.sha256(place.name.encode() + payload).digest()


@contextlib.contextmanager
def compiled_anew() -> Generator[None, None, None]:
    """Keeps JAX from its own cache: on a CPU, an executable from there cannot be kept, as it lacks its functions."""
    from jax.experimental.compilation_cache.compilation_cache import reset_cache

    before = jax.config.values["jax_enable_compilation_cache"]
    jax.config.update("jax_enable_compilation_cache", False)
    reset_cache()  # JAX asks once whether there is one
    try:
        yield
    finally:
        jax.config.update("jax_enable_compilation_cache", before)
        reset_cache()
