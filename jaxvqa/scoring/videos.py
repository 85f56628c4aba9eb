"""Video files to rows of scores."""

import itertools
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from .. import __version__
from ..explain.report import Entry, page
from ..explain.section import Section, section
from ..features.ahead import encode_ahead
from ..model import Model
from ..results.moments import over_time, pool
from ..results.rows import DEVIATION, DISPLAY, HIGH, LOW, MOS, RAW, Row
from ..results.scores import Scores
from ..results.store import Results, remove_report
from ..system.files import write_atomic
from ..system.terminal import Log
from ..video.limits import DecodeLimits
from ..video.sampling import Sampling
from ..video.workers import Decoded, decode_samples, noted
from ..weights.known_opinions import opinions_of
from ..weights.model_card import display_scale, not_scored, unvalidated
from .coding import coding_facts
from .kept import find_kept, has_files, same_work, section_path, shown_height


class Scored(NamedTuple):
    """What became of videos.

    Attributes:
        rows: one for each path, in order.
        kept: how many of them are of earlier runs.
    """

    rows: list[Row]
    kept: int


def score_videos(
    model: Model, paths: Sequence[str], sampling: Sampling, limits: DecodeLimits, results: Results, report: bool = False
) -> Scored:
    """Scores videos that earlier runs have not, and writes their rows, and the report if asked for.

    Time steps are written if `results` keep them.
    """
    sampling = model.sampling(sampling)

    def same(row: Row) -> bool:
        there = has_files(results.folder, row, report, results.per_moment)
        return same_work(row, sampling, model.custom) and there

    kept = find_kept(results.rows, paths, sampling.seed, model.weights_id, same)
    todo = [path for path in paths if path not in kept]
    scored, log = {}, Log()
    if todo:
        remove_report(results.folder, None if report else log)
    decoded = decode_samples(todo, sampling, limits, stills=report)
    with log.progress("scoring") as bar, closing(decoded):
        for samples, scores in bar.track(score_samples(model, decoded), total=len(todo)):
            row = score_row(model, samples, scores, sampling)
            scored[row["path"]] = row
            moments = []
            if scores and (report or results.per_moment):
                explanation = model.explanation(samples, scores, sampling)
                if report:
                    (results.folder / "sections").mkdir(exist_ok=True)
                    write_atomic(section_path(results.folder, row), json.dumps(section(explanation)._asdict()))
                moments = explanation.moments if results.per_moment else []
            results.add(row, moments)
    rows = [kept.get(path) or scored[path] for path in paths]
    if report:
        write_atomic(results.folder / "report.html", page([entry(results, row) for row in rows], model.card))
    return Scored(rows, len(kept))


def score_samples(model: Model, decoded: Iterable[Decoded]) -> Iterator[tuple[list[Decoded], Scores | None]]:
    """The samples of each video, in order, and its scores, as `Model.score_samples` gives them."""
    for _, encoded in itertools.groupby(encode_ahead(model.encode, decoded), key=lambda encoded: encoded[0].path):
        yield model.score_samples(encoded)


def score_row(model: Model, samples: Sequence[Decoded], scores: Scores | None, sampling: Sampling) -> Row:
    """The row of one video; what could not be decoded becomes a row with its error."""
    video = samples[0]
    row: Row = {
        "path": video.path,
        "status": failure(video),
        "seed": sampling.seed,
        "weights": model.weights_id,
        "jaxvqa": __version__,
        **video.facts,
    }
    row |= {"sampling": sampling.rule, "display_height": shown_height(sampling)}
    row |= {"repeats": len(samples), "dense": sampling.dense, "notes": noted(samples)}
    row |= {"unvalidated": " ".join(unvalidated(model.card)), "not_scored": " ".join(not_scored(model.card))}
    if scores is None:
        return {**row, "error": video.error}
    row["status"] = "ok"
    row["coding"] = coding_facts(video.video.coding) if video.video and video.video.coding else None
    for names, numbers in ((RAW, scores.raw), (DISPLAY, scores.display), (DEVIATION, scores.deviation)):
        if numbers is not None:
            row |= cells(names, numbers)
    if opinions := opinions_of(model.card, model.weights_id):
        means = opinions.scores(scores.raw)
        row |= cells(MOS, means) | cells(LOW, means - opinions.half) | cells(HIGH, means + opinions.half)
    if scores.samplings is not None:
        row["samplings"] = [[None if np.isnan(x) else round(float(x), 6) for x in raw] for raw in scores.samplings]
    row["custom"] = {str(pair): round(score, 6) for pair, score in scores.custom.items()}
    _, display = over_time(scores.local, display_scale(model.card))
    row["pooled"] = pool(display)
    row |= {f"{DISPLAY[0]}_{name}": value for name, value in row["pooled"].get(RAW[0], {}).items()}
    return row


def cells(names: Sequence[str], numbers: Float[np.ndarray, "16"]) -> Row:
    """Numbers as they stand in a row, by the names of their columns; None for NaN."""
    pairs = zip(names, numbers.tolist(), strict=True)
    return {name: None if math.isnan(number) else round(number, 6) for name, number in pairs}


def failure(video: Decoded) -> str:
    """The status of a file that could not be scored: of what is not whole, "damaged"."""
    return "damaged" if video.damaged else "error"


def entry(results: Results, row: Row) -> Entry:
    """A row as an entry of the report."""
    if row["status"] != "ok":
        return Entry(row["path"], error=row["error"])
    path = section_path(results.folder, row)
    scores = [np.nan if row[name] is None else row[name] for name in DISPLAY]
    return Entry(row["path"], scores, lambda: Section(**json.loads(path.read_text(encoding="utf-8"))))
