"""Features of videos, extracted once."""

import contextlib
import dataclasses
import functools
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import numpy as np

from ..errors import VideoError
from ..models.last_stages import encode_first
from ..results.suspicious import identical_outputs
from ..system.compilation import jitted
from ..system.files import lock_folder
from ..system.terminal import Log
from ..system.threads import stoppable_threads
from ..video.integrity import content_sha256
from ..video.limits import DecodeLimits
from ..video.sampling import Sampling
from ..video.workers import decode_files
from ..weights.assemble import encoders_id
from ..weights.directory import Weights
from .ahead import encode_ahead
from .encoder import Encoder
from .store import VERSION, Features, open_shards, read_index, store_row


def extract(
    paths: Sequence[str],
    encoders: Weights,
    root: str | os.PathLike,
    sampling: Sampling,
    limits: DecodeLimits = DecodeLimits(),  # noqa: B008, it is frozen
    last: int = 0,
) -> tuple[Features, dict[str, str]]:
    """Features of video files; those that `root` has already are not computed again.

    Where several processes work on one training, each extracts its share.

    Args:
        paths: video files.
        encoders: with the encoders among their parts.
        root: folder of all features; these go into a folder of their encoders, sampling rule and seed.
        sampling: of which features are of the first sample.
        last: where so many of the encoders' last stages are to be trained, what goes into them is stored instead.

    Returns:
        Features of the videos that could be decoded, in order, and a sentence for each other path.

    Raises:
        UserError: the folder is in use or cannot be written, or a shard in it is not whole.
        OSError: no space is left; what was finished is kept.
    """
    encoder = Encoder(encoders.parts)
    sampling = dataclasses.replace(sampling, views=encoder.views)
    shown = f"-{sampling.display_height}" if encoder.views == "pieces" else ""
    name = f"{encoders_id(encoders.parts)}-{sampling.rule}{shown}-seed{sampling.seed}-v{VERSION}"
    folder = Path(root) / (f"{name}-before-last{last}" if last else name)
    process, processes = jax.process_index(), jax.process_count()
    share = range(process, len(paths), processes)
    keys, errors = find_keys([paths[i] for i in share])
    if lacking(keys, folder):
        with lock_folder(folder, process):
            encode: Callable = encoder
            if last:
                encode = jitted(functools.partial(encode_first, last=last), *encoder.modules)
            errors |= write_features(lacking(keys, folder), encode, folder, process, sampling, limits)
    return gather(paths, keys, errors, folder)


def lacking(keys: dict[str, str], folder: Path) -> dict[str, str]:
    """The videos whose features are not there, given and returned as path and SHA-256."""
    known = read_index(folder)
    return {path: key for path, key in keys.items() if key not in known}


def find_keys(paths: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """SHA-256 of each video file, and a sentence for each that cannot be read."""
    keys, errors = {}, {}
    with stoppable_threads() as (pool, each):
        hashed = pool.map(functools.partial(hash_file, each=each), paths)
        for path, (digest, error) in zip(paths, hashed, strict=True):
            if error:
                errors[path] = error
            else:
                keys[path] = digest
    return keys, errors


def hash_file(path: str, each: Callable[[], None]) -> tuple[str, str]:
    """SHA-256 of a video file, or a sentence why there is none; `each` is called again and again meanwhile."""
    try:
        return content_sha256(path, each), ""
    except VideoError as error:
        return "", str(error)


def write_features(
    todo: dict[str, str], encode: Callable, folder: Path, process: int, sampling: Sampling, limits: DecodeLimits
) -> dict[str, str]:
    """Decodes, encodes and stores videos, given as path and SHA-256, and returns a sentence for each that failed."""
    errors, outcomes = {}, []
    shards, log = open_shards(folder, process, len(todo)), Log()
    bar = log.progress("extracting")
    with bar, contextlib.closing(decode_files([*todo], sampling, limits)) as decoded:
        for video, encoded in bar.track(encode_ahead(encode, decoded), total=len(todo)):
            if encoded is None:
                errors[video.path] = video.error
                continue
            with np.errstate(over="ignore"):
                features = np.asarray(encoded).astype(np.float16)
            if video.facts["sha256"] != todo[video.path]:
                errors[video.path] = f"{video.path} changed while it was read: start again when it is whole."
            elif not np.isfinite(features).all():
                errors[video.path] = f"{video.path} has features beyond float16: are the weights sound?"
            else:
                store_row(next(shards), os.path.basename(video.path), todo[video.path], features)
                outcomes.append((video.path, video.facts["sha256"], hashlib.sha256(features.data).digest()))
    for sentence in identical_outputs(outcomes, "features"):
        log.warn(sentence)
    return errors


def gather(
    paths: Sequence[str], keys: dict[str, str], errors: dict[str, str], folder: Path
) -> tuple[Features, dict[str, str]]:
    """Features of all paths, and all errors, from what each process knows of its share."""
    if jax.process_count() > 1:
        from jax.experimental import multihost_utils

        known = json.dumps([keys, errors]).encode()
        length = int(multihost_utils.process_allgather(np.array(len(known))).max())
        everyone = multihost_utils.process_allgather(np.frombuffer(known.ljust(length), np.uint8))
        for row in everyone:
            other_keys, other_errors = json.loads(row.tobytes())
            keys |= other_keys
            errors |= other_errors
    index = read_index(folder)
    found = [keys[path] for path in paths if path not in errors]
    return Features([index[digest] for digest in found], found), errors
