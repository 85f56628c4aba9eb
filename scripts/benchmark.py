"""Measures time and memory of extraction, scoring and training at full size.

    python scripts/benchmark.py [ROW ...] [--device cpu|gpu] [--weights DIR] [--repeats N] [--json FILE]

Rows, by default the first five:

    features   features of one video (4 clips, 64 frames), decoding apart; a clip and a frame by themselves
    step       a training step: batch 16, shallow recipe, text encoder and dropout included
    first      scoring one video in a new process: import, load, compile; without and with what was compiled before
    startup    processor time of the commands `jaxvqa --help` and `jaxvqa score`, the latter of the example with
               jaxvqa-mini, each after one that compiled, by all processes of it together
    overlap    scoring several videos: decoding alone, encoding alone, and both at once
    compile    functions that are compiled for the first video, and for more of other sizes
    growth     scoring 1, 10 and 100 videos, of 5 s to 10 min and 240p to 2160p, with small encoders
    cost       time of processor cores, and bytes, that a video takes at each step
    many       scoring 200 clips with jaxvqa-mini, in one process and as a Beam pipeline, in turn
    long       1,000 scorings of short clips in one process, half of them as the command line decodes, every tenth of a
               damaged file: growth of memory per scoring after the first 200 of each half, open files, processes
    sizes      90 clips of 30 sizes up to 1080p, scored in one process as the command line does: memory of each ten
    unfreeze   a training step of four videos that trains the encoders' last stages as well
    chunk      an epoch on a training chunk of 912 videos that is on disk (10 GB in the current folder)

Each row is measured in a process of its own; its memory is the peak of that process, by the operating system's
account, and where videos are scored, of all processes together, looked up every 20 ms. Where there is one, the plain
formulation runs beside in the same process (on a GPU, ours is the plain one): the same networks on everything at
once, without the parts that stay in a CPU's cache. The published PyTorch implementation is no part of this program: its
figures were measured on two cores that multiply matrices at 390 GFLOP/s, so compare the share of the machine's own
rate, which is measured as well. Weights are random if none are given: they cost the same. The default rows take ten
minutes on two cores, each of the others up to as long.
"""

import argparse
import contextlib
import functools
import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import av
import jax
import numpy as np
import psutil
from flax import nnx

import jaxvqa
from jaxvqa.example import EXAMPLE
from jaxvqa.features.ahead import encode_ahead
from jaxvqa.features.store import Features, aligned, create_shard
from jaxvqa.geometry import CLIP_FRAMES, MOMENTS, POSITIONS, SIDE
from jaxvqa.models.last_stages import LastStages
from jaxvqa.models.maxvqa import HeadConfig, MaxVQA
from jaxvqa.models.visual_encoders import PRECISIONS, encode_clips, encode_frames, encode_views, in_precision
from jaxvqa.system.compilation import jitted
from jaxvqa.system.processes import safe_path
from jaxvqa.train.chunks import ChunkOrder, epoch_batches, read_ahead
from jaxvqa.train.loop import Trainer
from jaxvqa.train.settings import TrainSettings
from jaxvqa.train.step import AXIS, Batch, Recipe, replicate, shard, start
from jaxvqa.video.limits import DecodeLimits
from jaxvqa.video.sampling import Sampling
from jaxvqa.video.workers import decode_file, decode_files
from jaxvqa.weights.assemble import ENCODERS
from jaxvqa.weights.load import load_weights

ROOT = Path(__file__).parents[1]
DEFAULT = ("features", "step", "first", "overlap", "compile")
PUBLISHED = {"features": (29.0, 6.6), "clip": (5.5, None), "frame": (0.053, None), "step": (6.3, 5.1)}  # seconds, GB
SHARD = 64
BATCH = 16  # videos of a training step
LONG, WARM = 1000, 200  # scorings of a long run, and how many of each half are not looked at

Record = dict[str, Any]


