"""How well scores follow flaws of known strength in real clips.

usage: sensitivity.py VIDEO [VIDEO ...] --weights DIR [--output JSON] [--release DIR]

Every clip (its first 64 frames) gets each technical flaw in six strengths, from a sixth to the worst, is encoded, and
scored from the file like any video. What counts is the score of the flaw's own dimension, beside simple measures that
need no training: the variance of the Laplacian, and BRISQUE (`pip install brisque[opencv-python-headless]`).

    within     SRCC of the score with lack of the flaw, within a clip and its degraded versions, mean over clips
    together   the same over all clips and versions at once
    pairs      how often the clip as it is scores higher than a degraded version of it

Dimensions that reach .9, .7 and .95 pass. The flaws are made as those that jaxvqa-mini is trained on, and each is held
against its own dimension; a second table tells how far the others fall with it. With --release, the weights are copied
to a directory that says which passed. About two seconds a version on two cores; 49 versions a clip.
"""

import argparse
import dataclasses
import hashlib
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from brisque import BRISQUE
from jaxtyping import Float, UInt8
from PIL import Image
from rich.console import Console
from rich.table import Table
from scipy.ndimage import laplace
from scipy.stats import spearmanr

import jaxvqa
from jaxvqa.dimensions import DIMENSIONS
from jaxvqa.synthetic.degradations import AESTHETIC, TECHNICAL, Clip, compression_crf, degrade
from jaxvqa.synthetic.stream import real_clips
from jaxvqa.synthetic.transcode import encode
from jaxvqa.system.terminal import Log
from jaxvqa.video.decode import open_video, read_frames
from jaxvqa.video.integrity import content_sha256
from jaxvqa.video.sampling import Sampling
from jaxvqa.weights.directory import TENSORS, card_of, check_free, read_description, read_tensors, save_weights
from jaxvqa.weights.load import find_weights, load_weights
from jaxvqa.weights.model_card import display_scale

FRAMES = 64
LEVELS = 6
GOOD_CRF = 18  # of clips whose flaw is another than compression
SHAKE = 7  # deviation of the worst shake, pixels
LIMITS = {"within": 0.9, "together": 0.7, "pairs": 0.95}
NAME = "jaxvqa-mini"
SAID = (
    "trained on synthetic degradations, blind to content and taste; "
    "validated in {}, on synthetic flaws in {} real clips"
)


class Brisque(BRISQUE):
    """BRISQUE whose features are numbers: the package hands numpy arrays of one, which numpy 2.4 refuses."""

    def scale_features(self, features: np.ndarray) -> np.ndarray:
        """Numbers from -1 to 1."""
        return super().scale_features([np.asarray(feature).item() for feature in features])


