"""One training step on all devices: scores, losses over the whole batch, gradients, AdamW, moving average.

Source: MaxVQA (arXiv:2305.12726, sections 4.2 and 4.3).
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, Int, Key

from ..models.clip_text import CLIPText, PromptTree
from ..models.end_to_end import EndToEnd
from ..models.last_stages import LastStages
from ..models.maxvqa import MaxVQA
from .losses import decorrelation_loss, huber_loss, plcc_loss, rank_loss
from .settings import Recipe

AXIS = "batch"  # of pmap


class State(NamedTuple):
    """All that a step changes. `params` and `ema` are states of what is trained, such as MaxVQA's head."""

    step: Int[Array, ""]
    params: Any
    ema: Any
    optimizer: Any


class Frozen(NamedTuple):
    """What the text features are made of besides the context vector: state of the text transformer, prompts."""

    text: Any
    embeddings: Float[Array, "nodes width"] | None
    tree: PromptTree | None


NO_TEXT = Frozen(None, None, None)  # for a head that holds the features of its prompts


class Batch(NamedTuple):
    """One device's share of a batch: what is scored, features as stored (float16) or views; targets like scores.

    `database` is the number of each video's database, where there are several.
    """

    features: Any
    targets: Float[Array | np.ndarray, "local dimensions"]
    database: Int[Array | np.ndarray, " local"] | None = None


class TrainStep:
    """Compiled functions of a network and a text transformer; the arrays they work on are arguments.

    The network is MaxVQA's head, which scores features; with the last stages of the encoders (`LastStages`), which
    scores what goes into these; or with the describer of pieces (`EndToEnd`), which scores their statistics.

    Attributes:
        update: (state, frozen, batch, rate, key) to (state, loss terms), on all devices. `state` is donated.
        predict: (params, text features, features) to scores of the whole batch, without dropout.
        text_features: (params, frozen) to the features of the prompts.
    """

    def __init__(
        self,
        network: MaxVQA | LastStages | EndToEnd,
        text: CLIPText | None,
        recipe: Recipe,
        optimizer: optax.GradientTransformation,
        dimensions: Sequence[int],
    ):
        self.graph, self.text_graph = nnx.graphdef(network), nnx.graphdef(text) if text else None
        self.recipe, self.optimizer, self.dimensions = recipe, optimizer, np.array(dimensions)
        self.update = jax.pmap(self._update, AXIS, in_axes=(0, 0, 0, None, None), out_axes=(0, None), donate_argnums=0)
        self.predict = jax.pmap(self._predict, AXIS, out_axes=None)
        self.text_features = jax.pmap(self._text_features, AXIS)

    def loss(
        self, params: Any, frozen: Frozen, batch: Batch, key: Key[Array, ""] | None
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        """The loss of the whole batch, its weighted sum and its terms, from one device's share of it.

        The losses are statistics of the batch, so predictions are gathered before them: averages of losses of
        shares would be something else.
        """
        text_features = self._text_features(params, frozen)
        scores = self._scores(params, text_features, batch.features, key)
        scores, targets, database = jax.lax.all_gather((scores, batch.targets, batch.database), AXIS, tiled=True)
        scores, targets = scores[:, self.dimensions], targets[:, self.dimensions]
        r = self.recipe
        compared = [targets]
        if r.databases > 1:
            compared += [jnp.where(database[:, None] == i, targets, jnp.nan) for i in range(r.databases)]
        weighted = {
            "loss_plcc": (r.plcc, lambda: sum(plcc_loss(scores, each).sum() for each in compared)),
            "loss_huber": (r.huber, lambda: huber_loss(scores, targets, r.huber_delta).sum()),
            "loss_rank": (r.rank, lambda: sum(rank_loss(scores, each).sum() for each in compared)),
            "decorrelation": (r.decorrelation, lambda: decorrelation_loss(scores)),
        }
        terms = {name: term() for name, (weight, term) in weighted.items() if weight}
        total = sum(weighted[name][0] * term for name, term in terms.items())
        return total, {"loss": total, **terms}  # ty: ignore[invalid-explicit-return], Python's sum begins with 0

    def gradients(self, params: Any, frozen: Frozen, batch: Batch, key: Key[Array, ""] | None) -> tuple[Any, dict]:
        """Gradients of the loss, the same on all devices, and its terms."""
        gradients, terms = jax.grad(self.loss, has_aux=True)(params, frozen, batch, key)
        # Every device differentiates the whole loss, so that a share's gradient comes once from each: average.
        return jax.lax.pmean(gradients, AXIS), terms

    def _update(self, state, frozen, batch, rate, key):
        key = jax.random.fold_in(key, state.step) if self.recipe.dropout else None
        gradients, terms = self.gradients(state.params, frozen, batch, key)
        optimizer_state = state.optimizer._replace(
            hyperparams=state.optimizer.hyperparams | {"learning_rate": jnp.float32(rate)}
        )
        updates, optimizer_state = self.optimizer.update(gradients, optimizer_state, state.params)
        params = optax.apply_updates(state.params, updates)
        ema = optax.incremental_update(params, state.ema, 1 - self.recipe.ema)
        return State(state.step + 1, params, ema, optimizer_state), terms

    def _predict(self, params, text_features, features):
        return jax.lax.all_gather(self._scores(params, text_features, features, None), AXIS, tiled=True)

    def _text_features(self, params, frozen):
        network = nnx.merge(self.graph, params)
        text = None if self.text_graph is None else nnx.merge(self.text_graph, frozen.text)
        with jax.default_matmul_precision("float32"):
            return network.text_features(text, frozen.embeddings, frozen.tree)

    def _scores(self, params, text_features, features, key):
        network = nnx.merge(self.graph, params)
        videos = len(jax.tree.leaves(features)[0])
        # A video's dropout follows from its number in the batch, however that is spread over devices.
        numbers = jax.lax.axis_index(AXIS) * videos + jnp.arange(videos)

        keys = None if key is None else jax.vmap(functools.partial(jax.random.fold_in, key))(numbers)
        with jax.default_matmul_precision("float32"):
            return network.video_scores(features, text_features, keys)


def start(network: MaxVQA | LastStages | EndToEnd, optimizer: optax.GradientTransformation) -> State:
    """The state before the first step; the moving average starts from the parameters themselves."""
    params = nnx.state(network)
    return State(jnp.zeros((), jnp.int32), params, params, optimizer.init(params))


def replicate(tree: Any) -> Any:
    """A copy of arrays for each device of this process, along a new first axis."""
    devices = jax.local_device_count()
    return compiled_copy()(jax.tree.map(lambda x: np.broadcast_to(x, (devices, *np.shape(x))), tree))


@functools.cache
def compiled_copy() -> Callable[[Any], Any]:
    """What gives each device its part of arrays; made once, since what is compiled for a function stays with it."""
    return jax.pmap(lambda x: x, AXIS)


def unreplicate(tree: Any) -> Any:
    """The arrays of the first device, as numpy's: the inverse of `replicate`."""
    return jax.tree.map(lambda x: np.asarray(x.addressable_data(0)).reshape(x.shape[1:]), tree)


def shard(array: np.ndarray) -> np.ndarray:
    """This process's rows of a batch, shaped [local devices, rows of a device, ...]."""
    devices = jax.local_device_count()
    return array.reshape(devices, len(array) // devices, *array.shape[1:])
