"""What the demo answers: the requests of its page, and no others."""

import ipaddress
import json
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse

from ..errors import UserError

# All that the page asks for. Gradio answers more: it fetches what a URL names, runs code editors, tells of its state.
JOIN, FILE = "/gradio_api/queue/join", "/gradio_api/file="
PATHS = re.compile(
    rf"/|/theme\.css|/favicon\.ico|/(assets|static)/.*|/gradio_api/(upload(_progress)?|queue/data)|{JOIN}|{FILE}.*"
)
HOST, ORIGIN = b"host", b"origin"
JOB_BYTES = 1 << 16  # of a request to score, which is half a kilobyte

# Gradio has scripts within its page and makes some while it runs; but nothing may come from elsewhere, or go there.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at an address.

    Raises:
        UserError: it cannot, as another program does, for instance.
    """
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise UserError(f"port {port} of {host} is not available ({error.strerror}); choose another port.") from error


def guarded(app: Callable, inputs: dict[int, int], folder: str, names: Callable[[str], bool]) -> Callable:
    """An ASGI application that gets no requests but those of the page, and forbids the browser to load anything else.

    Args:
        inputs: number of inputs of each function of the page.
        folder: where uploads are, and all other files that a request may name.
        names: whether a name is one of this machine's, from `names_of`.
    """

    async def answer(scope, receive, send):
        async def send_with_policy(message):
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", POLICY.encode())]
            await send(message)

        if scope["type"] == "http":
            path, refusal = scope["path"], None
            if not is_from_page(scope["headers"], names):
                refusal = PlainTextResponse("The demo answers its own page alone, at the address that it prints.", 403)
            elif not PATHS.fullmatch(path) or (path.startswith(FILE) and not is_in(path.removeprefix(FILE), folder)):
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


def names_of(listener: socket.socket, host: str) -> Callable[[str], bool]:
    """Whether a browser may call this machine by a name, with which it was asked to listen at `host`.

    Any other name may be a stranger's who had it point here, so that a page of theirs counts as the demo's (DNS
    rebinding). Numeric addresses cannot be had in this way.
    """
    local = ipaddress.ip_address(listener.getsockname()[0]).is_loopback

    def is_name(name: str) -> bool:
        try:
            return ipaddress.ip_address(name).is_loopback or not local
        except ValueError:
            return name in {"localhost", host.lower(), socket.gethostname().lower()}

    return is_name


def is_from_page(headers: list[tuple[bytes, bytes]], names: Callable[[str], bool]) -> bool:
    """Whether a request names this machine, and comes from the demo's page if a browser says from where it does.

    Browsers send what a page elsewhere asks them to, and name that page's origin; programs name none.
    """
    hosts, origins = ([value.decode("latin-1").lower() for key, value in headers if key == k] for k in (HOST, ORIGIN))
    try:
        known = len(hosts) == 1 and names(urlsplit(f"//{hosts[0]}").hostname or "")
    except ValueError:  # no address
        return False
    return known and all(origin in (f"http://{hosts[0]}", f"https://{hosts[0]}") for origin in origins)


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
        if not whole or not all(is_in(upload["path"], folder) for upload in job["data"] if upload):
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
