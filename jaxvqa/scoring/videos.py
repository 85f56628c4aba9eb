"""Video files to rows of scores."""

import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import ml_collections
from rich.console import Console
from rich.text import Text

from ..errors import VideoError
from ..explain.report import Entry, report, section
from ..features.encoder import encode_ahead
from ..model import Model, load
from ..results.rows import DEVIATION, DISPLAY, RAW, Row
from ..results.scores import Scores
from ..results.store import Results
from ..results.suspicious import constant_scores
from ..system.files import write_atomic
from ..system.terminal import progress
from ..tasks.inputs import choose_weights, decode_limits
from ..tasks.output import tell_failures
from ..text.prompts import join, read_pairs
from ..video.integrity import content_sha256
from ..video.views import video_dense_plans
from ..video.workers import Decoded, Decoders, decode_files
from ..weights.model_card import unvalidated


def score_videos(
    config: ml_collections.ConfigDict, paths: Sequence[str], log: Console
) -> tuple[list[Row], dict[str, Any] | None]:
    """Scores videos that earlier runs have not, and writes the results.

    Returns:
        A row for each path, and the account of the weights' training.
    """
    own = read_pairs(config.own)
    model = load(choose_weights(config.weights, log), config.precision, own)

    results = Results(config.output)
    write_atomic(results.folder / "config.json", json.dumps(config.to_dict(), indent=1, sort_keys=True) + "\n")
    earlier = {path: results.rows.get((path, config.seed, model.weights_id)) for path in paths}
    kept = {
        path: row
        for path, row in earlier.items()
        if row and row["status"] == "ok" and same_work(row, config, own) and row["sha256"] == content(path)
        if not config.report or section_path(results, row).exists()
    }
    todo = [path for path in paths if path not in kept]
    scored = {}
    try:
        with progress("scoring", log) as bar, closing(decode_samples(todo, model, config)) as looked:
            for looks, scores in bar.track(looked, total=len(todo)):
                row = score_row(model, looks, scores, config)
                scored[row["path"]] = row
                if config.report and scores:
                    (results.folder / "sections").mkdir(exist_ok=True)
                    explanation = model.explanation(looks, scores, config.seed, config.dense)
                    write_atomic(section_path(results, row), section(explanation))
                results.add(row)
        rows = [kept.get(path) or scored[path] for path in paths]
        if config.report:
            write_atomic(results.folder / "report.html", report([entry(results, row) for row in rows], model.training))
    finally:
        results.close()

    failed = tell_failures(rows, log)
    log.print(
        Text(
            f"{len(rows) - len(failed)} of {len(rows)} videos scored ({len(kept)} of them in an earlier run): "
            f"{results.csv_path}, {results.json_path}" + (f", {results.folder / 'report.html'}" * config.report)
        ),
        soft_wrap=True,
    )
    for sentence in constant_scores(rows):
        log.print(Text(sentence), soft_wrap=True)
    return rows, model.training


def decode_samples(
    paths: Sequence[str], model: Model, config: ml_collections.ConfigDict, decoders: Decoders | None = None
) -> Iterator[tuple[list[Decoded], Scores | None]]:
    """Decodes and scores videos, in order: the samplings of each, as in `Model.look`, and its scores."""
    with closing(decode(paths, config, decoders)) as decoded:
        for _, encoded in itertools.groupby(encode_ahead(model.encode, decoded), key=lambda encoded: encoded[0].path):
            yield model.look(encoded)


def decode(
    paths: Sequence[str], config: ml_collections.ConfigDict, decoders: Decoders | None = None
) -> Iterator[Decoded]:
    """Decodes each video as often as it is to be sampled, in order."""
    limits = decode_limits(config) | {"decoders": decoders}
    if not config.dense:
        yield from decode_files(paths, config.seed, config.workers, config.report, range(config.repeats), **limits)
        return
    for path in paths:
        [first] = decode_files([path], config.seed, 1, config.report, dense=True, **limits)
        yield first
        if first.views:
            rest = range(1, len(video_dense_plans(first.video)))
            yield from decode_files([path], config.seed, config.workers, config.report, rest, dense=True, **limits)


def same_work(row: Row, config: ml_collections.ConfigDict, own: Sequence[tuple[str, str]]) -> bool:
    """Whether a row, of the same seed and weights, is of the samplings and the words that are asked for now."""
    sampled = row["dense"] if config.dense else row["repeats"] == config.repeats and not row["dense"]
    return sampled and {join(pair) for pair in own} <= row["own"].keys()


def score_row(model: Model, looks: Sequence[Decoded], scores: Scores | None, config: ml_collections.ConfigDict) -> Row:
    """The row of one video; what could not be decoded becomes a row with its error."""
    video = looks[0]
    row: Row = {
        "path": video.path,
        "status": failure(video),
        "seed": config.seed,
        "weights": model.weights_id,
        **video.facts,
    }
    row |= {"repeats": len(looks), "dense": config.dense, "unvalidated": " ".join(unvalidated(model.training))}
    if scores is None:
        return {**row, "error": video.error}
    row["status"] = "ok"
    row.update((name, round(float(score), 6)) for name, score in zip(RAW, scores.raw, strict=True))
    row.update((name, round(float(score), 6)) for name, score in zip(DISPLAY, scores.display, strict=True))
    row["own"] = {join(pair): round(score, 6) for pair, score in scores.own.items()}
    if scores.deviation is not None:
        row.update((name, round(float(score), 6)) for name, score in zip(DEVIATION, scores.deviation, strict=True))
    return row


def failure(video: Decoded) -> str:
    """The status of a file that could not be scored: of what is not whole, "damaged"."""
    return "damaged" if video.damaged else "error"


def section_path(results: Results, row: Row) -> Path:
    """Where a video's section of the report is kept."""
    facts = [row[fact] for fact in ("path", "sha256", "seed", "repeats", "dense", "own", "weights")]
    return results.folder / "sections" / f"{hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:20]}.html"


def entry(results: Results, row: Row) -> Entry:
    """A row as an entry of the report."""
    if row["status"] != "ok":
        return Entry(row["path"], error=row["error"])
    path = section_path(results, row)
    return Entry(row["path"], [row[name] for name in DISPLAY], lambda: path.read_text(encoding="utf-8"))


def content(path: str) -> str | None:
    """SHA-256 of a file, None if it cannot be read, or is none any more."""
    try:
        return content_sha256(path)
    except VideoError:
        return None
