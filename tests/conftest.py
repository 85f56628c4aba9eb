import contextlib
import gc
import importlib.util
import os
import pwd
import re
import resource
import shutil
import subprocess
import unittest.mock
from collections import Counter
from pathlib import Path

import jax
import numpy as np
import pytest
from clips import moving_clip
from publisher import safe_server, server  # noqa: F401, fixtures of several rooms

from jaxvqa.dimensions import DIMENSIONS, calibrate, default_prompts
from jaxvqa.upstream.convert import convert_checkpoints
from jaxvqa.weights.assemble import PARTS, flat_shapes
from jaxvqa.weights.directory import save_weights
from jaxvqa.weights.model_card import ModelCard

pytest_plugins = ["skips", "tables", "trainings"]

GOLDEN = Path(__file__).parent / "golden"

SMALL = {
    "swin": dict(width=8, depths=(1, 2, 1, 1), heads=(1, 2, 2, 4)),
    "fastvqa_head": dict(width=64, hidden=8),
    "clip_visual": dict(width=8, depths=(1, 1, 1, 1), heads=4, output_width=32),
    "clip_text": dict(width=16, depth=1, heads=2, output_width=32),
    "maxvqa": dict(clip_width=32, technical_width=64, hidden=8, text_width=16),
}


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the complete golden arrays and real clips, which a clone of its own does not have."""
    folder = Path(__file__).parents[2] / "shared"
    if not (folder / "golden").is_dir():
        pytest.skip("outside of a clone: ../shared, with the complete golden arrays and real clips")
    return folder


@pytest.fixture(scope="session")
def together(tmp_path_factory):
    """A folder that the processes of pytest-xdist share."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def standin():
    """Stand-in for a published checkpoint: name to {key: array}."""
    spec = importlib.util.spec_from_file_location("golden_weights", GOLDEN / "weights.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    kept = {}

    def get(name):
        if name not in kept:
            kept[name] = module.state_dict(name)
        return dict(kept[name])

    return get


@pytest.fixture(scope="session")
def checkpoints(standin, tmp_path_factory):
    """Paths of stand-ins for DOVER.pth, RN50.pt and maxvqa_maxwell.pt (shallow and deep)."""
    import torch

    folder = tmp_path_factory.mktemp("checkpoints")
    for name in ("dover", "clip_rn50", "maxvqa", "maxvqa_deep"):
        torch.save({k: torch.from_numpy(np.array(v)) for k, v in standin(name).items()}, folder / f"{name}.pth")
    return {path.stem: path for path in folder.iterdir()}


@pytest.fixture(scope="session")
def full_weights(checkpoints, tmp_path_factory):
    """The stand-ins, converted."""
    directory = tmp_path_factory.mktemp("full") / "weights"
    convert_checkpoints(directory, checkpoints["dover"], checkpoints["clip_rn50"], checkpoints["maxvqa"])
    return directory


@pytest.fixture(scope="session")
def small_weights(tmp_path_factory):
    """Random weights of small sizes of the same modules."""
    configs = {part: PARTS[part][1](**sizes) for part, sizes in SMALL.items()}
    return save_random(tmp_path_factory.mktemp("small") / "weights", configs)


@pytest.fixture(scope="session")
def released_weights(tmp_path_factory):
    """Small random weights as the package ships them: prompts stored in the head, a name, limits."""
    sizes = {part: SMALL[part] for part in ("swin", "clip_visual")}
    sizes["maxvqa"] = dict(clip_width=32, technical_width=64, hidden=8, prompts=32)
    configs = {part: PARTS[part][1](**sizes) for part, sizes in sizes.items()}
    scale, quantiles = calibrate(np.linspace(0.3, 0.7, 41)[:, None].repeat(16, axis=1))
    card = ModelCard(
        databases=("nothing",),
        synthetic=True,
        dimensions=tuple(d.code for d in DIMENSIONS),
        label_low=np.zeros(16),
        label_high=np.ones(16),
        scale=scale,
        quantiles=quantiles,
        name="tiny",
        limits="knows nothing",
        validated=("T-1", "T-3"),
    )
    return save_random(tmp_path_factory.mktemp("released") / "weights", configs, card=card)


SCORED = ("O", "T-1", "T-3")


@pytest.fixture(scope="session")
def partial_weights(tmp_path_factory):
    """Small random weights that score the dimensions `SCORED` only."""
    configs = {part: PARTS[part][1](**sizes) for part, sizes in SMALL.items()}
    scale, quantiles = calibrate(np.linspace(0.3, 0.7, 41)[:, None].repeat(16, axis=1))
    unscored = [dimension.code not in SCORED for dimension in DIMENSIONS]
    for numbers in (scale.mean, scale.deviation, quantiles.T):
        numbers[unscored] = np.nan
    card = ModelCard(
        databases=("konvid_1k",),
        synthetic=False,
        dimensions=SCORED,
        label_low=np.where(unscored, np.nan, 1),
        label_high=np.where(unscored, np.nan, 5),
        scale=scale,
        quantiles=quantiles,
    )
    return save_random(tmp_path_factory.mktemp("partial") / "weights", configs, card=card)


def save_random(directory, configs, prompts=None, card=None, seed=0):
    """Writes a weights directory with random parameters for some parts."""
    generator = np.random.default_rng(seed)
    tensors = {}
    for part, config in configs.items():
        for name, shape in flat_shapes(part, config).items():
            values = generator.normal(size=shape) * np.prod(shape[:-1]) ** -0.5
            tensors[name] = (1 + 0.1 * abs(values) if name.endswith(("scale", "var")) else values).astype(np.float32)
    save_weights(directory, tensors, configs, prompts or default_prompts(), [], card)
    return directory


@pytest.fixture
def small_disk(tmp_path):
    """A function that mounts a disk of some bytes, or gives it another size."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(size, *options):
        command = ["mount", "-t", "tmpfs", "-o", ",".join([*options, f"size={size}"]), "tmpfs", folder]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("outside of a clone: the right to mount a small disk")
        return folder

    yield mount
    subprocess.run(["umount", "-l", folder], capture_output=True)


@pytest.fixture
def no_home(monkeypatch):
    """Takes this process its home folder: HOME, and the line of its account."""
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)

    def getpwuid(number):
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", getpwuid)


@pytest.fixture
def no_more_files():
    """A context in which this process can open no file."""

    @contextlib.contextmanager
    def limit():
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        free = os.open(os.devnull, os.O_RDONLY)  # the lowest number that no file has
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)

    return limit


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    """A folder with three different short clips."""
    folder = tmp_path_factory.mktemp("clips")
    moving_clip(folder / "a.mp4", seed=1)
    moving_clip(folder / "b.mp4", frames=90, seed=2)
    (folder / "deep").mkdir()
    moving_clip(folder / "deep" / "c.mkv", height=144, width=96, seed=3)
    return folder


@pytest.fixture(scope="session", autouse=True)
def nothing_downloaded(tmp_path_factory):
    """Hides the weights that a user downloaded, from this process and those it starts."""
    os.environ["XDG_DATA_HOME"] = str(tmp_path_factory.mktemp("data"))


@pytest.fixture(autouse=True)
def untrusted_is_disarmed(request):
    """Lets errors of libraries through, lest a slip of ours reads as a bad file, except in tests of such files."""
    if request.node.get_closest_marker("hostile"):
        yield
        return
    with unittest.mock.patch("jaxvqa.system.untrusted.is_foreign", return_value=False):
        yield


@pytest.fixture(scope="session", autouse=True)
def compiled_once(together):
    """Keeps what is compiled, in this process and all others of a run, for the next to compile the same."""
    settings = {
        "jax_compilation_cache_dir": str(together / "compiled"),
        "jax_persistent_cache_min_compile_time_secs": 0,
    }
    for name, value in settings.items():
        jax.config.update(name, value)
        os.environ[name.upper()] = str(value)


@pytest.fixture(scope="module", autouse=True)
def compiled_let_go():
    """Lets go of compiled functions before they have more memory maps than Linux gives a process."""
    yield
    maps, limit = Path("/proc/self/maps"), Path("/proc/sys/vm/max_map_count")
    if not maps.exists() or maps.read_bytes().count(b"\n") > int(limit.read_text()) / 3:
        jax.clear_caches()
        gc.collect()


def pytest_collection_modifyitems(items):
    """Starts files with slow tests first, so that no process of pytest-xdist is left alone with one at the end."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


def pytest_collection_finish():
    """Spares garbage collections what imports made: millions of objects that stay."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("no Chromium is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox"]
        )  # which root has to do without
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """A new page on which nothing may go wrong: no error, no dialog, no request to elsewhere than where it is from."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(60_000)
    wrong, asked = [], []
    page.on("console", lambda message: message.type == "error" and wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))
    yield page
    page.close()
    origin = re.match(r"\w+://[^/]*/", asked[0])[0]
    assert wrong == []
    assert [url for url in asked if not url.startswith((origin, "data:", "blob:"))] == []
