# SPDX-License-Identifier: Apache-2.0
"""TLS listeners, unix sockets, and clients behind proxies."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import time

import pytest

from rig import PROGRAM, SLOW, TOKEN, certificate, free_port, head, message, number_of, raw, wait_for, whole_lines

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


class Tls:
    def __init__(self, folder, make_daemon, server="", **kwargs):
        self.folder = pathlib.Path(folder)
        self.port = free_port()
        _, self.cert = certificate(folder)
        self.key = self.folder / "key.pem"
        self.out = self.folder / "out.jsonl"
        self.daemon = make_daemon(
            {"f": {"plugin": "file", "path": self.out}},
            server=f"listen_tls = 127.0.0.1:{self.port}\ntls_cert = {self.cert}\ntls_key = {self.key}\n{server}",
            **kwargs)

    def context(self, cert=None):
        return ssl.create_default_context(cafile=cert or self.cert)

    @contextlib.contextmanager
    def connect(self, context=None, session=None):
        context = context or self.context()
        with socket.create_connection(("127.0.0.1", self.port), timeout=10 * SLOW) as plain:
            with context.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as s:
                yield s

    def ask(self, data, **kwargs):
        with self.connect(**kwargs) as s:
            s.sendall(data)
            return read_answer(s)

    def s_client(self, *args):
        return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.port}", "-CAfile", self.cert, *args],
                              input="", capture_output=True, text=True, timeout=30 * SLOW)


@pytest.fixture
def tls(folder, make_daemon):
    return lambda **kwargs: Tls(folder, make_daemon, **kwargs)


def read_answer(s):
    """One answer with a Content-Length: (head, body)."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = s.recv(65536)
        assert chunk, data
        data += chunk
    top, body = data.split(b"\r\n\r\n", 1)
    length = int(next(line for line in top.split(b"\r\n") if line.lower().startswith(b"content-length")).split(b":")[1])
    while len(body) < length:
        body += s.recv(65536)
    return top, body


def test_a_webhook_comes_in_by_https(tls):
    t = tls()
    r = subprocess.run(
        ["curl", "-sS", "--cacert", t.cert, "-H", f"token: {TOKEN}", "-H", "Content-Type: application/json", "-d",
         json.dumps(message(7)), "-w", "%{http_code}", f"https://127.0.0.1:{t.port}/in/evolution/sales"],
        capture_output=True, text=True, timeout=30)
    assert r.stdout.endswith("202"), (r.stdout, r.stderr)
    wait_for(lambda: whole_lines(t.out))
    assert number_of(json.loads(whole_lines(t.out)[0])) == 7


def test_the_ready_line_names_every_listener(tls, folder):
    t = tls(start=False)
    text = t.daemon.ini.read_text()
    plain = f"127.0.0.1:{t.daemon.port}"
    t.daemon.ini.write_text(text.replace(f"listen = {plain}", f"listen = unix:{folder}/a.sock, {plain}"))
    t.daemon.start()
    assert f"is ready listen=unix:{folder}/a.sock,{plain},tls:127.0.0.1:{t.port} workers=" in t.daemon.log_text()


def test_the_plain_listener_can_be_left_out(tls, folder):
    t = tls(start=False)
    t.daemon.ini.write_text(t.daemon.ini.read_text().replace(f"listen = 127.0.0.1:{t.daemon.port}", "listen = none"))
    t.daemon.start(wait=False)
    wait_for(lambda: f"is ready listen=tls:127.0.0.1:{t.port} " in t.daemon.log_text())
    assert b"200 OK" in t.ask(HEALTH)[0]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", t.daemon.port))


def test_large_bodies_in_both_directions_and_pipelined_requests(tls):
    """A record ends anywhere: requests in one record, a request over many, slow readers."""
    t = tls()
    big = json.dumps(message(1, text="x" * 3_000_000)).encode()
    with t.connect() as s:
        s.sendall(head(big, "Content-Type: application/json"))
        assert b"202" in read_answer(s)[0]
        row = b"".join(head(json.dumps(message(n)).encode(), "Content-Type: application/json") for n in range(2, 40))
        s.sendall(row)
        rest = b""
        while rest.count(b"HTTP/1.1 202") < 38:
            chunk = s.recv(65536)
            assert chunk, rest
            rest += chunk
        for byte in HEALTH:
            s.send(bytes([byte]))
        assert b"200 OK" in read_answer(s)[0]
    wait_for(lambda: len(whole_lines(t.out)) == 39)


