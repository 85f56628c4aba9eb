"""The demo: a page, served on this machine, that takes one video or two and shows their reports."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..dimensions import DIMENSIONS
from ..example import EXAMPLE
from ..explain import report
from ..explain.render import source, template
from ..explain.report import Entry
from ..explain.section import Section, section
from ..model import Model
from ..system.files import write_atomic
from ..system.terminal import printable
from ..video.limits import DecodeLimits
from ..video.sampling import Sampling
from ..video.workers import decode_files
from ..weights.model_card import ModelCard, notice, scored, unvalidated

# For uploads and all that Gradio leaves, which reads where to put it when it is imported; goes with this process.
SCRATCH = tempfile.TemporaryDirectory(prefix="jaxvqa-", ignore_cleanup_errors=True)
os.environ["GRADIO_TEMP_DIR"] = SCRATCH.name
import gradio as gr  # noqa: E402, which reads GRADIO_TEMP_DIR now

KEPT = 3600  # seconds that an upload is kept for, to be compared with others

CSS = source("demo.css")
HEAD = f"<script>\n{source('demo.js')}</script>"


def page(model: Model, sampling: Sampling, limits: DecodeLimits, megabytes: int, folder: Path) -> gr.Blocks:
    """The page, with all that happens on it.

    Args:
        megabytes: that an upload may have.
        folder: for files that come and go.
    """

    def score(first, second):
        uploads = [upload for upload in (first, second) if upload]
        for html, path in score_uploads(model, sampling, limits, uploads, folder):
            yield html, gr.DownloadButton(value=path, visible=path is not None)

    with gr.Blocks(title="jaxvqa", analytics_enabled=False, delete_cache=(60, KEPT)) as blocks:
        gr.HTML(template("demo_head").render(seconds=limits.longest, megabytes=megabytes))
        with gr.Row():
            zones = [
                gr.File(label=label, height=160) for label in ("Video", "Second video, to compare with it (optional)")
            ]
        with gr.Row():
            start = gr.Button("Score", variant="primary")
            example = gr.Button("Try an example: a clip whose second half is worse")
        download = gr.DownloadButton("Download the report", size="sm", visible=False)
        shown = gr.HTML()
        # One job at a time. Gradio's `preprocess` would leave nothing of an upload but its path, and a stray file.
        job: dict[str, Any] = {
            "fn": score,
            "inputs": zones,
            "outputs": [shown, download],
            "preprocess": False,
            "concurrency_limit": 1,
            "concurrency_id": "score",
            "show_progress": "minimal",
            "api_visibility": "private",
        }
        start.click(**job)
        example.click(
            lambda: place_example(folder), outputs=zones, concurrency_id="score", api_visibility="private"
        ).success(**job)
    return blocks


def place_example(folder: Path) -> tuple[str, None]:
    """Copies the example where the page may take it from, and returns what the two zones then hold."""
    return str(shutil.copy(EXAMPLE, folder)), None


def score_uploads(
    model: Model, sampling: Sampling, limits: DecodeLimits, uploads: Sequence[dict[str, Any]], folder: Path
) -> Iterator[tuple[str, str | None]]:
    """Scores uploads, and gives HTML to show: first what is going on, again and again, then what came out.

    Args:
        uploads: each with a `path`, and the name that the file had, `orig_name`.
        folder: where to put the report that goes with it in the end, if there is one.
    """
    if not uploads:
        yield show_result([Entry("", error="Drop a video above first, or try the example.")], model.card), None
        return
    entries, videos = [], []
    sampling = model.sampling(sampling)
    with closing(decode_files([upload["path"] for upload in uploads], sampling, limits, stills=True)) as decoded:
        for upload in uploads:
            name = printable(Path(upload["orig_name"]).name)
            yield template("demo").render(doing=f"Reading {name} …"), None
            video = next(decoded)
            if video.views is None:
                entries.append(Entry(name, error=video.error.replace(upload["path"], name)))
                continue
            yield template("demo").render(doing=f"Scoring {name} …"), None
            scores = model.score_features(model.features(video.views))
            explanation = model.explanation([video], scores, sampling)
            entries.append(Entry(name, scores.display.tolist(), partial(Section, *section(explanation))))
            videos.append(f"gradio_api/file={quote(upload['path'])}")
    path = None
    if whole := [entry for entry in entries if entry.section]:
        path = Path(tempfile.mkdtemp(dir=folder)) / "report.html"
        write_atomic(path, report.page(whole, model.card))
    yield show_result(entries, model.card, videos), None if path is None else str(path)


def show_result(entries: Sequence[Entry], card: ModelCard | None, videos: Sequence[str] = ()) -> str:
    """What to show of one or two videos: what went wrong, both on top of each other, differences, and the reports.

    Args:
        videos: addresses of those that were scored.
    """
    whole = [entry for entry in entries if entry.section]
    rows = []
    if len(whole) == 2:
        each = zip(DIMENSIONS, *(entry.scores for entry in whole), strict=True)
        for dimension, *scores in itertools.compress(each, scored(card)):
            first, second = (round(100 * score) for score in scores)
            rows.append((dimension, dimension.code in unvalidated(card), first, second, second - first))
        # The largest differences first, below overall.
        rows.sort(key=lambda row: (row[0].code != DIMENSIONS[0].code, row[1], -abs(row[-1])))
    return template("demo").render(
        errors=[entry.error for entry in entries if entry.error],
        names=[entry.name for entry in whole],
        rows=rows,
        videos=videos,
        notice=notice(card),
        reports=["".join(report.page([entry], card, told=bool(rows))) for entry in whole],
    )
