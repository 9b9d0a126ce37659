# SPDX-License-Identifier: Apache-2.0
"""What clients may send, in the order of the Autobahn test suite's sections 1 to 7."""
import contextlib
import itertools
import os
import struct

import pytest

from rig import SLOW, message, number_of
from ws_rig import (BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Client, close_frame, frame, metric, wait_for)

NUMBERS = itertools.count()
GREEK = "κόσμε".encode()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    from rig import Daemon
    daemon = Daemon(tmp_path_factory.mktemp("ws"), {}, instance="websocket = yes", api="rate_limit = none")
    daemon.start()
    yield daemon
    daemon.stop()


@pytest.fixture
def client(daemon):
    client = Client(daemon)
    yield client
    client.close()
    wait_for(lambda: metric(daemon, "hookswitch_websocket_clients") == 0, what="the client is gone")


def check_use(daemon, client):
    """The connection is still of use: in both directions."""
    assert client.is_alive()
    n = next(NUMBERS)
    daemon.accept(message(n))
    assert number_of(client.event()) == n


@pytest.mark.parametrize("chop", [None, 1, 3])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 4096])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_1_messages_are_read_and_ignored(daemon, client, opcode, size, chop):
    data = frame(opcode, b"*" * size)
    for at in range(0, len(data), chop or len(data)):
        client.send(data[at:at + (chop or len(data))])
    check_use(daemon, client)


@pytest.mark.parametrize("payload", [b"", b"Hello", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"\xfe" * 125])
def test_2_pings_are_answered(daemon, client, payload):
    client.send(frame(PING, payload))
    assert client.receive() == (PONG, payload)
    for byte in frame(PING, payload):
        client.send(bytes([byte]))
    assert client.receive() == (PONG, payload)
    check_use(daemon, client)


def test_2_many_pings_in_one_go_are_answered_in_order(daemon, client):
    pings = [b"payload-%d" % i for i in range(500)]
    client.send(b"".join(frame(PING, p) for p in pings))
    assert [client.receive() for _ in pings] == [(PONG, p) for p in pings]
    check_use(daemon, client)


def test_2_pongs_that_nobody_asked_for_are_ignored(daemon, client):
    client.send(frame(PONG), frame(PONG, b"unsolicited"))
    check_use(daemon, client)


def test_2_a_client_that_pings_and_does_not_read_is_dropped(daemon):
    client = Client(daemon, receive_buffer=4096)
    flood = frame(PING, b"x" * 125) * 500
    dropped = 'hookswitch_sink_dropped_total{name="websocket",label="slow"}'
    with contextlib.suppress(ConnectionError):
        for _ in range(1000):
            client.send(flood)
            if metric(daemon, dropped) == 1:
                break
    wait_for(lambda: metric(daemon, dropped) == 1, what="it is dropped")
    assert daemon.rss_mib() < 60 * SLOW
    wait_for(lambda: metric(daemon, "hookswitch_websocket_clients") == 0, what="the client is gone")
    client.close()


