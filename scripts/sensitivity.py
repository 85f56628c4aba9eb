"""How well scores follow encodes whose VMAF is known, and flaws of known strength, in scenes that a model never saw.

usage: sensitivity.py [CLIP ...] [--photos DIR --clips DIR] --weights DIR [--output JSON] [--release DIR]

Scenes are the clips that are named, and those that `jaxvqa train mini` keeps for validation of two folders; over a
photograph moves a slow camera. From the first 40 frames of each, FFmpeg, which comes with imageio-ffmpeg
(`pip install -e '.[mini]'`), makes files that are scored as any video is, shown
pixel for pixel: of a scene of 720 lines, as a part of a larger display. VMAF, too, takes its sources for that.

Ladders: x264, x265 and SVT-AV1 at six qualities, at full and at half size. Beside the overall score stand NIQE, BRISQUE
and the variance of the Laplacian of the same files, enlarged to the clip's size. BRISQUE takes `pip install -e
'.[measure]'`, which compiles a package with g++; without it, its line is left out.

    over all   SRCC with VMAF over all encodes of all scenes
    within     the same within a scene, mean over scenes
    pairs      share of neighbouring qualities of a ladder that are 6 or more apart in VMAF and in the right order

Flaws: each technical flaw at six strengths, by filters of FFmpeg, not as in the training of jaxvqa-mini. What counts is
the score of the flaw's own dimension.

    within     SRCC of the score with lack of the flaw, within a scene and its versions, mean over scenes
    together   the same over all scenes and versions at once
    pairs      how often the scene as it is scores higher than a version with the flaw
    overall    as within, of the overall score: whether it falls with the flaw, too

Then the order of sizes, how far noise moves when only compression grows, how far noise of a camera of few lines raises
overall, and what is said of videos that have no flaw. Last, how likely the encode of a scene that scores higher has
the higher VMAF, and how often it has: by what is known of all other scenes. Intervals of 95 % come from resampling
scenes. With --release, weights are copied with the name jaxvqa-mini, the dimensions that reached what is
asked for, the half-width of the prediction interval of overall, and the deviation that tells encodes of a scene apart.
"""

import argparse
import dataclasses
import functools
import importlib.util
import itertools
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.misc
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from rich.console import Console
from rich.table import Table
from scipy.ndimage import laplace
from scipy.optimize import minimize_scalar
from scipy.special import log_ndtr, ndtr
from scipy.stats import spearmanr

import jaxvqa
from jaxvqa.dimensions import DIMENSIONS
from jaxvqa.synthetic.material import pan
from jaxvqa.synthetic.scenes import load, render
from jaxvqa.synthetic.sources import find_sources, photo, split
from jaxvqa.synthetic.vmaf import RATE, raw, read_log, run
from jaxvqa.system.processes import process_pool
from jaxvqa.system.terminal import Log
from jaxvqa.video.decode import open_video, read_frames
from jaxvqa.video.integrity import content_sha256
from jaxvqa.weights.directory import TENSORS, check_free, read_description, read_tensors, save_weights
from jaxvqa.weights.load import load_weights

FRAMES = 40
LINES = 720  # of a camera's picture of a photograph
LADDERS = {
    "x264": (["-c:v", "libx264", "-preset", "slow"], (18, 24, 30, 36, 42, 48)),
    "x265": (["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error"], (18, 24, 30, 36, 42, 48)),
    "SVT-AV1": (["-c:v", "libsvtav1", "-preset", "8"], (22, 30, 38, 46, 54, 63)),
}
SIZES = (1.0, 0.5)
FALLING = (1.0, 2 / 3, 1 / 3, 1 / 6)  # sizes that must score in this order: 1080, 720, 360, 180 lines of 1080
ASKED = (0.9, 0.7, 0.95)  # within, together and pairs of flaws that a dimension must reach to count as validated
ASKED_VMAF = (0.85, 0.95, 0.95)  # over all, within and pairs of ladders, for overall
NAME = "jaxvqa-mini"
LIMITS = "trained on VMAF of encodes and on synthetic distortions, not on ratings; blind to content and taste"
SMALLER = (0.75, 0.375)  # sizes of cameras whose noise is enlarged with the picture
GRAIN = (0, 6, 12, 24, 40)  # strength of it, for FFmpeg's filter
BINS = (0.5, 0.7, 0.9, 0.95, 0.99, 1.0)  # of probabilities
APART = 6  # VMAF
LEVELS = 6
SOUND = ["-c:v", "libx264", "-preset", "medium", "-crf", "16"]  # how versions with another flaw are coded


