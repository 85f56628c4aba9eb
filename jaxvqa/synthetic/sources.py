"""Photographs and clips of a user's folders: which show the same scene, which are held out, and their frames."""

import csv
import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ..errors import UserError
from ..system.terminal import Log
from ..video.decode import open_container, open_video
from ..video.find import is_leftover
from ..video.presentation import Presentation, Screen
from ..video.streams import choose_stream
from .flaws import Clip

BITS = 0.15  # of a file, for each pixel of a frame: below, its own encoder shows
TEXTS = (".csv", ".md", ".txt")  # suffixes of what stands next to photographs and clips
LEAST = 320  # lines of a source


@dataclass(frozen=True)
class Source:
    """A photograph or a clip, and the scene that it shows."""

    path: Path
    scene: str
    clip: bool


def find_sources(photos: Path, clips: Path) -> list[Source]:
    """The photographs and clips of two folders.

    Where a folder has an ATTRIBUTION.csv with columns file and scene, it tells which show the same; else each file is a
    scene of its own.

    Raises:
        UserError: there are none, or a file is no such thing.
        VideoError: a clip cannot be opened.
    """
    found = []
    for folder in (photos, clips):
        if not folder.is_dir():
            raise UserError(f"{folder} is no folder.")
        table, scenes = folder / "ATTRIBUTION.csv", {}
        if table.exists():
            with table.open(newline="") as file:
                scenes = {row["file"]: row["scene"] for row in csv.DictReader(file)}
        files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.suffix.lower() not in TEXTS]
        if left_out := [path for path in files if is_leftover(str(path))]:
            Log()(f"{folder}: left out {len(left_out)} that are hidden or unfinished downloads, such as {left_out[0]}")
            files = [path for path in files if path not in left_out]
        lines = (lambda path: min(photo(path).size)) if folder == photos else sharp_lines
        found += [
            Source(path, scenes.get(path.name, path.stem), folder == clips) for path in files if lines(path) >= LEAST
        ]
    if not found:
        raise UserError(f"{photos} and {clips} hold no photographs and clips to train on.")
    return found


def split(sources: Sequence[Source], part: str) -> list[Source]:
    """The sources of "train" or of "validation", which is about every eighth scene of the photographs and of the clips.

    Which, depends on a scene's name alone, so that a scene that is held out stays so when others join or leave it. Of
    eight scenes or more, one is held out at least.
    """

    def place(scene: str) -> float:
        return int.from_bytes(hashlib.sha256(scene.encode()).digest()[:4]) / 2**32

    held = set()
    for clip in (False, True):
        scenes = sorted({source.scene for source in sources if source.clip == clip}, key=place)
        if len(scenes) >= 8:
            held |= {scenes[0], *(scene for scene in scenes if place(scene) < 1 / 8)}
    return [source for source in sources if (source.scene in held) == (part == "validation")]


@functools.lru_cache(48)
def photo(path: Path) -> Image.Image:
    """A photograph.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is no photograph that can be read: move it away.") from error


@functools.lru_cache(40)
def clip_frames(path: Path) -> Clip:
    """The first frames of a clip, with no more pixels than its file has bits for."""
    frames = []
    with open_container(path) as container:
        stream, _ = choose_stream(container)
        screen = Screen(Presentation.of(path, stream))
        for frame in screen.frames(container.decode(stream)):
            picture = Image.fromarray(screen.show(frame))
            if not frames:
                lines = sharp_lines(path)
                size = [round(side * lines / min(picture.size)) for side in picture.size]
            frames.append(np.asarray(picture.resize(size, Image.Resampling.LANCZOS)))
            if len(frames) == 60:
                break
    return np.stack(frames)


@functools.cache
def sharp_lines(path: Path) -> float:
    """The height (or width, if that is less) that a clip has bits for: 0.15 a pixel, and 720 lines at most."""
    video = open_video(path)
    short = min(video.height, video.width)
    bits = 8 * path.stat().st_size / (video.frames * video.height * video.width)
    return min(720, short * min(1, (bits / BITS) ** 0.5))
