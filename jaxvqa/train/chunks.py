"""The order in which videos are trained on: chunk after chunk, each for some epochs, shuffled within.

A chunk is what fits into the memory of a machine; what does not is on disk. Source: the follow-up of MaxVQA
(arXiv:2305.12726).
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float16, Int

from ..errors import UserError
from ..features.store import Features
from ..system.threads import stoppable_threads
from .settings import ChunkOrder

AHEAD = 2  # batches that are read while another trains


def check_devices(order: ChunkOrder) -> None:
    """Raises a UserError if the devices cannot share a batch equally."""
    if order.batch % jax.device_count():
        raise UserError(
            f"batch is {order.batch}; it must be a multiple of {jax.device_count()}, the number of devices."
        )


def fitted_batch(order: ChunkOrder, videos: int) -> int:
    """Returns the videos of a step where there are only so many: at most all, shared equally by the devices.

    Raises:
        UserError: too few for the devices, or for a correlation.
    """
    batch = min(order.batch, videos - videos % jax.device_count())
    if batch < 2:
        raise UserError(f"{videos} training videos are too few; a step takes at least {max(2, jax.device_count())}.")
    return batch


class EpochPlan(NamedTuple):
    """What each epoch trains on.

    Attributes:
        chunks: indices of the videos of each chunk.
        chunk_of_epoch: number of each epoch's chunk.
        batches: indices of the videos of each epoch's batches.
    """

    chunks: list[Int[np.ndarray, " _"]]
    chunk_of_epoch: list[int]
    batches: list[Int[np.ndarray, "_ batch"]]


def plan_epochs(order: ChunkOrder, seed: int, database: Int[np.ndarray, " n"], shares: Sequence[int]) -> EpochPlan:
    """Plans a training.

    Args:
        seed: of all that is shuffled.
        database: number of each video's database.
        shares: videos of each database in a batch; empty if batches take videos as they come.

    Raises:
        UserError: a chunk has too few videos for a batch.
    """
    shuffled, batch = seed if order.shuffle else None, fitted_batch(order, len(database))
    if shares:
        chunks = make_mixed_chunks(database, order.chunk, shares, order.chunks, shuffled)
    else:
        chunks = make_chunks(len(database), order.chunk, batch, order.chunks, shuffled)
    numbers = chunk_of_epoch(len(chunks), order.epochs_per_chunk, order.passes)
    batches = [
        mixed_batches(chunks[number], database, shares, seed, epoch)
        if shares
        else epoch_batches(chunks[number], batch, seed, epoch)
        for epoch, number in enumerate(numbers)
    ]
    return EpochPlan(chunks, numbers, batches)


def make_chunks(videos: int, size: int, batch: int, limit: int, seed: int | None) -> list[Int[np.ndarray, " _"]]:
    """Cuts videos into chunks.

    Args:
        size: videos of a chunk; the last one may have less, or, if those left are fewer than a batch, takes them too.
        batch: videos of a batch, at most all.
        limit: takes only the first so many chunks; 0, all.
        seed: shuffles the videos before; None leaves them in order.

    Raises:
        UserError: a chunk is smaller than a batch.
    """
    if size < batch:
        raise UserError(f"chunk is {size}; it must be at least the {batch} videos of a batch.")
    order = np.arange(videos) if seed is None else np.random.default_rng([seed, videos]).permutation(videos)
    starts = [i for i in range(0, videos, size) if i == 0 or videos - i >= batch]
    return np.split(order, starts[1:])[: limit or None]


def make_mixed_chunks(
    database: Int[np.ndarray, " n"], size: int, shares: Sequence[int], limit: int, seed: int | None
) -> list[Int[np.ndarray, " _"]]:
    """Cuts videos of several databases into chunks, each with its part of every database.

    Args:
        database: number of each video's database.
        shares: videos of each database in a batch.

    Raises:
        UserError: a chunk has less of a database than a batch is to have.
    """
    count = -(-len(database) // size)
    parts = []
    for number, share in enumerate(shares):
        videos = np.flatnonzero(database == number)
        order = videos if seed is None else np.random.default_rng([seed, number]).permutation(videos)
        if len(order) // count < share:
            raise UserError(
                f"{len(order)} videos of database {number + 1} in {count} chunks are less than the {share} of a batch: "
                "choose a larger chunk, or another mix."
            )
        parts.append(np.array_split(order, count))
    return [np.concatenate(chunk) for chunk in zip(*parts, strict=True)][: limit or None]


def batch_shares(mix: str, databases: int, batch: int) -> list[int]:
    """How many videos of each database a batch has.

    Args:
        mix: weights of the databases, such as "2,1,1"; what they leave over goes to the largest remainders.

    Raises:
        UserError: weights that are no positive numbers, not one for each database, or of which one is too small for two
            videos: one alone has no correlation.
    """
    try:
        weights = np.array([float(weight) for weight in mix.split(",")])
        if len(weights) != databases or not (np.isfinite(weights) & (weights > 0)).all():
            raise ValueError
    except ValueError:
        raise UserError(
            f"mix is {mix!r}; it must be a positive number for each of {databases} databases, such as "
            f"{','.join(['1'] * databases)}."
        ) from None
    exact = batch * weights / weights.sum()
    shares = exact.astype(int)
    shares[np.argsort(shares - exact, kind="stable")[: batch - shares.sum()]] += 1
    if shares.min() < 2:
        raise UserError(
            f"mix {mix} gives a batch of {batch} {', '.join(map(str, shares))} videos of the databases, "
            "but each must have 2 or more: choose other weights, or a larger batch."
        )
    return shares.tolist()


def chunk_of_epoch(chunks: int, epochs_per_chunk: int, passes: int) -> list[int]:
    """The number of the chunk that each epoch trains on."""
    return [chunk for _ in range(passes) for chunk in range(chunks) for _ in range(epochs_per_chunk)]


def epoch_batches(
    chunk: Int[np.ndarray, " chunk"], batch: int, seed: int, epoch: int
) -> Int[np.ndarray, "steps batch"]:
    """Shuffled batches of a chunk; videos that fill no batch are left out, other ones each epoch."""
    order = np.random.default_rng([seed, epoch, 1]).permutation(chunk)
    steps = len(order) // batch
    return order[: steps * batch].reshape(steps, batch)


def mixed_batches(
    chunk: Int[np.ndarray, " chunk"],
    database: Int[np.ndarray, " n"],
    shares: Sequence[int],
    seed: int,
    epoch: int,
) -> Int[np.ndarray, "steps batch"]:
    """Shuffled batches of a chunk with equal numbers of each database, whose videos come as often as that takes.

    There are as many batches as of videos as they come.
    """
    generator = np.random.default_rng([seed, epoch, 1])
    steps = len(chunk) // sum(shares)
    parts = []
    for number, share in enumerate(shares):
        videos = chunk[database[chunk] == number]
        rounds = -(-steps * share // len(videos))
        order = np.concatenate([generator.permutation(videos) for _ in range(rounds)])
        parts.append(order[: steps * share].reshape(steps, share))
    return np.concatenate(parts, axis=1)


def read_ahead(
    features: Features, batches: Iterable[Int[np.ndarray, " _"]]
) -> Generator[Float16[np.ndarray, "batch 64 49 c"]]:
    """Reads the features of batches from disk, in a thread, some batches before they are asked for."""
    with stoppable_threads(1) as (pool, each):
        reading: deque = deque()
        for indices in batches:
            reading.append(pool.submit(features.read, indices, each))
            if len(reading) > AHEAD:
                yield reading.popleft().result()
        while reading:
            yield reading.popleft().result()


def warm(features: Features, chunk: Int[np.ndarray, " chunk"], each: Callable[[], None] = lambda: None) -> None:
    """Reads a chunk once, so that the system has it in its cache, as far as there is room.

    Args:
        each: called after every video.
    """
    for index in chunk:
        features.read([int(index)], each)
