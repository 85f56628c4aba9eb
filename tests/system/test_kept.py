"""Executables kept whole: found the second time, made anew if an entry is not sound, read from a safe place only."""

import functools
import os

import jax
import numpy as np
import pytest
from jax.experimental.compilation_cache.compilation_cache import reset_cache

from jaxvqa.system import kept
from jaxvqa.system.compilation import executables_folder, keep_compiled


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of executables of a user who has kept nothing yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    before = jax.config.values["jax_compilation_cache_dir"]
    jax.config.update("jax_compilation_cache_dir", None)
    keep_compiled()
    yield executables_folder()
    jax.config.update("jax_compilation_cache_dir", before)
    reset_cache()


def doubled(about="double"):
    """What a function that is kept gives, and whether it was found; it is compiled where it was not."""
    function, x = jax.jit(lambda x: jax.lax.map(lambda y: 2 * y, x)), np.arange(3, dtype=np.float32)
    found = kept.read(about)
    functions = (
        found["functions"] if found else kept.write(about, {"f": functools.partial(function.lower, x)}, more=[7])
    )
    assert found is None or found["more"] == [7]
    return functions["f"](x).tolist(), found is not None


def test_an_entry_is_found_the_second_time_only_by_its_name(folder):
    assert [doubled(), doubled(), doubled("other")] == [([0, 2, 4], False), ([0, 2, 4], True), ([0, 2, 4], False)]
    assert len(os.listdir(folder)) == 2


def test_what_jax_finds_in_its_own_cache_is_not_kept(folder):
    before = jax.config.values["jax_persistent_cache_min_compile_time_secs"]
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    try:
        function, x = jax.jit(lambda x: jax.lax.map(lambda y: 2 * y, x)), np.arange(3, dtype=np.float32)
        function.lower(x).compile()
        assert any(folder.with_name(folder.name.replace("executables", "compiled")).iterdir())
        jax.clear_caches()
        assert [doubled(), doubled()] == [([0, 2, 4], False), ([0, 2, 4], True)]
    finally:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", before)


def test_an_entry_that_is_not_sound_is_made_anew(folder):
    doubled(), doubled("other")
    first, other = sorted(folder.iterdir(), key=os.path.getmtime)
    whole = first.read_bytes()
    spoiled = [b"", whole[:-1], whole[:20], whole[:-9] + b"?" + whole[-8:], other.read_bytes()]
    for content in spoiled:
        first.write_bytes(content)
        assert doubled() == ([0, 2, 4], False)
        assert doubled() == ([0, 2, 4], True)


def test_what_decides_about_a_function_decides_about_its_entry(folder, monkeypatch):
    doubled()
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=false")
    assert kept.read("double") is None
    monkeypatch.delenv("XLA_FLAGS")
    assert kept.read("double")
    jax.config.update("jax_default_matmul_precision", "bfloat16")
    try:
        assert kept.read("double") is None
    finally:
        jax.config.update("jax_default_matmul_precision", None)


def test_a_folder_that_others_can_write_to_is_not_trusted(folder):
    doubled()
    folder.chmod(0o770)
    assert executables_folder() is None
    assert kept.read("double") is None
    assert kept.write("double", {"f": lambda: pytest.fail("compiled")}) == {}
    folder.chmod(0o700)
    assert kept.read("double")


def test_nothing_is_kept_in_a_folder_that_was_chosen(folder, tmp_path):
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    assert executables_folder() is None