def test_a_slow_reader_gets_its_whole_answer(tls):
    t = tls()
    with socket.socket() as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        plain.settimeout(20 * SLOW)
        plain.connect(("127.0.0.1", t.port))
        with t.context().wrap_socket(plain, server_hostname="127.0.0.1") as s:
            for _ in range(30):
                s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            for _ in range(30):
                top, body = read_one(s)
                assert b"200 OK" in top and b"hookswitch_http_connections" in body


def read_one(s):
    """Like read_answer, but leaves the next answer's bytes where they are."""
    top = b""
    while not top.endswith(b"\r\n\r\n"):
        top += s.recv(1)
    length = int(top.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    body = b""
    while len(body) < length:
        body += s.recv(min(300, length - len(body)))
    return top, body


def test_expect_continue(tls):
    t = tls()
    body = json.dumps(message(1)).encode()
    with t.connect() as s:
        s.sendall(head(b"", "Content-Type: application/json", f"Content-Length: {len(body)}", "Expect: 100-continue",
                       length=False))
        assert s.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        s.sendall(body)
        assert b"202" in read_answer(s)[0]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3_with_sessions_that_are_resumed(tls, version):
    t = tls()
    context = t.context()
    context.minimum_version = context.maximum_version = version
    session = None
    for is_reused in (False, True):
        with t.connect(context, session) as s:
            s.sendall(HEALTH)
            assert b"200 OK" in read_answer(s)[0]
            assert s.session_reused is is_reused
            assert "GCM" in s.cipher()[0] or "CHACHA20" in s.cipher()[0]
            session = s.session


def test_old_versions_and_weak_ciphers_are_refused(tls):
    t = tls()
    assert "Cipher is (NONE)" in t.s_client("-tls1_1", "-cipher", "ALL:@SECLEVEL=0").stdout
    for cipher in ("AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA", "NULL:@SECLEVEL=0"):
        assert "Cipher is (NONE)" in t.s_client("-tls1_2", "-cipher", cipher).stdout, cipher
    assert "Cipher is ECDHE" in t.s_client("-tls1_2").stdout


def test_alpn(tls):
    t = tls()
    context = t.context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with t.connect(context) as s:
        assert s.selected_alpn_protocol() == "http/1.1"
    context.set_alpn_protocols(["h2"])
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        with t.connect(context):
            pass


def test_renegotiation_is_refused(tls):
    t = tls()
    r = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{t.port}", "-CAfile", t.cert, "-tls1_2"],
                       input="R\n", capture_output=True, text=True, timeout=30 * SLOW)
    assert "no renegotiation" in r.stderr.lower().replace("_", " "), r.stderr
    assert b"200 OK" in t.ask(HEALTH)[0]


def test_plain_http_on_the_tls_port_is_told_so(tls):
    t = tls()
    answer = raw(t.port, HEALTH)
    assert answer.startswith(b"HTTP/1.1 400 ") and b"HTTPS" in answer
    top, body = answer.split(b"\r\n\r\n", 1)
    assert json.loads(body)["success"] is False and f"Content-Length: {len(body)}".encode() in top


def test_what_is_neither_does_not_disturb(tls):
    t = tls()
    for junk in (b"\x00" * 100, b"\x16\x03\x01\xff\xff" + b"A" * 5000, os.urandom(3000), b"\x16\x03\x01", b""):
        answer = raw(t.port, junk, timeout=5, half_close=True)
        assert b"HTTP" not in answer
    with t.connect() as s:
        s.sendall(HEALTH)
        s.unwrap  # keeps the session open while the raw socket below it is fed with junk
        os.write(s.fileno(), b"junk that is no record")
        with contextlib.suppress(OSError):
            while s.recv(4096):
                pass
    assert b"200 OK" in t.ask(HEALTH)[0]


