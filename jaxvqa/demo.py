"""The demo: a page, served on this machine, that takes one video or two and shows their reports."""

import asyncio
import contextlib
import json
import logging
import multiprocessing
import os
import re
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import ml_collections
import numpy as np
from rich.console import Console

from .dimensions import DIMENSIONS
from .errors import UserError
from .explain.report import Entry, report, section, template
from .model import Model, load
from .results import replace
from .scoring import choose_weights
from .terminal import printable
from .video.sampling import check_seed
from .video.workers import decode_files
from .weights import notice, unvalidated

try:
    import fastapi
    import gradio as gr
    import uvicorn
    from starlette.responses import PlainTextResponse
except ModuleNotFoundError as error:
    raise UserError(
        "the demo needs Gradio: pip install 'jaxvqa[demo]' (in a clone: pip install -e '.[demo]')."
    ) from error

# All that the page asks for. Gradio answers more: it fetches what a URL names, runs code editors, tells of its state.
JOIN, FILE = "/gradio_api/queue/join", "/gradio_api/file="
PATHS = re.compile(
    rf"/|/theme\.css|/favicon\.ico|/(assets|static)/.*|/gradio_api/(upload(_progress)?|queue/data)|{JOIN}|{FILE}.*"
)
JOB_BYTES = 1 << 16  # of a request to score, which is half a kilobyte

KEPT = 3600  # seconds that an upload is kept for, to be compared with others
# Gradio has scripts within its page and makes some while it runs; but nothing may come from elsewhere, or go there.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
CSS = (Path(__file__).parent / "explain" / "templates" / "demo.css").read_text()
# Reports say how high they are; nothing else about them is open to the page around them, nor that to them.
HEAD = """<script>
addEventListener("message", event => {
  for (const frame of document.querySelectorAll("iframe.report"))
    if (frame.contentWindow === event.source) frame.style.height = `${Number(event.data)}px`;
});
</script>"""


def run(config: ml_collections.ConfigDict) -> NoReturn:
    """Serves the page until Ctrl-C or SIGTERM, which ends this process with exit code 0.

    Raises:
        UserError: settings that cannot work, an address that cannot be had, or no usable weights.
    """
    check_settings(config)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: nothing is left behind
    with (
        listen(config.host, config.port) as listener,
        tempfile.TemporaryDirectory(prefix="jaxvqa-", ignore_cleanup_errors=True) as folder,
    ):
        model = load(choose_weights(config.weights, Console(stderr=True)), config.precision)
        os.environ["GRADIO_TEMP_DIR"] = folder  # where uploads go; what is left there goes with this process
        blocks = page(model, config, Path(folder))
        inputs = {number: len(function.inputs) for number, function in blocks.fns.items()}
        app = gr.mount_gradio_app(
            fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
            blocks,
            path="/",
            footer_links=[],
            run_history=False,
            show_error=False,
            max_file_size=config.max_megabytes * 2**20,
            ssr_mode=False,
            enable_monitoring=False,
            pwa=False,
            mcp_server=False,
            theme=gr.themes.Default(font=gr.themes.Font("system-ui"), font_mono=gr.themes.Font("ui-monospace")),
            css=CSS,
            head=HEAD,
        )
        app = guarded(app, inputs, folder)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
        # That pages which are still open lose their connection in the end is no error.
        logging.getLogger("uvicorn.error").addFilter(lambda record: not server.should_exit)
        host, port = listener.getsockname()[:2]
        print(
            f"open http://{f'[{host}]' if ':' in host else host}:{port} (Ctrl-C ends it)", file=sys.stderr, flush=True
        )
        with contextlib.suppress(KeyboardInterrupt):
            # Not `asyncio.run`, nor an end as usual: both wait for a job that is under way, however long it takes.
            asyncio.new_event_loop().run_until_complete(server.serve(sockets=[listener]))
    for decoder in multiprocessing.active_children():
        decoder.kill()
    os._exit(0)


