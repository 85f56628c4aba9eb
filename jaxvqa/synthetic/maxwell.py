"""`synthetic_maxwell`: a database in MaxWell's layout, rendered here, with labels computed from known degradations.

It is SYNTHETIC: scenes are drawn or filmed off photographs, and no one rated them. It serves to try out, test and
compare training where there is no MaxWell; results on it say nothing about real videos.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from ..dimensions import DIMENSIONS
from ..errors import UserError
from ..system.files import atomic_folder
from ..system.processes import cores, process_pool
from ..system.terminal import Log
from ..video.sampling import check_seed
from .degradations import AESTHETIC, TECHNICAL, compression_crf, degrade, perceived
from .scenes import PHOTOGRAPHS, RENDERED, Camera, film, photographs, picture
from .transcode import encode

VERSION = 3
CLIPS = 240
SIZES = ((240, 320), (240, 426), (426, 240), (360, 360), (270, 480), (288, 352), (320, 240))  # height, width
FRAMES = (72, 97)  # of a clip, at least, and one more than at most: the aesthetic encoder sees 64 of them
RATES = (24, 25, 30)  # frames a second
RATERS = 35
SEEN_AT_BEST, SEEN_LOSS = 0.77, 0.62  # where raters see a clip without flaws, and how far below it the worst
FIVE_POINTS = ("O", "A-all", "T-all")  # rated from 1 to 5; the others from -1 to 1
WHAT = "SYNTHETIC: rendered clips, labels computed from known degradations with the noise of simulated raters"


def render(folder: str | os.PathLike, clips: int = CLIPS, seed: int = 0, workers: int = 0) -> None:
    """Renders the database into a folder, whole or not at all: videos, the four label files, and `synthetic.json`.

    Each clip follows from the seed and its number alone. Four fifths are for training, and show other
    sources (photographs, rendered pictures) than the rest, which are for validation. Nor was jaxvqa-mini trained on
    the photographs of the latter.

    Args:
        workers: processes; 0, as many as there are cores.

    Raises:
        UserError: the folder exists, is being made or cannot be written, too few clips, or a negative seed.
        OSError: no space is left.
    """
    folder = Path(folder)
    check_seed(seed)
    if clips < 10:
        raise UserError(f"{clips} clips are too few for training and validation: render 10 or more.")
    if folder.exists():
        raise UserError(f"{folder} already exists: remove it, or choose another folder for synthetic clips.")
    with atomic_folder(folder) as scratch:
        (scratch / "videos").mkdir()
        workers = min(workers or cores(), clips)
        with process_pool(workers) as pool, Log().progress("rendering") as bar:
            jobs = [pool.submit(render_clip, scratch / "videos", seed, number) for number in range(clips)]
            try:
                facts = [job.result() for job in bar.track(jobs)]
            finally:
                pool.shutdown(cancel_futures=True)  # after a failure, render no more
        write_labels(scratch, facts)
        about = {"what": WHAT, "version": VERSION, "seed": seed, "clips": facts}
        (scratch / MARK).write_text(json.dumps(about, indent=1) + "\n")


def render_clip(folder: Path, seed: int, number: int) -> dict[str, Any]:
    """Films, degrades and encodes one clip, and returns all that is known about it."""
    generator = np.random.default_rng([seed, number])
    split = "validation" if number % 5 == 4 else "train"
    source = choose_source(split, generator)
    height, width = SIZES[generator.integers(len(SIZES))]
    frames, rate = int(generator.integers(*FRAMES)), int(generator.choice(RATES))
    strengths = draw_strengths(generator)
    camera = Camera(shake=strengths["T-5"], wander=strengths["A-5"], tilt=strengths["A-2"])
    scene = [picture(source, height, width, generator)] * frames
    clip = film(scene, height, width, strengths["A-2"], camera, generator)
    clip = degrade(clip, strengths, generator)
    name = f"{number:04}.mp4"
    encode(folder / name, clip, rate, compression_crf(strengths["T-7"]))
    scores = rate_clip(strengths, generator)
    return {
        "name": name,
        "split": split,
        "source": source if source in PHOTOGRAPHS else f"{source}-{number}",
        "frames": frames,
        "height": height,
        "width": width,
        "fps": rate,
        "strengths": strengths,
        "labels": scores,
    }


def choose_source(split: str, generator: np.random.Generator) -> str:
    """A photograph of a split, or a kind of rendered picture, of which every clip has its own."""
    if generator.random() < 0.4:
        return str(generator.choice(RENDERED))
    return str(generator.choice(photographs(split)))


def draw_strengths(generator: np.random.Generator) -> dict[str, float]:
    """Strength of each degradation: none in a tenth of the clips, else each of them in every third."""
    codes = AESTHETIC + TECHNICAL
    on = generator.random(len(codes)) < (0.33 if generator.random() < 0.9 else 0)
    strengths = generator.uniform(0.1, 1, len(codes)) * on
    return {code: round(float(strength), 4) for code, strength in zip(codes, strengths, strict=True)}


def rate_clip(strengths: dict[str, float], generator: np.random.Generator) -> dict[str, float]:
    """Mean votes of 35 simulated raters in each dimension.

    A rater sees a clip as bad as `degradations.perceived` says, off by a leaning of his own (deviation 0.12 of
    the range) and by chance (0.15), and gives the nearest vote: 1 to 5 for O, A-all and T-all, -1, 0 or 1 for the
    others.
    """
    bad = perceived(strengths)
    leaning = generator.normal(0, 0.12, RATERS)
    scores = {}
    for dimension in DIMENSIONS:
        seen = SEEN_AT_BEST - SEEN_LOSS * bad[dimension.code] + leaning + generator.normal(0, 0.15, RATERS)
        low, high = (1, 5) if dimension.code in FIVE_POINTS else (-1, 1)
        votes = np.clip(np.rint(low + (high - low) * seen), low, high)
        scores[dimension.code] = float(votes.mean())
    return scores


def write_labels(folder: Path, facts: list[dict[str, Any]]) -> None:
    """MaxWell's four label files: line i of a list belongs to row i of its table."""
    codes = [dimension.code for dimension in DIMENSIONS]
    for split, table, names in (
        ("train", "MaxWell_train.csv", "train_labels.txt"),
        ("validation", "MaxWell_val.csv", "test_labels.txt"),
    ):
        rows = [clip for clip in facts if clip["split"] == split]
        lines = [",".join(codes), *(",".join(f"{clip['labels'][code]:.9f}" for code in codes) for clip in rows)]
        (folder / table).write_text("\n".join(lines) + "\n")
        lines = [f"{clip['name']}, -1, -1, {clip['labels']['O']:.3f}" for clip in rows]
        (folder / names).write_text("\n".join(lines) + "\n")


MARK = "synthetic.json"  # a file that the synthetic database has, and no other
