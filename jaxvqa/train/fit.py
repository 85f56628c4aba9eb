"""The network that a training starts from, the training, and its predictions."""

from pathlib import Path

import jax.numpy as jnp
import ml_collections
import numpy as np
from flax import nnx

from ..errors import UserError
from ..models.last_stages import LastStages
from ..models.maxvqa import HeadConfig, MaxVQA
from ..results.table import ScoreTable
from ..system.distributed import is_first
from ..text.tokens import tokenize
from ..weights.assemble import ENCODERS
from ..weights.directory import HOW_TO_GET, Weights
from ..weights.load import load_weights
from .chunks import batch_shares
from .data import LabeledFeatures, label_scales, rated_features
from .loop import FitResult, Trainer, train
from .monitor import Monitor


def load_encoders(config: ml_collections.ConfigDict) -> Weights:
    """The frozen parts of a model, and with `config.warm_start` the head to go on from."""
    if not config.weights:
        raise UserError(f"no weights given: add --config.weights=DIR; to get them, {HOW_TO_GET}.")
    encoders = load_weights(config.weights, (*ENCODERS, "clip_text", *(["maxvqa"] if config.warm_start else [])))
    if "clip_text" not in encoders.parts and not config.warm_start:
        raise UserError(f"{config.weights} has no text transformer for a new head: add --config.warm_start.")
    return encoders


def fit(
    config: ml_collections.ConfigDict,
    encoders: Weights,
    training: list[LabeledFeatures],
    validation: list[LabeledFeatures],
    folder: Path,
    title: str = "maxvqa",
    brief: bool = False,
) -> tuple[Trainer, FitResult]:
    """Trains a head on some databases, in the dimensions that any of them has labels for.

    Args:
        brief: whether to tell of the last epoch alone.

    Raises:
        UserError: no labels to validate with, or settings that do not go together.
    """
    names, width = ", ".join(one.spec for one in training), training[0].videos.labels.shape[1]
    rated = [[i for i in range(width) if not np.isnan(one.videos.labels[:, i]).all()] for one in training + validation]
    dimensions = sorted({i for some in rated[: len(training)] for i in some})
    if not {i for some in rated[len(training) :] for i in some} & set(dimensions):
        raise UserError(f"{names} and {config.data.validation} have no dimension with labels in common.")
    shares = batch_shares(config.data.mix, len(training), config.train.batch) if config.data.mix else []
    trainer = Trainer(config, encoders, make_network(config, encoders), dimensions, shares)
    scales = label_scales(training)
    monitor = Monitor(folder, title, not is_first(), brief)
    trained = None
    try:
        trained = train(
            trainer,
            rated_features(training, scales),
            rated_features(validation, scales),
            monitor,
            str(folder / "checkpoints"),
        )
    finally:
        monitor.close(trained.history if trained else ())
    return trainer, trained


def make_network(config: ml_collections.ConfigDict, encoders: Weights) -> MaxVQA | LastStages:
    """What is trained, as it starts: the head, and with `config.unfreeze.stages` the last stages of the encoders."""
    head, last = make_head(config, encoders), config.unfreeze.stages
    return LastStages(encoders.parts["swin"], encoders.parts["clip_visual"], head, last) if last else head


def make_head(config: ml_collections.ConfigDict, encoders: Weights) -> MaxVQA:
    """The head to start from: that of the weights, or a new one whose context vector is the word "a"."""
    if config.warm_start:
        return nnx.clone(encoders.parts["maxvqa"])  # training changes it, and others start from it as well
    swin, clip, text = (encoders.parts[part] for part in ("swin", "clip_visual", "clip_text"))
    sizes = HeadConfig(
        clip_width=clip.config.output_width,
        technical_width=swin.config.output_width,
        hidden=config.model.hidden,
        depth=config.model.depth,
        text_width=text.config.width,
    )
    head = MaxVQA(sizes, nnx.Rngs(config.seed))
    head.context[...] = text.embedding(jnp.asarray(tokenize(encoders.prompts[:1])[0, 1]))
    return head


def predict(trainer: Trainer, network: MaxVQA | LastStages, one: LabeledFeatures) -> ScoreTable:
    """A network's scores of a database, in the dimensions it was trained in."""
    scores = trainer.predict(nnx.state(network), one.features)
    columns = {code: scores[:, i].astype(np.float64) for i, code in trainer.codes.items()}
    return ScoreTable(Path(f"predictions for {one.spec}"), one.videos.names, columns)
