# SPDX-License-Identifier: Apache-2.0
"""Thousands of clients that are there and wait, or get everything."""
import contextlib
import http.client
import json
import resource
import selectors
import socket
import threading
import time
import zlib

import pytest

from rig import SLOW, TOKEN, message, number_of, wait_for
from ws_rig import metric, upgrade_request

CLIENTS = 5000
LISTENERS, RATE, SECONDS = 1000, 100, 3
EVENT_BYTES = 1024
MAX_MIB = 60
FILES = CLIENTS + 500


@pytest.fixture
def many_files():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] != resource.RLIM_INFINITY and before[1] < FILES:
        pytest.skip(f"only {before[1]} open files are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], FILES), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def read_upgrade(client):
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        chunk = client.recv(4096)
        assert chunk
        data += chunk
    assert data.startswith(b"HTTP/1.1 101 ")


@pytest.mark.skipif(SLOW > 1, reason="a sanitizer needs memory of its own")
def test_5000_idle_clients_need_little_memory(make_daemon, many_files):
    daemon = make_daemon({}, instance="websocket = yes", api="rate_limit = none", server="workers = 2")
    daemon.accept(message(0))
    before = daemon.rss_mib()
    with contextlib.ExitStack() as stack:
        clients = []
        for _ in range(CLIENTS):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", daemon.port), timeout=10))
            client.sendall(upgrade_request())
            clients.append(client)
        for client in clients:
            read_upgrade(client)
        assert metric(daemon, "hookswitch_websocket_clients") == CLIENTS
        added = daemon.rss_mib() - before
        assert added < MAX_MIB, f"{added:.1f} MiB"
        daemon.accept(message(1))
        for client in clients:
            assert client.recv(2) == b"\x81\x7e"
        assert daemon.rss_mib() - before < MAX_MIB
    wait_for(lambda: metric(daemon, "hookswitch_websocket_clients") == 0)


def post_at_a_rate(daemon, numbers, padding):
    """One keep-alive connection; what comes late is not left out."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=30)) as connection:
        begin = time.monotonic()
        for i, number in enumerate(numbers):
            time.sleep(max(0, begin + i / RATE - time.monotonic()))
            connection.request("POST", "/in/evolution/sales", json.dumps(message(number, text=padding)),
                               {"token": TOKEN, "Content-Type": "application/json"})
            assert connection.getresponse().read() and connection.sock is not None


def texts_of(stream):
    """The events of whole text frames with 16 bits of length, one after another; nothing else is there."""
    at = 0
    while at < len(stream):
        assert stream[at:at + 2] == b"\x81\x7e"
        end = at + 4 + int.from_bytes(stream[at + 2:at + 4], "big")
        yield json.loads(stream[at + 4:end])
        at = end


class Listener:
    def __init__(self, connection):
        self.socket, self.bytes, self.checksum = connection, 0, 0

    def read(self, buffer):
        """What came; empty: it was closed."""
        taken = memoryview(buffer)[:self.socket.recv_into(buffer)]
        self.bytes += len(taken)
        self.checksum = zlib.crc32(taken, self.checksum)
        return taken


def read_all(listeners, n_events):
    """Until the first one has so many events, and the others as many bytes. The first one's stream."""
    stream, buffer, length = bytearray(), bytearray(1 << 18), None
    with selectors.EpollSelector() as selector:
        for one in listeners:
            selector.register(one.socket, selectors.EVENT_READ, one)
        while length is None or any(one.bytes < length for one in listeners):
            ready = selector.select(timeout=30)
            assert ready, "nothing comes any more"
            for key, _ in ready:
                taken = key.data.read(buffer)
                assert taken, "a client was dropped"
                if key.data is listeners[0]:
                    stream += taken
            if length is None and stream.count(b'"id":"TEST') == n_events and stream.endswith(b"}"):
                length = len(stream)
    return bytes(stream)


@pytest.mark.skipif(SLOW > 1, reason="a sanitizer has no time for so many")
def test_1000_clients_get_100_events_a_second_and_lose_none(make_daemon, many_files):
    daemon = make_daemon({}, instance="websocket = yes", api="rate_limit = none", server="workers = 2")
    numbers = range(RATE * SECONDS)
    with contextlib.ExitStack() as stack:
        listeners = []
        for _ in range(LISTENERS):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", daemon.port), timeout=30))
            client.sendall(upgrade_request())
            listeners.append(Listener(client))
        for one in listeners:
            read_upgrade(one.socket)
        assert metric(daemon, "hookswitch_websocket_clients") == LISTENERS
        producer = threading.Thread(target=post_at_a_rate, args=(daemon, numbers, "x" * EVENT_BYTES))
        producer.start()
        stream = read_all(listeners, len(numbers))
        producer.join()
        events = list(texts_of(stream))
        assert [number_of(e) for e in events] == list(numbers)
        assert {(one.bytes, one.checksum) for one in listeners} == {(len(stream), zlib.crc32(stream))}
        assert metric(daemon, "hookswitch_websocket_clients") == LISTENERS
        assert metric(daemon, 'hookswitch_sink_messages_total{name="websocket"}') == LISTENERS * len(numbers)
        assert metric(daemon, 'hookswitch_sink_dropped_total{name="websocket"') == 0
