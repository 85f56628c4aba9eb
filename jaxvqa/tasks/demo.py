"""The demo task: serves a page until it is ended."""

import asyncio
import contextlib
import logging
import multiprocessing
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import fastapi
import ml_collections
import uvicorn

from ..demo.app import CSS, HEAD, SCRATCH, page
from ..demo.server import guarded, listen, names_of
from ..model import load
from ..system.terminal import Log
from ..video.sampling import Sampling
from ..weights.find import choose_weights
from .inputs import decode_limits

import gradio as gr  # isort: skip, demo.app sets its folder before it is imported


def run(config: ml_collections.ConfigDict) -> NoReturn:
    """Serves the page until Ctrl-C or SIGTERM, which ends this process with exit code 0.

    Raises:
        UserError: settings that cannot work, an address that cannot be had, or no usable weights.
    """
    sampling = Sampling(config.seed, rule=config.sampling)
    limits = replace(decode_limits(config), longest=config.max_seconds)
    with listen(config.host, config.port) as listener, SCRATCH as folder:
        model = load(choose_weights(config.weights, Log()), config.precision)
        blocks = page(model, sampling, limits, config.max_megabytes, Path(folder))
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
        app = guarded(app, inputs, folder, names_of(listener, config.host))
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
