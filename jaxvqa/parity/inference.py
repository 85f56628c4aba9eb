"""Golden outputs of the published encoders, text features, views and scores beside ours."""

import json
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt8

from ..dimensions import default_prompts
from ..errors import UserError
from ..geometry import CLIP_FRAMES, CLIPS, GRID, MOMENTS, SIDE
from ..model import Model
from ..models.clip_resnet import CLIPResNet
from ..models.clip_text import prompt_tree
from ..models.swin3d import VideoSwin
from ..models.visual_encoders import normalize
from ..system.compilation import jitted
from ..text.tokens import tokenize
from ..video.decode import open_video
from ..video.find import SUFFIXES
from ..video.sampling import SamplingPlan, frame_indices, start_range
from ..video.views import video_views
from .comparison import EXACT, Comparison

SAMPLED_FRAMES = 16  # views are stored every 16th frame


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
