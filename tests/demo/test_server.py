import http.server
import json
import signal
import threading

import httpx
import psutil
import pytest
from clips import moving_clip
from serving import said, serving


def score(page, *paths):
    """Drops files into the zones, from the first on, and presses the button."""
    for zone, path in reversed([*enumerate(paths)]):  # a zone that has a file takes no other
        page.locator("input[type=file]").nth(zone).set_input_files(path)
        page.get_by_label("Clear").nth(len(paths) - zone - 1).wait_for()
    page.get_by_role("button", name="Score", exact=True).click()


def test_too_large_an_upload_gets_a_sentence(browser, address, tmp_path):
    (tmp_path / "large.mp4").write_bytes(bytes(2**21 + 1))
    page = browser.new_page()  # Gradio's own script logs an error here
    page.goto(address)
    page.locator("input[type=file]").first.set_input_files(tmp_path / "large.mp4")
    page.get_by_text('exceed the maximum allowed size of 2.0 Mb: "large.mp4"').wait_for()
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
