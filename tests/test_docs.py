"""The documentation: it can be built, is whole, leads nowhere that is not there, and loads nothing from elsewhere."""

import functools
import html
import http.server
import importlib.util
import itertools
import os
import re
import shlex
import subprocess
import sys
import threading
from html.parser import HTMLParser
from pathlib import Path

import pytest

import jaxvqa
from jaxvqa.cli import read
from jaxvqa.dimensions import DIMENSIONS, default_prompts
from jaxvqa.tasks import TASKS
from jaxvqa.tasks.configuration import config_path, describe

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
NAMED = [*PAGES, ROOT / "notebooks" / "README.md"]
FOLDERS = "configs docs jaxvqa notebooks scripts tests"
ROOMS = sorted(path.name for path in (ROOT / "jaxvqa").iterdir() if path.is_dir() and path.name[0] != "_")
SUFFIXES = {"csv", "json", "jsonl", "html", "png", "huber_delta"}  # of files called like a room, and a field
STANDS_FOR = re.compile(r"NAME|ROOM|FILE|\.\.\.")  # in a path, any name
# Options of pip, pytest, mkdocs, ruff, Docker, SLURM, XLA and Beam's runners, and one for any name.
OTHERS = (
    "--complete --strict --check --rm --requeue --xla_cpu_max_isa --xla_force_host_platform_device_count "
    "--flink_master --environment_type --no-NAME"
).split()
GENERATED = re.compile(r"^(:::|<!--) ", re.MULTILINE)  # what only the site has the headings of
FETCHED = {
    **dict.fromkeys(
        ["script", "img", "iframe", "source", "video", "audio", "embed", "track", "input"], ("src", "srcset", "poster")
    ),
    "link": ("href",),
    "object": ("data",),
    "image": ("href", "xlink:href"),
    "use": ("href", "xlink:href"),
}


class Page(HTMLParser):
    """What a page loads, the ids in it, and the text of its tables, a list of cells for each row."""

    def __init__(self, path):
        super().__init__()
        self.loads, self.ids, self.rows, self.cell = [], set(), [], None
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = {name: value or "" for name, value in attributes}
        self.ids.add(attributes.get("id"))
        self.loads += [attributes[name] for name in FETCHED.get(tag, ()) if name in attributes]
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self.cell = tag

    def handle_endtag(self, tag):
        if tag == self.cell:
            self.cell = None

    def handle_data(self, data):
        if self.cell:
            self.rows[-1][-1] += data


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, built as README.md and CONTRIBUTING.md say."""
    if not importlib.util.find_spec("mkdocs"):
        pytest.skip("mkdocs is not installed")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    """The pages of the site by their addresses."""
    found = {path.parent.relative_to(site).as_posix(): Page(path) for path in site.rglob("index.html")}
    assert {".", "model", "api", "configuration", "MINI"} <= found.keys()
    return found


def test_every_public_name_is_described(pages):
    assert {f"jaxvqa.{name}" for name in jaxvqa.__all__} <= pages["api"].ids


def test_signatures_tell_shapes(site):
    for page, shapes in (
        ("api", ('"*batch 16"', '"7 7 clips"', '"moments 49 16"')),
        ("api-networks", ('"128 224 224 3"', '"videos *positions c"', '"b 224 224 3"')),
        ("api-training", ('"batch *dimensions"', '"videos dimensions"')),
    ):
        text = html.unescape((site / page / "index.html").read_text(encoding="utf-8"))
        text = re.sub(r"<[^>]+>", "", text).replace("'", '"')
        assert [shape for shape in shapes if shape not in text] == []


def test_every_field_of_every_config_is_described(pages):
    page = pages["configuration"]
    rows = itertools.dropwhile(lambda row: row[0] != "field", page.rows)  # what comes first is of all commands
    for name in dict.fromkeys(task.config for task in TASKS):
        assert name in page.ids
        said, fields = describe(config_path(name))
        assert said.strip()
        if fields:
            assert next(rows) == ["field", "default", "what it does"]
        for field in fields:
            shown, default, comment = next(rows)
            assert shown == field.name
            assert default
            assert re.sub(r"\W", "", comment) == re.sub(r"\W", "", field.comment) != ""
    assert next(rows, None) is None


def test_every_dimension_and_prompt_is_told(pages):
    rows = [row for row in pages["scores"].rows if row[0] in {dimension.code for dimension in DIMENSIONS}]
    prompts = default_prompts()
    expected = [[d.code, d.name, d.column, *prompts[i :: len(DIMENSIONS)]] for i, d in enumerate(DIMENSIONS)]
    assert rows == expected


def test_equations_need_no_script(site):
    text = (site / "model" / "index.html").read_text(encoding="utf-8")
    assert text.count('display="block"') >= 5
    assert "\\(" not in text
    assert "\\[" not in text


def test_pages_name_nothing_of_other_hosts_to_load(site, pages):
    loads = {load for page in pages.values() for load in page.loads}
    assert loads
    assert [load for load in loads if re.match(r"(\w+:)?//", load)] == []
    for path in (*site.rglob("*.css"), *site.rglob("*.svg")):
        text = path.read_text(encoding="utf-8")
        assert re.findall(r"(?:url\(|@import|href=|src=)\s*[\"']?(?:https?:)?//[^)\"']*", text) == []


@pytest.fixture
def address(site):
    """Where the site is served."""
    handler = functools.partial(Quiet, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, and says nothing."""

    def log_message(self, *_):
        pass


