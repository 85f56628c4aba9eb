"""Training the encoders' last stages with the head: the same network, and only what is to be trained changes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import SMALL
from flax import nnx
from safetensors.numpy import load_file
from test_finetune import rated  # noqa: F401
from test_finetune import run as finetune  # noqa: F401
from test_train import command, data, encoders, features, sentence, train  # noqa: F401

import jaxvqa
from jaxvqa import UserError
from jaxvqa.features.encoder import VIEWS
from jaxvqa.features.extract import extract
from jaxvqa.model import Model
from jaxvqa.models.clip_resnet import convolve, strided
from jaxvqa.models.last_stages import LastStages, encode_first
from jaxvqa.models.maxvqa import MaxVQA
from jaxvqa.models.visual_encoders import encode_views
from jaxvqa.results.table import read_table
from jaxvqa.system.compilation import jitted
from jaxvqa.tasks.defaults import training_config
from jaxvqa.train.loop import Trainer
from jaxvqa.train.optimizer import make_optimizer
from jaxvqa.train.step import Batch, replicate, shard, start
from jaxvqa.video.limits import DecodeLimits
from jaxvqa.weights.assemble import ENCODERS, PARTS, build
from jaxvqa.weights.load import load_weights

HEAD = PARTS["maxvqa"][1](**SMALL["maxvqa"])
CHANGES = {"train.chunk": 16, "train.epochs_per_chunk": 2, "train.passes": 1}


def views(seed=0):
    random = np.random.default_rng(seed)
    return [random.integers(0, 256, view.shape, np.uint8) for view in VIEWS]


@pytest.mark.parametrize("last", [1, 2, 3])
def test_first_and_last_stages_make_the_whole_encoders(encoders, last):  # noqa: F811
    loaded = load_weights(encoders)
    swin, clip_visual, head = (loaded.parts[part] for part in ("swin", "clip_visual", "maxvqa"))
    encoded = jitted(functools.partial(encode_first, last=last), swin, clip_visual)(*views())
    assert encoded.shape[:2] == (64, 49)
    network, model = LastStages(swin, clip_visual, head, last), Model(loaded)
    whole = np.asarray(model.encode(*views()))
    np.testing.assert_allclose(jitted(LastStages.features, network)(encoded), whole, atol=1e-5)
    several = jnp.stack([encoded, 0.5 * encoded])
    scores = jitted(LastStages.video_scores, network)(several, model.text_features)
    np.testing.assert_allclose(scores[0], model.score_features(whole).raw, atol=1e-6)
    assert np.abs(scores[1] - scores[0]).max() > 1e-4


@pytest.mark.slow
def test_gradient_is_that_of_the_whole_network(encoders):  # noqa: F811
    loaded = load_weights(encoders)
    swin, clip_visual, head = (loaded.parts[part] for part in ("swin", "clip_visual", "maxvqa"))
    text_features, network = Model(loaded).text_features, LastStages(swin, clip_visual, head, 1)

    def is_last(path, _):
        return path[0] == 2 or {*path} & {"norm", "pool"} == {path[1]} or path[1:3] == ("stages", 3)

    graph, last, rest = nnx.split((swin, clip_visual, head), is_last, ...)

    @jax.jit
    def of_all(last):
        swin, clip_visual, head = nnx.merge(graph, last, rest)
        return (head(encode_views(swin, clip_visual, *views()), text_features).mean(axis=(0, 1)) ** 2).sum()

    encoded = jitted(functools.partial(encode_first, last=1), swin, clip_visual)(*views())[None]
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


@pytest.mark.slow
def test_encoders_have_a_rate_of_their_own_and_keep_statistics(encoders):  # noqa: F811
    parts = load_weights(encoders).parts
    network = LastStages(parts["swin"], parts["clip_visual"], parts["maxvqa"], 1)
    params = nnx.state(network)
    optimizer = make_optimizer(0.5, 0.1)
    state = optimizer.init(params)
    state = state._replace(hyperparams={"learning_rate": jnp.float32(1e-3)})
    updates, _ = jax.jit(optimizer.update)(jax.tree.map(jnp.zeros_like, params), state, params)
    for path, update in nnx.to_flat_state(updates):
        value, rate = np.asarray(dict(nnx.to_flat_state(params))[path][...]), 1e-4 if path[0] != "maxvqa" else 1e-3
        wanted = -0.5 * rate * value if value.ndim > 1 or path[0] == "maxvqa" else np.zeros_like(value)
        np.testing.assert_allclose(update[...], wanted, rtol=1e-5, err_msg=str(path))


@pytest.mark.slow
def test_steps_lower_the_loss_of_a_batch(encoders):  # noqa: F811
    loaded, config = load_weights(encoders), training_config()
    config.train.batch, config.train.dropout = 4, False
    swin, clip_visual, head = (loaded.parts[part] for part in ("swin", "clip_visual", "maxvqa"))
    encode = jitted(functools.partial(encode_first, last=1), swin, clip_visual)
    encoded = np.stack([encode(*views(seed)) for seed in range(4)]).astype(np.float16)
    targets = np.random.default_rng(0).uniform(size=(4, 16)).astype(np.float32)
    network = LastStages(swin, clip_visual, head, 1)
    trainer = Trainer(config, loaded, network, list(range(16)))
    state, losses = replicate(start(network, trainer.optimizer)), []
    for _ in range(8):
        batch = Batch(shard(encoded), shard(targets))
        state, terms = trainer.step.update(state, trainer.frozen, batch, 3e-3, jax.random.key(0))
        losses.append(float(terms["loss"]))
    assert losses[-1] < 0.95 * losses[0], losses


@pytest.fixture(scope="module")
def unfrozen(train, tmp_path_factory):  # noqa: F811
    output = tmp_path_factory.mktemp("unfrozen")
    assert train(output, **CHANGES, **{"unfreeze.stages": 1, "unfreeze.rate": 0.5}) == 0
    return output


@pytest.mark.slow
def test_training_changes_the_last_stages_alone_and_scoring_follows(unfrozen, encoders, features, data):  # noqa: F811
    before, after = (load_file(folder / "tensors.safetensors") for folder in (encoders, unfrozen / "model"))
    changed = {name for name in before if name in after and not np.array_equal(before[name], after[name])}
    encoder = {name for name in changed if not name.startswith("maxvqa/")}
    assert {"swin/stages/3/0/fc1/kernel", "swin/norm/scale", "clip_visual/pool/q/kernel"} <= encoder
    assert all(
        name.startswith(("swin/stages/3", "swin/norm", "clip_visual/stages/3", "clip_visual/pool")) for name in encoder
    )
    assert not [name for name in encoder if name.endswith(("/mean", "/var"))]
    predicted = read_table(unfrozen / "predictions-maxwell-validation.csv")
    model = jaxvqa.load(unfrozen / "model")
    for name, expected in list(zip(predicted.names, predicted.scores["O"], strict=True))[:2]:
        # What goes into the last stages is stored as float16.
        assert abs(model.score(data / "maxwell" / "videos" / name).overall - expected) < 2e-3


@pytest.mark.slow
def test_a_training_with_other_stages_does_not_go_on(unfrozen, train, capfd):  # noqa: F811
    assert train(unfrozen, **CHANGES, **{"unfreeze.stages": 1, "unfreeze.rate": 0.4}) == 2
    sentence(capfd, "holds a training with other unfreeze")


def test_features_of_both_kinds_stand_side_by_side(encoders, features, data):  # noqa: F811
    loaded = load_weights(encoders, ENCODERS)
    paths = sorted(map(str, (data / "maxwell" / "videos").glob("train-*")))[:2]
    whole, first = (extract(paths, loaded, features, 0, DecodeLimits(1), last)[0].read([0, 1]) for last in (0, 1))
    network = LastStages(loaded.parts["swin"], loaded.parts["clip_visual"], build("maxvqa", HEAD), 1)
    for one, encoded in zip(whole, first, strict=True):
        np.testing.assert_allclose(jitted(LastStages.features, network)(encoded), one, atol=0.02)


@pytest.mark.slow
def test_fine_tuning_takes_the_last_stages_as_well(finetune, tmp_path, capfd):  # noqa: F811
    assert finetune(tmp_path / "out", **{"unfreeze.stages": 1, "folds": 2, "train.epochs-per-chunk": 1}) == 0
    assert "training adds" in capfd.readouterr().out
    assert jaxvqa.load(tmp_path / "out" / "model").custom == (("fine", "coarse"),)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"unfreeze.stages": 5}, "config.unfreeze.stages is 5, but these encoders have .* from 1 to 4"),
        ({"unfreeze.stages": -1}, "config.unfreeze.stages is -1, but must be 0 or larger"),
        ({"unfreeze.stages": 1, "unfreeze.rate": 0.0}, "config.unfreeze.rate is 0"),
    ],
)
def test_stages_that_cannot_be_trained(changes, match, train, tmp_path, capfd):  # noqa: F811
    assert train(tmp_path / "out", **changes) == 2
    sentence(capfd, match)


def test_all_stages_may_be_trained_but_no_more(encoders):  # noqa: F811
    parts = load_weights(encoders).parts
    arguments = [parts[part] for part in ("swin", "clip_visual", "maxvqa")]
    assert isinstance(LastStages(*arguments, 4).maxvqa, MaxVQA)
    for last in (0, 5):
        with pytest.raises(UserError, match="from 1 to 4"):
            LastStages(*arguments, last)
