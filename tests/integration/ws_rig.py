# SPDX-License-Identifier: Apache-2.0
"""A WebSocket client that does what no library would: raw frames over a raw socket (RFC 6455)."""
import contextlib
import json
import os
import socket
import struct
import time

from rig import SLOW, free_port, wait_for  # noqa: F401 (for tests)

TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 1, 2, 8, 9, 10, 0
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def token(instance="sales"):
    return f"{instance}-SECRET-instance"


def upgrade_request(path="/ws/sales", headers=None, key=KEY, version="13"):
    fields = {"Host": "x", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": key,
              "Sec-WebSocket-Version": version, "token": token(), **(headers or {})}
    lines = [f"GET {path} HTTP/1.1"] + [f"{k}: {v}" for k, v in fields.items() if v is not None]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def frame(opcode, payload=b"", fin=True, rsv=0, mask=True, length=None):
    """A client's frame; length: what its header says instead of the truth."""
    n = len(payload) if length is None else length
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    bit = 0x80 if mask else 0
    if n < 126:
        head += bytes([bit | n])
    elif n < 65536:
        head += bytes([bit | 126]) + struct.pack(">H", n)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", n)
    if not mask:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(b ^ key[i % 4] for i, b in enumerate(payload))


def close_frame(code, reason=b""):
    return frame(CLOSE, struct.pack(">H", code) + reason)


class Client:
    def __init__(self, daemon, instance="sales", early=b"", receive_buffer=None, **kwargs):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(10 * SLOW)
        self.socket.connect(("127.0.0.1", daemon.port))
        headers = {"token": token(instance), **kwargs.pop("headers", {})}
        self.socket.sendall(upgrade_request(f"/ws/{instance}", headers, **kwargs) + early)
        self.bytes = b""
        while b"\r\n\r\n" not in self.bytes:
            self._more()
        self.answer, _, self.bytes = self.bytes.partition(b"\r\n\r\n")
        assert self.answer.startswith(b"HTTP/1.1 101 "), self.answer + self.bytes

    def _more(self):
        chunk = self.socket.recv(1 << 16)
        if not chunk:
            raise EOFError
        self.bytes += chunk

    def _take(self, n):
        while len(self.bytes) < n:
            self._more()
        taken, self.bytes = self.bytes[:n], self.bytes[n:]
        return taken

    def send(self, *frames):
        for f in frames:
            self.socket.sendall(f)

    def receive(self):
        """(opcode, payload) of the next frame, which must be whole, unmasked and without extensions."""
        first, second = self._take(2)
        assert first & 0xf0 == 0x80 and not second & 0x80, (first, second)
        n = second & 0x7f
        if n == 126:
            n, = struct.unpack(">H", self._take(2))
            assert n > 125
        elif n == 127:
            n, = struct.unpack(">Q", self._take(8))
            assert n > 65535
        return first & 0xf, self._take(n)

    def event(self):
        while True:
            opcode, payload = self.receive()
            assert opcode in (TEXT, PING), (opcode, payload)
            if opcode == TEXT:
                return json.loads(payload)

    def closing(self):
        """The close code that comes next, after events (None: a close frame without one), then the end. reason: its text."""
        while True:
            opcode, payload = self.receive()
            if opcode == CLOSE:
                break
        with contextlib.suppress(EOFError, ConnectionResetError):
            self.socket.shutdown(socket.SHUT_WR)
            while True:
                self._more()
        assert not self.bytes, "bytes after the close frame"
        self.reason = payload[2:].decode()
        return struct.unpack(">H", payload[:2])[0] if payload else None

    def is_alive(self):
        """It answers a PING, and that is all that comes."""
        mark = os.urandom(8)
        self.send(frame(PING, mark))
        return self.receive() == (PONG, mark)

    def close(self):
        self.socket.close()


def metric(daemon, name):
    """The sum of a metric's cells whose text begins so."""
    text = daemon.request("GET", "/metrics")[2].decode()
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


def until(seconds):
    return time.monotonic() + seconds * SLOW


__all__ = ["ACCEPT", "BINARY", "CLOSE", "CONTINUATION", "KEY", "PING", "PONG", "TEXT", "Client",
           "close_frame", "frame", "metric", "token", "until", "upgrade_request", "wait_for"]
