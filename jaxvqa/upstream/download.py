"""The published checkpoints: where they are, how they are fetched, and how they are known to be the right ones.

Our own code fetches them, because no library resumes safely. Tried on a server that breaks off, and then has another
file of the same name: pooch 1.9 starts over each time, huggingface-hub 2.4 joins the beginning of the one to the end of
the other, and pypdl 1.5 starts over, or never ends with several segments.
"""

import contextlib
import re
import time
from collections.abc import Generator, Sequence
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from ..errors import CheckpointError, UserError, first_line
from ..system.files import file_git_blob, file_sha256, with_filename, write_atomic
from ..system.terminal import Log, printable
from .reader import read_checkpoint


class Published(NamedTuple):
    """A published checkpoint.

    Attributes:
        part: what `convert_checkpoints` calls it.
        name: of the file.
        address: where its authors publish it.
        holds: what is in it.
        terms: what its authors allow.
        sha256: as they publish it, in hexadecimal; empty if they publish none.
        git_blob: id of its content in their git repository, in hexadecimal; empty if it is in none.
    """

    part: str
    name: str
    address: str
    holds: str
    terms: str
    sha256: str = ""
    git_blob: str = ""

    @property
    def has_digest(self) -> bool:
        """Whether its authors publish what its content can be compared with."""
        return bool(self.sha256 or self.git_blob)

    def difference(self, path: Path) -> str:
        """Says how a file differs from the published digest; empty if it does not, or if there is none."""
        digests = {"SHA-256": (self.sha256, file_sha256), "git blob id": (self.git_blob, file_git_blob)}
        for name, (expected, digest) in digests.items():
            if expected and (found := digest(path)) != expected:
                return f"its {name} is {found}, not {expected}"
        return ""


MIT_OR_NOT = "MIT when published, in 2023; non-commercial use only since 2024-08-12; you judge which applies"


# The smallest first: what is wrong with the network or the source shows at once.
PUBLISHED = (
    Published(
        "maxvqa",
        "maxvqa_maxwell.pt",
        "https://github.com/VQAssessment/ExplainableVQA/raw/c55f591/maxvqa_maxwell.pt",
        "MaxVQA's context vector and fusion MLP",
        MIT_OR_NOT,
        git_blob="31a4851c059c354ea3dfa94da34fcc88afe443e9",
    ),
    Published(
        "fastvqa",
        "DOVER.pth",
        "https://github.com/QualityAssessment/DOVER/releases/download/v0.1.0/DOVER.pth",
        "DOVER's technical encoder",
        MIT_OR_NOT,
    ),
    Published(
        "clip",
        "RN50.pt",
        "https://openaipublic.azureedge.net/clip/models/"
        "afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762/RN50.pt",
        "CLIP's aesthetic encoder and text transformer",
        "MIT",
        sha256="afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762",
    ),
)

LIMIT = 1 << 30  # bytes of a file: over twice what the parameters of the largest, CLIP, take in float32
BLOCK = 1 << 18  # bytes that are read at a time
TIMEOUT = 30.0  # seconds without a sign of life after which a connection is given up
PAUSES = (1.0, 4.0, 16.0)  # seconds before each further try
PASSING = (408, 425, 429)  # what servers answer, of 400 to 499, when another try may do
BY_HAND = "or fetch the files by hand (docs/weights.md) and name their folder as source"


class BrokenError(Exception):
    """A connection that failed, so that another try may do."""


def by_hand(folder: Path) -> dict[str, Path]:
    """The files of a folder that a user filled, by what `convert_checkpoints` calls them.

    Raises:
        UserError: one is missing, or another than the published one.
    """
    missing = [file.name for file in PUBLISHED if not (folder / file.name).is_file()]
    if missing:
        raise UserError(f"{folder} has no {', '.join(missing)}: put the files there, by these names.")
    for file in PUBLISHED:
        if said := file.difference(folder / file.name):
            raise UserError(f"{folder / file.name} is not the published file ({said}): fetch it again.")
    return {file.part: folder / file.name for file in PUBLISHED}


def obtain(file: Published, address: str, folder: Path, log: Log) -> Path:
    """A checkpoint in a folder, fetched and verified there unless an earlier run did so and it is still the same.

    Args:
        folder: that this user alone can write to.

    Raises:
        UserError: it cannot be fetched, or is not what it should be, and was thrown away.
        OSError: the disk is full.
    """
    path, part, noted = (folder / name for name in (file.name, f"{file.name}.part", f".{file.name}.sha256"))
    if path.exists():
        fetched = noted.exists() and file_sha256(path) == noted.read_text()
        if not file.difference(path) if file.has_digest else fetched:
            return path
        log.warn(f"{path} is not the file that was fetched, so it is fetched again")
        path.unlink()
    fetch(address, part, log)
    if said := file.difference(part):
        part.unlink()
        raise UserError(
            f"{address} gave another file than the published one ({said}), which was thrown away: try again, {BY_HAND}."
        )
    try:
        read_checkpoint(part)
    except CheckpointError as error:
        part.unlink()
        raise UserError(
            f"{address} gave no checkpoint, and what it gave was thrown away ({first_line(error)}): try again, "
            f"{BY_HAND}."
        ) from error
    found = file_sha256(part)
    write_atomic(noted, found)
    part.rename(path)
    said = "as published" if file.has_digest else "recorded, because its authors publish none to compare it with"
    log(f"{file.name}: {path.stat().st_size} bytes, SHA-256 {found}, {said}")
    return path