def flaw(code: str, strength: float, height: int, width: int) -> tuple[str, list[str]]:
    """FFmpeg's filter for a technical flaw of a strength from 0 to 1, and options of the encoder."""
    unit = height / 720
    if not strength:
        return "null", SOUND
    match code:
        case "T-1":
            part = 1 / (1 + 4 * strength)
            small = f"scale={round(width * part)}:{round(height * part)}:flags=area"
            return f"{small},scale={width}:{height}:flags=spline", SOUND
        case "T-2":
            return f"gblur=sigma={5 * strength * unit}:steps=6", SOUND
        case "T-3":
            return f"noise=alls={round(40 * strength)}:allf=t", SOUND
        case "T-4":
            return f"dblur=angle=25:radius={25 * strength * unit}", SOUND
        case "T-5":
            x, y = (
                f"(in_{a}-out_{a})/2*(1+{strength}*sin(n*{b})*cos(n*{c}))"
                for a, b, c in (("w", 1.7, 0.6), ("h", 2.3, 0.9))
            )
            return f"crop=trunc(iw*0.46)*2:trunc(ih*0.46)*2:x='{x}':y='{y}'", SOUND
        case "T-6":
            return f"exposure=exposure={2.6 * strength}", SOUND
        case "T-7":
            return "null", ["-c:v", "libx264", "-preset", "slow", "-crf", str(round(22 + 29 * strength))]
        case _:
            return f"fps={RATE / (1 + round(7 * strength))}:round=down,fps={RATE}", SOUND


TECHNICAL = tuple(
    dimension.code for dimension in DIMENSIONS if dimension.code[:2] == "T-" and dimension.code != "T-all"
)


class Scene(NamedTuple):
    """A scene as it is, and the file that shows it."""

    name: str
    sha256: str
    frames: UInt8[np.ndarray, "t h w 3"]


class Measured(NamedTuple):
    """What is measured of a scene: VMAF and scores of its ladders, its flaws, its sizes, and overall under noise."""

    ladders: dict[str, Float[np.ndarray, "ladders qualities *dimensions"]]
    flaws: Float[np.ndarray, "flaws levels 16"]
    sizes: Float[np.ndarray, " sizes"]
    grain: Float[np.ndarray, "sizes levels"]


