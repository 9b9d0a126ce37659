# SPDX-License-Identifier: Apache-2.0
"""What the integration tests drive: the real daemon, scripted receivers, raw HTTP."""
import collections
import contextlib
import errno
import http.client
import json
import os
import pathlib
import random
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import threading
import time

import contract

BUILD = pathlib.Path(os.environ.get("HOOKSWITCH_BUILD", ".")).resolve()
PROGRAM = BUILD / "hookswitch"
PLUGINS = BUILD / "plugins" / ".libs"
FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
TOKEN = "ingest-SECRET-token"
SLOW = 4 if "fsanitize" in (BUILD / "Makefile").read_text(errors="replace").split("HSW_CFLAGS =")[1].split(
    "\n")[0] else 1


PORTS = range(10000, int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0]))
PORTS_HELD = 200    # by one process: of the tests that run
PORT_TRIES = 1000
held_ports = collections.deque(maxlen=PORTS_HELD)


def free_port():
    """One that nobody else gets while it is not listened on yet: the kernel gives it to no connection and to no bind
    to port 0, and other test runs see by an abstract socket of its name that it is taken."""
    for port in random.choices(PORTS, k=PORT_TRIES):
        claim = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(OSError), socket.socket() as s:
            claim.bind(f"\0hookswitch-test-port-{port}")
            s.bind(("127.0.0.1", port))
            held_ports.append(claim)
            return port
        claim.close()
    raise OSError(errno.EADDRINUSE, "no port is free")


def wait_for(condition, seconds=20, what="the condition"):
    """Waits until condition() is true and returns what it gave. What takes long is looked at less often."""
    end, pause = time.monotonic() + seconds * SLOW, 0.01
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(pause)
        pause = min(1.2 * pause, 0.05)


class ControlConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Daemon:
    """One daemon with its folder. sinks: {name: {key: value}}."""

    def __init__(self, folder, sinks, **options):
        self.folder = pathlib.Path(folder)
        self.port = free_port()
        self.ini = self.folder / "hookswitch.ini"
        self.log_path = self.folder / "log.txt"
        self.process = None
        self.configure(sinks, **options)

    def configure(self, sinks, server="", ingest="", store="", instances=("sales",), source="", instance="",
                  websocket=None, api=None):
        """Lines of sections; those of `instance` go into each of them, or are a dict by name."""
        lines = [
            "[server]", f"listen = 127.0.0.1:{self.port}", f"plugin_dir = {PLUGINS}",
            f"control = {self.folder}/control.sock", "base_url = https://hooks.example.com", server,
            "[ingest]", ingest, "[store]"]
        if "path" not in store and "plugin" not in store:
            lines.append(f"path = {self.folder}/hookswitch.db")
        lines += [store, "[log]", "level = debug", "[source evolution]", f"token = {TOKEN}", source]
        for name in instances:
            own = instance.get(name, "") if isinstance(instance, dict) else instance
            lines += [f"[instance {name}]", f"token = {name}-SECRET-instance", own]
        if websocket is not None:
            lines += ["[websocket]", websocket]
        if api is not None:
            lines += ["[api]", api]
        for name, options in sinks.items():
            lines += [f"[sink {name}]"] + [f"{key} = {value}" for key, value in options.items()]
        self.write_ini("\n".join(lines) + "\n")

    def write_ini(self, text):
        """At once: a daemon that was told to read it before must not find half of it."""
        whole = self.ini.with_suffix(".new")
        whole.write_text(text)
        whole.replace(self.ini)

    def start(self, wait=True, preexec=None):
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [PROGRAM, "run", "-c", self.ini], stdout=self.log, stderr=self.log, preexec_fn=preexec)
        if wait:
            wait_for(self.is_ready, 20, "the daemon is ready: " + self.log_text()[-2000:])
        return self

    def is_ready(self):
        assert self.process.poll() is None, self.log_text()[-3000:]
        try:
            return self.request("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def stop(self):
        """SIGTERM; the daemon must end cleanly."""
        if self.process is None:
            return
        assert self.process.poll() is None, "the daemon died\n" + self.log_text()[-5000:]
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        self.process = None
        assert status == 0, f"exit status {status}\n" + self.log_text()[-5000:]
        self.check_log()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def check_log(self):
        text = self.log_text()
        assert "Sanitizer" not in text and "runtime error" not in text, text[-5000:]
        assert "SECRET" not in text, "a secret is in the log"

    def log_text(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def request(self, method, path, body=None, headers=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            c.request(method, path, body, headers or {})
            r = c.getresponse()
            answer = r.status, dict((k.lower(), v) for k, v in r.getheaders()), r.read()
        finally:
            c.close()
        contract.check(method, path, *answer)
        return answer

    def post(self, body, instance="sales", path="", **headers):
        """Posts a webhook; (status, answer)."""
        if isinstance(body, dict):
            body = json.dumps(body)
        status, _, answer = self.request(
            "POST", f"/in/evolution/{instance}{path}", body,
            {"token": TOKEN, "Content-Type": "application/json", **headers})
        return status, json.loads(answer)

    def accept(self, body, **kwargs):
        status, answer = self.post(body, **kwargs)
        assert status == 202, answer
        return answer

    def command(self, *args, check=True):
        r = subprocess.run([PROGRAM, args[0], "-c", self.ini, *args[1:]], capture_output=True, text=True,
                           timeout=60)
        if check:
            assert r.returncode == 0, r.stderr
        return r

    def control(self, method, target):
        """What the control socket answers: (status, text)."""
        path = re.search(r"^control = (.*?) *(;.*)?$", self.ini.read_text(), re.M)[1]
        c = ControlConnection(str(self.folder / path))
        with contextlib.closing(c):
            c.request(method, target)
            r = c.getresponse()
            return r.status, r.read()

    def status(self):
        """What `hookswitch status --json` prints, which costs much more: it is asked for time and again."""
        status, text = self.control("GET", "/status")
        assert status == 200, text
        return json.loads(text)

    def sink(self, name):
        return next(s for s in self.status()["sinks"] if s["name"] == name)

    def is_settled(self, name):
        """The sink has done all that it knows of, and the journal, where it is the one of SQLite, has that: its cursor
        is written a little later than it moves, and a replay goes as far as it is written."""
        sink = self.sink(name)
        if sink["lag"] or sink["retrying"]:
            return False
        with contextlib.closing(sqlite3.connect(f"file:{self.folder}/hookswitch.db?mode=ro", uri=True)) as db:
            stored = db.execute("SELECT cursor FROM destinations WHERE name = ?", (name,)).fetchone()
        return stored == (sink["cursor"],)

    def rss_mib(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024


def message(number, chat=0, text=None):
    """An Evolution messages.upsert with its own id."""
    return {
        "event": "messages.upsert", "instance": "demo",
        "data": {
            "key": {"remoteJid": f"55119{chat:08d}@s.whatsapp.net", "fromMe": False,
                    "id": f"TEST{number:08d}"},
            "pushName": "Ana", "message": {"conversation": text or f"n={number}"},
            "messageType": "conversation", "messageTimestamp": 1763771103},
        "sender": "5511888888888@s.whatsapp.net", "apikey": "provider-SECRET-key"}


def number_of(envelope):
    return int(envelope["data"]["id"][4:])


class Arrival:
    def __init__(self, path, headers, body):
        self.at, self.path, self.headers, self.body = time.monotonic(), path, headers, body

    @property
    def envelope(self):
        return json.loads(self.body)

    @property
    def attempt(self):
        return int(self.headers["x-hookswitch-attempt"])


class Receiver:
    """An HTTP server that does to each request what `behave` says: it is called with the Arrival and the
    socket, and returns a status, or True when it has answered by itself, or None to close. Without one it answers
    200, and has answered, or will before it closes, what it counts among the arrivals."""

    def __init__(self, behave=None, context=None, port=None):
        self.behave = behave
        self.context = context
        self.port = port or free_port()
        self.arrivals = []
        self.lock = threading.Lock()
        self.connections = set()
        self.socket = None
        self.open()

    @property
    def url(self):
        return f"{'https' if self.context else 'http'}://127.0.0.1:{self.port}/hook"

    def open(self):
        self.socket = socket.create_server(("127.0.0.1", self.port), backlog=256)
        threading.Thread(target=self.accept, args=(self.socket,), daemon=True).start()

    def close(self):
        """Nobody listens any more; connections are reset."""
        listening, self.socket = self.socket, None
        if listening:
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()
        with self.lock:
            for connection in list(self.connections):
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def accept(self, listening):
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with self.lock:
            self.connections.add(connection)
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            stream = connection.makefile("rb")
            while self.one(stream, connection):
                pass
        except (OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.connections.discard(connection)
            with contextlib.suppress(OSError):
                connection.close()

    def one(self, stream, connection):
        line = stream.readline()
        if not line:
            return False
        headers = {}
        while (header := stream.readline().strip()):
            name, _, value = header.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
        arrival = Arrival(line.split()[1].decode(), headers, body)
        with self.lock:
            self.arrivals.append(arrival)
            if not self.behave:
                return self.answer(connection, 200)
        result = self.behave(arrival, connection)
        if isinstance(result, int) and result is not True:
            return self.answer(connection, result)
        return bool(result)

    @staticmethod
    def answer(connection, status):
        connection.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())
        return True

    def envelopes(self):
        with self.lock:
            return [a.envelope for a in self.arrivals]

    def numbers(self):
        return [number_of(e) for e in self.envelopes()]

    def wait(self, count, seconds=20):
        wait_for(lambda: len(self.arrivals) >= count, seconds,
                 f"{count} arrivals (there are {len(self.arrivals)})")


def whole_lines(path):
    """The lines of a file that end with a newline; none where there is no file yet."""
    path = pathlib.Path(path)
    text = path.read_text() if path.exists() else ""
    return text[:text.rfind("\n") + 1].splitlines()


def certificate(folder, name="127.0.0.1"):
    """A self-signed certificate: (context for a server, path of the certificate)."""
    key, cert = pathlib.Path(folder) / "key.pem", pathlib.Path(folder) / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
         "-out", cert, "-days", "2", "-subj", "/CN=test", "-addext", f"subjectAltName=IP:{name}"],
        check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, cert


def raw(port, data, timeout=10, half_close=False):
    """Sends bytes and reads until the daemon closes or nothing comes any more."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as s:
        s.sendall(data)
        if half_close:
            try:
                s.shutdown(socket.SHUT_WR)
            except OSError as e:  # the daemon was faster, and has reset the connection
                if e.errno != errno.ENOTCONN:
                    raise
        answer = b""
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while (chunk := s.recv(65536)):
                answer += chunk
        return answer


def head(body, *headers, path="/in/evolution/sales", method="POST", length=True):
    """A raw request's bytes."""
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"token: {TOKEN}", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
