"""The doctor task: what of jaxvqa works on this machine, and what to do about the rest."""

import contextlib
import importlib.util
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import av
import jax
import ml_collections
import psutil
from packaging.requirements import Requirement
from rich.table import Table
from rich.text import Text

from .. import __version__
from ..errors import UserError, first_line
from ..model import check_weights, load
from ..scoring.reference import compare, decode_example, kept, measure, packaged
from ..system.extras import how_to_install
from ..system.files import NO_HOME, user_cache
from ..system.processes import cores, unprotected
from ..system.terminal import printable, table_console
from ..system.untrusted import lacks_device, lacks_memory, untrusted
from ..video.sampling import Sampling
from ..weights.find import downloaded

CODECS = ("h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mpeg2video", "prores", "mjpeg", "theora")
DECODERS = {"av1": ("libdav1d", "libaom-av1")}  # where not named as the codec: FFmpeg's own "av1" takes hardware
GB = 1e9
MEMORY = (0.6, 2.0)  # GB that scoring with mini takes, and with weights of full size (docs/SPEED.md)
DISK = 1.0  # GB below which there is little room
REINSTALL = "install jaxvqa in a new virtual environment, and report it if this stays"


class Finding(NamedTuple):
    """What a check came to.

    Attributes:
        state: "ok"; "limited", where something cannot be done that scoring does not need; "fails".
        said: what was found, and what to do.
    """

    state: str
    said: str


def run(config: ml_collections.ConfigDict) -> int:
    """Checks what scoring needs, by scoring, and prints a table.

    Returns:
        Exit code: 0, or 1 if videos cannot be scored here.
    """
    findings = list(examine())
    out = table_console()
    table = Table("", "", "", box=None, show_header=False, pad_edge=False)
    for name, finding in findings:
        style = {"ok": "green", "limited": "yellow", "fails": "red"}[finding.state]
        table.add_row(name, Text(finding.state, style), Text(printable(finding.said), overflow="fold"))
    out.print(table)
    fails = [name for name, finding in findings if finding.state == "fails"]
    out.print(f"\nVideos cannot be scored here: see {', '.join(fails)}." if fails else "\nVideos can be scored here.")
    return 1 if fails else 0


def examine() -> Iterator[tuple[str, Finding]]:
    """All checks, by name, in the order in which each needs those before it."""
    yield "versions", finding(versions)
    yield "devices", finding(devices)
    yield "cores", Finding("ok", f"{cores()} for this process")
    yield "memory", memory(available())
    yield "protection", protection(unprotected())
    places = {"here": Path.cwd(), "for caches": user_cache(), "for weights": downloaded()}
    for name, folder in places.items():
        yield f"disk {name}", finding(lambda folder=folder: disk(folder))
    yield "compiled", finding(compiled)
    yield "codecs", finding(codecs)
    yield "demo", installed("demo", "gradio", "show scores in the browser")
    yield "train", installed("train", "tensorflow_datasets", "train and fine-tune")
    yield "decoder", finding(decode)
    yield "jaxvqa-mini", finding(lambda: agree("mini", packaged("mini"), REINSTALL))
    yield "stand-ins", finding(lambda: agree("random-small", packaged("random-small"), REINSTALL))
    yield "MaxVQA", finding(published)


def finding(check: Callable[[], Finding]) -> Finding:
    """A check's finding, or what it failed with."""
    try:
        with untrusted("this", UserError, "install jaxvqa and what it requires again", "does not work", Exception):
            return check()
    except UserError as error:
        return Finding("fails", str(error))
    except OSError as error:  # no fault of an installation
        return Finding("fails", f"{error.filename or 'a file'}: {error.strerror}")
    except (MemoryError, RuntimeError) as error:
        if not lacks_memory(error):
            raise
        return Finding("fails", f"there is not enough memory ({first_line(error)})")


def versions() -> Finding:
    """Those of Python and of the packages that numbers and decoding depend on, and whether all are as required."""
    names = ("jax", "flax", "numpy", "av")
    found = [f"jaxvqa {__version__}", *(f"{name} {metadata.version(name)}" for name in names)]
    said = ", ".join([*found, f"Python {platform.python_version()}", f"{platform.system()} {platform.machine()}"])
    required = requirements()
    if not required:
        return Finding("limited", f"{said}; whether they do is not known, for jaxvqa itself is not installed")
    wrong = unmet(required)
    return Finding("limited", f"{said}; pip install {' '.join(wrong)}") if wrong else Finding("ok", said)


def requirements() -> list[str]:
    """What jaxvqa requires, extras included; nothing in a clone that is used as it lies there."""
    try:
        return metadata.requires("jaxvqa") or []
    except metadata.PackageNotFoundError:
        return []


def unmet(required: Iterable[str], extra: str = "") -> list[str]:
    """Those of a package's requirements that what is installed does not meet, quoted for a shell.

    Args:
        extra: whose requirements count as well.
    """
    wrong = []
    for requirement in map(Requirement, required):
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        try:
            met = requirement.specifier.contains(metadata.version(requirement.name), prereleases=True)
        except metadata.PackageNotFoundError:
            met = False
        if not met:
            wrong.append(f"'{requirement.name}{requirement.specifier}'")
    return wrong