def main() -> int:
    """Makes, scores, and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="*")
    parser.add_argument("--photos")
    parser.add_argument("--clips")
    parser.add_argument("--weights", required=True)
    parser.add_argument("--output")
    parser.add_argument("--release")
    args = parser.parse_args()
    jaxvqa.keep_compiled()
    try:
        if args.output and not Path(args.output).absolute().parent.is_dir():
            raise jaxvqa.UserError(f"--output={args.output} is in no folder that there is: make it first.")
        if bool(args.photos) != bool(args.clips):
            raise jaxvqa.UserError("--photos and --clips go together: name both folders.")
        model = jaxvqa.load(args.weights)
        if args.release:
            check_free(Path(args.release))
            if not model.card:
                raise jaxvqa.UserError(f"--release: {args.weights} has no model card, so that nothing can be added.")
        scenes = [read_clip(path) for path in args.videos]
        if args.photos:
            held = split(find_sources(Path(args.photos), Path(args.clips)), "validation")
            scenes += [read_clip(source.path) if source.clip else film(source.path) for source in held]
        if not scenes:
            raise jaxvqa.UserError("no clips to measure with: name some, or --photos and --clips.")
        with tempfile.TemporaryDirectory() as folder, Log().progress("measuring") as bar:
            with process_pool(0) as pool:
                jobs = pool.map(partial(measure, args.weights, Path(folder)), scenes)
                measured = list(bar.track(jobs, total=len(scenes)))
            sound = score_sound(partial(score, args.weights, 1080), Path(folder))
    except jaxvqa.UserError as error:
        print(f"sensitivity: {error}", file=sys.stderr)
        return 2
    print(f"{model.weights_id}, {len(scenes)} scenes\n")
    ladders = [one.ladders for one in measured]
    facts: dict[str, Any] = {"weights": model.weights_id, "clips": [[scene.name, scene.sha256] for scene in scenes]}
    facts |= {"ladders": print_ladders(ladders), "flaws": print_flaws([one.flaws for one in measured])}
    facts |= {"overall_by_flaw": print_overall_by_flaw([one.flaws for one in measured])}
    facts |= {"sizes": print_sizes([one.sizes for one in measured]), "noise_by_compression": print_noise(ladders)}
    facts |= {"grain": print_grain([one.grain for one in measured]), "sound": print_sound(sound)}
    facts |= {"interval": print_interval(ladders), "preference": print_preference(ladders)}
    if args.output:
        Path(args.output).write_text(json.dumps(facts, indent=1) + "\n")
    if args.release:
        release(Path(args.weights), Path(args.release), facts)
    return 0


load_once = functools.cache(jaxvqa.load)


def score(weights: str, lines: int, path: Path) -> Float[np.ndarray, "16"]:
    """Scores of a file on a display of so many lines, 0 to 100."""
    jaxvqa.keep_compiled()
    return load_once(weights).score(path, display_height=max(lines, 240)).display * 100


def measure(weights: str, folder: Path, scene: Scene) -> Measured:
    """Makes the versions of a scene, in a folder of its own, and scores them as its lines show them."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        clip, path = scene.frames, Path(own)
        shown = partial(score, weights, min(clip.shape[1:3]))
        return Measured(*(make(clip, shown, path) for make in (make_ladders, make_flaws, make_sizes, make_grain)))