def main() -> int:
    """Degrades, scores, and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="+")
    parser.add_argument("--weights", required=True)
    parser.add_argument("--output")
    parser.add_argument("--release")
    args = parser.parse_args()
    jaxvqa.keep_compiled()
    try:
        check_unseen(args.videos)
        check_outputs(args)
        model = jaxvqa.load(args.weights)
        measures = {"score": model_scores(model), "Laplacian": laplacian, "BRISQUE": brisque}
        clips = [read_clip(path) for path in args.videos]
        values = measure(args.videos, clips, measures)
        results = {code: {name: agreement(values[code][name][..., 0]) for name in measures} for code in TECHNICAL}
        falls = {code: fall(values[code]["score"][..., 1:], model) for code in TECHNICAL}
        print_results(results, model.weights_id, len(clips))
        print_falls(falls)
        passed = [code for code in TECHNICAL if all(results[code]["score"][k] >= v for k, v in LIMITS.items())]
        print(f"\npassed: {' '.join(passed) or 'none'}")
        if args.output:
            facts = {"weights": model.weights_id, "clips": [[Path(p).name, content_sha256(p)] for p in args.videos]}
            facts |= {"results": results, "falls": falls, "passed": passed}
            Path(args.output).write_text(json.dumps(facts, indent=1) + "\n")
        if args.release:
            release(find_weights(args.weights), Path(args.release), passed, len(clips))
    except jaxvqa.UserError as error:
        print(f"sensitivity: {error}", file=sys.stderr)
        return 2
    return 0


def check_outputs(args: argparse.Namespace) -> None:
    """Raises a UserError, before anything is measured, for what could not be written after it."""
    if args.output and not Path(args.output).absolute().parent.is_dir():
        raise jaxvqa.UserError(f"--output={args.output} is in no folder that there is: make it first.")
    if args.release:
        check_free(args.release)
        if not card_of(read_description(find_weights(args.weights))):
            raise jaxvqa.UserError(f"{args.weights} has no model card; only weights trained by jaxvqa have one.")


def check_unseen(paths: list[str]) -> None:
    """Raises a UserError for a file that is trained on, or shows the same."""
    folder = real_clips()[0].parent
    seen = {content_sha256(path) for path in folder.glob("*.mp4")}
    for path in paths:
        if content_sha256(path) in seen:
            raise jaxvqa.UserError(f"{path} is a clip that {NAME} was trained on: measure on others.")


def read_clip(path: str) -> Clip:
    """The first frames of a video, with even sides."""
    video = open_video(path)
    if min(video.height, video.width) < 6 * SHAKE + 64:
        raise jaxvqa.UserError(f"{path} is {video.width}x{video.height}: sides must be {6 * SHAKE + 64} or more.")
    frames = [frame for _, frame in read_frames(video, np.arange(min(FRAMES, video.frames)))]
    return np.stack(frames)[:, : video.height // 2 * 2, : video.width // 2 * 2]


def measure(
    paths: list[str], clips: list[Clip], measures: dict[str, Callable[[Path], float | np.ndarray]]
) -> dict[str, dict[str, Float[np.ndarray, "clips levels 17"]]]:
    """Each measure of each clip with each flaw, by code and measure; the first level is the clip without it.

    The first value is that of the flaw's own dimension, those of all 16 follow; the simple measures have one for all.
    """
    values = {code: {name: np.zeros((len(clips), LEVELS + 1, 17)) for name in measures} for code in TECHNICAL}
    codes = [dimension.code for dimension in DIMENSIONS]
    with tempfile.TemporaryDirectory() as folder, Log().progress("measuring") as bar:
        jobs = [(i, code, level) for i in range(len(clips)) for code in TECHNICAL for level in range(LEVELS + 1)]
        clean: dict[str, float | np.ndarray] = {}
        for i, code, level in bar.track(jobs):
            if level or code == TECHNICAL[0]:
                path = Path(folder) / f"{i}.mp4"  # one name, so that all versions are looked at in the same places
                write_version(path, clips[i], code, level / LEVELS, i)
                found = {name: function(path) for name, function in measures.items()}
                clean = clean if level else found
                path.unlink()
            else:
                found = clean
            for name, value in found.items():
                all_values = np.broadcast_to(value, 16)
                values[code][name][i, level] = [all_values[codes.index(code)], *all_values]
    return values


def write_version(path: Path, clip: Clip, code: str, strength: float, number: int) -> None:
    """Encodes a clip with one flaw; what is random about a flaw is the same at all strengths."""
    generator = np.random.default_rng([number, TECHNICAL.index(code)])
    strengths = dict.fromkeys(AESTHETIC + TECHNICAL, 0.0) | {code: strength}
    clip = shake(clip, strengths["T-5"], np.random.default_rng(number))
    crf = compression_crf(strength) if code == "T-7" and strength else GOOD_CRF
    encode(path, degrade(clip, strengths, generator), 25, crf)


def shake(clip: Clip, strength: float, generator: np.random.Generator) -> Clip:
    """Cuts a smaller frame from each frame, at a place that trembles."""
    margin = 3 * SHAKE
    height, width = (size - 2 * margin for size in clip.shape[1:3])
    places = margin + strength * generator.normal(0, SHAKE, (len(clip), 2))
    places = np.clip(np.rint(places), 0, 2 * margin).astype(int)
    return np.stack([frame[y : y + height, x : x + width] for frame, (y, x) in zip(clip, places, strict=True)])


def model_scores(model: "jaxvqa.Model") -> Callable[[Path], Float[np.ndarray, "16"]]:
    """Raw scores of a file. Its name decides which frames and patches are looked at, in place of its content."""

    def scores(path):
        place = hashlib.sha256(path.name.encode()).hexdigest()
        return model.score(path, plan=Sampling().plans(open_video(path), place)[0]).raw

    return scores


def some_frames(path: Path) -> list[UInt8[np.ndarray, "h w"]]:
    """Three frames of a file, grey."""
    video = open_video(path)
    frames = read_frames(video, np.linspace(0, video.frames - 1, 5)[1:4].astype(int))
    return [np.asarray(Image.fromarray(frame).convert("L")) for _, frame in frames]


def laplacian(path: Path) -> float:
    """Variance of the Laplacian, the usual measure of sharpness."""
    return float(np.mean([laplace(frame.astype(np.float32)).var() for frame in some_frames(path)]))


def brisque(path: Path) -> float:
    """BRISQUE, higher is better."""
    judge = Brisque(url=False)
    return -float(np.mean([judge.score(np.stack([frame] * 3, axis=-1)) for frame in some_frames(path)]))


def agreement(values: Float[np.ndarray, "clips levels"]) -> dict[str, float]:
    """What the module's text says of a measure of all clips at all levels."""
    lack = -np.arange(values.shape[1])
    within = [float(spearmanr(row, lack).statistic) if np.ptp(row) else 0.0 for row in values]
    return {
        "within": float(np.mean(within)),
        "together": float(spearmanr(values.ravel(), np.tile(lack, len(values))).statistic),
        "pairs": float((values[:, :1] > values[:, 1:]).mean()),
        "each": within,
    }


