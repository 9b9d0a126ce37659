# SPDX-License-Identifier: Apache-2.0
"""Two WebSocket clients that others wrote, behind one interface: python3-websockets and node-ws.

They parse what the server sends, strictly, and make the frames that it is sent, malformed ones too. Events of both:
("text" or "binary", length, SHA-256), ("pong", payload), ("close", code), ("error", text); a close without a code
is 1005, an end without a close frame 1006 (RFC 6455 section 7.4.1).
"""
import base64
import collections
import hashlib
import json
import os
import pathlib
import select
import shutil
import socket
import subprocess
import time

import pytest

from rig import SLOW

NODE_MODULES = "/usr/share/nodejs"
SCRIPT = pathlib.Path(__file__).with_name("ws_peer.js")
SECONDS = 10 * SLOW  # for one event

# rsv: the three reserved bits as a number; cut: how many bytes of the frame are sent (None: all).
Frame = collections.namedtuple("Frame", "opcode payload fin rsv cut", defaults=(b"", True, 0, None))


def digest(data):
    return hashlib.sha256(data).hexdigest()


class PythonWebsockets:
    def __init__(self):
        from websockets import client, connection, frames, http11, uri
        self.client, self.http11, self.parse_uri = client, http11, uri.parse_uri
        self.is_open = connection.State.OPEN

        class Unchecked(frames.Frame):
            def check(self):
                """Sent as it is."""
        self.frame, self.opcodes = Unchecked, frames.Opcode

    def open(self, url):
        self.link = self.client.ClientConnection(self.parse_uri(url), max_size=None)
        self.events = collections.deque()
        self.says_goodbye = True
        self.socket = socket.create_connection((self.link.wsuri.host, self.link.wsuri.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(SECONDS)
        self.link.send_request(self.link.connect())
        self._flush()
        while self.link.state is not self.is_open:
            assert self._read(), "the end"

    def _flush(self):
        for bytes_ in self.link.data_to_send():
            try:
                if not bytes_:
                    self.socket.shutdown(socket.SHUT_WR)
                elif self.says_goodbye:
                    self.socket.sendall(bytes_)
            except (BrokenPipeError, ConnectionResetError, OSError) as e:
                assert self.link.close_rcvd, e

    def _read(self):
        try:
            chunk = self.socket.recv(1 << 18)
        except ConnectionResetError:
            chunk = b""
        if chunk:
            self.link.receive_data(chunk)
        else:
            self.link.receive_eof()
        for event in self.link.events_received():
            self._take(event)
        self._flush()
        if not chunk:
            self.socket.close()
            if isinstance(self.link.parser_exc, Exception) and not isinstance(self.link.parser_exc, EOFError):
                self.events.append(("error", str(self.link.parser_exc)))
            self.events.append(("close", self.link.close_code))
        return chunk

    def _take(self, event):
        if isinstance(event, self.http11.Response):
            assert event.status_code == 101
            return
        kind = event.opcode.name.lower()
        assert event.fin, "the server sends no fragments"
        if kind in ("text", "binary"):
            self.events.append((kind, len(event.data), digest(event.data)))
        elif kind == "pong":
            self.events.append((kind, bytes(event.data)))

    def send(self, frames, chop=None):
        bytes_ = b"".join(
            self.frame(f.opcode, f.payload, f.fin, bool(f.rsv & 4), bool(f.rsv & 2), bool(f.rsv & 1)).serialize(
                mask=True)[:f.cut] for f in frames)
        if any(f.opcode == self.opcodes.CLOSE for f in frames):
            self.says_goodbye = False
        try:
            for at in range(0, len(bytes_), chop or len(bytes_)):
                self.socket.sendall(bytes_[at:at + (chop or len(bytes_))])
        except (BrokenPipeError, ConnectionResetError):
            pass  # the server's last word is there to be read

    def ping(self, payload):
        self.link.send_ping(payload)
        self._flush()

    def close(self, code):
        self.link.send_close(code)
        self._flush()

    def event(self):
        while not self.events:
            self._read()
        return self.events.popleft()

    def stop(self):
        pass


class NodeWs:
    def __init__(self):
        self.process = subprocess.Popen(["node", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env={**os.environ, "NODE_PATH": NODE_MODULES})
        self.bytes = b""

    def _do(self, what, **arguments):
        self.process.stdin.write(json.dumps({"do": what, **arguments}).encode() + b"\n")
        self.process.stdin.flush()

    def open(self, url):
        self._do("open", url=url)
        assert self.event() == ("open",)

    def send(self, frames, chop=None):
        self._do("send", chop=chop, frames=[{**f._asdict(), "payload": base64.b64encode(f.payload).decode()}
                                            for f in frames])

    def ping(self, payload):
        self._do("ping", payload=base64.b64encode(payload).decode())

    def close(self, code):
        self._do("close", code=code)

    def event(self):
        end = time.monotonic() + SECONDS
        while b"\n" not in self.bytes:
            assert select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0], "no event"
            chunk = os.read(self.process.stdout.fileno(), 1 << 16)
            assert chunk, "node ended"
            self.bytes += chunk
        line, _, self.bytes = self.bytes.partition(b"\n")
        event = json.loads(line)
        return ("pong", bytes.fromhex(event[1])) if event[0] == "pong" else tuple(event)

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(SECONDS)


def start(name):
    """A client of that library, or the test is skipped."""
    if name == "websockets":
        pytest.importorskip("websockets.connection")
        return PythonWebsockets()
    if not shutil.which("node") or not pathlib.Path(NODE_MODULES, "ws").exists():
        pytest.skip("node-ws is not installed")
    return NodeWs()
