"""The scoring task: video files to a table of scores."""

import hashlib
import itertools
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import ml_collections
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from .alarms import constant
from .dimensions import DIMENSIONS
from .errors import UserError
from .explain.report import Entry, report, section
from .files import find_videos
from .model import Model, Scores, encode_ahead, load
from .prompts import join, read_pairs
from .results import COLUMNS, DEVIATION, DISPLAY, RAW, Results, Row, check_format, replace, text_of
from .terminal import printable, progress, table_console
from .video.decode import VideoError, content_sha256
from .video.sampling import check_repeats, check_seed
from .video.views import video_dense_plans
from .video.workers import Decoded, Decoders, decode_files
from .weights import RANDOM, default, downloaded, notice, trained_pairs, unvalidated

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
    check_settings(config)
    log = Console(stderr=True)
    rows, training = score_videos(config, find(config.videos, log), log)
    if config.format == "table":
        print_table(rows, training)
        print_deviations(rows)
        print_own(rows, config.own, training)
    else:
        sys.stdout.write(text_of(rows, COLUMNS, config.format))
    return 1 if any(row["status"] != "ok" for row in rows) else 0


def check_settings(config: ml_collections.ConfigDict) -> None:
    """Raises a UserError for settings that cannot work."""
    check_format(config.format)
    check_seed(config.seed)
    check_repeats(config.repeats, config.dense)
    read_pairs(config.own)


def find(sources: str | Sequence[str], log: Console) -> list[str]:
    """The videos that a user means, in one way or in several; says how many files are left out."""
    paths, left_out = [], []
    for source in [sources] if isinstance(sources, str) else sources:
        found, others = find_videos(source)
        paths += found
        left_out += others
    paths = list(dict.fromkeys(paths))
    if left_out:
        log.print(
            Text(printable(f"left out {len(left_out)} that are no videos by their suffix, such as {left_out[0]}")),
            soft_wrap=True,
        )
    return paths


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
    replace(results.folder / "config.json", json.dumps(config.to_dict(), indent=1, sort_keys=True) + "\n")
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
        with progress("scoring", log) as bar, closing(look_at(todo, model, config)) as looked:
            for looks, scores in bar.track(looked, total=len(todo)):
                row = score_row(model, looks, scores, config)
                scored[row["path"]] = row
                if config.report and scores:
                    (results.folder / "sections").mkdir(exist_ok=True)
                    explanation = model.explanation(looks, scores, config.seed, config.dense)
                    replace(section_path(results, row), section(explanation))
                results.add(row)
        rows = [kept.get(path) or scored[path] for path in paths]
        if config.report:
            replace(results.folder / "report.html", report([entry(results, row) for row in rows], model.training))
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
    for sentence in constant(rows):
        log.print(Text(sentence), soft_wrap=True)
    return rows, model.training


def choose_weights(given: str, log: Console) -> str:
    """The weights that a user gives, or the default ones; says what these are, and that random ones are random."""
    if given in RANDOM:
        log.print("weights are random, as asked: these scores mean nothing")
    if given:
        return given
    if default() == "mini":
        said = "weights: jaxvqa-mini, for no others are given; `jaxvqa download` fetches the published ones"
    else:
        said = f"weights: the published ones, in {downloaded()}"
    log.print(Text(said), soft_wrap=True)
    return default()


def look_at(
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


def decode_limits(config: ml_collections.ConfigDict) -> dict[str, float]:
    """What `decode_files` lets a video take."""
    return {"seconds": config.decode_seconds, "gigabytes": config.decode_gigabytes}


def tell_failures(rows: Iterable[Row], log: Console) -> list[Row]:
    """Says why videos could not be scored, and returns their rows."""
    failed = [row for row in rows if row["status"] != "ok"]
    for row in failed:
        log.print(Text(printable(f"failed: {row['error']}")), soft_wrap=True)
    return failed


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
    if said := notice(training):
        out.print(Text(said))


def print_deviations(rows: Iterable[Row]) -> None:
    """Prints how much raw scores differ between samplings of a video, if there are several."""
    found = [
        (row[name], dimension.name, row["path"])
        for row in rows
        if row["status"] == "ok" and row["repeats"] > 1
        for name, dimension in zip(DEVIATION, DIMENSIONS, strict=True)
    ]
    if not found:
        return
    most, name, path = max(found)
    mean = sum(deviation for deviation, *_ in found) / len(found)
    said = (
        f"Means of several samplings each: between them, raw scores deviate by {mean:.3f} on average, "
        f"by {most:.3f} at most ({name} of {printable(path)})."
    )
    table_console().print(Text(said))


def print_own(rows: Iterable[Row], words: str, training: dict[str, Any] | None) -> None:
    """Prints the scores of pairs of words, a video a line: those that weights were trained in, and a user's own."""
    trained = [join(pair) for pair in trained_pairs(training)]
    own = [words for words in map(join, read_pairs(words)) if words not in trained]
    if not trained + own:
        return
    out = table_console()
    headers = [*trained, *(f"{words} (zero-shot)" for words in own)]
    table = Table("", *(Column(Text(printable(header)), justify="right") for header in headers), box=None)
    for row in rows:
        if row["status"] == "ok":
            table.add_row(Text(printable(row["path"])), *(f"{row['own'][words]:.3f}" for words in trained + own))
    out.print(table)
    said = "Raw scores from 0 to 1, higher where the first words fit better; compare videos within a column."
    out.print(f"{said} Zero-shot: the weights were not trained on these words." if own else said)