MALFORMED = {
    "2.5 a PING of 126 bytes": [frame(PING, b"x" * 126)],
    "3.1 RSV3": [frame(TEXT, b"Hello", rsv=1)],
    "3.2 RSV2 behind a good one": [frame(TEXT, b"Hello"), frame(TEXT, b"Hello", rsv=2)],
    "3.3 RSV1, which would be compression": [frame(TEXT, b"Hello", rsv=4)],
    "3.5 RSV of a PING": [frame(PING, b"Hello", rsv=5)],
    "3.7 RSV of a CLOSE": [frame(CLOSE, b"\x03\xe8", rsv=7)],
    **{f"4.{1 if op < 8 else 2} opcode {op}": [frame(op, b"x")] for op in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "5.1 a PING in fragments": [frame(PING, b"frag", fin=False), frame(CONTINUATION, b"ment")],
    "5.2 a PONG in fragments": [frame(PONG, b"frag", fin=False), frame(CONTINUATION, b"ment")],
    "5.9 continuation of nothing": [frame(CONTINUATION, b"x")],
    "5.10 continuation of nothing, not the last": [frame(CONTINUATION, b"x", fin=False)],
    "5.12 continuation behind the end": [frame(TEXT, b"x", fin=False), frame(CONTINUATION, b"y"),
                                         frame(CONTINUATION, b"z")],
    "5.18 text within a fragmented text": [frame(TEXT, b"one", fin=False), frame(TEXT, b"two")],
    "7.3.2 a CLOSE of one byte": [frame(CLOSE, b"\x03")],
    "7.3.6 a CLOSE of 126 bytes": [close_frame(1000, b"x" * 124)],
    "unmasked text": [frame(TEXT, b"Hello", mask=False)],
    "unmasked ping": [frame(PING, mask=False)],
    "a length with the highest bit": [b"\x81\xff" + b"\xff" * 8 + b"mask"],
    "no WebSocket at all": [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"],
}


@pytest.mark.parametrize("name", MALFORMED)
def test_3_4_5_malformed_frames_end_the_connection(daemon, client, name):
    client.send(*MALFORMED[name])
    assert client.closing() == 1002


def test_5_fragments_may_have_control_frames_between_them(daemon, client):
    client.send(frame(TEXT, b"a", fin=False), frame(PING, b"1"), frame(CONTINUATION, b"b" * 4096, fin=False),
                frame(PING, b"2"), frame(CONTINUATION, b"c" * 4096, fin=False), frame(CONTINUATION, b""))
    assert client.receive() == (PONG, b"1") and client.receive() == (PONG, b"2")
    check_use(daemon, client)


def test_5_events_come_while_a_message_is_half_sent(daemon, client):
    client.send(frame(TEXT, b"half", fin=False), frame(CONTINUATION, b"of it")[:5])
    n = next(NUMBERS)
    daemon.accept(message(n))
    assert number_of(client.event()) == n


def test_6_text_is_checked_across_fragments_and_reads(daemon, client):
    client.send(frame(TEXT, GREEK))
    client.send(frame(TEXT, GREEK[:1], fin=False), frame(CONTINUATION, GREEK[1:4], fin=False))
    assert client.is_alive()
    client.send(frame(CONTINUATION, GREEK[4:]))
    check_use(daemon, client)


@pytest.mark.parametrize("frames", [
    [frame(TEXT, GREEK + b"\xed\xa0\x80")],
    [frame(TEXT, GREEK[:-1])],
    [frame(TEXT, b"\xf4\x90\x80\x80")],
    [frame(TEXT, b"\xc0\xaf")],
    [frame(TEXT, b"\xff")],
    [frame(TEXT, GREEK, fin=False), frame(CONTINUATION, b"\xed\xa0\x80", fin=False)],
    [frame(TEXT, GREEK[:1], fin=False), frame(CONTINUATION, b"edited")],
], ids=range(7))
def test_6_text_that_is_no_utf8_ends_the_connection(daemon, client, frames):
    client.send(*frames)
    assert client.closing() == 1007


def test_6_binary_may_be_anything(daemon, client):
    client.send(frame(BINARY, os.urandom(4000)))
    check_use(daemon, client)


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999])
def test_7_closes_are_answered_with_their_code(daemon, client, code):
    client.send(close_frame(code, b"x" * 123))
    assert client.closing() == code


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535])
def test_7_closes_with_codes_that_must_not_be_sent_are_malformed(daemon, client, code):
    client.send(close_frame(code))
    assert client.closing() == 1002


def test_7_a_close_without_a_code_is_answered_without_one(daemon, client):
    client.send(frame(CLOSE))
    assert client.closing() is None


def test_7_a_reason_that_is_no_utf8_ends_the_connection(daemon, client):
    client.send(close_frame(1000, b"\xff\xfe"))
    assert client.closing() == 1007


def test_7_nothing_is_answered_behind_a_close(daemon, client):
    client.send(close_frame(1000) + frame(PING, b"late") + close_frame(1001))
    assert client.closing() == 1000


@pytest.mark.parametrize("end", ["close", "reset"])
def test_7_clients_may_go_without_a_word(daemon, client, end):
    if end == "reset":
        client.socket.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SOL_SOCKET, SO_LINGER
    client.close()
    wait_for(lambda: metric(daemon, "hookswitch_websocket_clients") == 0)
    daemon.accept(message(next(NUMBERS)))


@pytest.mark.parametrize("frames", [
    [frame(TEXT, b"x" * 4097)],
    [frame(BINARY, b"x" * 70000)],
    [frame(TEXT, b"x", length=1 << 40)],
    [frame(TEXT, b"x", fin=False), frame(CONTINUATION, b"x" * 4097)],
], ids=["4097", "70000", "a header of a terabyte", "second fragment"])
def test_9_frames_that_are_too_long_end_the_connection(daemon, client, frames):
    client.send(*frames)
    assert client.closing() == 1009