def read_clip(path: str | Path) -> Scene:
    """The first frames of a video, with sides that are multiples of four."""
    video = open_video(path)
    frames = [frame for _, frame in read_frames(video, np.arange(min(FRAMES, video.frames)))]
    clip = np.stack(frames)[:, : video.height // 4 * 4, : video.width // 4 * 4]
    return Scene(Path(path).name, content_sha256(path), clip)


def film(path: Path) -> Scene:
    """A slow camera over a photograph, of `LINES` lines where it has as many."""
    picture = photo(path)
    short = min(picture.size)
    scale = min(LINES * 8 / 7, short) / short
    picture = picture.resize([round(side * scale) for side in picture.size], Image.Resampling.LANCZOS)
    clip = pan(np.asarray(picture)[None].repeat(FRAMES, 0), np.random.default_rng(0))  # which moves
    return Scene(path.name, content_sha256(path), clip[:, : clip.shape[1] // 4 * 4, : clip.shape[2] // 4 * 4])


def write(clip: UInt8[np.ndarray, "t h w 3"], path: Path, filters: str, encoder: Sequence[str]) -> None:
    """Encodes a clip after filters."""
    options = [*raw(*clip.shape[1:3]), "-i", "pipe:0", "-vf", f"{filters},format=yuv420p", "-an", *encoder]
    run([*options, str(path)], clip.tobytes())


def vmaf(path: Path, clip: UInt8[np.ndarray, "t h w 3"], log: Path) -> float:
    """VMAF of a file, enlarged to the size of the clip that it was made from: the mean of its frames."""
    height, width = clip.shape[1:3]
    tick = f"format=yuv420p,settb=1/{RATE},setpts=N"
    compare = f"libvmaf=log_fmt=json:log_path={log}:n_subsample=4"
    graph = f"[0:v]scale={width}:{height}:flags=bicubic,{tick}[d];[1:v]{tick}[r];[d][r]{compare}"
    run(["-i", str(path), *raw(height, width), "-i", "pipe:0", "-lavfi", graph, "-f", "null", "-"], clip.tobytes())
    return float(read_log(log).mean())


def make_ladders(
    clip: UInt8[np.ndarray, "t h w 3"], score: Callable[[Path], np.ndarray], folder: Path
) -> dict[str, Float[np.ndarray, "ladders qualities *dimensions"]]:
    """VMAF, all scores, and simple measures of all ladders of a clip."""
    found: dict[str, list[Any]] = {name: [] for name in ("vmaf", "score", *measures())}
    for options, qualities in LADDERS.values():
        for size in SIZES:
            rows: dict[str, list[Any]] = {name: [] for name in found}
            for quality in qualities:
                path = folder / "ladder.mkv"
                height = round(clip.shape[1] * size / 2) * 2
                write(clip, path, f"scale=-2:{height}:flags=lanczos", [*options, "-crf", str(quality)])
                rows["vmaf"].append(vmaf(path, clip, folder / "vmaf.json"))
                rows["score"].append(score(path))
                frames = some_frames(path, clip.shape[1:3])
                for name, measure in measures().items():
                    rows[name].append(float(np.mean([measure(frame) for frame in frames])))
            for name, row in rows.items():
                found[name].append(row)
    return {name: np.array(rows) for name, rows in found.items()}


def make_flaws(
    clip: UInt8[np.ndarray, "t h w 3"], score: Callable[[Path], np.ndarray], folder: Path
) -> Float[np.ndarray, "flaws levels 16"]:
    """All scores of a clip with each flaw at each strength; the first level is the clip without it."""
    path, scores = folder / "flaw.mkv", []
    write(clip, path, "null", SOUND)
    sound = score(path)
    for code in TECHNICAL:
        row = [sound]
        for level in range(1, LEVELS + 1):
            write(clip, path, *flaw(code, level / LEVELS, *clip.shape[1:3]))
            row.append(score(path))
        scores.append(row)
    return np.array(scores)


def make_sizes(
    clip: UInt8[np.ndarray, "t h w 3"], score: Callable[[Path], np.ndarray], folder: Path
) -> Float[np.ndarray, " sizes"]:
    """Overall scores of a clip at falling sizes, coded well."""
    scores = []
    for size in FALLING:
        height = round(clip.shape[1] * size / 2) * 2
        write(clip, folder / "size.mkv", f"scale=-2:{height}:flags=lanczos", SOUND)
        scores.append(score(folder / "size.mkv")[0])
    return np.array(scores)


def make_grain(
    clip: UInt8[np.ndarray, "t h w 3"], score: Callable[[Path], np.ndarray], folder: Path
) -> Float[np.ndarray, "sizes levels"]:
    """Overall scores of a clip as cameras of fewer lines take it, with more and more noise."""
    scores = np.empty((len(SMALLER), len(GRAIN)))
    for row, size in enumerate(SMALLER):
        for column, strength in enumerate(GRAIN):
            height = round(clip.shape[1] * size / 2) * 2
            noise = f",noise=alls={strength}:allf=t" if strength else ""
            write(clip, folder / "grain.mkv", f"scale=-2:{height}:flags=lanczos{noise}", SOUND)
            scores[row, column] = score(folder / "grain.mkv")[0]
    return scores


def sound_scenes() -> dict[str, UInt8[np.ndarray, "t h w 3"]]:
    """Videos without any flaw in which little moves, or little light is."""

    def still(picture: Any, height: int = 540, width: int = 960) -> UInt8[np.ndarray, "t h w 3"]:
        frame = Image.fromarray(np.asarray(picture)).convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
        return np.asarray(frame)[None].repeat(FRAMES, 0)

    generator = np.random.default_rng(5)
    hubble, cat = load("hubble_deep_field.jpg"), load("chelsea.png")
    text = np.asarray(render("text", generator))
    slides = np.concatenate([still(page)[: FRAMES // 2] for page in (text, 255 - text)])
    return {
        "a cat, standing still": still(cat.crop((0, 0, 448, 252))),
        "a page of text": still(text),
        "two slides": slides,
        "a light page": still(np.full((540, 960, 3), 245, np.uint8)),
        "night sky": still(hubble.crop((0, 0, 960, 540))),
        "dim light": still(np.asarray(load("coffee.png")) // 4),
        "black": still(np.zeros((540, 960, 3), np.uint8)),
    }


def score_sound(score: Callable[[Path], np.ndarray], folder: Path) -> dict[str, Float[np.ndarray, "16"]]:
    """Scores of videos without flaws."""
    scores = {}
    for name, clip in sound_scenes().items():
        write(clip, folder / "sound.mkv", "null", SOUND)
        scores[name] = score(folder / "sound.mkv")
    return scores


def some_frames(path: Path, size: Sequence[int]) -> list[UInt8[np.ndarray, "h w"]]:
    """A frame from the middle of a file, grey, at a size."""
    video = open_video(path)
    frames = read_frames(video, np.array([video.frames // 2]))
    pictures = (
        Image.fromarray(frame).convert("L").resize(tuple(size[::-1]), Image.Resampling.BICUBIC) for _, frame in frames
    )
    return [np.asarray(picture) for picture in pictures]


def laplacian(frame: UInt8[np.ndarray, "h w"]) -> float:
    """Variance of the Laplacian, the usual measure of sharpness."""
    return float(laplace(frame.astype(np.float32)).var())


def brisque(frame: UInt8[np.ndarray, "h w"]) -> float:
    """BRISQUE, higher is better."""
    from brisque import BRISQUE

    class Brisque(BRISQUE):
        """BRISQUE whose features are numbers: the package hands numpy arrays of one, which numpy 2.4 refuses."""

        def scale_features(self, features: np.ndarray) -> np.ndarray:
            """Numbers from -1 to 1."""
            return super().scale_features([np.asarray(feature).item() for feature in features])

    return -float(Brisque(url=False).score(np.stack([frame] * 3, axis=-1)))


def niqe(frame: UInt8[np.ndarray, "h w"]) -> float:
    """NIQE, higher is better, by scikit-video, which uses names that have left SciPy and NumPy."""

    def imresize(picture, size, interp="bicubic", mode="F"):
        shape = tuple(round(side * size) for side in picture.shape[::-1])
        return np.asarray(Image.fromarray(picture.astype(np.float32)).resize(shape, Image.Resampling.BICUBIC))

    scipy.misc.imresize, np.int = imresize, int
    from skvideo.measure import niqe as measure

    return -float(measure(frame[None, :, :, None])[0])


def measures() -> dict[str, Callable[[UInt8[np.ndarray, "h w"]], float]]:
    """What our scores are compared with, by name: functions of a frame. BRISQUE only if it is installed."""
    known = {"NIQE": niqe, "BRISQUE": brisque, "Laplacian": laplacian}
    if not importlib.util.find_spec("brisque"):
        del known["BRISQUE"]
    return known


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    """SRCC; 0 where nothing differs."""
    return float(spearmanr(x.ravel(), y.ravel()).statistic) if np.ptp(x) and np.ptp(y) else 0.0


def ladder_figures(
    truth: Sequence[Float[np.ndarray, "ladders qualities"]], values: Sequence[Float[np.ndarray, "ladders qualities"]]
) -> list[float]:
    """SRCC over all and within a clip, and the share of neighbours in the right order."""
    right = []
    for t, v in zip(truth, values, strict=True):
        far = np.abs(np.diff(t, axis=1)) >= APART
        right += (np.sign(np.diff(t, axis=1)) == np.sign(np.diff(v, axis=1)))[far].tolist()
    within = float(np.mean([correlation(t, v) for t, v in zip(truth, values, strict=True)]))
    return [correlation(np.stack(truth), np.stack(values)), within, float(np.mean(right)) if right else float("nan")]


def flaw_figures(values: Sequence[Float[np.ndarray, " levels"]]) -> list[float]:
    """SRCC with lack of a flaw within a clip and over all, and how often the clip without it scores higher."""
    together, lack = np.stack(values), -np.arange(LEVELS + 1.0)
    within = float(np.mean([correlation(row, lack) for row in together]))
    return [
        within,
        correlation(together, np.tile(lack, (len(together), 1))),
        float((together[:, :1] > together[:, 1:]).mean()),
    ]


def with_intervals(figures: Callable[..., list[float]], *lists: Sequence[Any]) -> list[tuple[float, float, float]]:
    """Figures of clips, each with the ends of its 95 % interval over resampled clips."""
    generator, count = np.random.default_rng(0), len(lists[0])
    samples = [figures(*lists)]
    for _ in range(300):
        chosen = generator.integers(0, count, count)
        samples.append(figures(*([some[i] for i in chosen] for some in lists)))
    low, high = np.nanquantile(samples, (0.025, 0.975), axis=0)
    return [
        (round(x, 3), round(float(a), 3), round(float(b), 3)) for x, a, b in zip(samples[0], low, high, strict=True)
    ]


def print_ladders(ladders: Sequence[dict[str, np.ndarray]]) -> dict[str, Any]:
    """A line for each measure, and the order of sizes."""
    truth = [one["vmaf"] for one in ladders]
    results = {
        name: with_intervals(
            ladder_figures, truth, [one[name] if name != "score" else one[name][..., 0] for one in ladders]
        )
        for name in ("score", *measures())
    }
    print_table("ladders", ("over all", "within", "pairs"), results)
    if "BRISQUE" not in results:
        print("BRISQUE is not installed, so its line is left out; to get it: pip install -e '.[measure]'\n")
    return results


def print_flaws(flaws: Sequence[Float[np.ndarray, "flaws levels 16"]]) -> dict[str, Any]:
    """A line for each flaw."""
    codes = [dimension.code for dimension in DIMENSIONS]
    results = {}
    for number, code in enumerate(TECHNICAL):
        name = f"{code} {DIMENSIONS[codes.index(code)].name}"
        results[name] = with_intervals(flaw_figures, [one[number, :, codes.index(code)] for one in flaws])
    print_table("flaws", ("within", "together", "pairs"), results)
    return results


def print_overall_by_flaw(flaws: Sequence[Float[np.ndarray, "flaws levels 16"]]) -> dict[str, Any]:
    """A line for each flaw: how overall falls with it within a scene."""
    results = {
        code: with_intervals(lambda rows: flaw_figures(rows)[:1], [one[number, :, 0] for one in flaws])
        for number, code in enumerate(TECHNICAL)
    }
    print_table("flaws", ("overall",), results)
    return results


def print_noise(ladders: Sequence[dict[str, np.ndarray]]) -> list[float]:
    """How far the score of noise moves over ladders at full size, where only compression grows."""
    noise = [dimension.code for dimension in DIMENSIONS].index("T-3")
    moves = [float(np.ptp(row[:, noise])) for one in ladders for row in one["score"][:: len(SIZES)]]
    print(f"noise, when only compression grows: moves by {np.mean(moves):.1f} on average, {max(moves):.1f} at most")
    return moves


def print_grain(grain: Sequence[Float[np.ndarray, "sizes levels"]]) -> list[list[list[float]]]:
    """How far noise raises the overall score of pictures of few lines, which it should not."""
    rises = np.stack(grain)[..., 1:].max(axis=-1) - np.stack(grain)[..., 0]
    for size, some in zip(SMALLER, rises.T, strict=True):
        print(
            f"noise at {size:g} of the size: raises overall in {np.count_nonzero(some > 1)} of {len(some)} scenes, "
            f"by {np.maximum(some, 0).mean():.1f} on average, {max(some.max(), 0):.1f} at most"
        )
    return [rows.round(1).tolist() for rows in grain]


def pairs_of(one: dict[str, np.ndarray]) -> tuple[Float[np.ndarray, " pairs"], Bool[np.ndarray, " pairs"]]:
    """How far apart each two encodes of a scene score, and whether the one that scores higher has the higher VMAF."""
    score, truth = one["score"][..., 0].ravel(), one["vmaf"].ravel()
    first, second = np.triu_indices(len(score), 1)
    differences, true = score[first] - score[second], truth[first] - truth[second]
    known = (differences != 0) & (true != 0)
    return abs(differences[known]), (np.sign(differences) == np.sign(true))[known]


def fit_deviation(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    """The deviation by which a normal distribution best tells, over scenes, whether higher scores are higher VMAF."""

    def surprise(deviation):
        return -np.mean([log_ndtr(np.where(right, 1, -1) * apart / deviation).mean() for apart, right in pairs])

    return round(float(minimize_scalar(surprise, bounds=(0.1, 100), method="bounded").x), 1)


def print_preference(ladders: Sequence[dict[str, np.ndarray]]) -> dict[str, Any]:
    """How likely the encode of a scene that scores higher has the higher VMAF, and how often it has."""
    pairs = [pairs_of(one) for one in ladders]
    said = [
        ndtr(apart / fit_deviation(pairs[:number] + pairs[number + 1 :] or pairs))
        for number, (apart, _) in enumerate(pairs)
    ]
    said, right = np.concatenate(said), np.concatenate([right for _, right in pairs])
    deviation, rows = fit_deviation(pairs), []
    print(f"of two encodes of a scene, that which scores d higher has the higher VMAF at Phi(d / {deviation})")
    for low, high in itertools.pairwise(BINS):
        there = (said >= low) & (said <= high if high == 1 else said < high)
        if there.any():
            rows.append([low, high, round(float(there.mean()), 3), round(float(right[there].mean()), 3)])
            print(f"  said {low:.2f} to {high:.2f}: {there.mean():.0%} of pairs, right in {right[there].mean():.1%}")
    return {"deviation": deviation, "said": rows}


def print_sizes(sizes: Sequence[Float[np.ndarray, " sizes"]]) -> list[list[float]]:
    """How many scenes score lower the smaller they are coded."""
    falling = [bool((np.diff(row) < 0).all()) for row in sizes]
    print(f"full size, two thirds, a third and a sixth of it in this order: {sum(falling)} of {len(falling)} scenes")
    return [row.round(1).tolist() for row in sizes]


def print_sound(sound: dict[str, Float[np.ndarray, "16"]]) -> dict[str, dict[str, float]]:
    """Technical scores of videos without flaws."""
    codes = [dimension.code for dimension in DIMENSIONS]
    shown = ("O", *TECHNICAL)
    table = Table("without flaws", *shown, box=None, pad_edge=False)
    for name, scores in sound.items():
        table.add_row(name, *(f"{scores[codes.index(code)]:.0f}" for code in shown))
    print()
    Console(width=110).print(table)
    return {
        name: {code: round(float(scores[codes.index(code)]), 1) for code in shown} for name, scores in sound.items()
    }


def print_interval(ladders: Sequence[dict[str, np.ndarray]]) -> float:
    """Half-width of an interval around overall that holds VMAF of nine encodes in ten (split conformal)."""
    errors = np.sort(np.concatenate([np.abs(one["score"][..., 0] - one["vmaf"]).ravel() for one in ladders]))
    rank = min(int(np.ceil(0.9 * (len(errors) + 1))), len(errors))
    half = round(float(errors[rank - 1]), 1)
    print(f"\noverall is within {half} of VMAF in nine of ten encodes, and {np.median(errors):.1f} in half of them")
    return half


def passed(facts: dict[str, Any]) -> list[str]:
    """Codes of the dimensions whose figures reach what is asked for."""
    reached = [
        name.split()[0]
        for name, figures in facts["flaws"].items()
        if all(figure[0] >= asked for figure, asked in zip(figures, ASKED, strict=True))
    ]
    figures = facts["ladders"]["score"]
    if all(figure[0] >= asked for figure, asked in zip(figures, ASKED_VMAF, strict=True)):
        reached = ["O", "T-all", *reached]  # both have VMAF as their target
    return reached


def release(source: Path, target: Path, facts: dict[str, Any]) -> None:
    """Copies weights with their name, their limits, the dimensions that passed, and how sure overall is."""
    description, loaded = read_description(source), load_weights(source)
    card = dataclasses.replace(
        loaded.card,
        name=NAME,
        limits=LIMITS,
        validated=tuple(passed(facts)),
        vmaf_interval=facts["interval"],
        pair_deviation=facts["preference"]["deviation"],
    )
    parts = {part: module.config for part, module in loaded.parts.items()}
    tensors = {name: values for part in parts for name, values in read_tensors(source / TENSORS, part).items()}
    save_weights(target, tensors, parts, description["prompts"], description["sources"], card)


def print_table(title: str, columns: Sequence[str], results: dict[str, list[tuple[float, float, float]]]) -> None:
    """Figures with their intervals."""
    table = Table(title, *columns, box=None, pad_edge=False)
    for name, figures in results.items():
        table.add_row(name, *(f"{x:.2f} [{low:.2f}, {high:.2f}]" for x, low, high in figures))
    Console(width=110).print(table)
    print()


if __name__ == "__main__":
    sys.exit(main())