def test_a_browser_asks_no_other_host_and_pages_fit_on_a_phone(address, page):
    page.set_viewport_size({"width": 390, "height": 844})
    for name in ("", "model/", "configuration/", "api/", "scores/"):
        page.goto(address + name, wait_until="networkidle")  # the fixture sees what is asked for, and errors
        assert page.evaluate("document.documentElement.scrollWidth") == 390, name
    figure = page.goto(address + "model/") and page.locator("img[src$='model.svg']")
    assert figure.evaluate("image => image.complete && image.naturalWidth > 0")
    assert figure.bounding_box()["width"] > 300


def links(path):
    """Targets of links and pictures in a page, code left out."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"(?:src|href)=\"([^\"]+)\"", text)


def anchors(path):
    """Anchors that GitHub gives the headings of a page."""
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ +(.*?)\s*$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    for link in links(path):
        if re.match(r"\w+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        if anchor and not GENERATED.search(target.read_text(encoding="utf-8")):  # of those, mkdocs checks them
            assert anchor in anchors(target), link


def test_links_out_of_the_docs_lead_to_the_repository(site):
    text = (site / "index.html").read_text(encoding="utf-8")
    assert 'href="https://github.com/jaxvqa/jaxvqa/blob/main/README.md"' in text


@pytest.mark.parametrize("path", NAMED, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_and_modules_that_are_named_exist(path):
    text = path.read_text(encoding="utf-8")
    files = re.findall(rf"(?<![\w/.])(?:{'|'.join(FOLDERS.split())})/[\w/.-]*\w", text)
    lacking = [file for file in files if not (ROOT / file).exists() and not STANDS_FOR.search(file)]
    for room, module in re.findall(rf"`(?:jaxvqa\.)?({'|'.join(ROOMS)})\.(\w+)", text):
        folder = ROOT / "jaxvqa" / room
        if not (folder / f"{module}.py").exists() and module not in SUFFIXES:
            lacking.append(f"{room}.{module}")
    assert lacking == []


@functools.cache
def arguments():
    """The options of all commands, and of those scripts that pages name."""
    found = {"--config", "--help", "--version"}
    for task in TASKS:
        for field in describe(config_path(task.config))[1]:
            prefixes = ["config."] if field.name in task.positional else ["config.", ""]
            prefixes += ["no_"] * (field.default is True)
            found |= {f"--{prefix}{field.name}" for prefix in prefixes}
    for script in (ROOT / "scripts").iterdir():
        if script.is_file():
            found |= set(re.findall(r"[\"'](--[\w-]+)[\"']", script.read_text(encoding="utf-8")))
    return {option.replace("-", "_") for option in found}


@pytest.mark.parametrize("path", NAMED, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_options_that_are_named_exist(path):
    known = arguments()
    options = re.findall(r"(?<![\w-])--[a-zA-Z][\w.-]*\w", path.read_text(encoding="utf-8"))
    assert [o for o in options if o not in OTHERS and o.replace("-", "_") not in known] == []


def commands(path):
    """The `jaxvqa` commands in the blocks of a page, without comments."""
    blocks = re.findall(r"^```(?:bash)?\n(.*?)^```$", path.read_text(encoding="utf-8"), re.M | re.S)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("jaxvqa ")]


@pytest.mark.parametrize("path", NAMED, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_are_understood(path):
    for command in commands(path):
        if command[:1] not in ([], ["help"]):
            assert read(command).task
