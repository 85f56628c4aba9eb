"""The task of training a small model from nothing."""

import time
from itertools import islice
from pathlib import Path
from typing import Any

import jax
import ml_collections
import numpy as np

from ..dimensions import DIMENSIONS
from ..errors import UserError
from ..evaluation.metrics import agreement
from ..synthetic.stream import VERSIONS, groups
from ..system.files import lock_folder
from ..train import checkpoint
from ..train.loop import check_same
from ..train.monitor import Monitor
from ..train.pretrain import (
    batch,
    check_settings,
    collect,
    comparable,
    export,
    make_optimizer,
    make_schedule,
    predict,
    sound_network,
)
from ..train.step import NO_TEXT, Recipe, TrainStep, replicate, start, unreplicate
from ..weights.directory import check_free


def run(config: ml_collections.ConfigDict) -> int:
    """Trains a network on scenes rendered meanwhile, validates it on other ones, and writes its weights.

    Stopped at any moment and started again, it goes on after the last whole epoch, to the same numbers.

    Returns:
        Exit code 0.

    Raises:
        UserError: settings that cannot work, or a folder with the checkpoints of other ones, or with a model.
    """
    check_settings(config)
    c, folder = config.train, Path(config.output)
    network = sound_network(config)
    optimizer = make_optimizer(config.optimizer.weight_decay)
    step = TrainStep(network, None, Recipe(**config.loss, dropout=False, ema=c.ema), optimizer, tuple(range(16)))
    epochs = sum(c.cycles)
    rates = make_schedule(config)
    state = start(network, optimizer)
    settings = comparable(config)
    history: list[dict[str, Any]] = []
    codes = {i: dimension.code for i, dimension in enumerate(DIMENSIONS)}
    key = jax.random.key(config.seed)
    per_step = c.batch // VERSIONS
    with lock_folder(folder):
        monitor = Monitor(folder, "mini")
        try:
            with checkpoint.open_checkpoints(folder / "checkpoints") as manager:
                if record := checkpoint.read_record(manager):
                    check_same(record["settings"], settings, str(folder))
                    state, history = checkpoint.read_arrays(manager, state), record["history"]
                check_free(folder / "model")
                validation = collect("validation", config)
                done = len(history) * c.epoch_steps
                monitor.resume(config, history, epochs, epochs * c.epoch_steps - done)
                state = replicate(state)
                numbers = range(done * per_step, epochs * c.epoch_steps * per_step)
                stream = groups("train", config.seed, numbers, config.workers)
                for epoch in range(len(history), epochs):
                    began, terms = time.perf_counter(), []
                    for number in range(epoch * c.epoch_steps, (epoch + 1) * c.epoch_steps):
                        rate = float(rates(number))
                        state, losses = step.update(state, NO_TEXT, batch(islice(stream, per_step)), rate, key)
                        terms.append(losses)
                        monitor.step()
                    means = {name: float(np.mean([losses[name] for losses in terms])) for name in terms[0]}
                    seconds = (time.perf_counter() - began) / len(terms)
                    copy = unreplicate(state)
                    predictions = predict(step, copy.ema, validation)
                    if not np.isfinite([*means.values(), *predictions.flat]).all():
                        raise UserError(
                            f"epoch {epoch + 1} came to numbers that are not finite: lower the learning rate."
                        )
                    targets = np.concatenate([group.targets for group in validation])
                    row = {"epoch": epoch + 1, "chunk": epoch + 1, "rate": rate, **means, "step_seconds": seconds}
                    history.append(row | agreement(predictions, targets, codes))
                    checkpoint.save(manager, epoch + 1, copy, {"settings": settings, "history": history})
                    monitor.epoch(history)
                best = unreplicate(state).ema
        finally:
            monitor.close(history)
        export(config, step, network, best, folder / "model")
    return 0
