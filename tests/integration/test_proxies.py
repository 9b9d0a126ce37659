# SPDX-License-Identifier: Apache-2.0
"""The samples for nginx and Caddy in front of the daemon: the real proxies, with the files as they are but for ports,
certificates and where logs go."""
import asyncio
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import ssl
import subprocess

import pytest

from api_rig import ACCOUNT, ApiDaemon
from rig import SLOW, TOKEN, certificate, free_port, message, wait_for

websockets = pytest.importorskip("websockets")

SAMPLES = pathlib.Path(__file__).resolve().parents[2] / "contrib/proxy"
CLIENT = "127.0.0.2"    # not the address that a client says it has
BIG = 3 << 20           # more than nginx takes unless it is told


def replace(text, *changes):
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


def nginx(folder, port, daemon_port, cert, key):
    """Its arguments."""
    site = replace(
        (SAMPLES / "nginx.conf").read_text(), ("127.0.0.1:8080", f"127.0.0.1:{daemon_port}"),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"), ("listen 80;", f"listen 127.0.0.1:{free_port()};"),
        ("\tlisten [::]:443 ssl;\n", ""), ("\tlisten [::]:80;\n", ""),
        ("/etc/letsencrypt/live/hooks.example.com/fullchain.pem", str(cert)),
        ("/etc/letsencrypt/live/hooks.example.com/privkey.pem", str(key)),
        ("/var/log/nginx/", f"{folder}/"))
    (folder / "site.conf").write_text(site)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    # As root its workers would be somebody who may not look into the folder.
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; pid {folder}/nginx.pid; events {{}}\n"
        f"http {{ access_log {folder}/other.log; {paths} include {folder}/site.conf; }}\n")
    return ["nginx", "-p", folder, "-e", folder / "nginx.err", "-c", folder / "nginx.conf"]


def caddy(folder, port, daemon_port, cert, key):
    site = replace(
        (SAMPLES / "Caddyfile").read_text(), ("reverse_proxy 127.0.0.1:8080", f"reverse_proxy 127.0.0.1:{daemon_port}"),
        ("\nhooks.example.com {\n", f"\nhttps://127.0.0.1:{port} {{\n\ttls {cert} {key}\n"))
    (folder / "Caddyfile").write_text(replace(site, ("\n{\n", "\n{\n\tadmin off\n\tauto_https disable_redirects\n")))
    return ["caddy", "run", "--adapter", "caddyfile", "--config", folder / "Caddyfile"]


class Proxy:
    def __init__(self, folder, arguments):
        self.folder, self.port = folder, free_port()
        _, self.cert = certificate(folder)
        self.daemon = ApiDaemon(folder, server="trusted_proxies = 127.0.0.1")
        text = self.daemon.ini.read_text()
        self.daemon.ini.write_text(text.replace("[instance sales]", "[instance sales]\nwebsocket = yes"))
        self.daemon.start()
        self.context = ssl.create_default_context(cafile=self.cert)
        self.log = open(folder / "proxy.log", "wb")
        self.process = subprocess.Popen(
            arguments(folder, self.port, self.daemon.port, self.cert, folder / "key.pem"), stdout=self.log, stderr=self.log,
            env={**os.environ, "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)})

    def is_up(self):
        assert self.process.poll() is None, (self.folder / "proxy.log").read_text()
        with contextlib.suppress(OSError):
            return self.request("GET", "/nothing")[0] == 404

    def request(self, method, path, body=None, headers=None):
        c = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30 * SLOW, context=self.context,
                                        source_address=(CLIENT, 0))
        try:
            c.request(method, path, body, headers or {})
            r = c.getresponse()
            return r.status, r.read()
        finally:
            c.close()

    def end(self):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()


@pytest.fixture(params=[nginx, caddy], ids=lambda program: program.__name__)
def proxy(request, folder):
    if shutil.which(request.param.__name__) is None:
        pytest.skip(f"there is no {request.param.__name__}")
    p = Proxy(pathlib.Path(folder), request.param)
    try:
        wait_for(p.is_up, what="the proxy answers")
        yield p
    finally:
        p.end()
        p.daemon.stop()


def test_webhooks_get_through_small_and_large(proxy):
    for n, text in enumerate(["hello", "x" * BIG]):
        status, answer = proxy.request("POST", "/in/evolution/sales", json.dumps(message(n, text=text)), {"token": TOKEN})
        assert status == 202 and json.loads(answer)["accepted"] == 1, answer


def test_what_is_of_the_machine_itself_stays_there(proxy):
    for path in ("/metrics", "/readyz", "/healthz"):
        assert proxy.daemon.request("GET", path)[0] == 200
        status, answer = proxy.request("GET", path)
        assert status == 404 and b"hookswitch" not in answer


def test_the_daemon_learns_who_the_client_is_and_not_what_it_says(proxy):
    status, answer = proxy.request("POST", "/api/instance/new", '{"name": "shop"}', {
        "token": ACCOUNT, "Content-Type": "application/json", "X-Forwarded-For": "203.0.113.9",
        "Forwarded": "for=203.0.113.9"})
    assert status == 201, answer
    made = wait_for(lambda: re.search(r"(?m)^.* shop\b.*$|^.*instance=shop.*$", proxy.daemon.log_text()), what="the log")
    assert CLIENT in made[0] and "203.0.113.9" not in proxy.daemon.log_text(), made[0]


def ask_without_tls(proxy, path):
    """The status; None where the proxy has no such port."""
    site = proxy.folder / "site.conf"
    if not site.exists():
        return None
    c = http.client.HTTPConnection("127.0.0.1", int(re.search(r"listen 127.0.0.1:(\d+);", site.read_text())[1]), timeout=30 * SLOW)
    with contextlib.closing(c):
        c.request("GET", path)
        return c.getresponse().status


def test_no_token_is_in_the_logs_of_the_proxy(proxy):
    def post():
        return [proxy.request("POST", path, json.dumps(message(1)), {"token": TOKEN, "Authorization": TOKEN})[0]
                for path in (f"/in/evolution/sales?token={TOKEN}", f"/in/evolution/sales/{TOKEN}")]
    assert post() == [202, 202]
    assert ask_without_tls(proxy, f"/ws/sales?token={TOKEN}") in (301, None)
    proxy.daemon.stop()
    assert post() == [502, 502]
    proxy.end()
    proxy.daemon.start()
    logs = {path.name: path.read_text() for path in (*proxy.folder.glob("*.log"), proxy.folder / "nginx.err") if path.exists()}
    assert "502" in "".join(logs.values()), logs
    assert not [text for text in logs.values() if TOKEN in text]


def test_the_live_stream_comes_through(proxy):
    async def run():
        async with websockets.connect(
                f"wss://127.0.0.1:{proxy.port}/ws/sales?token=sales-SECRET-instance", ssl=proxy.context,
                origin=f"https://127.0.0.1:{proxy.port}") as c:
            for n in range(3):
                await asyncio.to_thread(proxy.daemon.accept, message(n))
                event = json.loads(await asyncio.wait_for(c.recv(), 20 * SLOW))
                assert event["data"]["id"] == f"TEST{n:08d}"
            await (await c.ping())
    asyncio.run(run())
