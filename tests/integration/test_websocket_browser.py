# SPDX-License-Identifier: Apache-2.0
"""A page in a real browser: it has no header to set, and tells its Origin."""
import contextlib
import http.server
import json
import os
import queue
import shutil
import signal
import subprocess
import threading

import pytest

from api_rig import ApiDaemon
from rig import SLOW, message, number_of, wait_for
from ws_rig import metric, token

CHROMIUM = shutil.which("chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run", "--disable-dev-shm-usage"]
PAGE = b"""<!DOCTYPE html><meta charset="utf-8"><script>
const tell = (what, value) => fetch('/tell', {method: 'POST', body: JSON.stringify([what, value])})
const ws = new WebSocket(new URLSearchParams(location.search).get('to'))
let last = Promise.resolve()
const inOrder = (what, value) => { last = last.then(() => tell(what, value)) }
ws.onopen = () => { ws.send('hello'); inOrder('open', ws.extensions) }
ws.onmessage = (message) => inOrder('event', message.data)
ws.onclose = (event) => inOrder('close', event.code)
</script>"""

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")


class Pages:
    """Serves the page on an origin of its own, and takes what it tells."""

    def __init__(self):
        self.told = queue.Queue()
        told = self.told

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, body, content_type):
                self.send_response(200)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self.answer(PAGE, "text/html")

            def do_POST(self):
                told.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.answer(b"", "text/plain")

            def log_message(self, *args):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self):
        return self.told.get(timeout=30 * SLOW)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def stack():
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def pages(stack):
    def make():
        pages = Pages()
        stack.callback(pages.close)
        return pages
    return make


@pytest.fixture
def browse(stack, tmp_path):
    def end(process):
        os.killpg(process.pid, signal.SIGKILL)  # the group is its own
        process.wait()

    def browse(pages, to):
        profile = tmp_path / f"profile-{pages.server.server_port}"
        process = subprocess.Popen([CHROMIUM, *FLAGS, f"--user-data-dir={profile}", f"{pages.origin}/?to={to}"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        stack.callback(end, process)
    return browse


def test_a_page_gets_events_and_a_foreign_one_does_not(folder, stack, pages, browse):
    ours, foreign = pages(), pages()
    daemon = ApiDaemon(folder, websocket=f"origins = {ours.origin}").start()
    stack.callback(lambda: daemon.process and daemon.stop())
    daemon.websocket("sales")
    to = f"ws://127.0.0.1:{daemon.port}/ws/sales?token%3D{token()}"
    browse(ours, to)
    assert ours.next() == ["open", ""]
    texts = [f"ção 🎉 {'é' * 100000}", "short", "\u2028"]
    for n, text in enumerate(texts):
        daemon.accept(message(n, text=text))
    for n, text in enumerate(texts):
        what, event = ours.next()
        event = json.loads(event)
        assert (what, number_of(event), event["data"]["message"]["content"]) == ("event", n, text)
        assert event["instanceData"]["token"] == token()
    browse(foreign, to)
    assert foreign.next() == ["close", 1006], "it is refused before the upgrade"
    wait_for(lambda: f"WebSocket upgrade blocked from origin {foreign.origin} (host 127.0.0.1:{daemon.port})"
             in daemon.log_text())
    assert metric(daemon, "hookswitch_websocket_clients") == 1
    daemon.stop()
    assert ours.next() == ["close", 1001]
