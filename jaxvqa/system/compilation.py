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
from flax import nnx

from .files import user_cache


def keep_compiled() -> None:
    """Keeps what JAX compiles in the user's cache folder, unless a folder was chosen (JAX_COMPILATION_CACHE_DIR)."""
    if getattr(jax.config, "jax_compilation_cache_dir", None) is None and (cache := user_cache()):
        folder = cache / f"compiled-{processor_id()}"
        with contextlib.suppress(OSError):  # where it cannot be written, each process compiles
            folder.mkdir(parents=True, exist_ok=True)
            jax.config.update("jax_compilation_cache_dir", str(folder))
    # A process compiles, too, if the disk is full, another one was killed while it wrote, or is writing.
    warnings.filterwarnings("ignore", "Error (read|writ)ing persistent compilation cache entry")


def processor_id() -> str:
    """8 hexadecimal digits for a kind of processor: JAX does not tell them apart, and code for one crashes another."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        kind = next(line for line in lines if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):  # not Linux
        kind = platform.processor()
    return hashlib.sha256(f"{platform.machine()} {kind}".encode()).hexdigest()[:8]


def jitted(function: Callable, *modules: nnx.Module | None) -> Callable:
    """Compiles `function(*modules, *arrays)` to a function of the arrays, in true float32 on every device.

    Modules of the same structure share what was compiled, so weights that are loaded again compile nothing.
    """
    graph, state = nnx.split(modules)
    return functools.partial(compiled, function, graph, state)


@functools.partial(jax.jit, static_argnums=(0, 1))
def compiled(function: Callable, graph: nnx.GraphDef, state: nnx.State, *arrays: Any) -> Any:
    """The function of merged modules and arrays."""
    with jax.default_matmul_precision("float32"):
        return function(*nnx.merge(graph, state), *arrays)
