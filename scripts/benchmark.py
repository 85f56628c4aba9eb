"""Measures the time and memory of feature extraction at full size.

    python scripts/benchmark.py [--weights DIR] [--video FILE] [--repeats N]

Seconds for a technical clip (32 frames), an aesthetic frame and the features of a whole video (4 clips,
64 frames), and, with --video, for decoding it and cutting its views: median, fastest and slowest of N
runs after one to compile. Beside them what the published PyTorch implementation took on a machine of two
cores with AVX-512; it is no part of this program, so on another machine only its order of magnitude tells
something. Peak memory is the process's own, by the operating system's account. Weights are random if none
are given: they cost the same. Takes two minutes on two cores.
"""

import argparse
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable

import jax
import numpy as np

import jaxvqa
from jaxvqa.compilation import jitted
from jaxvqa.models.visual import encode_clips, encode_frames, encode_views
from jaxvqa.video.decode import open_video
from jaxvqa.video.sampling import CLIP_FRAMES, MOMENTS, SIDE
from jaxvqa.video.views import video_plan, video_views
from jaxvqa.weights import load

REFERENCE = {"clip": 5.5, "frame": 0.053, "video features": 29.0}  # seconds
REFERENCE_MEMORY = 6.6  # GB, video features


def measure(function: Callable[[], object], repeats: int) -> list[float]:
    """Seconds of each run after the first, which compiles."""
    jax.block_until_ready(function())
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(function())
        seconds.append(time.perf_counter() - start)
    return seconds


def report(name: str, seconds: list[float], count: int = 1) -> None:
    """Prints one row, for one of `count` items that a run handles."""
    median, least, most = (f(seconds) / count for f in (statistics.median, min, max))
    reference = REFERENCE.get(name)
    ratio = f"{reference:9.3f} {reference / median:6.1f}x" if reference else ""
    print(f"{name:16s} {median:9.3f} {least:9.3f} {most:9.3f} {ratio}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", metavar="DIR", help="made by scripts/convert.py; random by default")
    parser.add_argument("--video", metavar="FILE", help="also time decoding this video and cutting its views")
    parser.add_argument("--repeats", type=int, default=5, metavar="N")
    args = parser.parse_args()
    if args.repeats < 1:
        parser.error("--repeats must be 1 or more")
    try:
        encoders = ("swin", "clip_visual")
        parts = load(args.weights or "random", encoders).parts
        views = {}
        if args.video:
            views["decode, views"] = lambda: video_views(video := open_video(args.video), video_plan(video, 0))
            views["decode, views"]()
    except jaxvqa.UserError as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 2

    frames = np.random.default_rng(0).integers(0, 256, (4 * CLIP_FRAMES, SIDE, SIDE, 3), np.uint8)
    clips = frames.reshape(4, CLIP_FRAMES, SIDE, SIDE, 3)
    swin, resnet = jitted(encode_clips, parts["swin"]), jitted(encode_frames, parts["clip_visual"])
    encode = jitted(encode_views, parts["swin"], parts["clip_visual"])
    device = jax.devices()[0].device_kind
    print(f"{device}, {os.cpu_count()} cores, jax {jax.__version__}, float32, {args.repeats} runs")
    print("seconds             median   fastest   slowest published faster")
    report("video features", measure(lambda: encode(frames, frames[:MOMENTS]), args.repeats))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    report("clip", measure(lambda: swin(clips[:1]), args.repeats))
    report("frame", measure(lambda: resnet(frames[:8]), args.repeats), count=8)
    for name, function in views.items():
        report(name, measure(function, args.repeats))
    print(f"peak memory until the video's features: {memory:.2f} GB, published {REFERENCE_MEMORY} GB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
