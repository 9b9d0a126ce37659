#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
An example of a receiver for sink-webhook: HOOKSWITCH_SECRET=whsec_... receiver.py PORT DATABASE

It checks the signature (Standard Webhooks), keeps each event once in an SQLite file, and answers 2xx only
after that: what it has not kept comes again. Your program reads the table events, or takes the place of
keep(). It belongs behind a proxy with TLS, or on the daemon's own machine.
"""
import base64
import hashlib
import hmac
import http.server
import json
import os
import re
import sqlite3
import sys
import threading
import time
import zlib

TOLERANCE = 300  # seconds that a request's timestamp may be off
BODY_MAX = 64 << 20


def key_of(secret):
    """The bytes of whsec_<base64>; any other text is the key itself."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    text = secret.removeprefix("whsec_")
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def is_signed(key, headers, body, now):
    """Whether one of the signatures is that of this id, timestamp and body, and the timestamp is recent."""
    event_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not event_id or not re.fullmatch("[0-9]{1,12}", timestamp) or abs(now - int(timestamp)) > TOLERANCE:
        return False
    signed = f"{event_id}.{timestamp}.".encode("latin-1") + body
    expected = b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    # While a secret is being changed there are two signatures.
    return any([hmac.compare_digest(one.encode("latin-1"), expected)
                for one in headers.get("webhook-signature", "").split()])


def unpack(body, encoding):
    """The signature is of the body as it was sent, so this comes after it."""
    if encoding != "gzip":
        return body
    unpacker = zlib.decompressobj(31)
    plain = unpacker.decompress(body, BODY_MAX)
    if not unpacker.eof:
        raise ValueError("truncated, or too large")
    return plain


def events_of(webhook_id, body):
    """[(id, event)]. A batch is an array. Its webhook-id is not that of its events, which may come again alone."""
    parsed = json.loads(body)
    if not isinstance(parsed, list):
        return [(webhook_id, parsed)]
    found = []
    for n, event in enumerate(parsed):
        own = event.get("id") if isinstance(event, dict) else None
        # With `format = data` or a transform there is no such id.
        is_own = isinstance(own, str) and own.startswith("evt_")
        found.append((own if is_own else f"{webhook_id}/{n}", event))
    return found


class Kept:
    """The events in a file; what is kept is on disk."""

    def __init__(self, path):
        self.lock = threading.Lock()
        # Shorter than the sink's `timeout`, so that it gets the 500 and not nothing.
        self.db = sqlite3.connect(path, timeout=2, check_same_thread=False)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")
        self.db.execute("CREATE TABLE IF NOT EXISTS events"
                        " (id TEXT PRIMARY KEY, received REAL NOT NULL, event TEXT NOT NULL)")
        self.db.commit()

    def keep(self, events):
        """All of them or, with an exception, none. An id that is known is left alone."""
        now = time.time()
        with self.lock, self.db:
            self.db.executemany("INSERT OR IGNORE INTO events VALUES (?, ?, ?)",
                                [(i, now, json.dumps(event)) for i, event in events])


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 75

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch("[0-9]{1,12}", length):
            self.close_connection = True
            return self.answer(411)
        if int(length) > BODY_MAX:
            self.close_connection = True
            return self.answer(413)
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            return None
        if not is_signed(self.server.key, self.headers, body, time.time()):
            return self.answer(401)
        try:
            events = events_of(self.headers["webhook-id"],
                               unpack(body, self.headers.get("Content-Encoding", "")))
        except (ValueError, RecursionError, zlib.error):
            return self.answer(400)
        try:
            self.server.kept.keep(events)
        except (sqlite3.Error, UnicodeError) as error:
            print(f"not kept: {error}", file=sys.stderr, flush=True)
            return self.answer(500)
        return self.answer(204)

    def answer(self, status):
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", "0")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def log_request(self, code="-", size="-"):
        headers = getattr(self, "headers", None) or {}  # none where the request could not be read
        print(int(code), ascii(headers.get("webhook-id", "-")), flush=True)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main():
    secret = os.environ.get("HOOKSWITCH_SECRET", "")
    if len(sys.argv) != 3 or not secret:
        sys.exit("Usage: HOOKSWITCH_SECRET=whsec_... receiver.py PORT DATABASE")
    server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
    server.key = key_of(secret)
    server.kept = Kept(sys.argv[2])
    server.serve_forever()


if __name__ == "__main__":
    main()
