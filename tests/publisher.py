"""A server that publishes checkpoints, in ways that servers have."""

import contextlib
import datetime
import hashlib
import ipaddress
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from jaxvqa.upstream.download import PUBLISHED

DATA = np.random.default_rng(0).bytes(3_000_000)


@pytest.fixture
def server():
    """A server on this machine: `files` by path, `requests` as (path, Range), `ways` to answer the first of them.

    It has an ETag for each content.
    """
    with serving() as state:
        yield state


@pytest.fixture
def safe_server(tmp_path, monkeypatch):
    """The same over HTTPS, with a certificate that this process trusts."""
    key, certificate = ec.generate_private_key(ec.SECP256R1()), tmp_path / "certificate.pem"
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    certificate.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, *form) + signed.public_bytes(serialization.Encoding.PEM)
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving(context) as state:
        yield state


@contextlib.contextmanager
def serving(context=None):
    """A server until the context is left, over TLS with a context of `ssl`."""
    state = SimpleNamespace(files={}, requests=[], ways=[], ended=threading.Event())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            state.requests.append((self.path, self.headers["Range"]))
            way = state.ways.pop(0) if state.ways else answer
            way(self, state.files.get(self.path), state)

        def log_message(self, *_):
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context:
        listener.socket = context.wrap_socket(listener.socket, server_side=True)
    state.address = f"{'https' if context else 'http'}://127.0.0.1:{listener.server_port}"
    threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield state
    finally:
        state.ended.set()
        listener.shutdown()
        listener.server_close()


def head(request, status, **headers):
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()


def answer(request, data, state, sent=None):
    """As servers should; `sent` bytes of what was asked for, at most."""
    same = request.headers["If-Range"] in (None, etag(data))
    start = int(request.headers["Range"][6:-1]) if request.headers["Range"] and same else 0
    if data is None:
        head(request, 404, Content_Length=0)
    elif start >= len(data) > 0:
        head(request, 416, Content_Range=f"bytes */{len(data)}", Content_Length=0)
    else:
        ranged = {"Content_Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
        head(request, 206 if start else 200, Content_Length=len(data) - start, ETag=etag(data), **ranged)
        request.wfile.write(data[start:][:sent])


def etag(data):
    return f'"{hashlib.sha256(data or b"").hexdigest()}"'


def breaks_off(request, data, state):
    answer(request, data, state, sent=len(data) // 3)


def published(monkeypatch, **sha256):
    """Changes the digests of published files, each to a SHA-256 or to none, and gives what is known of all files."""
    changed = [
        file._replace(sha256=sha256[file.part], git_blob="") if file.part in sha256 else file for file in PUBLISHED
    ]
    for module in ("upstream.download", "tasks.download"):
        monkeypatch.setattr(f"jaxvqa.{module}.PUBLISHED", changed)
    return changed


def kept(folder):
    return sorted(path.name for path in folder.glob(".weights-fetched/[!.]*"))


NAMES = ["maxvqa_maxwell.pt", "DOVER.pth", "RN50.pt"]