def devices() -> Finding:
    """What JAX computes on."""
    try:
        found = ", ".join(f"{device.platform.upper()} {device.device_kind}" for device in jax.devices())
    except (RuntimeError, AssertionError) as error:
        raise UserError(lacks_device() or f"JAX cannot use a device ({error!r})") from error
    nvidia = shutil.which("nvidia-smi") or Path("/proc/driver/nvidia").exists()
    if nvidia and jax.default_backend() == "cpu":
        return Finding("limited", f"{found}; there is an NVIDIA GPU that JAX does not use: {how_to_install('cuda')}")
    return Finding("ok", "CPU" if jax.default_backend() == "cpu" else found)


def available() -> float:
    """Bytes of memory that are free, within the limit of a container."""
    free = psutil.virtual_memory().available
    with contextlib.suppress(OSError, ValueError):  # no container, or one without a limit
        group = Path("/sys/fs/cgroup")
        limit, used = (int((group / f"memory.{what}").read_text()) for what in ("max", "current"))
        free = min(free, limit - used)
    return free


def memory(free: float) -> Finding:
    """Whether so many bytes are enough to score."""
    said, (mini, full) = f"{free / GB:.1f} GB free", MEMORY
    if free < mini * GB:
        return Finding("fails", f"{said}; jaxvqa-mini takes {mini} GB, weights of full size {full:.0f} GB")
    return Finding("ok", said) if free >= full * GB else Finding("limited", f"{said}; full size takes {full:.0f} GB")


def protection(lacking: list[str]) -> Finding:
    """Whether this system can limit what runs and videos do."""
    if lacking:
        return Finding("limited", f"on {platform.system()}, {'; '.join(lacking)}")
    return Finding("ok", "decoders have a limit of memory, SIGTERM ends a run in order, folders of others are refused")


def disk(folder: Path | None) -> Finding:
    """Whether there is room in a folder, or where it would be made."""
    if folder is None:
        return Finding("limited", NO_HOME)
    folder = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    return Finding("ok" if free >= DISK * GB else "limited", f"{free / GB:.1f} GB free in {folder}")


def compiled() -> Finding:
    """Whether what is compiled can be kept for the next process."""
    chosen = getattr(jax.config, "jax_compilation_cache_dir", None) or user_cache()
    anew = "every start compiles anew, which takes seconds"
    if chosen is None:
        return Finding("limited", f"{NO_HOME}; without one, {anew}")
    folder = Path(chosen)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(1 << 20))
    except OSError as error:
        return Finding("limited", f"{folder} cannot be written ({error.strerror}): {anew}")
    return Finding("ok", f"kept in {folder}")


def codecs() -> Finding:
    """Which codecs can be decoded."""
    can = [codec for codec in CODECS if any(map(is_decoder, DECODERS.get(codec, (codec,))))]
    said, lacking = ", ".join(can), [codec for codec in CODECS if codec not in can]
    return Finding("limited", f"{said}; not {', '.join(lacking)}") if lacking else Finding("ok", said)


def is_decoder(name: str) -> bool:
    """Whether FFmpeg, as it was built for PyAV, has a decoder of that name."""
    try:
        return av.Codec(name, "r").name == name
    except ValueError:
        return False


def installed(extra: str, module: str, what: str) -> Finding:
    """Whether an optional package is there, and not too old."""
    if not importlib.util.find_spec(module):
        return Finding("limited", f"to {what}: {how_to_install(extra)}")
    wrong = unmet(requirements(), extra)
    return Finding("limited", f"to {what}: pip install {' '.join(wrong)}") if wrong else Finding("ok", f"can {what}")


def decode() -> Finding:
    """Decodes the example as scoring does, in a process of its own."""
    began = time.monotonic()
    decoded = decode_example(Sampling())
    if decoded.error:
        return Finding("fails", decoded.error)
    return Finding("ok", f"the example, in a process of its own, {time.monotonic() - began:.1f} s")


def agree(name: str, reference: Mapping[str, Any], remedy: str) -> Finding:
    """Whether weights, which are verified, give the example its reference scores here.

    Raises:
        UserError: they do not.
    """
    began = time.monotonic()
    measured = measure(load(name))
    try:
        said = compare(measured, reference)
    except UserError as error:
        raise UserError(f"{error}: scores made here do not compare with scores made elsewhere; {remedy}") from error
    return Finding("ok", f"{measured['weights']}, {said}, after {time.monotonic() - began:.1f} s")


def published() -> Finding:
    """Whether the published weights are there, and sound."""
    folder = downloaded()
    if not (folder and folder.exists()):
        return Finding("limited", "the published weights are not here, so that jaxvqa-mini scores: jaxvqa download")
    try:
        said, reference = f"{check_weights(folder)}, whole, in {folder}", kept(folder)
    except UserError as error:
        raise UserError(f"of no use ({first_line(error)}): move {folder} away, then run jaxvqa download") from error
    if not reference:
        return Finding("limited", f"{said}, without scores of this version's example: jaxvqa download adds them")
    remedy = f"move {folder} away, then run jaxvqa download; if jaxvqa-mini fails too, first {REINSTALL}"
    return agree("maxvqa", reference, remedy)
