# SPDX-License-Identifier: Apache-2.0
"""GET /ws/:instance: who gets in, what clients get, and how it ends."""
import contextlib
import json
import threading
import time

import pytest

from rig import SLOW, message, number_of, raw
from ws_rig import (ACCEPT, CLOSE, PING, PONG, TEXT, Client, close_frame, frame, metric, token, upgrade_request,
                    wait_for)

ENABLED = "websocket = yes"


@pytest.fixture
def make(make_daemon):
    def make(instance=ENABLED, instances=("sales",), websocket="", api="rate_limit = none", **kwargs):
        return make_daemon({}, instance=instance, instances=instances, websocket=websocket, api=api, **kwargs)
    return make


@pytest.fixture
def connect():
    with contextlib.ExitStack() as stack:
        def connect(*args, **kwargs):
            client = Client(*args, **kwargs)
            stack.callback(client.close)
            return client
        yield connect


def numbers(client, n):
    return [number_of(client.event()) for _ in range(n)]


# ---- the upgrade ----

def refusal(daemon, *args, **kwargs):
    """(status, head in lower case, body) of a request that is not upgraded, and the connection stays of use."""
    request = upgrade_request(*args, **kwargs)
    answer = raw(daemon.port, request + b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    head, _, rest = answer.partition(b"\r\n\r\n")
    length = int(next(line for line in head.lower().splitlines() if line.startswith(b"content-length")).split()[1])
    assert rest[length:].startswith(b"HTTP/1.1 404"), answer
    return int(head.split()[1]), head.decode().lower(), rest[:length]


def error(text):
    return json.dumps({"success": False, "error": {"message": text}}, separators=(",", ":")).encode()


MISSING = "Missing token in header, Authorization header, or query parameter"
OTHERS = "Instance token does not match requested instance"
DISABLED = ("WebSocket is not enabled for this instance. Configure it first using POST "
            "/api/events/websocket/quiet")
NOT_AN_UPGRADE = "This is a WebSocket: an upgrade request is expected"
VERSION = "Only version 13 of WebSocket is spoken here"
KEY_TEXT = "Missing or malformed Sec-WebSocket-Key"

# Each would also fail all the checks behind its own: so the order is tested, too.
WORSE = {"Origin": "https://evil.example", "Upgrade": None}
REFUSALS = [
    ("unknown instance", "/ws/nobody", {**WORSE, "token": None}, 404, "Instance not found"),
    ("malformed name", "/ws/a%20b", {**WORSE, "token": None}, 404, "Instance not found"),
    ("more than a name", "/ws/sales/b", {**WORSE, "token": None}, 404, "Not found"),
    ("no name", "/ws/", {**WORSE, "token": None}, 404, "Not found"),
    ("no token", "/ws/quiet", {**WORSE, "token": None}, 401, MISSING),
    ("unknown token", "/ws/quiet", {**WORSE, "token": "wrong"}, 401, "Invalid token"),
    ("empty token", "/ws/quiet", {**WORSE, "token": ""}, 401, MISSING),
    ("unknown bearer", "/ws/sales", {"token": None, "Authorization": "Bearer wrong"}, 401, "Invalid token"),
    ("unknown query token", "/ws/sales?token=wrong", {"token": None}, 401, "Invalid token"),
    ("another's token", "/ws/quiet", {**WORSE, "token": token("sales")}, 403, OTHERS),
    ("not enabled", "/ws/quiet", {**WORSE, "token": token("quiet")}, 400, DISABLED),
    ("foreign origin", "/ws/sales", {"Origin": "https://evil.example", "Upgrade": None}, 403, None),
    ("the other scheme's port", "/ws/sales", {"Origin": "http://x", "Host": "x:443"}, 403, None),
    ("the port of no scheme", "/ws/sales", {"Origin": "https://x", "Host": "x:80"}, 403, None),
    ("origin null", "/ws/sales", {"Origin": "null"}, 403, None),
    ("empty origin", "/ws/sales", {"Origin": ""}, 403, None),
    ("origin that only begins so", "/ws/sales", {"Origin": "https://app.example.com.evil"}, 403, None),
    ("no Upgrade", "/ws/sales", {"Upgrade": None}, 426, NOT_AN_UPGRADE),
    ("another Upgrade", "/ws/sales", {"Upgrade": "h2c"}, 426, NOT_AN_UPGRADE),
    ("no Connection", "/ws/sales", {"Connection": None}, 426, NOT_AN_UPGRADE),
    ("Connection keep-alive", "/ws/sales", {"Connection": "keep-alive"}, 426, NOT_AN_UPGRADE),
    ("version 8", "/ws/sales", {"Sec-WebSocket-Version": "8"}, 426, VERSION),
    ("no version", "/ws/sales", {"Sec-WebSocket-Version": None}, 426, VERSION),
    ("no key", "/ws/sales", {"Sec-WebSocket-Key": None}, 400, KEY_TEXT),
    ("short key", "/ws/sales", {"Sec-WebSocket-Key": "dGhlIHNhbXBsZQ=="}, 400, KEY_TEXT),
    ("key that is no base64", "/ws/sales", {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZ!=="}, 400, KEY_TEXT),
]


def test_upgrades_are_refused_with_exact_answers(make):
    daemon = make(instance={"sales": ENABLED}, instances=("sales", "quiet"),
                  websocket="origins = https://app.example.com")
    for name, path, headers, status, text in REFUSALS:
        got, _, body = refusal(daemon, path, headers)
        assert (got, body) == (status, error(text) if text else b""), name
    assert "WebSocket upgrade blocked from origin https://evil.example (host x)" in daemon.log_text()
    assert "sec-websocket-version: 13" in refusal(daemon, headers={"Sec-WebSocket-Version": "8"})[1]
    assert "upgrade: websocket" in refusal(daemon, headers={"Upgrade": None})[1]
    status, headers, _ = daemon.request("POST", "/ws/sales", b"{}", {"token": token()})
    assert status == 405 and headers["allow"] == "GET"
    answer = raw(daemon.port, upgrade_request().replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert answer.startswith(b"HTTP/1.1 426 ")
    assert metric(daemon, "hookswitch_websocket_clients") == 0


@pytest.mark.parametrize("lines", [
    b"Connection: keep-alive\r\nConnection: Upgrade", b"Connection: Upgrade\r\nConnection: keep-alive",
    b"Connection:\tkeep-alive , uPGRADE \r\nUpgrade: h2c"])
def test_the_words_of_an_upgrade_may_stand_in_several_lines(make, lines):
    """As proxies write them (RFC 9110 section 5.3)."""
    request = upgrade_request(headers={"Connection": None})
    answer = raw(make().port, request.replace(b"\r\n", b"\r\n" + lines + b"\r\n", 1) + close_frame(1000))
    assert answer.startswith(b"HTTP/1.1 101 "), answer


@pytest.mark.parametrize("sent, logged", [
    (b"https://e\xc2\x9b31m", r"https://e\xc2\x9b31m"), (b"https://e\xe2\x80\xaex", r"https://e\xe2\x80\xaex"),
    (b"https://e\xff", r"https://e\xff"), ("https://café".encode(), "https://café")])
def test_an_origin_does_nothing_to_the_terminal_that_shows_the_log(make, sent, logged):
    """No control characters of ISO 6429, no marks that turn the direction of text, no bytes that are no UTF-8."""
    daemon = make()
    request = upgrade_request(headers={"Origin": "ORIGIN", "Connection": "close, Upgrade"}).replace(b"ORIGIN", sent)
    assert raw(daemon.port, request).startswith(b"HTTP/1.1 403 ")
    assert f"WebSocket upgrade blocked from origin {logged} (host x)" in daemon.log_text()


@pytest.mark.parametrize("path, headers", [
    ("/ws/sales", {}),
    ("/ws/sales", {"token": None, "Authorization": f"Bearer {token()}"}),
    ("/ws/sales", {"token": None, "Authorization": token()}),
    (f"/ws/sales?token={token()}", {"token": None}),
    (f"/ws/s%61les?a=b&token={token().replace('-', '%2D')}", {"token": None}),
    ("/ws/sales", {"Origin": "http://x"}),
    ("/ws/sales", {"Origin": "https://X"}),
    ("/ws/sales", {"Origin": "https://x", "Host": "x:443"}),
    ("/ws/sales", {"Origin": "https://x:443", "Host": "x"}),
    ("/ws/sales", {"Origin": "http://x", "Host": "X:80"}),
    ("/ws/sales", {"Origin": "http://[::1]", "Host": "[::1]:80"}),
    ("/ws/sales", {"Origin": "http://x:443", "Host": "x:443"}),
    ("/ws/sales", {"Origin": "https://APP.example.com"}),
    ("/ws/sales", {"Upgrade": "h2c, WebSocket", "Connection": "keep-alive,  upgrade"}),
])
def test_proper_upgrades_are_accepted(make, path, headers):
    daemon = make(websocket="origins = https://other.example, https://app.example.com")
    answer, _, rest = raw(daemon.port, upgrade_request(path, headers) + close_frame(1000)).partition(b"\r\n\r\n")
    head = answer.decode().split("\r\n")
    assert head[0] == "HTTP/1.1 101 Switching Protocols"
    assert f"Sec-WebSocket-Accept: {ACCEPT}" in head
    assert rest == frame(CLOSE, b"\x03\xe8", mask=False) and "Sec-WebSocket-Extensions" not in answer.decode()


@pytest.mark.parametrize("trusted, fields, status", [
    ("127.0.0.1", {"X-Forwarded-Proto": "https"}, 403),
    ("127.0.0.1", {"Forwarded": "for=192.0.2.1;proto=https"}, 403),
    ("127.0.0.1", {"X-Forwarded-Proto": "http"}, 101),
    ("10.0.0.0/8", {"X-Forwarded-Proto": "https"}, 101),
])
def test_a_page_without_tls_is_foreign_where_clients_have_tls(make, trusted, fields, status):
    daemon = make(server=f"trusted_proxies = {trusted}", websocket="origins = https://app.example.com")
    for origin, expected in ("http://x", status), ("https://x", 101), ("https://app.example.com", 101):
        headers = {"Origin": origin, **fields}
        if expected == 101:
            answer = raw(daemon.port, upgrade_request(headers=headers) + close_frame(1000))
            assert answer.startswith(b"HTTP/1.1 101 "), origin
        else:
            assert refusal(daemon, headers=headers)[0] == expected, origin


def test_a_star_allows_all_origins(make, connect):
    daemon = make(websocket="origins = *")
    assert connect(daemon, headers={"Origin": "https://evil.example"}).is_alive()


def test_unknown_instances_are_not_made_by_asking(make):
    daemon = make(ingest="auto_create = yes")
    assert refusal(daemon, "/ws/fresh", {"token": None})[0] == 404
    assert "fresh" not in [i["name"] for i in daemon.status()["instances"]]
    daemon.accept(message(1), instance="fresh")
    assert refusal(daemon, "/ws/fresh", {"token": token()})[0] == 404, "nobody can enable it"


def test_bytes_behind_the_request_are_read(make, connect):
    daemon = make()
    pings = [b"%02d" % i for i in range(20)]
    client = connect(daemon, early=b"".join(frame(PING, p) for p in pings))
    assert [client.receive() for _ in pings] == [(PONG, p) for p in pings]


def test_connections_count_until_they_are_gone(make, connect):
    daemon = make(server="max_connections = 3")
    clients = [connect(daemon), connect(daemon)]
    wait_for(lambda: daemon.request("GET", "/healthz")[0] == 200)

    # The connection that asked is counted until it is gone.
    def third():
        try:
            return connect(daemon)
        except AssertionError as refused:
            assert "503" in str(refused)
            return None
    clients.append(wait_for(third))
    assert raw(daemon.port, upgrade_request()).startswith(b"HTTP/1.1 503 ")
    for client in clients:
        client.send(close_frame(1000))
        assert client.closing() == 1000
    wait_for(lambda: daemon.request("GET", "/healthz")[0] == 200, what="the connections are counted as gone")
    wait_for(lambda: metric(daemon, "hookswitch_websocket_clients") == 0)


# ---- what clients get ----

@pytest.mark.threads
def test_events_reach_all_clients_of_the_instance_in_order(make, connect):
    daemon = make(instances=("sales", "support"), server="workers = 4")
    clients = [connect(daemon) for _ in range(12)]
    other = connect(daemon, "support")
    for i in range(30):
        daemon.accept(message(i, chat=i % 3))
    daemon.accept(message(99), instance="support")
    for client in clients:
        assert numbers(client, 30) == list(range(30))
        assert client.is_alive()
    event = other.event()
    assert number_of(event) == 99
    assert event["instanceData"] == {"baseUrl": "https://hooks.example.com", "instance": "support",
                                     "token": token("support")}
    wait_for(lambda: metric(daemon, "hookswitch_sink_messages_total") == 30 * 12 + 1)


def test_a_client_gets_nothing_of_before_it_came(make, connect):
    daemon = make()
    daemon.accept(message(1))
    client = connect(daemon)
    daemon.accept(message(2))
    assert numbers(client, 1) == [2]


def test_sinks_and_clients_are_served_side_by_side(make_daemon, make_receiver, connect):
    receiver = make_receiver()
    daemon = make_daemon({"out": {"plugin": "webhook", "url": receiver.url}}, instance=ENABLED)
    client = connect(daemon)
    for i in range(20):
        daemon.accept(message(i))
    receiver.wait(20)
    assert numbers(client, 20) == list(range(20))
    assert "token" not in receiver.envelopes()[0]["instanceData"]


CONNECTED = {"event": "connection.update", "instance": "demo", "data": {"state": "open", "statusReason": 200}}
MEDIA = {"event": "messages.upsert", "instance": "demo", "data": {
    "key": {"remoteJid": "551191@s.whatsapp.net", "fromMe": False, "id": "MEDIA"}, "messageType": "imageMessage",
    "message": {"imageMessage": {"mimetype": "image/jpeg", "mediaKey": "a2V5"}, "base64": "/9j/4AAQ"},
    "messageTimestamp": 1763771103}}


def test_only_the_types_that_are_wanted_come(make, connect):
    daemon = make(instance="websocket = yes\nwebsocket_events = instance.state")
    client = connect(daemon)
    daemon.accept(message(1))
    daemon.accept(CONNECTED)
    assert client.event()["event"] == "instance.state"
    assert client.is_alive()


@pytest.mark.parametrize("setting, wanted", [("no", False), ("yes", True)])
def test_media_comes_where_it_is_wanted(make, connect, setting, wanted):
    daemon = make(instance=f"websocket = yes\nwebsocket_media_base64 = {setting}")
    client = connect(daemon)
    daemon.accept(MEDIA)
    media = client.event()["data"]["message"]["media"]
    assert media.get("base64") == ("/9j/4AAQ" if wanted else None)
    assert "mediaKey" not in media


@pytest.mark.parametrize("size", [10, 60000, 70000, 3000000])
def test_messages_of_any_length_come_in_one_frame(make, connect, size):
    daemon = make()
    client = connect(daemon)
    daemon.accept(message(1, text="ä" * (size // 2)))
    assert client.event()["data"]["message"]["content"] == "ä" * (size // 2)


# ---- how it ends ----

@pytest.mark.threads
def test_clients_are_told_when_the_server_stops(make, connect):
    daemon = make(server="workers = 3")
    clients = [connect(daemon) for _ in range(6)]
    daemon.accept(message(1))
    begin = time.monotonic()
    daemon.stop()
    assert time.monotonic() - begin < 5 * SLOW
    for client in clients:
        assert numbers(client, 1) == [1]
        assert client.closing() == 1001


def test_pings_keep_a_client_and_silence_ends_it(make, connect):
    daemon = make(websocket="heartbeat = 200ms\npong_timeout = 2500ms")
    alive, silent = connect(daemon), connect(daemon)
    end = time.monotonic() + 5
    while time.monotonic() < end:
        opcode, payload = alive.receive()
        assert (opcode, payload) == (PING, b"")
        alive.send(frame(PONG))
    daemon.accept(message(1))
    assert numbers(alive, 1) == [1]
    begin = time.monotonic()
    assert silent.closing() == 1008
    assert time.monotonic() - begin < 2 * SLOW, "it was closed long ago"
    assert metric(daemon, 'hookswitch_sink_dropped_total{name="websocket",label="no_pong"}') == 1


def test_pings_alone_keep_no_client(make, connect):
    """It is the PONG that counts, whatever else a client sends."""
    daemon = make(websocket="heartbeat = 200ms\npong_timeout = 700ms")
    client = connect(daemon)
    stop = threading.Event()

    def talk():
        with contextlib.suppress(OSError):
            while not stop.wait(0.1):
                client.send(frame(PING), frame(TEXT, b"hello"))
    thread = threading.Thread(target=talk)
    thread.start()
    try:
        assert client.closing() == 1008
    finally:
        stop.set()
        thread.join()


@pytest.mark.threads
def test_a_slow_client_is_dropped_and_others_lose_nothing(make, connect):
    daemon = make()
    slow = connect(daemon, receive_buffer=4096)
    fast = [connect(daemon) for _ in range(4)]
    count = 500
    seen = [[] for _ in fast]

    def read(client, into):
        into += numbers(client, count)
    threads = [threading.Thread(target=read, args=pair) for pair in zip(fast, seen)]
    for thread in threads:
        thread.start()
    for i in range(count):
        daemon.accept(message(i, text="x" * 60000))
    for thread in threads:
        thread.join(60 * SLOW)
    assert seen == [list(range(count))] * len(fast)
    wait_for(lambda: metric(daemon, 'hookswitch_sink_dropped_total{name="websocket",label="slow"}') == 1)
    got = []
    with contextlib.suppress(EOFError, ConnectionResetError):
        while (item := slow.receive())[0] != CLOSE:
            got.append(number_of(json.loads(item[1])))
        assert item[1][:2] == (1008).to_bytes(2, "big")
    assert got == list(range(len(got))) and len(got) < count - 256


def test_a_client_that_catches_up_in_time_loses_nothing(make, connect):
    daemon = make()
    client = connect(daemon, receive_buffer=4096)
    for i in range(200):
        daemon.accept(message(i, text="x" * 60000))
    assert numbers(client, 200) == list(range(200))
    assert client.is_alive()


@pytest.mark.threads
def test_clients_that_come_and_go_disturb_nobody(make, connect):
    daemon = make(server="workers = 2")
    steady = connect(daemon)
    stop = threading.Event()

    def churn():
        while not stop.is_set():
            client = Client(daemon)
            client.send(frame(PING, b"x"), b"\x81")
            client.close()
    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for i in range(100):
            daemon.accept(message(i))
    finally:
        stop.set()
        thread.join()
    assert numbers(steady, 100) == list(range(100))
    wait_for(lambda: metric(daemon, "hookswitch_websocket_clients") == 1, what="the others are gone")


# ---- configuration ----

@pytest.mark.parametrize("instance, websocket, expected", [
    ("websocket = yes\nwebsocket_events = message.exchnge", None, "did you mean `message.exchange`"),
    ("websocket = yes\nwebsocket_events = raw", None, "`raw` is no event type"),
    (ENABLED, "heartbeat = 5ms", "heartbeat"),
    (ENABLED, "plugin = file", "sink-file does not serve clients: its section is [sink NAME]"),
    (ENABLED, "plugin = nothing", "sink-nothing.so"),
    (ENABLED, "orgins = *", "did you mean `origins`"),
    (ENABLED, "origins = https://a.example, https://b.example/", "origins: found `https://b.example/`, expected "
     "scheme://host[:port] or *: an origin has no path, not even /"),
    (ENABLED, "origins = wss://app.example.com", "the scheme is the page's, https, not wss"),
    (ENABLED, "origins = https://*.example.com", "* stands alone"),
])
def test_wrong_configurations_are_refused(make_daemon, instance, websocket, expected):
    daemon = make_daemon({}, instance=instance, websocket=websocket, start=False)
    result = daemon.command("check", check=False)
    assert result.returncode != 0 and expected in result.stderr + result.stdout


def test_a_sink_section_is_refused(make_daemon):
    daemon = make_daemon({"live": {"plugin": "websocket"}}, start=False)
    result = daemon.command("check", check=False)
    assert result.returncode != 0 and "its section is [websocket]" in result.stderr + result.stdout


def test_a_pong_timeout_below_the_heartbeat_does_not_start(make_daemon):
    daemon = make_daemon({}, websocket="heartbeat = 60s", start=False)
    daemon.start(wait=False)
    assert daemon.process.wait(20) == 1
    daemon.process = None
    assert "[websocket] pong_timeout: must be longer than heartbeat" in daemon.log_text()