def test_a_handshake_that_takes_too_long_is_ended(tls):
    t = tls(server=f"header_timeout = {500 * SLOW}ms")
    begin = time.monotonic()
    assert raw(t.port, b"\x16\x03\x01\x02\x00", timeout=20) == b""
    assert 0.2 < time.monotonic() - begin < 10 * SLOW
    assert b"200 OK" in t.ask(HEALTH)[0]


def test_a_slow_header_is_answered_408_under_tls(tls):
    t = tls(server=f"header_timeout = {500 * SLOW}ms")
    assert b" 408 " in t.ask(b"GET / HTTP/1.1\r\nHo")[0]


def test_the_end_is_a_close_notify(tls):
    """Python raises when the stream ends without one."""
    t = tls(server=f"idle_timeout = {500 * SLOW}ms")
    context = t.context()
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    for request in (b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", HEALTH):
        with t.connect(context) as plain:
            plain.suppress_ragged_eofs = False
            plain.sendall(request)
            read_answer(plain)
            assert plain.recv(100) == b""


def test_too_many_connections(tls):
    t = tls(server="max_connections = 2")
    with contextlib.ExitStack() as stack:
        def connected():
            with contextlib.suppress(OSError):
                return stack.enter_context(t.connect())
        for _ in range(2):  # the connection that asked whether it is ready counts until it is gone
            wait_for(connected)
        with pytest.raises((OSError, ssl.SSLError)):
            with t.connect():
                pass
    wait_for(lambda: t.daemon.is_ready())


def new_pair(t, name):
    folder = t.folder / name
    folder.mkdir()
    certificate(folder)
    return folder


def served_cert(t):
    return ssl.get_server_certificate(("127.0.0.1", t.port)).strip()


def reload(t, wanted):
    before = len(t.daemon.log_text())
    t.daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: wanted in t.daemon.log_text()[before:], what=wanted)


def test_a_renewed_certificate_is_taken_on_hup(tls):
    t = tls()
    old = served_cert(t)
    fresh = new_pair(t, "fresh")
    with t.connect() as s:
        shutil.copy(fresh / "cert.pem", t.cert)
        shutil.copy(fresh / "key.pem", t.key)
        reload(t, "read the TLS certificate again")
        wait_for(lambda: served_cert(t) == (fresh / "cert.pem").read_text().strip())
        s.sendall(HEALTH)
        assert b"200 OK" in read_answer(s)[0]
    assert old != served_cert(t)


@pytest.mark.parametrize("break_it", ["key of another", "junk", "gone"])
def test_a_bad_pair_keeps_the_old_one(tls, break_it):
    t = tls()
    old = served_cert(t)
    if break_it == "key of another":
        shutil.copy(new_pair(t, "other") / "key.pem", t.key)
    elif break_it == "junk":
        t.cert.write_text("no certificate")
    else:
        t.key.unlink()
    reload(t, "the old TLS certificate stays in use")
    assert str(t.cert if break_it == "junk" else t.key) in t.daemon.log_text()
    assert served_cert(t) == old


@pytest.mark.parametrize("line, key", [
    ("listen_tls = 127.0.0.1:1", "listen_tls"),
    ("listen_tls = 127.0.0.1:1\ntls_cert = /nowhere/c.pem\ntls_key = /nowhere/k.pem", "tls_cert"),
    ("listen_tls = unix:/x, unix:/x\ntls_cert = /c.pem\ntls_key = /k.pem", "listen_tls"),
    ("listen_tls = 127.0.0.1:%d\ntls_cert = /c.pem\ntls_key = /k.pem", "listen_tls"),
    ("tls_cert = /c.pem", "tls_cert"), ("tls_key = /k.pem", "tls_key"), ("listen_mode = 999", "listen_mode"), ("listen_mode = -1", "listen_mode"),
    ("trusted_proxies = 10.0.0.0/33", "trusted_proxies"), ("trusted_proxies = localhost", "trusted_proxies")])
