# SPDX-License-Identifier: Apache-2.0
"""Requests of every route, damaged at random: the daemon lives, answers good ones, and its memory stays."""
import itertools
import json
import os
import random
import socket

import pytest

from api_rig import ACCOUNT, ApiDaemon
from rig import SLOW, TOKEN, head, message, raw, wait_for

# Another seed, other damage: HSW_MUTATION_SEED=7 pytest test_mutations.py
SEED = int(os.environ.get("HSW_MUTATION_SEED", "1"))
ROUND = 1000
ROUNDS = 4
# What a round may leave behind once all routes have been used; sanitizers keep freed memory for a while.
GROWTH_MIB = 3 if SLOW == 1 else 64

BODY = json.dumps(message(1)).encode()
WEBHOOK = json.dumps({"enabled": True, "url": "http://127.0.0.1:9/x", "events": ["message.exchange"], "headers": {"A": "b"},
                      "authorization": "Bearer x", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}).encode()
EVOLUTION = json.dumps({"webhook": {"enabled": True, "url": "http://127.0.0.1:9/x", "events": ["MESSAGES_UPSERT"]}}).encode()


def api(method, path, body=b"", *headers):
    return head(body, "Content-Type: application/json", *headers, path=path, method=method).replace(
        TOKEN.encode(), ACCOUNT.encode())


def live(*headers):
    return head(b"", *headers, path="/ws/sales?events=call.update", method="GET", length=False).replace(
        TOKEN.encode(), b"sales-SECRET-instance")


UPGRADE = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
REQUESTS = [
    head(BODY),
    head(BODY, path="/in/evolution/sales/messages-upsert?token=x"),
    head(b"5\r\n" + BODY[:5] + b"\r\n%x\r\n" % (len(BODY) - 5) + BODY[5:] + b"\r\n0\r\nX: y\r\n\r\n",
         "Transfer-Encoding: chunked", length=False),
    head(BODY, "Expect: 100-continue", "X-Forwarded-For: 192.0.2.1, 10.0.0.1", "Forwarded: for=\"[::1]:5\";proto=https"),
    api("POST", "/api/instance/new", json.dumps({"name": "made", "token": "t" * 20}).encode()),
    api("GET", "/api/instance/list"),
    api("DELETE", "/api/instance/delete/made"),
    api("POST", "/api/events/webhook/sales", WEBHOOK),
    api("GET", "/api/events/getWebhook/sales"),
    api("DELETE", "/api/events/webhook/sales", b'{"label":"default"}'),
    api("POST", "/api/events/websocket/sales", b'{"enabled":true,"events":["call.update"],"mediaBase64":true}'),
    api("GET", "/api/events/getWebsocket/sales"),
    api("POST", "/webhook/set/sales", EVOLUTION, f"apikey: {ACCOUNT}"),
    api("GET", "/webhook/find/sales", b"", f"apikey: {ACCOUNT}"),
    api("PUT", "/api/config/sent", b'{"url":"http://127.0.0.1:9/x"}'),
    live(*UPGRADE) + b"\x89\x82abcdxy\x88\x80abcd",
    head(b"", path="/metrics", method="GET", length=False),
    head(b"", path="/readyz", method="HEAD", length=False),
]
WORDS = [b"\r\n", b"\r\n\r\n", b"\0", b"%00", b"%2f", b"/", b"?", b"..", b":", b" ", b"\t", b"\xff", b"{", b"}", b"[", b'"', b"\\",
         b"null", b"-1", b"0", b"99999999999999999999", b"1e999", b"NaN", b"\\ud800", b"\xed\xa0\x80", b"HTTP/1.0", b"HTTP/9.9",
         b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"Host:\r\n", b" folded\r\n",
         b"x" * 5000, b"[" * 200, b'{"a":' * 200]


def mutate(rng):
    data = bytearray(rng.choice(REQUESTS))
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice([1, 2, 8, 64, 1000]))
        what = rng.randrange(6)
        if what == 0:
            data[at:at] = rng.choice(WORDS)
        elif what == 1:
            data[at:end] = rng.choice(WORDS)
        elif what == 2:
            del data[at:end]
        elif what == 3:
            data[at:at] = data[at:end] * rng.randint(1, 3)
        elif what == 4:
            data[at:at + 1] = bytes([rng.randrange(256)])
        else:
            other = rng.choice(REQUESTS)
            data[at:] = other[rng.randrange(len(other)):]
    return bytes(data)


def send(port, data, cut):
    """Sends it, perhaps in two pieces, ends our side, and reads until the daemon has closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
        try:
            s.sendall(data[:cut])
            s.sendall(data[cut:])
            s.shutdown(socket.SHUT_WR)
            while s.recv(65536):
                pass
        except TimeoutError:
            raise
        except OSError:
            pass  # it closed before all was sent, or read


@pytest.mark.threads
def test_damaged_requests_of_all_routes(folder):
    daemon = ApiDaemon(folder, {}, instance="websocket = yes", api="rate_limit = none\ninstance_rate_limit = none",
                       server="trusted_proxies = 127.0.0.0/8\nmax_header = 4k", ingest="max_body = 64k\nauto_create = yes")
    daemon.start()
    rng = random.Random(SEED)
    numbers = itertools.count(1000)
    used = []
    try:
        for request in REQUESTS:
            send(daemon.port, request, len(request))
        for _ in range(ROUNDS):
            for _ in range(ROUND):
                data = mutate(rng)
                send(daemon.port, data, rng.randrange(len(data) + 1))
            daemon.accept(message(next(numbers)))
            assert daemon.call("GET", "/api/instance/list")[0] == 200
            assert b" 426 " in raw(daemon.port, live("Connection: close"))
            assert b" 101 " in raw(daemon.port, live(*UPGRADE), half_close=True)
            wait_for(lambda: daemon.status()["connections"] == 1, what="no connection is left")
            used.append(daemon.rss_mib())
        assert used[-1] - used[0] < GROWTH_MIB, used
    finally:
        daemon.stop()
