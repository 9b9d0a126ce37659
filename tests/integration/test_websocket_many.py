# SPDX-License-Identifier: Apache-2.0
"""Thousands of clients that are there and wait."""
import contextlib
import resource
import socket

import pytest

from rig import SLOW, message, wait_for
from ws_rig import metric, upgrade_request

CLIENTS = 5000
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
