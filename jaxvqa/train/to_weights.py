"""A finished training to a weights directory."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from flax import nnx
from jax.experimental import multihost_utils

from ..dimensions import DIMENSIONS, calibrate
from ..errors import WeightsError
from ..models.last_stages import LastStages
from ..models.maxvqa import MaxVQA
from ..system.distributed import is_first
from ..system.terminal import printable
from ..weights.assemble import ENCODERS, tensors_of
from ..weights.directory import Weights, save_weights
from ..weights.load import load_weights
from ..weights.model_card import CustomDimension, ModelCard
from ..weights.opinions import Opinions
from .data import LabeledFeatures, label_scales
from .loop import FitResult, Trainer


def trained_parts(encoders: Weights, network: MaxVQA | LastStages) -> dict[str, nnx.Module]:
    """The parts of weights that a training changed, whole."""
    if isinstance(network, MaxVQA):
        return {"maxvqa": network}
    parts = {part: nnx.clone(encoders.parts[part]) for part in ENCODERS}
    for part, module in parts.items():
        nnx.update(module, nnx.state(getattr(network, part)))
    return {**parts, "maxvqa": network.maxvqa}


def export_weights(
    trainer: Trainer,
    trained: FitResult,
    training: list[LabeledFeatures],
    directory: Path,
    opinions: Opinions | None = None,
) -> None:
    """Writes a weights directory that scoring loads, with the scales of its scores, unless an earlier run did.

    Args:
        opinions: what people would say, from videos that were not trained on.
    """
    parts = trained_parts(trainer.encoders, trained.network)
    if multihost_utils.broadcast_one_to_all(np.array(is_exported(directory, parts))):
        return
    scores = np.concatenate([trainer.predict(nnx.state(trained.network), one.features) for one in training])
    if not is_first():
        return
    scales, sixteen = [*label_scales(training).values()], len(DIMENSIONS)
    # Where each database has its own scale, scores have none of them.
    low, high = scales[0] if len(scales) == 1 else np.full((2, scores.shape[1]), np.nan)
    low, high = low.round(9), high.round(9)
    # What the network makes of dimensions that it was not trained in means nothing.
    trained_in = [i in trainer.codes for i in range(sixteen)]
    scale, quantiles = calibrate(np.where(trained_in, scores[:, :sixteen], np.nan))
    custom = zip(trainer.encoders.custom, low[sixteen:].tolist(), high[sixteen:].tolist(), strict=True)
    card = ModelCard(
        databases=tuple(printable(one.spec) for one in training),
        synthetic=all(one.videos.synthetic for one in training),
        dimensions=tuple(code for i, code in trainer.codes.items() if i < sixteen),
        label_low=low[:sixteen],
        label_high=high[:sixteen],
        scale=scale,
        quantiles=quantiles,
        custom=tuple(CustomDimension(*each) for each in custom),
        opinions=opinions,
    )
    whole: dict[str, Any] = {**trainer.encoders.parts, **parts}
    tensors = {name: values for part, module in whole.items() for name, values in tensors_of(part, module).items()}
    configs = {part: module.config for part, module in whole.items()}
    # One of another training, or a damaged one, gives way when the new one is whole.
    fresh = directory.with_name(f"{directory.name}-new")
    shutil.rmtree(fresh, ignore_errors=True)
    save_weights(fresh, tensors, configs, trainer.encoders.prompts, [{"weights": trainer.encoders.id}], card)
    shutil.rmtree(directory, ignore_errors=True)
    fresh.rename(directory)


def is_exported(directory: Path, parts: dict[str, nnx.Module]) -> bool:
    """Whether a weights directory is there, whole, and with just these parts."""
    try:
        there = load_weights(directory, tuple(parts)).parts
    except WeightsError:
        return False
    first, second = (
        {name: values for part in parts for name, values in tensors_of(part, modules[part]).items()}
        for modules in (there, parts)
    )
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)
