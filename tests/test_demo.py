"""The demo, as a person uses it: in a browser, through the address that the command prints."""

import contextlib
import http.server
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
from clips import moving_clip
from PIL import Image

import jaxvqa
from jaxvqa.explain.report import Entry
from jaxvqa.main import main

ROOT = Path(__file__).parents[1]
CONFIG = f"--config={ROOT / 'configs' / 'demo.py'}"
ODD = "<img src=x onerror=alert(1)>\"'&amp;{{7*7}}${alert(2)} Überraschung 影片.mp4"


@contextlib.contextmanager
def serving(errors, *arguments, folder=None):
    """The demo, started as a user does, at a port that is free: its process and its address."""
    command = [sys.executable, "-m", "jaxvqa.main", "--config", "configs/demo.py", "--config.port=0", *arguments]
    environment = dict(os.environ)
    if folder:
        folder.mkdir()
        environment["TMPDIR"] = str(folder)
    with errors.open("w") as file:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=file, text=True, env=environment)
    try:
        deadline = time.monotonic() + 120
        while not (found := re.search(r"open (http://127\.0\.0\.1:\d+) ", errors.read_text())):
            assert process.poll() is None, errors.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield process, found[1]
    finally:
        process.kill()


def said(address):
    """All that a demo with the default weights puts on stderr."""
    weights = "weights: jaxvqa-mini, for no others are given; `jaxvqa download` fetches the published ones"
    return f"{weights}\nopen {address} (Ctrl-C ends it)\n"


@pytest.fixture(scope="module")
def address(browser, tmp_path_factory):
    errors = tmp_path_factory.mktemp("demo") / "stderr"
    with serving(errors, "--config.max_seconds=9", "--config.max_megabytes=2") as (process, address):
        yield address
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert errors.read_text() == said(address)  # and not a warning


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    real = ROOT.parent / "shared" / "videos" / "10053703034.mp4"
    return real if real.exists() else moving_clip(tmp_path_factory.mktemp("clip") / "moving.mp4", 100)


def score(page, *paths):
    """Drops files into the zones, from the first on, and presses the button."""
    for zone, path in reversed([*enumerate(paths)]):  # a zone that has a file takes no other
        page.locator("input[type=file]").nth(zone).set_input_files(path)
        page.get_by_label("Clear").nth(len(paths) - zone - 1).wait_for()
    page.get_by_role("button", name="Score", exact=True).click()


def scores_in(frame):
    return [int(text) for text in frame.locator(".dimensions td:nth-child(2) b").all_inner_texts()]


def expected(path):
    return [round(100 * float(x)) for x in jaxvqa.load("mini").score(path).display]


@pytest.mark.slow
def test_scores_of_a_video_are_those_of_the_library(page, address, clip):
    page.goto(address)
    score(page, clip)
    frame = page.frame_locator("iframe.report")
    frame.locator(".facts").wait_for()
    assert scores_in(frame) == expected(clip)
    assert frame.locator("h2").inner_text() == clip.name
    assert page.locator("table.comparison").count() == 0
    with page.expect_download() as download:
        page.get_by_text("Download the report").click()
    assert download.value.suggested_filename == "report.html"
    assert f"<h2>{clip.name}</h2>" in download.value.path().read_text()
    frame.locator(".facts").scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    height = frame.locator("body").evaluate("body => body.offsetHeight")  # all of it is shown: no box to scroll in
    assert page.locator("iframe.report").bounding_box()["height"] == pytest.approx(height, abs=4)