def fall(scores: Float[np.ndarray, "clips levels 16"], model: "jaxvqa.Model") -> list[float]:
    """How far each dimension falls with a flaw at its worst, mean over clips, in deviations of the display scale."""
    return ((scores[:, 0] - scores[:, -1]).mean(axis=0) / display_scale(model.card).deviation).round(3).tolist()


def print_falls(falls: dict[str, list[float]]) -> None:
    """A line for each flaw, a column for each technical dimension."""
    table = Table("flaw at its worst: fall in", box=None, pad_edge=False)
    columns = [i for i, dimension in enumerate(DIMENSIONS) if dimension.code in TECHNICAL]
    for i in columns:
        table.add_column(DIMENSIONS[i].code, justify="right")
    for code, row in falls.items():
        table.add_row(code, *(f"{row[i]:.1f}" for i in columns))
    print()
    Console(width=160).print(table)


def print_results(results: dict[str, dict[str, dict[str, float]]], weights_id: str, clips: int) -> None:
    """A line for each flaw."""
    table = Table("", box=None, pad_edge=False)
    for name in next(iter(results.values())):
        for column in LIMITS:
            table.add_column(f"{name} {column}", justify="right")
    for code, measures in results.items():
        name = next(dimension.name for dimension in DIMENSIONS if dimension.code == code)
        cells = [f"{measures[measure][column]:.2f}" for measure in measures for column in LIMITS]
        table.add_row(f"{code} {name}", *cells)
    print(f"{weights_id}, {clips} clips, {LEVELS} strengths of each flaw\n")
    Console(width=160).print(table)


def release(source: Path, target: Path, passed: list[str], clips: int) -> None:
    """Copies weights with their name, their limits and the dimensions that passed."""
    description = read_description(source)
    names = ", ".join(dimension.name for dimension in DIMENSIONS if dimension.code in passed)
    said = SAID.format(f"{names} only" if passed else "no dimension", clips)
    loaded = load_weights(source)
    card = dataclasses.replace(loaded.card, name=NAME, limits=said, validated=tuple(passed))
    parts = {part: module.config for part, module in loaded.parts.items()}
    tensors = {}
    for part in parts:
        tensors |= read_tensors(source / TENSORS, part)
    save_weights(target, tensors, parts, description["prompts"], description["sources"], card)


if __name__ == "__main__":
    sys.exit(main())
