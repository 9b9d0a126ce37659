# SPDX-License-Identifier: Apache-2.0
"""RFC 6455 as the Autobahn test suite has it (ws_cases.py), by two client libraries of others."""
import itertools
import os

import pytest

import ws_libraries
from rig import Daemon, message, wait_for
from ws_cases import CASES, KIB, MIB
from ws_libraries import Frame, digest
from ws_rig import BINARY, CONTINUATION, TEXT, Client, token

LIBRARIES = ["websockets", "ws"]
CLIENT_LIMIT = 4096  # max_frame's default
EVENT_LIMIT = 17 * MIB
NUMBERS = itertools.count(100000)  # of messages: all of one length


def start(tmp_path_factory, **options):
    daemon = Daemon(tmp_path_factory.mktemp("ws"), {}, instance="websocket = yes", api="rate_limit = none", **options)
    return daemon.start()


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """Takes the largest frames that can be allowed."""
    daemon = start(tmp_path_factory, websocket=f"max_frame = {MIB}")
    yield daemon
    daemon.stop()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    daemon = start(tmp_path_factory, ingest=f"max_body = {EVENT_LIMIT}")
    yield daemon
    daemon.stop()


@pytest.fixture(scope="module", params=LIBRARIES)
def library(request):
    client = ws_libraries.start(request.param)
    yield client
    client.stop()


def connect(library, daemon):
    library.open(f"ws://127.0.0.1:{daemon.port}/ws/sales?token={token()}")


def check_use(library):
    """It is answered, then taken leave of."""
    mark = os.urandom(8)
    library.ping(mark)
    assert library.event() == ("pong", mark)
    library.close(1000)
    assert library.event() == ("close", 1000)


def run(library, daemon, case):
    connect(library, daemon)
    library.send(case.frames, case.chop)
    for payload in case.pongs:
        assert library.event() == ("pong", payload)
    if case.ends is None:
        check_use(library)
    else:
        assert library.event() == ("close", case.ends)


@pytest.mark.parametrize("name", CASES)
def test_case(library, wide, name):
    run(library, wide, CASES[name])


@pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["text", "binary"])
@pytest.mark.parametrize("size", [CLIENT_LIMIT - 1, CLIENT_LIMIT, CLIENT_LIMIT + 1])
def test_9_limit_of_a_frame(library, daemon, size, opcode):
    connect(library, daemon)
    library.send([Frame(opcode, b"*" * size)])
    if size <= CLIENT_LIMIT:
        check_use(library)
    else:
        assert library.event() == ("close", 1009)


def test_9_limit_of_a_later_fragment(library, daemon):
    connect(library, daemon)
    library.send([Frame(TEXT, b"*" * CLIENT_LIMIT, fin=False), Frame(CONTINUATION, b"*" * CLIENT_LIMIT, fin=False),
                  Frame(CONTINUATION, b"*" * (CLIENT_LIMIT + 1))])
    assert library.event() == ("close", 1009)


def receive(library, daemon, text):
    """(length, digest) of the event that a message with that text becomes."""
    daemon.accept(message(next(NUMBERS), text=text))
    kind, length, hash_ = library.event()
    assert kind == "text"
    return length, hash_


def padding(library, daemon, size):
    """The text that makes an event of exactly so many bytes: what is around it may vary by some digits."""
    length, _ = receive(library, daemon, "*" * size)
    return "*" * (2 * size - length)


@pytest.mark.parametrize("size", [KIB, 65534, 65535, 65536, 65537, MIB, 16 * MIB])
def test_1_and_9_sizes_of_what_the_server_sends(library, daemon, size):
    connect(library, daemon)
    text = padding(library, daemon, size)
    # The number of an event is part of it, and grows.
    wait_for(lambda: receive(library, daemon, text)[0] == size, what=f"an event of {size} bytes")
    check_use(library)


def test_6_what_the_server_sends_is_the_event(library, daemon):
    watcher = Client(daemon)
    connect(library, daemon)
    told = receive(library, daemon, "é\u0000\U0001f600\"" * 20000)
    opcode, payload = watcher.receive()
    assert opcode == TEXT and told == (len(payload), digest(payload))
    watcher.close()
    check_use(library)
