"""Compiled functions, kept on disk for the next process: compiling the encoders takes seconds."""

import contextlib
import functools
import hashlib
import platform
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from ..errors import UserError
from .files import private_folder, user_cache


def keep_compiled() -> None:
    """Keeps what JAX compiles in the user's cache folder, unless a folder was chosen (JAX_COMPILATION_CACHE_DIR)."""
    if getattr(jax.config, "jax_compilation_cache_dir", None) is None and (folder := compiled_folder()):
        with contextlib.suppress(OSError):  # where it cannot be written, each process compiles
            folder.mkdir(parents=True, exist_ok=True)
            jax.config.update("jax_compilation_cache_dir", str(folder))
    # A process compiles, too, if the disk is full, another one was killed while it wrote, or is writing.
    warnings.filterwarnings("ignore", "Error (read|writ)ing persistent compilation cache entry")


def compiled_folder() -> Path | None:
    """Where `keep_compiled` has JAX keep what it compiles; None for a user without a home."""
    cache = user_cache()
    return cache and cache / f"compiled-{processor_id()}"


def executables_folder() -> Path | None:
    """Where executables are kept whole, if `keep_compiled` was called and chose the folder.

    Reading them can run any code, so it is a folder that this user alone can write to, or there is none.
    """
    folder = compiled_folder()
    if folder is None or jax.config.values["jax_compilation_cache_dir"] != str(folder):
        return None
    folder = folder.with_name(folder.name.replace("compiled", "executables"))
    try:
        private_folder(folder)
    except UserError:
        return None
    return folder


def processor_id() -> str:
    """8 hexadecimal digits for a kind of processor: JAX does not tell them apart, and code for one crashes another."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        kind = next(line for line in lines if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):  # not Linux
        kind = platform.processor()
    return hashlib.sha256(f"{platform.machine()} {kind}".encode()).hexdigest()[:8]


def jitted(function: Callable, *modules: Any) -> functools.partial:
    """Compiles `function(*modules, *arrays)` to a function of the arrays, in true float32 on every device.

    Modules of the same structure share what was compiled, so weights that are loaded again compile nothing.
    """
    from flax import nnx  # half a second, for which a process that finds its executables need not wait

    graph, state = nnx.split(modules)
    leaves, tree = jax.tree.flatten(state)
    return functools.partial(compiled, function, graph, tree, leaves)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def compiled(function: Callable, graph: Any, tree: Any, leaves: list[Any], *arrays: Any) -> Any:
    """The function of arrays and of modules: their graph, the tree of their state, and its leaves."""
    from flax import nnx

    with jax.default_matmul_precision("float32"):
        return function(*nnx.merge(graph, jax.tree.unflatten(tree, leaves)), *arrays)
