"""The scoring task: video files to a table of scores."""

import json
import math
from collections.abc import Iterable
from contextlib import closing
from typing import Any

import ml_collections
from jaxtyping import Array, Float
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .dimensions import DIMENSIONS
from .errors import UserError
from .files import find_videos
from .model import Model, encode_ahead, load
from .results import DISPLAY, RAW, Results, Row
from .terminal import printable, progress, table_console
from .video.decode import VideoError, content_sha256
from .video.sampling import check_seed
from .video.workers import Decoded, decode_files
from .weights import HOW_TO_GET, RANDOM

SCALE = (
    "Scores go from 0 to 100, higher is better in every dimension: noise 90 means little noise. 50 is {centre}. "
    "Compare videos within a column, not columns; raw scores are in the files."
)


def run(config: ml_collections.ConfigDict) -> int:
    """Scores all videos that `config` names, writes the results and prints the table.

    Returns:
        Exit code: 0, or 1 if a video could not be scored.

    Raises:
        UserError: the config names no videos or no usable weights.
    """
    if not config.videos:
        raise UserError("no videos given: add --config.videos=FILE, FOLDER, GLOB or LIST.txt.")
    if not config.weights:
        raise UserError(f"no weights given: add --config.weights=DIR; to get them, {HOW_TO_GET}.")
    check_seed(config.seed)
    paths, left_out = find_videos(config.videos)
    log = Console(stderr=True)
    if left_out:
        log.print(
            Text(printable(f"left out {len(left_out)} that are no videos by their suffix, such as {left_out[0]}")),
            soft_wrap=True,
        )
    if config.weights in RANDOM:
        log.print("weights are random, as asked: these scores mean nothing")
    model = load(config.weights, config.precision)

    results = Results(config.output)
    (results.folder / "config.json").write_text(json.dumps(config.to_dict(), indent=1, sort_keys=True) + "\n")
    earlier = {path: results.rows.get((path, config.seed, model.weights_id)) for path in paths}
    kept = {
        path: row for path, row in earlier.items() if row and row["status"] == "ok" and row["sha256"] == content(path)
    }
    todo = [path for path in paths if path not in kept]
    scored = {}
    try:
        with progress("scoring", log) as bar, closing(decode_files(todo, config.seed, config.workers)) as decoded:
            for video, features in bar.track(encode_ahead(model.encode, decoded), total=len(todo)):
                scored[video.path] = row = score_row(model, video, features, config.seed)
                results.add(row)
    finally:
        results.close()

    rows = [kept.get(path) or scored[path] for path in paths]
    print_table(rows, model.training)
    failed = [row for row in rows if row["status"] != "ok"]
    for row in failed:
        log.print(Text(printable(f"failed: {row['error']}")), soft_wrap=True)
    log.print(
        Text(
            f"{len(rows) - len(failed)} of {len(rows)} videos scored ({len(kept)} of them in an earlier run): "
            f"{results.csv_path}, {results.json_path}"
        ),
        soft_wrap=True,
    )
    return 1 if failed else 0


def score_row(model: Model, video: Decoded, features: Float[Array, "64 49 1792"] | None, seed: int) -> Row:
    """The row of one video; what could not be decoded becomes a row with its error."""
    row: Row = {"path": video.path, "status": "error", "seed": seed, "weights": model.weights_id, **video.facts}
    row["unvalidated"] = " ".join(unvalidated(model.training))
    if "fps" in row:
        row["fps"] = round(row["fps"], 6) if math.isfinite(row["fps"]) else None
    if features is None:
        return {**row, "error": video.error}
    scores = model.score_features(features)
    row["status"] = "ok"
    row.update((name, round(float(score), 6)) for name, score in zip(RAW, scores.raw, strict=True))
    row.update((name, round(float(score), 6)) for name, score in zip(DISPLAY, scores.display, strict=True))
    return row


def content(path: str) -> str | None:
    """SHA-256 of a file, None if it cannot be read, or is none any more."""
    try:
        return content_sha256(path)
    except VideoError:
        return None


def unvalidated(training: dict[str, Any] | None) -> list[str]:
    """Codes of the dimensions in which released weights were not tested on real videos."""
    if not training or "validated" not in training:
        return []
    return [dimension.code for dimension in DIMENSIONS if dimension.code not in training["validated"]]


def print_table(rows: Iterable[Row], training: dict[str, Any] | None) -> None:
    """Prints the scores on the display scale, a video a line, and what they mean."""
    out = table_console()
    table = Table("video", box=None, pad_edge=False, padding=(0, 1, 0, 0))
    untested = unvalidated(training)
    headers = [dimension.code + "*" * (dimension.code in untested) for dimension in DIMENSIONS]
    for header in headers:
        table.add_column(header, justify="right", no_wrap=True)
    scores_width = sum(1 + max(len(header), 3) for header in headers)  # a score has three characters at most
    for row in rows:
        scores = [f"{100 * row[name]:.0f}" if row["status"] == "ok" else "-" for name in DISPLAY]
        name, room = printable(row["path"]), max(out.width - scores_width, 10)
        table.add_row(Text(name if len(name) <= room else f"…{name[1 - room :]}", no_wrap=True), *scores)
    out.print(table)
    names = ", ".join(f"{dimension.code} {dimension.name}" for dimension in DIMENSIONS)
    centre = "the average of the videos trained on" if training else "the centre of the published demo's display scale"
    out.print(Text(f"\n{names}.\n{SCALE.format(centre=centre)}"))
    if untested:
        out.print(Text(f"{training['name']}: {training['limits']}. Dimensions with * are not validated."))
    elif training:
        untrained = [d.code for d in DIMENSIONS if d.code not in training["dimensions"]]
        out.print(
            Text(
                f"Trained on {', '.join(training['databases'])}."
                + (" That is synthetic: rendered clips and simulated raters." if training["synthetic"] else "")
                + (f" Never trained: {', '.join(untrained)}." if untrained else "")
            )
        )
