"""Recomputes golden arrays of the published implementation with converted weights, and compares.

A golden folder holds, for one set of weights: `text.npz`, `clip_visual.npz`, `swin_TxHxW.npz`,
`fastvqa_head.npz`, `video_NAME.npz` and `frame_sampler.json`. Arrays are channels-last. What it holds of training is
compared in `jaxvqa.train.parity`.
"""

import json
import re
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt8

from .compilation import jitted
from .dimensions import default_prompts
from .errors import UserError
from .files import SUFFIXES
from .model import Model
from .models.clip_resnet import CLIPResNet
from .models.swin3d import VideoSwin
from .models.visual import normalize
from .prompts import prompt_tree, tokenize
from .video.decode import open_video
from .video.sampling import CLIP_FRAMES, CLIPS, GRID, MOMENTS, SIDE, SamplingPlan, frame_indices, start_range
from .video.views import video_views
from .weights import Weights

EXACT = 0.0
SAMPLED_FRAMES = 16  # views are stored every 16th frame


class Comparison(NamedTuple):
    """One golden array beside ours.

    Attributes:
        limit: largest allowed difference, relative to the largest golden value.
        fraction: of values that may differ by one level, for uint8; they count as equal then.
    """

    array: str
    ours: np.ndarray
    golden: np.ndarray
    limit: float
    fraction: float = 0.0

    @property
    def difference(self) -> float:
        """Largest absolute difference; infinite where shapes differ or a value is not a number."""
        if self.ours.shape != self.golden.shape:
            return np.inf
        difference = np.abs(self.ours.astype(np.float64) - self.golden.astype(np.float64))
        return float(np.nan_to_num(difference, nan=np.inf).max(initial=0))

    @property
    def relative(self) -> float:
        """The same relative to the largest golden value."""
        return self.difference / max(float(np.abs(self.golden.astype(np.float64)).max(initial=0)), 1e-30)

    @property
    def passed(self) -> bool:
        """Whether the difference is within the limit."""
        if self.fraction:
            return self.difference <= 1 and float((self.ours != self.golden).mean()) < self.fraction
        return self.difference == 0 if self.limit == EXACT else self.relative <= self.limit


def compare_folder(
    folder: Path, weights: Weights, videos: Path | None, deep: Weights | None = None
) -> Iterator[tuple[str, Comparison | str]]:
    """Compares every file of a golden folder.

    Args:
        weights: those that the golden numbers are of.
        videos: folder of the videos that `video_NAME.npz` are of.
        deep: the same with the deep fusion MLP, for the training runs that start from it.

    Yields:
        File name, and a comparison for each of its arrays, or a sentence why there is none.

    Raises:
        UserError: the folder does not exist, or `videos` lacks a video.
    """
    if not folder.is_dir():
        raise UserError(f"golden folder {folder} does not exist.")
    compared: dict[str, Callable] = {
        r"text\.npz": compare_text,
        r"clip_visual\.npz": compare_clip_visual,
        r"swin_\d+x\d+x\d+\.npz": compare_swin,
        r"fastvqa_head\.npz": compare_fastvqa_head,
        r"frame_sampler\.json": compare_frame_sampler,
    }
    from .train import parity as training  # which rests on what is defined here

    compared |= {r"losses\.npz": training.compare_losses, r"schedule\.npz": training.compare_schedule}
    compared[r"train_(?!data).*\.npz"] = partial(training.compare_training, shallow=weights, deep=deep)
    model = Model(weights)
    compared[r"video_.*\.npz"] = partial(compare_video, model=model, videos=videos)
    for path in sorted(folder.iterdir()):
        functions = [function for pattern, function in compared.items() if re.fullmatch(pattern, path.name)]
        if not functions:
            yield path.name, "not compared: holds no outputs"
        elif path.name.startswith("video_") and videos is None:
            yield path.name, "not compared: no folder of videos given"
        else:
            try:
                for comparison in functions[0](path, weights.parts):
                    yield path.name, comparison
            except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
                raise UserError(f"{path} is no golden file of this layout: {error}.") from error