def test_check_finds_what_does_not_fit(make_daemon, line, key):
    daemon = make_daemon({}, server=line, start=False)
    daemon.ini.write_text(daemon.ini.read_text().replace("%d", str(daemon.port)))
    r = daemon.command("check", check=False)
    assert r.returncode == 1 and f"[server] {key}" in r.stderr, r.stderr


def test_a_bad_key_is_reported_at_its_own_line(make_daemon, folder):
    certificate(folder)
    (pathlib.Path(folder) / "other").mkdir()
    certificate(pathlib.Path(folder) / "other")
    daemon = make_daemon({}, start=False, server=f"listen_tls = 127.0.0.1:1\ntls_cert = {folder}/cert.pem\n"
                         f"tls_key = {folder}/other/key.pem")
    r = daemon.command("check", check=False)
    line = 1 + next(i for i, text in enumerate(daemon.ini.read_text().splitlines()) if text.startswith("tls_key"))
    assert r.returncode == 1 and f"{daemon.ini}:{line}: [server] tls_key: " in r.stderr, r.stderr
    assert "does not fit" in r.stderr or "fits the certificate" in r.stderr


@pytest.mark.parametrize("workers", [1, 2])
def test_a_second_daemon_does_not_share_the_address(make_daemon, folder, workers):
    first = make_daemon({}, server=f"workers = {workers}")
    ini = pathlib.Path(folder) / "second.ini"
    text = first.ini.read_text().replace("control.sock", "second.sock").replace("h.db", "second.db")
    ini.write_text(text.replace(f"listen = 127.0.0.1:{first.port}", f"listen = *:{free_port()}, 127.0.0.1:{first.port}"))
    second = subprocess.run([PROGRAM, "run", "-c", ini], capture_output=True, text=True, timeout=20 * SLOW)
    said = second.stderr + second.stdout
    assert second.returncode == 1 and f"127.0.0.1:{first.port}: another process listens there" in said, said
    assert first.request("GET", "/healthz")[0] == 200


def test_addresses_of_one_daemon_may_overlap(make_daemon):
    port = free_port()
    daemon = make_daemon({}, server="workers = 2", start=False)
    text = daemon.ini.read_text()
    daemon.ini.write_text(text.replace("listen = 127", f"listen = 0.0.0.0:{port}, 127.0.0.1:{port}, 127", 1))
    daemon.start()
    assert read_answer_of(port).startswith(b"HTTP/1.1 200")


def read_answer_of(port):
    with socket.create_connection(("127.0.0.1", port), timeout=10 * SLOW) as s:
        s.sendall(HEALTH)
        return s.recv(4096)


# ---- unix sockets and proxies ----

def ask_unix(path, data):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10 * SLOW)
        s.connect(str(path))
        s.sendall(data)
        return read_answer(s)


def with_unix(make_daemon, folder, server):
    path = pathlib.Path(folder) / "in.sock"
    daemon = make_daemon({"f": {"plugin": "file", "path": f"{folder}/out"}}, server=server, start=False)
    text = daemon.ini.read_text()
    daemon.ini.write_text(text.replace("listen = 127", f"listen = unix:{path}, 127", 1))
    return daemon, path


def test_a_unix_socket_has_its_mode_and_replaces_a_stale_one(make_daemon, folder):
    daemon, path = with_unix(make_daemon, folder, "listen_mode = 0620")
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    daemon.start()
    assert stat.S_IMODE(path.stat().st_mode) == 0o620
    assert b"200 OK" in ask_unix(path, HEALTH)[0]
    daemon.stop()
    assert not path.exists()


def test_a_socket_that_somebody_listens_on_is_not_taken(make_daemon, folder):
    daemon, path = with_unix(make_daemon, folder, "")
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        daemon.start(wait=False)
        assert daemon.process.wait(20) == 1
        daemon.process = None
    assert "another process listens there" in daemon.log_text() and path.exists()


