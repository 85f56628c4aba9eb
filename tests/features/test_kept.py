"""What weights compute, as the next process finds it: the same numbers, without tracing and without Flax."""

import os
import subprocess
import sys

import jax
import numpy as np
import pytest
from conftest import save_random
from jax.experimental.compilation_cache.compilation_cache import reset_cache

import jaxvqa
from jaxvqa.features.kept import load_kept
from jaxvqa.video.display import DisplayViews
from jaxvqa.weights.assemble import PARTS, SCORING_PARTS
from jaxvqa.weights.load import load_weights

SIZES = {
    "display": dict(stages=1, local=8, motion=8),
    "maxvqa": dict(clip_width=8, technical_width=24, hidden=8, prompts=32),
}
CONFIGS = {part: PARTS[part][1](**sizes) for part, sizes in SIZES.items()}
RANDOM = np.random.default_rng(0)
VIEWS = DisplayViews(
    RANDOM.integers(0, 256, (16, 49, 64, 64, 3), np.uint8), RANDOM.integers(0, 256, (4, 32, 36, 64), np.uint8)
)


@pytest.fixture
def traced(tmp_path, monkeypatch):
    """The names of the functions that are traced from here on, by a user for whom nothing was kept yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before, names = jax.config.values["jax_compilation_cache_dir"], []
    jax.config.update("jax_compilation_cache_dir", None)
    jaxvqa.keep_compiled()

    def note(event, seconds, **about):
        if event == "/jax/core/compile/jaxpr_trace_duration":
            names.append(about.get("fun_name"))

    jax.monitoring.register_event_duration_secs_listener(note)
    yield names
    jax.monitoring.unregister_event_duration_listener(note)
    jax.config.update("jax_compilation_cache_dir", before)
    reset_cache()


@pytest.fixture
def weights(tmp_path):
    return save_random(tmp_path / "weights", CONFIGS)


def local(model):
    return model.score_features(model.features(VIEWS)).local


def test_what_was_kept_gives_the_same_numbers_and_is_not_traced(weights, traced):
    assert load_kept(weights, "float32") is None
    first = local(jaxvqa.load(weights))
    assert traced
    jax.clear_caches()
    traced.clear()
    again = jaxvqa.load(weights)
    assert np.array_equal(local(again), first)
    assert traced == []
    loaded = load_weights(weights, SCORING_PARTS)
    ordinary = jaxvqa.Model(loaded)
    assert np.array_equal(local(ordinary), first)
    assert again.weights_id == ordinary.weights_id == loaded.id
    # Of other shapes and types than a video's, features are scored as without it.
    features = RANDOM.standard_normal((2, 49, 32)).astype(np.float16)
    assert np.array_equal(again.score_features(features).local, ordinary.score_features(features).local)


def test_weights_that_change_are_noticed(weights, traced, tmp_path):
    first = jaxvqa.load(weights)
    other = save_random(tmp_path / "other", CONFIGS, seed=1)
    for file in os.listdir(other):
        os.replace(os.path.join(other, file), os.path.join(weights, file))
    traced.clear()
    second = jaxvqa.load(weights)
    assert traced == []  # of the same sizes
    assert second.weights_id != first.weights_id
    assert np.array_equal(local(second), local(jaxvqa.Model(load_weights(weights, SCORING_PARTS))))
    tensors = os.path.join(weights, "tensors.safetensors")
    with open(tensors, "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"?")
    with pytest.raises(jaxvqa.WeightsError, match="SHA-256 differs"):
        jaxvqa.load(weights)


def test_only_the_first_process_imports_flax(weights, tmp_path):
    program = "import sys, jaxvqa; jaxvqa.keep_compiled(); jaxvqa.load(sys.argv[1]); print('flax' in sys.modules)"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_COMPILATION")}
    environment["XDG_CACHE_HOME"] = str(tmp_path)
    command = [sys.executable, "-c", program, weights]
    for imports in ("True", "False"):
        result = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert (result.stdout, result.stderr) == (f"{imports}\n", "")
