"""Training the encoders' last stages with the head: the same network, and only what is to be trained changes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import SMALL
from flax import nnx
from trainings import random_views

from jaxvqa.features.extract import extract
from jaxvqa.model import Model
from jaxvqa.models.clip_resnet import convolve, strided
from jaxvqa.models.last_stages import LastStages, encode_first
from jaxvqa.models.maxvqa import MaxVQA
from jaxvqa.models.visual_encoders import encode_views
from jaxvqa.system.compilation import jitted
from jaxvqa.video.limits import DecodeLimits
from jaxvqa.video.sampling import Sampling
from jaxvqa.weights.assemble import ENCODERS, PARTS, build
from jaxvqa.weights.load import load_weights

HEAD = PARTS["maxvqa"][1](**SMALL["maxvqa"])


@pytest.mark.parametrize("last", [1, 2, 3])
def test_first_and_last_stages_make_the_whole_encoders(encoders, last):
    loaded = load_weights(encoders)
    swin, clip_visual, head = (loaded.parts[part] for part in ("swin", "clip_visual", "maxvqa"))
    encoded = jitted(functools.partial(encode_first, last=last), swin, clip_visual)(*random_views())
    assert encoded.shape[:2] == (64, 49)
    network, model = LastStages(swin, clip_visual, head, last), Model(loaded)
    whole = np.asarray(model.encode(*random_views()))
    np.testing.assert_allclose(jitted(LastStages.features, network)(encoded), whole, atol=1e-5)
    several = jnp.stack([encoded, 0.5 * encoded])
    scores = jitted(LastStages.video_scores, network)(several, model.text_features)
    np.testing.assert_allclose(scores[0], model.score_features(whole).raw, atol=1e-6)
    assert np.abs(scores[1] - scores[0]).max() > 1e-4


@pytest.mark.slow
def test_gradient_is_that_of_the_whole_network(encoders):
    loaded = load_weights(encoders)
    swin, clip_visual, head = (loaded.parts[part] for part in ("swin", "clip_visual", "maxvqa"))
    text_features, network = Model(loaded).text_features, LastStages(swin, clip_visual, head, 1)

    views = [jnp.asarray(view) for view in random_views()]

    def is_last(path, _):
        return path[0] == 2 or {*path} & {"norm", "pool"} == {path[1]} or path[1:3] == ("stages", 3)

    graph, last, rest = nnx.split((swin, clip_visual, head), is_last, ...)

    @jax.jit
    def of_all(last):
        swin, clip_visual, head = nnx.merge(graph, last, rest)
        return (head(encode_views(swin, clip_visual, *views), text_features).mean(axis=(0, 1)) ** 2).sum()

    encoded = jitted(functools.partial(encode_first, last=1), swin, clip_visual)(*random_views())[None]
    last_graph, last_state = nnx.split(network)

    @jax.jit
    def of_last(state):
        return (nnx.merge(last_graph, state).video_scores(encoded, text_features) ** 2).sum()

    expected = dict(nnx.to_flat_state(jax.grad(of_all)(last)))
    found = dict(nnx.to_flat_state(jax.grad(of_last)(last_state)))
    numbers = {"swin": 0, "clip_visual": 1, "maxvqa": 2}
    largest = 0
    for (part, *path), gradient in found.items():
        wanted = np.asarray(expected[numbers[part], *path][...])
        np.testing.assert_allclose(gradient[...], wanted, atol=2e-5 * max(1e-3, np.abs(wanted).max()))
        largest = max(largest, np.abs(wanted).max() if part != "maxvqa" else 0)
    assert largest > 1e-5
    trained = {(part, *path[:2]) for part, *path in found if part != "maxvqa" and path[0] in ("stages", "merges")}
    assert trained == {("swin", "stages", 3), ("clip_visual", "stages", 3)}


def test_gradient_of_a_convolution_is_jaxs_own():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(2, 5, 6, 3)), random.normal(size=(2, 5, 6, 4))
    kernel = random.normal(size=(3, 3, 3, 4))
    with jax.enable_x64(True):
        ours, theirs = (
            jax.grad(lambda x, k, f=f: (f(x, k) * y).sum(), argnums=(0, 1))(jnp.array(x), jnp.array(kernel))
            for f in (convolve, strided)
        )
    for gradient, wanted in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(gradient, wanted, rtol=1e-12, atol=1e-12)


def test_features_of_both_kinds_stand_side_by_side(encoders, features, data):
    loaded = load_weights(encoders, ENCODERS)
    paths = sorted(map(str, (data / "maxwell" / "videos").glob("train-*")))[:2]
    whole, first = (
        extract(paths, loaded, features, Sampling(), DecodeLimits(1), last)[0].read([0, 1]) for last in (0, 1)
    )
    network = LastStages(loaded.parts["swin"], loaded.parts["clip_visual"], build("maxvqa", HEAD), 1)
    for one, encoded in zip(whole, first, strict=True):
        np.testing.assert_allclose(jitted(LastStages.features, network)(encoded), one, atol=0.02)


def test_all_stages_may_be_trained_but_no_more(encoders):
    parts = load_weights(encoders).parts
    arguments = [parts[part] for part in ("swin", "clip_visual", "maxvqa")]
    assert isinstance(LastStages(*arguments, 4).maxvqa, MaxVQA)
    for last in (0, 5):
        with pytest.raises(ValueError, match="from 1 to 4"):
            LastStages(*arguments, last)
