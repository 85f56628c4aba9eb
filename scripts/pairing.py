"""Measures what it is worth that two encodes are compared at the same times and places.

usage: pairing.py VIDEO... [--weights WEIGHTS]

Of four seconds of each video, 720 lines or fewer, encodes of six qualities are made by x264, x265 and SVT-AV1, and
scored by several seeds. Of each two neighboring qualities the higher one should score higher overall. Printed for
comparisons where one seed samples both encodes, and where each is sampled by a seed of its own, at equal cost:

    right      share of comparisons in which the higher quality scores higher
    deviation  standard deviation of the difference between seeds, in points, the mean over pairs

with 90 % intervals by bootstrap over videos. Needs FFmpeg of the extra `mini`. Nine videos take about half an hour.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from jaxtyping import Float
from rich.console import Console
from rich.table import Table

import jaxvqa
from jaxvqa.synthetic.vmaf import run

ENCODERS = {
    "x264": (["-c:v", "libx264", "-preset", "medium"], (18, 24, 30, 36, 42, 48)),
    "x265": (["-c:v", "libx265", "-preset", "fast", "-x265-params", "log-level=error"], (18, 24, 30, 36, 42, 48)),
    "SVT-AV1": (["-c:v", "libsvtav1", "-preset", "8"], (22, 30, 38, 46, 54, 63)),
}
SEEDS = 4
BOOTSTRAPS = 1000


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="+", type=Path, metavar="VIDEO")
    parser.add_argument("--weights", default="mini", help="by default jaxvqa-mini")
    args = parser.parse_args()
    jaxvqa.keep_compiled()
    model = jaxvqa.load(args.weights)
    scores = np.stack([score_encodes(model, video) for video in args.videos])
    table = Table("", "right", "deviation", box=None, pad_edge=False)
    for name, seeds in (("one seed for both", 0), ("a seed for each", 1)):
        table.add_row(name, *(f"{x:.3f} [{low:.3f}, {high:.3f}]" for x, low, high in figures(scores, seeds)))
    Console(width=80).print(f"{len(args.videos)} videos, {scores[..., 0].size} encodes, {model.weights_id}", table)
    return 0


def score_encodes(model: jaxvqa.Model, video: Path) -> Float[np.ndarray, "encoders qualities seeds"]:
    """Overall scores of encodes of a video, 0 to 100, from the highest quality to the lowest."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "encode.mkv"
        for options, qualities in ENCODERS.values():
            for quality in qualities:
                cut = ["-t", "4", "-i", str(video), "-an", "-vf", "scale=-2:'min(720,trunc(ih/2)*2)',format=yuv420p"]
                run([*cut, *options, "-crf", str(quality), str(path)])
                samplings = model.explain(path, repeats=SEEDS).scores.samplings
                rows.append(100 * model.display(samplings)[:, 0])
    return np.reshape(rows, (len(ENCODERS), -1, SEEDS))


def figures(
    scores: Float[np.ndarray, "videos encoders qualities seeds"], apart: int
) -> list[tuple[float, float, float]]:
    """Share of right comparisons and deviation of differences, each with the ends of its interval.

    Args:
        apart: how far apart the seeds of two encodes are.
    """
    changes = scores[:, :, :-1] - np.roll(scores[:, :, 1:], apart, axis=-1)
    right = (changes > 0).mean(axis=(1, 2, 3))
    deviation = changes.std(axis=-1, ddof=1).mean(axis=(1, 2))
    drawn = np.random.default_rng(0).integers(len(scores), size=(BOOTSTRAPS, len(scores)))
    found = []
    for each in (right, deviation):
        low, high = np.percentile(each[drawn].mean(axis=1), [5, 95])
        found.append((float(each.mean()), float(low), float(high)))
    return found


if __name__ == "__main__":
    sys.exit(main())