def main() -> int:
    rows = {name.removeprefix("row_"): f for name, f in globals().items() if name.startswith("row_")}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", choices=[*rows, []], help=", ".join(rows))
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--weights", default="random", metavar="DIR", help="made by scripts/convert.py")
    parser.add_argument("--repeats", type=int, default=5, metavar="N")
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)  # a row's own process
    args = parser.parse_args()
    if args.repeats < 1:
        parser.error("--repeats must be 1 or more")
    jaxvqa.keep_compiled()
    if args.inside:
        try:
            print(json.dumps(rows[args.rows[0]](args)))
        except jaxvqa.UserError as error:
            print(f"benchmark: {error}", file=sys.stderr)
            return 2
        return 0
    records = []
    environment = os.environ | {"JAX_PLATFORMS": "cuda" if args.device == "gpu" else "cpu"}
    for row in args.rows or DEFAULT:
        options = ["--device", args.device, "--weights", args.weights, "--repeats", str(args.repeats)]
        # Not as the main module, which every process that decodes would import again.
        program = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        program += "import benchmark; sys.exit(benchmark.main())"
        command = [sys.executable, "-c", program, row, "--inside", *options]
        result = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
        if result.returncode:
            if result.returncode != 2:  # which has been explained
                print(f"benchmark: {row} could not be measured, see above.", file=sys.stderr)
            return result.returncode
        for record in json.loads(result.stdout.splitlines()[-1]):
            records.append({"row": row, **record})
            print_record(records[-1])
    if args.json:
        about = {"jax": jax.__version__, "cores": os.cpu_count(), "device": args.device}
        Path(args.json).write_text(json.dumps({**about, "records": records}, indent=1) + "\n")
    return 0


def print_record(record: Record) -> None:
    """One line: what it is, the median of its seconds and their spread, and all else that was found."""
    line = f"{record['row']:9s} {record['what']:44s}"
    if seconds := record.get("seconds"):
        line += f" {statistics.median(seconds):8.3f} s ({min(seconds):.3f} to {max(seconds):.3f})"
    known = ("row", "what", "seconds")
    line += "".join(f", {key.replace('_', ' ')} {value:.4g}" for key, value in record.items() if key not in known)
    print(line, flush=True)


def measure(function: Callable[[], object], repeats: int) -> list[float]:
    """Seconds of each run after the first, which compiles."""
    jax.block_until_ready(function())
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        jax.block_until_ready(function())
        seconds.append(time.perf_counter() - began)
    return seconds