def pattern_video(frames: int, height: int, width: int, seed: int) -> UInt8[np.ndarray, "frames height width 3"]:
    """The input of golden files without a video: drifting waves, a moving edge and grain, the same on every machine."""
    random = np.random.RandomState(seed)
    t, y, x = (
        np.arange(n).reshape(shape) for n, shape in ((frames, (-1, 1, 1, 1)), (height, (-1, 1, 1)), (width, (-1, 1)))
    )
    frequency, phase = random.randint(3, 40, (2, 3)), random.randint(0, 256, 3)
    wave = (y * frequency[0] + x * frequency[1] + 5 * t + phase) % 256
    edge = (x + 3 * t + y // 2) // 37 % 2 * 60
    grain = random.randint(0, 40, (frames, height, width, 3))
    return ((wave * 3 // 5 + edge + grain) % 256).astype(np.uint8)


def compare_text(path: Path, parts: dict) -> Iterator[Comparison]:
    """Tokens and features of the default prompts, with and without the context vector."""
    golden = np.load(path)
    text, head = parts["clip_text"], parts["maxvqa"]
    tokens = tokenize(default_prompts())
    tree = prompt_tree(tokens)
    embeddings = text.embedding(jnp.asarray(tree.tokens))
    yield Comparison("tokens", tokens, golden["tokens"], EXACT)
    yield Comparison("token_features", np.asarray(text(embeddings, tree)), golden["token_features"], 2e-5)
    yield Comparison("ctx", np.asarray(head.context[...])[None, None], golden["ctx"], EXACT)
    features = np.asarray(head.text_features(text, embeddings, tree))
    yield Comparison("prompt_features", features, golden["prompt_features"], 2e-5)


def compare_clip_visual(path: Path, parts: dict) -> Iterator[Comparison]:
    """Every step of the aesthetic encoder."""
    golden = np.load(path)
    frames = normalize(pattern_video(3, SIDE, SIDE, int(golden["input_seed"])))
    steps = jitted(CLIPResNet.intermediates, parts["clip_visual"])(frames)
    yield from compare_steps(golden, steps, every=997)


def compare_swin(path: Path, parts: dict) -> Iterator[Comparison]:
    """Every step of the technical encoder for one size of input."""
    golden = np.load(path)
    yield from compare_steps(golden, swin_steps(path, parts), every=1999)


def swin_steps(path: Path, parts: dict) -> dict[str, jax.Array]:
    """The steps of the technical encoder for the input that a file is named after."""
    frames, height, width = map(int, path.stem.removeprefix("swin_").split("x"))
    clip = normalize(pattern_video(frames, height, width, int(np.load(path)["input_seed"])))
    return jitted(VideoSwin.intermediates, parts["swin"])(clip[None])


def compare_steps(golden, steps: dict[str, jax.Array], every: int) -> Iterator[Comparison]:
    """Steps stored whole under their name, or every so many values of them as NAME_sample."""
    for array in golden.files:
        if array == "input_seed":
            continue
        step = np.asarray(steps[array.removesuffix("_sample")])
        yield Comparison(array, step.reshape(-1)[::every] if array.endswith("_sample") else step, golden[array], 2e-5)


def compare_fastvqa_head(path: Path, parts: dict) -> Iterator[Comparison]:
    """FAST-VQA's own score of the 32x224x224 input."""
    golden = np.load(path)
    score_map = np.asarray(parts["fastvqa_head"](swin_steps(path.with_name("swin_32x224x224.npz"), parts)["features"]))
    yield Comparison("score_map", score_map, golden["score_map"], 2e-5)
    yield Comparison("score", score_map.mean(), golden["score"], 2e-5)


def compare_frame_sampler(path: Path, parts: dict) -> Iterator[Comparison]:
    """Frame numbers for given random starts, for videos of many lengths."""
    for name, entry in json.loads(path.read_text()).items():
        clips, length = (CLIPS, CLIP_FRAMES) if name.startswith("technical") else (MOMENTS, 1)
        starts = np.zeros(clips, int) if entry["offsets"] is None else np.array(entry["offsets"])
        indices = frame_indices(int(name.split("/")[1]), clips, length, starts)
        yield Comparison(name, indices, np.array(entry["indices"]), EXACT)


def compare_video(path: Path, parts: dict, model: Model, videos: Path) -> Iterator[Comparison | str]:
    """A real video from file to scores.

    Of frames smaller than 224, the published technical view is a slip that we do not repeat
    (it samples only the top-left part of the upsampled frame), so what follows from it is left out.
    """
    name = path.stem.removeprefix("video_")
    files = (
        [file for file in sorted(videos.iterdir()) if file.stem == name and file.suffix.lower() in SUFFIXES]
        if videos.is_dir()
        else []
    )
    if not files:
        raise UserError(f"{videos} has no video {name}, which {path} is about.")
    golden, video = np.load(path), open_video(files[0])

    for array, clips, length in (("technical_indices", CLIPS, CLIP_FRAMES), ("aesthetic_indices", MOMENTS, 1)):
        starts = golden[array][::length] - video.frames // clips * np.arange(clips)
        starts = np.clip(starts, 0, start_range(video.frames, clips, length) - 1)
        yield Comparison(array, frame_indices(video.frames, clips, length, starts), golden[array], EXACT)

    none = np.zeros((GRID, GRID, CLIPS), int)
    offsets = [golden[array] if golden[array].size else none for array in ("offsets_h", "offsets_w")]
    views = video_views(video, SamplingPlan(golden["technical_indices"], golden["aesthetic_indices"], *offsets))
    features = model.features(views)
    sample, golden_sample = features[::8, ::5], golden["features_sample"]
    aesthetic = views.aesthetic[::SAMPLED_FRAMES]
    yield Comparison("aesthetic_sample", aesthetic, golden["aesthetic_sample"], EXACT, fraction=1e-4)
    yield Comparison("aesthetic_mean", views.aesthetic.mean(axis=(1, 2)), golden["aesthetic_mean"], 2e-5)
    if min(video.height, video.width) < SIDE:
        yield "technical view and what follows from it not compared: frames below 224 are sampled whole here"
        yield Comparison("features_sample (CLIP)", sample[..., :1024], golden_sample[..., :1024], 1e-4)
        return
    yield Comparison("technical_sample", views.technical[::SAMPLED_FRAMES], golden["technical_sample"], EXACT)
    yield Comparison("technical_mean", views.technical.mean(axis=(1, 2)), golden["technical_mean"], 1e-9)
    scores = model.score_features(features)
    yield Comparison("features_sample", sample, golden_sample, 1e-4)
    yield Comparison("local", scores.local, golden["local"], 2e-4)
    yield Comparison("score", scores.raw, golden["score"], 1e-4)