@pytest.mark.slow
def test_examples_are_compared_side_by_side(page, address):
    page.goto(address)
    page.get_by_role("button", name="Try an example").click()
    page.locator("table.comparison").wait_for()
    rows = [row.locator("td").all_inner_texts() for row in page.locator("table.comparison tbody tr").all()]
    names = page.locator("table.comparison tbody th").all_inner_texts()
    assert [name.removesuffix(" *") for name in names] == [dimension.name for dimension in jaxvqa.DIMENSIONS]
    first, second, difference = np.array(rows, int).T
    assert np.array_equal(difference, second - first)
    assert names[9] == "noise"  # one that is validated
    assert difference[9] < -5
    assert "First: clean.mp4. Second: noisy.mp4." in page.content()
    assert "Dimensions with * are not validated." in page.content()
    frames = [page.frame_locator("iframe.report").nth(i) for i in range(2)]
    assert [scores_in(frame) for frame in frames] == [first.tolist(), second.tolist()]
    # Waited for: the reports grow until they have said how high they are.
    boxes = "const [a, b] = [...document.querySelectorAll('iframe.report')].map(x => x.getBoundingClientRect());"
    page.wait_for_function(f"() => {{ {boxes} return a.top == b.top && a.right < b.left; }}")
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function(f"() => {{ {boxes} return a.left == b.left && a.bottom < b.top; }}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.slow
def test_what_is_no_video_gets_a_sentence(page, address, clip, tmp_path):
    text, empty, cut, picture, long = (tmp_path / f"{name}.mp4" for name in "text empty cut picture long".split())
    text.write_text("no video")
    empty.touch()
    cut.write_bytes(clip.read_bytes()[:50_000])
    Image.new("RGB", (64, 64)).save(picture, "png")
    moving_clip(long, fps=2)
    for paths, sentences in (
        ((text, empty), ["text.mp4 cannot be opened as a video: ", "empty.mp4 is an empty file."]),
        ((cut, picture), ["cut.mp4 is cut short: ", "picture.mp4 cannot be opened as a video: it is an image."]),
        ((long,), ["long.mp4 lasts 10 s: no more than 9 s are taken here."]),
        ((), ["Drop a video above first"]),
    ):
        page.goto(address)
        score(page, *paths)
        page.locator(".failed").first.wait_for()
        shown = page.locator(".failed").all_inner_texts()
        assert len(shown) == len(sentences)
        for said, sentence in zip(shown, sentences, strict=True):
            assert said.startswith(sentence)
        assert page.locator("iframe").count() == 0


def test_too_large_an_upload_gets_a_sentence(browser, address, tmp_path):
    (tmp_path / "large.mp4").write_bytes(bytes(2**21 + 1))
    page = browser.new_page()  # Gradio's own script logs an error here
    page.goto(address)
    page.locator("input[type=file]").first.set_input_files(tmp_path / "large.mp4")
    page.get_by_text('exceed the maximum allowed size of 2.0 Mb: "large.mp4"').wait_for()
    page.close()


@pytest.mark.slow
def test_a_name_is_text_and_decides_where_to_look(page, address, tmp_path):
    path = moving_clip(tmp_path / ODD, 150, seed=3)
    (tmp_path / "<b>.mp4").write_text("no video")
    page.goto(address)
    score(page, path, tmp_path / "<b>.mp4")
    frame = page.frame_locator("iframe.report")
    frame.locator(".facts").wait_for()
    assert frame.locator("h2").inner_text() == ODD
    assert scores_in(frame) == expected(path)
    assert page.locator(".failed").inner_text().startswith("<b>.mp4 cannot be opened")
    assert page.locator("[onerror]").count() == frame.locator("[onerror]").count() == 0


@pytest.mark.slow
def test_two_sessions_get_their_own_results_in_turn(browser, address, clip, tmp_path):
    paths = [clip, moving_clip(tmp_path / "other.mp4", 90, seed=5)]
    pages = [browser.new_page() for _ in paths]
    for page, path in zip(pages, paths, strict=True):
        page.goto(address)
        page.locator("input[type=file]").first.set_input_files(path)
        page.get_by_label("Clear").wait_for()
    for page in pages:
        page.get_by_role("button", name="Score", exact=True).click()
    for page, path in zip(pages, paths, strict=True):
        frame = page.frame_locator("iframe.report")
        frame.locator(".facts").wait_for(timeout=60_000)
        assert frame.locator("h2").inner_text() == path.name
        assert scores_in(frame) == expected(path)
        page.close()


@pytest.fixture
def elsewhere():
    """A web server that a request may name, and the paths that it was asked for."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/a.mp4", asked
        server.shutdown()


def test_only_what_the_page_asks_for_is_answered(address, elsewhere, clip):
    url, asked = elsewhere
    upload = {"path": str(clip), "orig_name": "a.mp4", "meta": {"_type": "gradio.FileData"}}
    job = {"data": [upload, None], "fn_index": 0, "session_hash": "a"}
    with httpx.Client(base_url=address) as client:
        for path in (str(clip), url, "https://example.com/a.mp4", "/etc/passwd", "..", "", "\0", 5, None, ["/"]):
            answer = client.post("gradio_api/queue/join", json=job | {"data": [upload | {"path": path}, None]})
            assert answer.status_code == 400, path
        wrong = ({"data": [None]}, {"data": "ab"}, {"fn_index": 9}, {"fn_index": None}, {"session_hash": None})
        for body in (*(json.dumps({**job, "data": [None] * 2, **change}) for change in wrong), "[" * 9999, "5", ""):
            assert client.post("gradio_api/queue/join", content=body).status_code == 400, body
        assert client.post("gradio_api/queue/join", content=bytes(1 << 20)).status_code == 400
        for path in (clip, url, "/etc/passwd", "../../etc/passwd"):
            assert client.get(f"gradio_api/file={path}").status_code == 404
        for path in ("config", "gradio_api/info", f"gradio_api/proxy={url}", "gradio_api/vibe-code", "docs"):
            assert client.get(path).status_code == 404
        assert client.post("gradio_api/upload", content=b"no form").status_code in range(400, 500)
    assert asked == []


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_of_it(browser, tmp_path, end):
    with serving(tmp_path / "stderr", folder=tmp_path / "tmp") as (process, address):
        page = browser.new_page()
        page.goto(address)
        score(page, moving_clip(tmp_path / "long.mp4", 3000, 48, 64))
        page.get_by_text("Reading long.mp4").wait_for()
        everyone = psutil.Process(process.pid).children(recursive=True)
        [decoder] = [child for child in everyone if "spawn_main" in "".join(child.cmdline())]
        decoder.suspend()  # it hangs
        process.send_signal(end)
        process.communicate(timeout=30)  # the page is open, and its job under way
        page.close()
        assert process.returncode == 0
        psutil.wait_procs(everyone, timeout=10)
        assert not [child for child in everyone if child.is_running()]
        assert (tmp_path / "stderr").read_text() == said(address)
        assert list((tmp_path / "tmp").glob("jaxvqa-*")) == []


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("port=70000", "port is 70000; it must be from 0 to 65535"),
        ("max_seconds=0", "max_seconds is 0; it must be 1 or larger"),
        ("max_megabytes=-1", "max_megabytes is -1; it must be 1 or larger"),
        ("seed=-1", "seed is -1"),
        ("weights=nowhere", "weights directory nowhere does not exist"),
        ("host=nowhere.invalid", "nowhere.invalid is not available"),
    ],
)
def test_wrong_usage_is_one_sentence(capfd, argument, message):
    assert main(["jaxvqa", CONFIG, "--config.port=0", f"--config.{argument}"]) == 2
    err = capfd.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_a_port_in_use_is_one_sentence(capfd):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["jaxvqa", CONFIG, f"--config.port={port}"]) == 2
    err = capfd.readouterr().err
    assert err.startswith(f"jaxvqa: port {port} of 127.0.0.1 is not available (Address already in use")
    assert err.count("\n") == 1


def test_without_gradio_it_says_what_to_install(monkeypatch, capfd):
    monkeypatch.delitem(sys.modules, "jaxvqa.tasks.demo", raising=False)
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert main(["jaxvqa", CONFIG]) == 2
    assert capfd.readouterr().err.startswith("jaxvqa: the demo needs Gradio: pip install 'jaxvqa[demo]'")


def test_a_report_of_two_videos_is_sorted_by_a_click(page, tmp_path):
    path = tmp_path / "report.html"
    scores = {"a": 0.09, "b": 0.5, "c": 0.2}
    entries = [Entry(name, [score] * 16, lambda: "<p>this one</p>") for name, score in scores.items()]
    path.write_text("".join(page([*entries, Entry("d", error="broken.")], None)))
    page.goto(path.as_uri())
    names = page.locator("#summary tbody td:first-child")
    for button, order in (("O", "acbd"), ("O", "dbca"), ("video", "abcd"), ("video", "dcba")):
        page.get_by_role("button", name=button, exact=True).click()
        assert "".join(names.all_inner_texts()) == order
