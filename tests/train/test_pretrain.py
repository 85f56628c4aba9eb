"""The network of a training from scratch, and its optimizer."""

import numpy as np

from jaxvqa.models.visual_encoders import normalize
from jaxvqa.synthetic.scenes import Camera, film, load
from jaxvqa.train.pretrain import make_optimizer, whitening_cosines


def test_patches_of_natural_clips_are_seen_evenly():
    frames = film([load("china.jpg")] * 2, 224, 224, 0, Camera(wander=0.5), np.random.default_rng(0))
    pixels = np.asarray(normalize(frames)).reshape(2, 28, 8, 28, 8, 3).transpose(1, 3, 0, 2, 4, 5).reshape(28 * 28, -1)
    kernels = whitening_cosines((2, 8, 8), 64)
    assert kernels.shape == (384, 64)
    assert np.linalg.matrix_rank(kernels) == 64
    plain = (pixels @ (kernels / np.linalg.norm(kernels, axis=0))).std(axis=0)
    even = (pixels @ kernels).std(axis=0)
    assert plain.max() / plain.min() > 100
    assert even.max() / even.min() < 40
    assert whitening_cosines((2, 8, 8), 4).shape == (384, 4)


def test_patch_embeddings_take_small_steps():
    params = {"swin": {"patch_embed": {"kernel": np.ones((2, 2))}, "norm": {"scale": np.ones(2)}}}
    optimizer = make_optimizer(weight_decay=0.1)
    state = optimizer.init(params)
    state = state._replace(hyperparams=state.hyperparams | {"learning_rate": 0.5})
    updates, _ = optimizer.update(params, state, params)
    np.testing.assert_allclose(updates["swin"]["patch_embed"]["kernel"], -0.01 * 0.5 * 1.1, rtol=1e-5)
    np.testing.assert_allclose(updates["swin"]["norm"]["scale"], -0.5, rtol=1e-5)
