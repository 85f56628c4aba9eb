import http.server
import json
import signal
import socket
import threading

import httpx
import psutil
import pytest
from clips import moving_clip
from serving import said, serving

from jaxvqa.demo.server import listen, names_of


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


def test_pages_elsewhere_cannot_use_it(address):
    """Neither by requests that a browser sends for them, nor by a name of theirs that points here."""
    port, file = address.rpartition(":")[2], {"files": ("a.mp4", b"content")}
    wrong = [{"Origin": f"http://{name}"} for name in ("evil.example", f"127.0.0.1:{port}.evil.example", "localhost")]
    wrong += [{"Origin": "null"}, {"Origin": "file://"}, {"Origin": f"http://127.0.0.1:{int(port) + 1}"}]
    foreign = (f"evil.example:{port}", "evil.example", "192.0.2.1", "[", "", "localhost.evil")
    wrong += [{"Host": name} for name in foreign]
    wrong += [{"Host": f"evil.example:{port}", "Origin": f"http://evil.example:{port}"}]
    with httpx.Client(base_url=address) as client:
        for headers in wrong:
            answers = [client.get("/", headers=headers), client.post("/gradio_api/upload", files=file, headers=headers)]
            assert [answer.status_code for answer in answers] == [403, 403], headers
            assert "upload" not in answers[1].text
        for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"LOCALHOST:{port}", f"[::1]:{port}", "localhost:8000"):
            for headers in ({"Host": host}, {"Host": host, "Origin": f"http://{host}"}):
                assert client.get("/", headers=headers).status_code == 200, headers
                assert client.post("/gradio_api/upload", files=file, headers=headers).status_code == 200, headers


@pytest.mark.parametrize(
    ("host", "name", "known"),
    [
        ("127.0.0.1", "localhost", True),
        ("127.0.0.1", "::1", True),
        ("127.0.0.1", "192.0.2.7", False),
        ("127.0.0.1", "evil.example", False),
        ("0.0.0.0", "192.0.2.7", True),
        ("0.0.0.0", socket.gethostname().lower(), True),
        ("0.0.0.0", "evil.example", False),
        ("localhost", "localhost", True),
    ],
)
def test_names_of_this_machine(host, name, known):
    with listen(host, 0) as listener:
        assert names_of(listener, host)(name) is known


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
        assert list((tmp_path / "tmp").iterdir()) == []
