"""Measures training at full size: the time and memory of a step, and those of a chunk that is on disk.

    python scripts/benchmark_training.py [--weights DIR] [--depth 2|4] [--repeats N] [--chunk VIDEOS --folder DIR]

A step: batch of 16 videos, 64 x 49 positions, text encoder and dropout included; median, fastest and slowest of N
after one to compile. Beside it what the published PyTorch implementation took on a machine of two cores with AVX-512:
it is no part of this program, so on another machine only its order of magnitude tells something. With --chunk, random
features of that many videos are written to a folder (11 MB each: 912 are 10 GB), trained on for an epoch through the
training loop's own reader, and removed. Peak memory is the process's own, by the operating system's account, at each
point. Weights are random if none are given: they cost the same. Takes a minute on two cores, ten with 912 videos.
"""

import argparse
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

import jax
import numpy as np
from flax import nnx

import jaxvqa
from jaxvqa.features import MOMENTS, POSITIONS, Features, aligned, create
from jaxvqa.models.maxvqa import HeadConfig, MaxVQA
from jaxvqa.train.chunks import epoch_batches, read_ahead
from jaxvqa.train.config import training_config
from jaxvqa.train.loop import Trainer
from jaxvqa.train.step import Batch, replicate, share, start
from jaxvqa.weights import load

REFERENCE_SECONDS, REFERENCE_MEMORY = 6.3, 5.1  # shallow recipe; GB
SHARD = 64


def peak() -> float:
    """Peak memory of this process so far, GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def write_random(folder: Path, videos: int, channels: int) -> Features:
    """Features of random numbers, in shards as extraction makes them."""
    generator = np.random.default_rng(0)
    rows = []
    for first in range(0, videos, SHARD):
        path = folder / f"shard-0-{first}.npy"
        create(path, (min(SHARD, videos - first), MOMENTS, POSITIONS, channels))
        shard = np.load(path, mmap_mode="r+")
        for row in range(len(shard)):
            shard[row] = generator.standard_normal(shard.shape[1:], np.float32)
            rows.append((path, row))
        del shard  # unmapped, it no longer counts as memory
    return Features(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="random", metavar="DIR", help="made by scripts/convert.py")
    parser.add_argument("--depth", type=int, default=2, choices=(2, 4), help="linear layers of the fusion MLP")
    parser.add_argument("--repeats", type=int, default=10, metavar="N")
    parser.add_argument("--chunk", type=int, default=0, metavar="VIDEOS")
    parser.add_argument("--folder", default=".", metavar="DIR", help="where to write the chunk")
    args = parser.parse_args()

    config = training_config()
    config.loss.huber = 0.0 if args.depth == 2 else 1.0
    try:
        text = load(args.weights, ("clip_text",))
    except jaxvqa.UserError as error:
        print(f"benchmark_training: {error}", file=sys.stderr)
        return 2
    head = MaxVQA(HeadConfig(depth=args.depth), nnx.Rngs(0))
    trainer = Trainer(config, text, head, list(range(16)))
    state = replicate(start(head, trainer.optimizer))
    key = jax.random.key(0)
    generator = np.random.default_rng(0)
    channels = head.config.clip_width + head.config.technical_width
    batch = config.train.batch

    def step(features: np.ndarray) -> float:
        nonlocal state
        began = time.perf_counter()
        targets = generator.uniform(size=(batch, 16)).astype(np.float32)
        state, terms = trainer.step.update(state, trainer.frozen, Batch(share(features), share(targets)), 1e-3, key)
        float(terms["loss"])
        return time.perf_counter() - began

    device = jax.devices()[0].device_kind
    print(f"{jax.device_count()} x {device}, jax {jax.__version__}, depth {args.depth}, batch {batch}, float32")
    loaded = peak()
    features = aligned((batch, MOMENTS, POSITIONS, channels))
    for video in features:
        video[:] = generator.standard_normal(video.shape, np.float32)
    seconds = [step(features) for _ in range(args.repeats + 1)][1:]
    median = statistics.median(seconds)
    print(f"step: median {median:.3f} s, fastest {min(seconds):.3f}, slowest {max(seconds):.3f} of {args.repeats}")
    print(f"published: {REFERENCE_SECONDS} s, {REFERENCE_SECONDS / median:.1f} times as long (shallow recipe)")
    print(
        f"peak memory: {loaded:.2f} GB with weights loaded, {peak():.2f} GB after steps; published {REFERENCE_MEMORY}"
    )
    if args.chunk:
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            stored = write_random(Path(folder), args.chunk, channels)
            size = sum(path.stat().st_size for path in Path(folder).iterdir()) / 1e9
            batches = epoch_batches(np.arange(args.chunk), batch, seed=0, epoch=0)
            began = time.perf_counter()
            for features in read_ahead(stored, batches):
                step(features)
            spent = time.perf_counter() - began
        print(
            f"chunk of {args.chunk} videos, {size:.1f} GB: an epoch of {len(batches)} steps in {spent:.0f} s, "
            f"{spent / len(batches):.2f} s a step; peak memory {peak():.2f} GB"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
