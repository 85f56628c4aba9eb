"""What is compiled is compiled once: for all videos of a process, and for the next process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from clips import moving_clip

import jaxvqa

ROOT = Path(__file__).parents[2]


PROGRAM = """
import sys, jax, jaxvqa
hits = []
jax.monitoring.register_event_listener(lambda name, **_: hits.append(name))
before = jax.config.values.copy()
if "keep" in sys.argv:
    jaxvqa.keep_compiled()
    before = jax.config.values.copy()
jaxvqa.load(sys.argv[1])
assert jax.config.values == before
print(jax.config.jax_compilation_cache_dir, hits.count("/jax/compilation_cache/cache_hits"))
"""


@pytest.fixture
def compiled():
    """Names of the functions that are compiled from here on, as in a new process."""
    jax.clear_caches()
    names = []

    def note(event, seconds, **about):
        if event == "/jax/core/compile/backend_compile_duration":
            names.append(about.get("fun_name"))

    jax.monitoring.register_event_duration_secs_listener(note)
    yield names
    jax.monitoring.unregister_event_duration_listener(note)


def test_videos_of_any_size_and_length_compile_nothing_new(small_weights, tmp_path, compiled):
    model = jaxvqa.load(small_weights)
    model.score(moving_clip(tmp_path / "first.mp4", seed=1))
    assert compiled  # the listener hears
    compiled.clear()
    sizes = {(height, width, frames) for height, width, frames in ((64, 48, 1), (240, 320, 90), (400, 224, 33))}
    for i, (height, width, frames) in enumerate(sizes):
        scores = model.score(moving_clip(tmp_path / f"{i}.mp4", height=height, width=width, frames=frames, seed=i))
        assert np.isfinite(scores.raw).all()
    assert compiled == []


def test_weights_that_are_loaded_again_compile_nothing(small_weights, clips, compiled):
    first = jaxvqa.load(small_weights).score(clips / "a.mp4")
    assert compiled
    compiled.clear()
    again = jaxvqa.load(small_weights).score(clips / "a.mp4")
    assert compiled == []
    assert np.array_equal(first.raw, again.raw)


def run(weights, *arguments, **environment):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")} | environment
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, weights, *arguments], env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    folder, hits = result.stdout.split()
    return folder, int(hits), result.stderr


def test_next_process_finds_what_was_compiled_in_the_users_cache(small_weights, tmp_path):
    environment = {"XDG_CACHE_HOME": str(tmp_path), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    folder, hits, _ = run(small_weights, "keep", **environment)
    assert folder.startswith(str(tmp_path / "jaxvqa" / "compiled-"))
    assert hits == 0
    assert os.listdir(folder)
    again, hits, _ = run(small_weights, "keep", **environment)
    assert again == folder
    assert hits > 0


def test_without_a_place_for_it_nothing_is_said(small_weights, tmp_path):
    (tmp_path / "file").touch()
    folder, _, errors = run(small_weights, "keep", XDG_CACHE_HOME=str(tmp_path / "file"))
    assert (folder, errors) == ("None", "")


def test_a_folder_that_was_chosen_is_kept(small_weights, tmp_path):
    assert run(small_weights, "keep", JAX_COMPILATION_CACHE_DIR=str(tmp_path))[0] == str(tmp_path)


def test_loading_changes_nothing_for_others(small_weights, tmp_path):
    folder, hits, errors = run(small_weights, XDG_CACHE_HOME=str(tmp_path))
    assert (folder, hits, errors) == ("None", 0, "")
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_benchmark_counts_the_same(tmp_path):
    command = [sys.executable, ROOT / "scripts" / "benchmark.py", "compile", "--json", tmp_path / "figures.json"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    [record] = json.loads((tmp_path / "figures.json").read_text())["records"]
    assert record["first_video"] > 0
    assert record["three_of_other_sizes"] == 0
    assert "three of other sizes 0" in result.stdout
