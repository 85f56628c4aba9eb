"""The network that a training starts from, the training, and its predictions."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import jax.numpy as jnp
import numpy as np
from flax import nnx

from ..errors import UserError
from ..models.clip_resnet import CLIPResNet
from ..models.clip_text import CLIPText
from ..models.last_stages import LastStages
from ..models.maxvqa import HeadConfig, MaxVQA
from ..models.swin3d import VideoSwin
from ..results.table import ScoreTable
from ..text.tokens import tokenize
from ..weights.assemble import ENCODERS, feature_widths
from ..weights.directory import HOW_TO_GET, Weights
from ..weights.load import load_weights
from ..weights.model_card import not_scored
from .chunks import batch_shares
from .data import LabeledFeatures, check_apart, label_scales, rated_features, without_outliers
from .loop import FitResult, Trainer, train
from .monitor import Monitor
from .settings import TrainSettings


def load_encoders(weights: str, warm_start: bool) -> Weights:
    """Loads the frozen parts of a model, and with `warm_start` the head to start from.

    Raises:
        WeightsError: weights that cannot be used.
        UserError: none are given.
    """
    if not weights:
        raise UserError(f"no weights given: set weights to a directory or a name; to get them, {HOW_TO_GET}.")
    return load_weights(weights, (*ENCODERS, "clip_text", *(["maxvqa"] if warm_start else [])))


def fit(
    settings: TrainSettings,
    encoders: Weights,
    training: list[LabeledFeatures],
    validation: list[LabeledFeatures],
    monitor: Monitor,
) -> tuple[Trainer, FitResult]:
    """Trains a head on databases, in the dimensions that any of them has labels for.

    Checkpoints go into the monitor's folder, which may hold an earlier run to resume.

    Args:
        validation: databases to measure each epoch on; none, and nothing is measured.

    Raises:
        UserError: validation on videos that are trained on or without labels, or settings that do not go together.
    """
    dimensions = rated_dimensions(training)
    check_apart(training, validation)
    if validation and not set(rated_dimensions(validation)) & set(dimensions):
        names = (", ".join(one.spec for one in some) for some in (training, validation))
        raise UserError(f"{' and '.join(names)} have no dimension with labels in common.")
    shares = batch_shares(settings.mix, len(training), settings.order.batch) if settings.mix else []
    trainer = Trainer(settings, encoders, make_network(settings, encoders), dimensions, shares)
    scales = label_scales(training)
    targets = without_outliers(rated_features(training, scales))
    measured = rated_features(validation, scales) if validation else None
    history = []
    try:
        trained = train(trainer, targets, measured, monitor, monitor.folder / "checkpoints")
        history = trained.history
    finally:
        monitor.close(history)
    return trainer, trained


def rated_dimensions(prepared: list[LabeledFeatures]) -> list[int]:
    """The places of those dimensions that any database has labels for."""
    return sorted({int(i) for one in prepared for i in np.flatnonzero(~np.isnan(one.videos.labels).all(axis=0))})


def make_network(settings: TrainSettings, encoders: Weights) -> MaxVQA | LastStages:
    """What is trained, as it starts: the head, or the last stages of the encoders with it.

    Raises:
        UserError: the encoders do not have as many stages as are to be trained.
    """
    head, last = make_head(settings, encoders), settings.unfreeze.stages
    if not last:
        return head
    if "display" in encoders.parts:
        raise UserError(
            f"stages is {last}; it must be 0 for weights {encoders.id}, whose encoder is trained as a whole."
        )
    swin, clip = cast(VideoSwin, encoders.parts["swin"]), cast(CLIPResNet, encoders.parts["clip_visual"])
    try:
        return LastStages(swin, clip, head, last)
    except ValueError as error:
        stages = min(len(swin.stages), len(clip.stages))
        raise UserError(f"stages is {last}; it must be from 0 to {stages} for these encoders.") from error


def make_head(settings: TrainSettings, encoders: Weights) -> MaxVQA:
    """Returns the head to start from: that of the weights, or a new one.

    The context vector of a new one is the word "a". If there is no text encoder, it holds features of its prompts,
    which start at random.
    """
    if settings.head.warm_start:
        # Training changes it, and others start from it as well.
        return nnx.clone(cast(MaxVQA, encoders.parts["maxvqa"]))
    text = cast(CLIPText | None, encoders.parts.get("clip_text"))
    clip_width, technical_width = feature_widths(encoders.parts)
    sizes = HeadConfig(
        clip_width=clip_width,
        technical_width=technical_width,
        hidden=settings.head.hidden,
        depth=settings.head.depth,
        **({"text_width": text.config.width} if text else {"prompts": len(encoders.prompts)}),
    )
    head = MaxVQA(sizes, nnx.Rngs(settings.seed))
    if text and head.context is not None:
        head.context[...] = text.embedding(jnp.asarray(tokenize(encoders.prompts[:1])[0, 1]))
    return head


def predict(trainer: Trainer, network: MaxVQA | LastStages, one: LabeledFeatures) -> ScoreTable:
    """A network's scores of a database, in the dimensions it was trained in."""
    scores = trainer.predict(nnx.state(network), one.features)
    columns = {code: scores[:, i].astype(np.float64) for i, code in trainer.codes.items()}
    return ScoreTable(Path(f"predictions for {one.spec}"), one.videos.names, columns)


def predict_start(trainer: Trainer, one: LabeledFeatures) -> ScoreTable:
    """The scores of the network that a training started from, without dimensions that its weights do not score."""
    table = predict(trainer, make_network(trainer.settings, trainer.encoders), one)
    unscored = not_scored(trainer.encoders.card)
    return replace(table, scores={code: column for code, column in table.scores.items() if code not in unscored})