def test_routes_for_this_machine_are_closed_to_what_a_proxy_passes_on(make_daemon, folder):
    daemon, path = with_unix(make_daemon, folder, "")
    assert daemon.start().request("GET", "/metrics")[0] == 200
    for headers in ({"X-Forwarded-For": "203.0.113.9"}, {"Forwarded": "for=203.0.113.9"}, {"X-Forwarded-For": "127.0.0.1"}):
        assert daemon.request("GET", "/metrics", headers=headers)[0] == 404
    assert b"404" in ask_unix(path, b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n")[0]


@pytest.mark.parametrize("headers, status", [
    ({"X-Forwarded-For": "127.0.0.1"}, 200),
    ({"X-Forwarded-For": "203.0.113.9"}, 404),
    ({"X-Forwarded-For": "127.0.0.1, 203.0.113.9"}, 404),
    ({"X-Forwarded-For": "203.0.113.9, 127.0.0.1"}, 404),
    ({"X-Forwarded-For": "203.0.113.9, 10.1.2.3"}, 404),
    ({"X-Forwarded-For": "nonsense"}, 404),
    ({"Forwarded": 'for="[::1]:8080";proto=https'}, 200),
    ({"Forwarded": "for=_hidden"}, 404),
    ({"Forwarded": "for=203.0.113.9", "X-Forwarded-For": "127.0.0.1"}, 404),
    ({"Forwarded": "for=127.0.0.1", "X-Forwarded-For": "203.0.113.9"}, 404)])
def test_a_trusted_proxy_says_who_is_local(make_daemon, headers, status):
    daemon = make_daemon({}, server="trusted_proxies = 127.0.0.0/8, 10.0.0.0/8")
    assert daemon.request("GET", "/metrics", headers=headers)[0] == status


@pytest.mark.parametrize("lines, status", [
    (["X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 127.0.0.1"], 404),
    (["X-Forwarded-For: 203.0.113.9", "x-forwarded-for: 10.1.2.3, 127.0.0.1", "X-Forwarded-For: 10.1.2.4"], 404),
    (["X-Forwarded-For: 203.0.113.9", "X-Forwarded-For:", "X-Forwarded-For: 127.0.0.1"], 404),
    (["X-Forwarded-For:", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 127.0.0.1"], 404),
    (["Forwarded: for=203.0.113.9", "Forwarded: for=127.0.0.1"], 404),
    (["X-Forwarded-For: 10.1.2.3", "X-Forwarded-For: 127.0.0.1"], 404),
    (["X-Forwarded-For: 127.0.0.1", "X-Forwarded-For: 10.1.2.3"], 200)])
def test_a_proxy_may_add_a_line_of_its_own(make_daemon, lines, status):
    """As HAProxy does (RFC 9110 section 5.3): what stands in the lines before counts as well."""
    daemon = make_daemon({}, server="trusted_proxies = 127.0.0.0/8, 10.0.0.0/8")
    request = "\r\n".join(["GET /metrics HTTP/1.1", "Host: x", "Connection: close", *lines, "", ""])
    assert raw(daemon.port, request.encode()).startswith(f"HTTP/1.1 {status} ".encode())


@pytest.mark.parametrize("trusted, headers, client", [
    ("", {"X-Forwarded-For": "203.0.113.9"}, "127.0.0.1"),
    ("127.0.0.1", {"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}, "203.0.113.9"),
    ("127.0.0.1, 203.0.113.0/24", {"X-Forwarded-For": "198.51.100.1:4000, 203.0.113.9"}, "198.51.100.1"),
    ("127.0.0.1", {"Forwarded": 'for=198.51.100.1, FOR="[2001:db8::17]:4711";proto=https'}, "2001:db8::17"),
    ("127.0.0.1", {}, "127.0.0.1")])
def test_the_log_names_the_client(make_daemon, trusted, headers, client):
    daemon = make_daemon({}, server=f"trusted_proxies = {trusted}" if trusted else "")
    status, _ = daemon.post(message(1), token="wrong", **headers)
    assert status == 401
    assert f"client={client} " in daemon.log_text()