def check_settings(config: ml_collections.ConfigDict) -> None:
    """Raises a UserError for settings that cannot work."""
    check_seed(config.seed)
    if not 0 <= config.port <= 65535:
        raise UserError(f"config.port is {config.port}, but must be from 0 to 65535.")
    for field in ("max_megabytes", "max_seconds"):
        if config[field] < 1:
            raise UserError(f"config.{field} is {config[field]}, but must be 1 or larger.")


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at an address.

    Raises:
        UserError: it cannot, as another program does, for instance.
    """
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise UserError(
            f"port {port} of {host} cannot be had ({error.strerror}): choose another with --config.port."
        ) from error


def guarded(app: Callable, inputs: dict[int, int], folder: str) -> Callable:
    """An ASGI application that gets no requests but those of the page, and forbids the browser to load anything else.

    Args:
        inputs: number of inputs of each function of the page.
        folder: where uploads are, and all other files that a request may name.
    """

    async def answer(scope, receive, send):
        async def send_with_policy(message):
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", POLICY.encode())]
            await send(message)

        if scope["type"] == "http":
            path, refusal = scope["path"], None
            if not PATHS.fullmatch(path) or (path.startswith(FILE) and not is_in(path.removeprefix(FILE), folder)):
                refusal = PlainTextResponse("There is no such page.", 404)
            elif path == JOIN:
                body, more = b"", True
                while more and len(body) <= JOB_BYTES:
                    message = await receive()
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                if job := read_job(body, inputs, folder):
                    receive = first({"type": "http.request", "body": job}, receive)
                else:
                    refusal = PlainTextResponse("This is no request of the page's.", 400)
            if refusal:
                await refusal(scope, receive, send_with_policy)
                return
        await app(scope, receive, send_with_policy)

    return answer


def first(message: dict[str, Any], receive: Callable) -> Callable:
    """A `receive` of ASGI that gives a message before all others."""
    messages = iter([message])

    async def receive_next():
        return next(messages, None) or await receive()

    return receive_next


def read_job(body: bytes, inputs: dict[int, int], folder: str) -> bytes | None:
    """A request to run a function of the page, with no more than that takes; None if it is none, or names other files.

    Gradio would fetch a file that is named by a URL, and print a trace for every request that it does not understand.
    """
    try:
        job = json.loads(body)
        uploads = [
            upload
            and {
                "path": upload["path"],
                "orig_name": upload["orig_name"].encode().decode(),  # fails for half a character
                "meta": {"_type": "gradio.FileData"},
            }
            for upload in job["data"]
        ]
        function, session = job["fn_index"], job["session_hash"]
        whole = len(uploads) == inputs[function] and type(function) is int and isinstance(session, str)
        if not whole or not all(is_in(upload["path"], folder) for upload in uploads if upload):
            return None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return json.dumps({"data": uploads, "fn_index": function, "session_hash": session}).encode()


def is_in(path: str, folder: str) -> bool:
    """Whether a path is that of a file in a folder."""
    try:
        real = os.path.realpath(path)
        return os.path.isfile(real) and Path(real).is_relative_to(os.path.realpath(folder))
    except (OSError, ValueError):  # no path at all
        return False


def page(model: Model, config: ml_collections.ConfigDict, folder: Path) -> gr.Blocks:
    """The page, with all that happens on it; `folder` is for files that come and go."""

    def score(first, second):
        for html, path in score_uploads(model, config, [upload for upload in (first, second) if upload], folder):
            yield html, gr.DownloadButton(value=path, visible=path is not None)

    with gr.Blocks(title="jaxvqa", analytics_enabled=False, delete_cache=(60, KEPT)) as blocks:
        gr.HTML(template("demo_head").render(seconds=config.max_seconds, megabytes=config.max_megabytes))
        with gr.Row():
            zones = [
                gr.File(label=label, height=160) for label in ("Video", "Second video, to compare with it (optional)")
            ]
        with gr.Row():
            start = gr.Button("Score", variant="primary")
            example = gr.Button("Try an example: a clip, and the same with noise")
        download = gr.DownloadButton("Download the report", size="sm", visible=False)
        shown = gr.HTML()
        # One job at a time. Gradio's `preprocess` would leave nothing of an upload but its path, and a stray file.
        job = {
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
            lambda: render_examples(folder), outputs=zones, concurrency_id="score", api_visibility="private"
        ).success(**job)
    return blocks


def render_examples(folder: Path) -> list[str]:
    """Films a photograph, and returns the paths of two clips: clean, and with noise from the middle on, compressed."""
    from .datasets.degradations import add_noise, compression_crf
    from .datasets.scenes import Camera, film, picture
    from .datasets.synthetic import encode

    generator = np.random.default_rng(2)
    frames, height, width = 128, 240, 360
    scene = [picture("cat", height, width, generator)] * frames
    clean = film(scene, height, width, 0, Camera(), generator)
    noisy = np.concatenate([clean[: frames // 2], add_noise(clean[frames // 2 :], 0.8, generator)])
    paths = [folder / "clean.mp4", folder / "noisy.mp4"]
    encode(paths[0], clean, 24, compression_crf(0))
    encode(paths[1], noisy, 24, compression_crf(0.2))
    return [str(path) for path in paths]


def score_uploads(
    model: Model, config: ml_collections.ConfigDict, uploads: Sequence[dict[str, Any]], folder: Path
) -> Iterator[tuple[str, str | None]]:
    """Scores uploads, and gives HTML to show: first what is going on, again and again, then what came out.

    Args:
        uploads: each with a `path`, and the name that the file had, `orig_name`.
        folder: where to put the report that goes with it in the end, if there is one.
    """
    if not uploads:
        yield result([Entry("", error="Drop a video above first, or try the example.")], model.training), None
        return
    entries = []
    with tempfile.TemporaryDirectory(dir=folder) as links:
        paths = [named(upload, Path(links, str(number))) for number, upload in enumerate(uploads)]
        ahead = decode_files(paths, config.seed, workers=1, stills=True, longest=config.max_seconds)
        with closing(ahead) as decoded:
            for path in paths:
                name = printable(Path(path).name)
                yield template("demo").render(doing=f"Reading {name} …"), None
                video = next(decoded)
                if video.views is None:
                    entries.append(Entry(name, error=video.error.replace(path, name)))
                    continue
                yield template("demo").render(doing=f"Scoring {name} …"), None
                scores = model.score_features(model.features(video.views))
                explanation = model.explanation([video], scores, config.seed)
                entries.append(Entry(name, scores.display.tolist(), partial(str, section(explanation))))
    path = None
    if whole := [entry for entry in entries if entry.section]:
        path = Path(tempfile.mkdtemp(dir=folder)) / "report.html"
        replace(path, report(whole, model.training))
    yield result(entries, model.training), path and str(path)


def named(upload: dict[str, Any], folder: Path) -> str:
    """A link to an upload with the name that the file had: frames and patches to look at are drawn from that."""
    folder.mkdir()
    link = folder / Path(upload["orig_name"]).name
    try:
        link.symlink_to(upload["path"])
    except (OSError, ValueError):  # no name for a file here; Gradio made one of it
        return upload["path"]
    return str(link)


def result(entries: Sequence[Entry], training: dict[str, Any] | None) -> str:
    """What to show of one or two videos: what went wrong, a table of differences, and the reports."""
    whole = [entry for entry in entries if entry.section]
    rows = []
    if len(whole) == 2:
        for dimension, *scores in zip(DIMENSIONS, *(entry.scores for entry in whole), strict=True):
            first, second = (round(100 * score) for score in scores)
            rows.append((dimension, dimension.code in unvalidated(training), first, second, second - first))
    return template("demo").render(
        errors=[entry.error for entry in entries if entry.error],
        names=[entry.name for entry in whole],
        rows=rows,
        notice=notice(training),
        reports=["".join(report([entry], training)) for entry in whole],
    )
