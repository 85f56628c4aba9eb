"""Recomputes golden arrays of the published implementation with converted weights, and compares.

A golden folder holds, for one set of weights: `text.npz`, `clip_visual.npz`, `swin_TxHxW.npz`,
`fastvqa_head.npz`, `video_NAME.npz` and `frame_sampler.json`. Arrays are channels-last. What it holds of training is
compared in `jaxvqa.parity.training`.
"""

import re
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from ..errors import UserError
from ..model import Model
from ..weights.directory import Weights
from .comparison import Comparison
from .inference import (
    compare_clip_visual,
    compare_fastvqa_head,
    compare_frame_sampler,
    compare_swin,
    compare_text,
    compare_video,
)
from .training import compare_losses, compare_schedule, compare_training


def check_folder(
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
    compared |= {r"losses\.npz": compare_losses, r"schedule\.npz": compare_schedule}
    compared[r"train_(?!data).*\.npz"] = partial(compare_training, shallow=weights, deep=deep)
    model = Model(weights)
    if videos:
        compared[r"video_.*\.npz"] = partial(compare_video, model=model, videos=videos)
    for path in sorted(folder.iterdir()):
        functions = [function for pattern, function in compared.items() if re.fullmatch(pattern, path.name)]
        if re.fullmatch(r"video_.*\.npz", path.name) and not videos:
            yield path.name, "not compared: no folder of videos given"
        elif not functions:
            yield path.name, "not compared: holds no outputs"
        else:
            try:
                for comparison in functions[0](path, weights.parts):
                    yield path.name, comparison
            except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
                raise UserError(f"{path} is no golden file of this layout: {error}.") from error