def fetch(address: str, path: Path, log: Log, timeout: float = TIMEOUT, pauses: Sequence[float] = PAUSES) -> None:
    """Fetches a file, on from where an earlier try broke off if the server still has the same one.

    Args:
        path: gets the bytes as they come, and has those of an earlier try.
        timeout: seconds without a sign of life after which a try is given up.
        pauses: seconds before each further try.

    Raises:
        UserError: the last try failed as well, or the server does not have the file, or not over such a connection.
        OSError: the disk is full.
    """
    for pause in (*pauses, None):
        try:
            transfer(address, path, log, timeout)
            version_of(path).unlink(missing_ok=True)
            return
        except BrokenError as error:
            if pause is None:
                raise UserError(
                    f"{address} could not be fetched ({error}): the same command goes on where it broke off; {BY_HAND}."
                ) from error
            log(f"{address}: {error}; trying again in {pause:g} s")
            time.sleep(pause)


def transfer(address: str, path: Path, log: Log, timeout: float) -> None:
    """One try of `fetch`.

    Raises:
        BrokenError: the connection failed, or ended before the file did.
        UserError: the server does not have the file, or it is too large.
    """
    size = path.stat().st_size if path.exists() else 0
    known = version_of(path).read_text() if version_of(path).exists() else ""
    # Without knowing which version of the file the bytes are of, they are fetched again.
    headers = {"Range": f"bytes={size}-", "If-Range": known} if size and known else {}
    with connection():
        response = open_address(Request(address, headers=headers), timeout, path)
    with response, log.progress(f"{address.rpartition('/')[2]}, MB") as bar:
        start = 0  # of servers that ignore the Range
        if response.status == 206:
            given = re.match(r"bytes (\d+)-", response.headers["Content-Range"] or "")
            start = int(given[1]) if given else -1
            if start != size or validator(response) not in ("", known):
                discard(path)
                raise BrokenError("the server gave another part than asked for, or a part of another file")
        total = None if response.length is None else start + response.length
        check_size(address, total or 0, path)
        task = bar.add_task("", total=None if total is None else total / 1e6)
        with with_filename(path), path.open("ab" if start else "wb") as file:
            if not start:
                write_atomic(version_of(path), validator(response))
            size = start
            while block := read(response):
                size += len(block)
                check_size(address, size, path)
                file.write(block)
                bar.update(task, completed=size / 1e6)
    if total is not None and size != total:
        raise BrokenError(f"the connection ended after {size} of {total} bytes")


def version_of(path: Path) -> Path:
    """Where the validator of the version is that a part of a file is of."""
    return path.with_name(f".{path.name}.version")


def validator(response: HTTPResponse) -> str:
    """What a server tells versions of a file apart by, byte for byte: an ETag or a date; empty if it has neither."""
    etag = response.headers["ETag"] or ""
    return etag if etag.startswith('"') else response.headers["Last-Modified"] or ""


def discard(path: Path) -> None:
    """Removes a part of a file."""
    for each in (path, version_of(path)):
        each.unlink(missing_ok=True)


def check_size(address: str, size: int, path: Path) -> None:
    """Raises a UserError for more bytes than a published file can have, and removes what there is of it."""
    if size > LIMIT:
        discard(path)
        raise UserError(
            f"{address} gives more than {LIMIT / 1e9:.1f} GB, which no published file has, so nothing was kept: "
            f"{BY_HAND.removeprefix('or ')}."
        )


class SafeRedirects(HTTPRedirectHandler):
    """Follows no redirect to what is less safe than the address before: from HTTPS to HTTPS alone."""

    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        if urlsplit(newurl).scheme not in ("https", req.type):
            raise UserError(
                f"{req.full_url} redirects to {printable(newurl)}, which is not HTTPS, so nothing was fetched from "
                f"there: {BY_HAND.removeprefix('or ')}."
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def open_address(request: Request, timeout: float, path: Path) -> HTTPResponse:
    """A server's answer, if it is the file or a part of it; where `path` is as long as the file or longer, removes it.

    Raises:
        BrokenError: it is not, but another try may do.
        UserError: the server does not have the file, does not give it, or sends to an unsafe address.
    """
    try:
        return build_opener(SafeRedirects).open(request, timeout=timeout)
    except HTTPError as error:
        said = f"the server answered {error.code} {printable(error.reason)}"
        if error.code == 416:
            discard(path)
        elif 400 <= error.code < 500 and error.code not in PASSING:
            raise UserError(f"{request.full_url} cannot be fetched, {said}: {BY_HAND.removeprefix('or ')}.") from error
        raise BrokenError(said) from error


def read(response: HTTPResponse) -> bytes:
    """The next bytes of an answer, as soon as there are some; none at its end."""
    with connection():
        return response.read1(BLOCK)


@contextlib.contextmanager
def connection() -> Generator[None, None, None]:
    """Makes a BrokenError of what the network, or an address that is none, may meet with."""
    try:
        yield
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)  # of what failed before the server answered
        raise BrokenError(printable(getattr(reason, "strerror", None) or first_line(error))) from error