def peak() -> float:
    """Peak memory of this process so far, GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def plainly() -> Any:
    """Has what is traced in this context work on everything at once, as on a GPU."""
    return mock.patch("jax.default_backend", return_value="gpu")


def against_published(name: str, seconds: list[float]) -> Record:
    """How much longer the published implementation took, on its machine."""
    published, memory = PUBLISHED[name]
    return {"published_s": published, "times": published / statistics.median(seconds)} | (
        {"published_GB": memory} if memory else {}
    )


def matmul_rate(precision: str) -> float:
    """GFLOP/s of a product of square matrices: what the device can do."""
    size = 2048 if jax.default_backend() == "cpu" else 8192
    a = jax.numpy.ones((size, size), precision)
    with jax.default_matmul_precision("float32"):
        product = jax.jit(lambda a: a @ a)
    return 2 * size**3 / min(measure(lambda: product(a), 10)) / 1e9


def row_features(args: argparse.Namespace) -> list[Record]:
    frames = np.random.default_rng(0).integers(0, 256, (4 * CLIP_FRAMES, SIDE, SIDE, 3), np.uint8)
    clips = frames.reshape(4, CLIP_FRAMES, SIDE, SIDE, 3)
    records = []
    parts = load_weights(args.weights, ENCODERS).parts
    for precision in PRECISIONS if args.device == "gpu" else ("float32",):
        swin, clip_visual = (in_precision(parts[name], precision) for name in ENCODERS)
        cases = {  # function, its modules, its arrays, how many items they are
            "features": (encode_views, (swin, clip_visual), (frames, frames[:MOMENTS]), 1),
            "clip": (encode_clips, (swin,), (clips,), 4),
            "frame": (encode_frames, (clip_visual,), (frames[:MOMENTS],), MOMENTS),
        }
        rate = matmul_rate(precision)
        for name, (function, modules, arrays, items) in cases.items():
            compiled = jitted(function, *modules)
            seconds = [s / items for s in measure(lambda f=compiled, a=arrays: f(*a), args.repeats)]
            record = {"what": f"{name}, {precision}", "seconds": seconds, **against_published(name, seconds)}
            if name == "features":
                record["peak_GB"] = peak()
            with plainly():
                plain = jitted(function, *modules)
                flops = plain.func.lower(*plain.args, *arrays).cost_analysis()["flops"] / items
                if args.device == "cpu" and name == "features":
                    seconds = measure(lambda f=plain, a=arrays: f(*a), min(args.repeats, 2))
                    record |= {"plain_s": statistics.median(seconds), "plain_peak_GB": peak()}
            done = flops / statistics.median(record["seconds"]) / 1e9
            record |= {"GFLOP/s": done, "matmul_GFLOP/s": rate, "share_of_it": done / rate}
            records.append(record)
    return records


def step_function(
    args: argparse.Namespace, network: MaxVQA | LastStages | None = None, batch_size: int = BATCH
) -> Callable[[Any], float]:
    """A function that trains a step of the shallow recipe on features, with random labels, and returns its loss."""
    settings = TrainSettings(order=ChunkOrder(batch=batch_size), recipe=Recipe())
    network = network or MaxVQA(HeadConfig(), nnx.Rngs(0))
    trainer = Trainer(settings, load_weights(args.weights, ("clip_text",)), network, range(16))
    state = replicate(start(network, trainer.optimizer))
    targets = np.random.default_rng(0).uniform(size=(batch_size, 16)).astype(np.float32)

    def step(features):
        nonlocal state
        batch = Batch(features, shard(targets))
        state, terms = trainer.step.update(state, trainer.frozen, batch, 1e-3, jax.random.key(0))
        return float(terms["loss"])

    return step


def random_features(videos: int, channels: int = 1792) -> np.ndarray:
    """Features of random numbers, in memory."""
    generator = np.random.default_rng(0)
    features = aligned((videos, MOMENTS, POSITIONS, channels))
    for video in features:
        video[:] = generator.standard_normal(video.shape, np.float32)
    return features


def row_step(args: argparse.Namespace) -> list[Record]:
    features = shard(random_features(BATCH))
    step = step_function(args)
    loaded = peak()
    seconds = measure(lambda: step(features), 2 * args.repeats)
    record = {"what": "training step", "seconds": seconds, **against_published("step", seconds)}
    record |= {"loaded_GB": loaded, "peak_GB": peak()}
    if args.device == "gpu":
        resident = jax.pmap(lambda x: x, AXIS)(features)
        record["resident_s"] = statistics.median(measure(lambda: step(resident), 2 * args.repeats))
    if args.device == "cpu":
        with plainly():
            plain = step_function(args)
            record["plain_s"] = statistics.median(measure(lambda: plain(features), args.repeats))
        record["plain_peak_GB"] = peak()
    return [record]


def row_unfreeze(args: argparse.Namespace) -> list[Record]:
    parts = load_weights(args.weights, ENCODERS).parts
    network = LastStages(*(parts[part] for part in ENCODERS), MaxVQA(HeadConfig(), nnx.Rngs(0)), last=1)
    channels = sum(int(np.prod(shape)) for shape in network.shapes) // (MOMENTS * POSITIONS)
    videos, step = 4, step_function(args, network, 4)
    features = shard(random_features(videos, channels))
    loaded, seconds = peak(), [each / videos for each in measure(lambda: step(features), args.repeats)]
    size = features.nbytes / videos / 1e6
    what = "training step of the last stages, a video"
    return [{"what": what, "seconds": seconds, "stored_MB": size, "loaded_GB": loaded, "peak_GB": peak()}]


def row_chunk(args: argparse.Namespace) -> list[Record]:
    videos = 912
    with tempfile.TemporaryDirectory(dir=".") as folder:
        generator, rows = np.random.default_rng(0), []
        for first in range(0, videos, SHARD):
            path = Path(folder) / f"shard-0-{first}.npy"
            create_shard(path, (min(SHARD, videos - first), MOMENTS, POSITIONS, 1792))
            stored = np.load(path, mmap_mode="r+")
            for row in range(len(stored)):
                stored[row] = generator.standard_normal(stored.shape[1:], np.float32)
                rows.append((path, row))
            del stored  # unmapped, it no longer counts as memory
        size = sum(path.stat().st_size for path in Path(folder).iterdir()) / 1e9
        step = step_function(args)
        seconds, began = [], time.perf_counter()
        for features in read_ahead(
            Features(rows, [""] * len(rows)), epoch_batches(np.arange(videos), BATCH, seed=0, epoch=0)
        ):
            step(shard(features))
            seconds.append(time.perf_counter() - began)
            began = time.perf_counter()
    return [{"what": f"step of a chunk of {videos} videos", "seconds": seconds, "chunk_GB": size, "peak_GB": peak()}]


def write_clip(path: Path, seconds: float, height: int, width: int, fps: int = 30) -> Path:
    """Writes an H.264 clip of a moving pattern with noise."""
    generator = np.random.default_rng(height)
    large = generator.integers(0, 256, (height // 8 + 16, width // 8 + 16, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    noise = generator.integers(0, 16, (height, width, 3), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "crf": "26"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for i in range(round(seconds * fps)):
            shift = i % 96
            frame = large[shift : shift + height, shift : shift + width] // 2 + noise
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        container.mux(stream.encode())
    return path


def score(
    videos: Path, folder: str, args: argparse.Namespace, weights: str, config: str = "score.py"
) -> tuple[float, float]:
    """Seconds and peak memory (GB, of all processes together) of the command line that scores videos."""
    command = [sys.executable, "-m", "jaxvqa.main", f"--config={ROOT / 'configs' / config}"]
    fields = {"videos": videos, "weights": weights, "output": tempfile.mkdtemp(dir=folder)}
    environment = {key: value for key, value in os.environ.items() if not key.startswith("JAX_COMPILATION_CACHE")}
    began = time.perf_counter()
    log, memory = Path(folder) / "log", 0
    with log.open("w") as errors:
        process = psutil.Popen(
            [*command, *(f"--config.{key}={value}" for key, value in fields.items())],
            env=environment | {"XDG_CACHE_HOME": folder},
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
    while process.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            memory = max(memory, sum(p.memory_info().rss for p in (process, *process.children(recursive=True))))
        time.sleep(0.02)
    if process.returncode:
        sys.exit(log.read_text())
    return time.perf_counter() - began, memory / 1e9


def row_first(args: argparse.Namespace) -> list[Record]:
    with tempfile.TemporaryDirectory() as folder:
        clip = write_clip(Path(folder) / "clip.mp4", 8, 540, 960)
        cold, memory = score(clip, folder, args, args.weights)
        warm = [score(clip, folder, args, args.weights)[0] for _ in range(min(args.repeats, 3))]
    return [
        {"what": "first score, nothing compiled before", "seconds": [cold], "peak_GB": memory},
        {"what": "first score of the next process", "seconds": warm},
    ]


def row_startup(args: argparse.Namespace) -> list[Record]:
    records = []
    with tempfile.TemporaryDirectory() as folder:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("JAX_COMPILATION_CACHE")}
        scoring = ["score", str(EXAMPLE), "--weights", "mini", "--output"]
        for what, arguments in (("jaxvqa --help", ["--help"]), ("jaxvqa score, the example, mini", scoring)):
            seconds, cores = [], []
            for number in range(args.repeats + 1):
                output = [f"{folder}/{number}"] if arguments is scoring else []
                began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
                command = [sys.executable, "-m", "jaxvqa", *arguments, *output]
                subprocess.run(command, env=environment | {"XDG_CACHE_HOME": folder}, check=True, capture_output=True)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                seconds.append(time.perf_counter() - began)
                cores.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
            records.append({"what": what, "seconds": seconds[1:], "core_s": statistics.median(cores[1:])})
    return records


def row_overlap(args: argparse.Namespace) -> list[Record]:
    model, count = jaxvqa.load(args.weights), 4 if args.device == "cpu" else 32
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(write_clip(Path(folder) / f"{i}.mp4", 10, 1080, 1920)) for i in range(count)]

        def encode(videos):
            return [None if features is None else np.asarray(features) for _, features in videos]

        with contextlib.closing(decode_files(paths, Sampling())) as decoded:
            videos = [next(decoded)]
            encode(encode_ahead(model.encode, videos))  # compiles
        began = time.perf_counter()
        videos = [*decode_files(paths, Sampling())]
        decoding = time.perf_counter() - began
        began = time.perf_counter()
        encode(encode_ahead(model.encode, videos))
        encoding = time.perf_counter() - began
        began = time.perf_counter()
        encode(encode_ahead(model.encode, decode_files(paths, Sampling())))
        both = time.perf_counter() - began
    found = {"decoding_s": decoding / count, "encoding_s": encoding / count}
    slower = max(decoding, encoding)
    return [{"what": f"a 10 s 1080p video of {count}", "seconds": [both / count], **found, "of_slower": both / slower}]


def row_compile(args: argparse.Namespace) -> list[Record]:
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, *_, **__: compiled.append(event) if event.endswith("backend_compile_duration") else None
    )
    model, counts = jaxvqa.load("random-small"), []
    with tempfile.TemporaryDirectory() as folder:
        for i, (seconds, height, width) in enumerate(((5, 240, 320), (1, 64, 64), (9, 1080, 608), (3, 720, 1280))):
            model.score(write_clip(Path(folder) / f"{i}.mp4", seconds, height, width))
            counts.append(len(compiled))
    return [{"what": "functions compiled", "first_video": counts[0], "three_of_other_sizes": counts[-1] - counts[0]}]


def row_growth(args: argparse.Namespace) -> list[Record]:
    records = []
    with tempfile.TemporaryDirectory() as folder:
        clips = Path(folder) / "clips"
        clips.mkdir()
        score(write_clip(clips / "0.mp4", 5, 240, 426), folder, args, "random-small")  # compiles
        for count in (1, 10, 100):
            for i in range(count):
                if not (clips / f"{i}.mp4").exists():
                    os.link(clips / "0.mp4", clips / f"{i}.mp4")
            seconds, memory = score(clips, folder, args, "random-small")
            each = {"each_s": seconds / count, "peak_GB": memory}
            records.append({"what": f"{count} of 5 s, 240p", "seconds": [seconds], **each})
        for seconds, height, width in ((5, 720, 1280), (5, 2160, 3840), (60, 720, 1280), (600, 720, 1280)):
            clip = write_clip(Path(folder) / "clip.mp4", seconds, height, width)
            spent, memory = score(clip, folder, args, "random-small")
            records.append({"what": f"one of {seconds} s, {height}p", "seconds": [spent], "peak_GB": memory})
    return records


def row_cost(args: argparse.Namespace) -> list[Record]:
    records = []

    def processor_time(what, function, **more):
        function()
        seconds, cpu = [], time.process_time()
        for _ in range(args.repeats):
            began = time.perf_counter()
            function()
            seconds.append(time.perf_counter() - began)
        cpu = (time.process_time() - cpu) / args.repeats
        records.append({"what": what, "seconds": seconds, "core_s": cpu, **more})

    with tempfile.TemporaryDirectory() as folder:
        for height, width in ((540, 960), (1080, 1920), (2160, 3840)):
            clip = write_clip(Path(folder) / f"{height}.mp4", 10, height, width)
            size = clip.stat().st_size / 1e6
            processor_time(
                f"decoding 10 s of {height}p", functools.partial(decode_file, str(clip), Sampling()), file_MB=size
            )
        for weights in (args.weights, "mini"):
            model = jaxvqa.load(weights)
            views = decode_file(str(clip), model.sampling(Sampling())).checked()
            size = sum(view.nbytes for view in views) / 1e6
            processor_time(
                f"scores of views, weights {weights}", lambda m=model, views=views: m.score_features(m.features(views))
            )
            records[-1] |= {"views_MB": size, "features_MB": model.features(views).astype(np.float16).nbytes / 1e6}
    return records


def row_many(args: argparse.Namespace) -> list[Record]:
    records = []
    with tempfile.TemporaryDirectory() as folder:
        clips = Path(folder) / "clips"
        clips.mkdir()
        first = write_clip(clips / "0.mp4", 2, 240, 426)
        score(first, folder, args, "mini")  # compiles
        for i in range(1, 200):
            os.link(first, clips / f"{i}.mp4")
        for _ in range(args.repeats):
            for what, config in (("scoring", "score.py"), ("scoring as a Beam pipeline", "score_many.py")):
                seconds, memory = score(clips, folder, args, "mini", config)
                record = {"what": f"{what}, a video of 200", "seconds": [seconds / 200], "peak_GB": memory}
                records.append(record)
    return records


def row_long(args: argparse.Namespace) -> list[Record]:
    model, process, records = jaxvqa.load("mini"), psutil.Process(), []
    with tempfile.TemporaryDirectory() as folder:
        sizes = ((1, 120, 160), (2, 96, 96), (0.5, 240, 320), (3, 64, 128), (1, 180, 100))
        clips = [write_clip(Path(folder) / f"{i}.mp4", *size) for i, size in enumerate(sizes * 2)]
        clips[3].write_bytes(clips[3].read_bytes()[:-1000])
        paths = [str(clips[i % len(clips)]) for i in range(LONG // 2)]

        def by_library():
            for path in paths:
                with contextlib.suppress(jaxvqa.VideoError):
                    model.score(path)
                yield

        def as_command():
            decoded = decode_files(paths, model.sampling(Sampling()), DecodeLimits(workers=1))
            for _, features in encode_ahead(model.encode, decoded):
                if features is not None:
                    model.score_features(features)
                yield

        for name, scorings in (("by the library", by_library()), ("as the command line does", as_command())):
            began, taken, decoders, counts = time.perf_counter(), [], [], []
            for done, _ in enumerate(scorings):
                if done == WARM:
                    gc.collect()
                    objects = len(gc.get_objects())
                children = process.children(recursive=True)
                taken.append(process.memory_info().rss / 1e3)
                decoders.append(sum(child.memory_info().rss for child in children) / 1e3)
                counts.append((process.num_fds(), len(children)))
            seconds = [(time.perf_counter() - began) / len(taken)]
            gc.collect()
            (files, processes), settled = counts[WARM], range(WARM, len(taken))
            records.append(
                {
                    "what": f"one of {len(taken)} scorings {name}",
                    "seconds": seconds,
                    "growth_kB": np.polyfit(settled, taken[WARM:], 1)[0],
                    "decoders'_kB": np.polyfit(settled, decoders[WARM:], 1)[0],
                    "first_MB": statistics.median(taken[WARM : WARM + 100]) / 1e3,
                    "last_MB": statistics.median(taken[-100:]) / 1e3,
                    "open_files": files,
                    "at_most": max(count[0] for count in counts[WARM:]),
                    "processes": processes,
                    "most_processes": max(count[1] for count in counts[WARM:]),
                    "new_objects": len(gc.get_objects()) - objects,
                }
            )
    return records


def row_sizes(args: argparse.Namespace) -> list[Record]:
    model, process, generator = jaxvqa.load("mini"), psutil.Process(), np.random.default_rng(0)
    sampling = model.sampling(Sampling())
    with tempfile.TemporaryDirectory() as folder:
        sizes = [(2 * int(generator.integers(60, 541)), 2 * int(generator.integers(60, 961))) for _ in range(30)]
        paths = [str(write_clip(Path(folder) / f"{i}.mp4", 1, *size)) for i, size in enumerate(sizes)] * 3
        began, taken = time.perf_counter(), []
        with contextlib.closing(decode_files(paths, sampling, DecodeLimits(workers=2), stills=True)) as decoded:
            for video, features in encode_ahead(model.encode, decoded):
                model.explanation([video], model.score_features(features), sampling)
                children = sum(child.memory_info().rss for child in process.children(recursive=True))
                taken.append((process.memory_info().rss / 1e6, children / 1e6))
        seconds = [(time.perf_counter() - began) / len(paths)]
    main, decoders = np.reshape(taken, (-1, 10, 2)).max(axis=1).T.tolist()
    tens = {f"to_{10 * number}_MB": most for number, most in enumerate(main, start=1)}
    tens |= {"decoders_first_MB": decoders[0], "decoders_last_MB": decoders[-1]}
    return [{"what": "one of 90 clips of 30 sizes", "seconds": seconds, "first_MB": taken[0][0], **tens}]


if __name__ == "__main__":
    with safe_path():
        sys.exit(main())
