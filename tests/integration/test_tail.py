# SPDX-License-Identifier: Apache-2.0
"""`hookswitch tail` against a WebSocket server of another make."""
import asyncio
import contextlib
import http
import json
import os
import pty
import signal
import ssl
import subprocess
import threading

import pytest

from api_rig import ACCOUNT, ApiDaemon
from rig import PROGRAM, SLOW, certificate, free_port, message, wait_for
from test_reload import edit

websockets = pytest.importorskip("websockets")


class Server:
    """Calls `serve` with each connection that brings the token; refusals: {path: (status, message)}."""

    def __init__(self, serve, refusals=None, context=None, unix=None, port=None):
        self.serve, self.refusals, self.context, self.unix = serve, refusals or {}, context, unix
        self.port = port or free_port()
        self.requests = []
        self.ready = threading.Event()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        assert self.ready.wait(10)

    def run(self):
        asyncio.set_event_loop(self.loop)
        self.done = asyncio.Event()
        self.loop.run_until_complete(self.main())

    async def main(self):
        options = {"process_request": self.check, "ssl": self.context, "ping_interval": None, "close_timeout": 2,
                   "max_size": None, "compression": "deflate"}
        make = (websockets.unix_serve(self.serve, self.unix, **options) if self.unix
                else websockets.serve(self.serve, "127.0.0.1", self.port, **options))
        async with make:
            self.ready.set()
            await self.done.wait()

    async def check(self, path, headers):
        self.requests.append((path, headers))
        if path in self.refusals:
            status, message = self.refusals[path]
            body = json.dumps({"success": False, "error": {"message": message}}).encode() if message else b""
            return http.HTTPStatus(status), [("Content-Type", "application/json")], body

    def close(self):
        self.loop.call_soon_threadsafe(self.done.set)
        self.thread.join(10)


@pytest.fixture
def serve():
    with contextlib.ExitStack() as stack:
        def make(*args, **kwargs):
            server = Server(*args, **kwargs)
            stack.callback(server.close)
            return server
        yield make


class Tail:
    def __init__(self, *args, env=None, stdout=subprocess.PIPE):
        environment = {**os.environ, "TZ": "UTC", **(env or {})}
        environment.pop("NO_COLOR", None) if not env or "NO_COLOR" not in env else None
        self.process = subprocess.Popen([PROGRAM, "tail", *args], stdout=stdout, stderr=subprocess.PIPE,
                                        env=environment)
        self.err = b""
        self.reader = threading.Thread(target=self.drain, daemon=True)
        self.reader.start()

    def drain(self):
        while (chunk := os.read(self.process.stderr.fileno(), 4096)):
            self.err += chunk

    def line(self):
        return self.process.stdout.readline().decode()

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        return self.process.wait(10 * SLOW)

    def wait(self):
        status = self.process.wait(30 * SLOW)
        self.reader.join(10)  # all of it, not a first line
        return status, self.err.decode()


@pytest.fixture
def tail():
    made = []

    def make(server, *args, instance="sales", **kwargs):
        scheme = "wss" if server.context else "ws"
        url = f"unix:{server.unix}" if server.unix else f"{scheme}://127.0.0.1:{server.port}"
        made.append(Tail("--url", url, "--token", "T-SECRET", *args, instance, **kwargs))
        return made[-1]
    yield make
    for t in made:
        if t.process.poll() is None:
            t.process.kill()
            t.process.wait()
        assert b"Sanitizer" not in t.err and b"runtime error" not in t.err, t.err


@contextlib.contextmanager
def started(folder, **kwargs):
    daemon = ApiDaemon(folder, **kwargs)
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.stop()


def envelope(event="message.exchange", **data):
    return {"event": event, "data": data, "instanceData": {"baseUrl": "x", "instance": "sales"},
            "id": "evt_1", "receivedAt": "2026-11-21T02:53:48.123Z"}


def text(content, **chat):
    return envelope(direction="incoming", chat={"jid": "55@s.whatsapp.net", "name": "Ana", "type": "private", **chat},
                    sender={"jid": "55@s.whatsapp.net", "name": "Ana"}, message={"type": "text", "content": content})


def sending(*frames, then=None):
    async def serve(connection, path=None):
        for frame in frames:
            await connection.send(frame if isinstance(frame, (str, list, bytes)) else json.dumps(frame))
        await (then(connection) if then else connection.wait_closed())
    return serve


@pytest.mark.parametrize("frame, line", [
    (text("hello"), "02:53:48 sales message.exchange < Ana: hello"),
    (text("a\x1b[31mred\r\nb\u202ec\x9b"), "02:53:48 sales message.exchange < Ana: a?[31mred? b?c?"),
    (text("x" * 300), "02:53:48 sales message.exchange < Ana: " + "x" * 100 + "..."),
    (text("ção 👍"), "02:53:48 sales message.exchange < Ana: ção 👍"),
    (text("hi", type="group", name="Team"), "02:53:48 sales message.exchange < Team / Ana: hi"),
    (envelope(direction="outgoing", chat={"jid": "5@g.us"},
              message={"type": "document", "content": "see", "media": {"fileName": "a.pdf"}}),
     "02:53:48 sales message.exchange > 5@g.us: [document] a.pdf see"),
    (envelope("message.status", status="read", messageIds=["a", "b"], chat={"jid": "5@s.whatsapp.net"}),
     "02:53:48 sales message.status 5@s.whatsapp.net: read (2 messages)"),
    (envelope("call.update", type="offer", isVideo=True, **{"from": {"lid": "9@lid"}}),
     "02:53:48 sales call.update 9@lid: offer, video"),
    (envelope("group.flow", type="joined", groupJid="1@g.us", participants=[{"jid": "2@s"}, {"name": "Bo"}]),
     "02:53:48 sales group.flow 1@g.us: joined 2@s, Bo"),
    (envelope("group.flow", type="announce", groupName="G", value=True), "02:53:48 sales group.flow G: announce = true"),
    (envelope("instance.state", state="disconnected", reason="gone"),
     "02:53:48 sales instance.state disconnected, gone"),
    (envelope("label.update", type="chat", action="add", labelId="7", chatJid="5@s"),
     "02:53:48 sales label.update chat add 7 5@s"),
    (envelope("something.new", a=1), "02:53:48 sales something.new"),
    ({"event": "message.exchange", "data": None, "receivedAt": 5}, "5  message.exchange < -:")])
def test_an_event_is_one_readable_line(serve, tail, frame, line):
    assert tail(serve(sending(frame))).line().rstrip() == line


def test_it_connects_like_any_client(serve, tail):
    server = serve(sending(text("x")))
    t = tail(server, instance="a b")
    assert "x" in t.line()
    path, headers = server.requests[0]
    assert path == "/ws/a%20b" and headers["token"] == "T-SECRET"
    assert headers["Host"] == f"127.0.0.1:{server.port}"
    assert t.stop() == 0


def test_json_gives_the_frames(serve, tail):
    frames = [json.dumps(text(str(n)), indent=None) for n in range(100)]
    t = tail(serve(sending(*frames)), "--json")
    assert [t.line().rstrip("\n") for _ in frames] == frames


def test_an_event_that_is_deeply_nested_is_shown(serve, tail):
    deep = text("well")
    deep["data"]["context"] = json.loads("[" * 80 + "]" * 80)
    assert "well" in tail(serve(sending(deep))).line()


def test_only_the_types_that_are_asked_for(serve, tail):
    t = tail(serve(sending(text("1"), envelope("call.update"), envelope("instance.state", state="connected"))),
             "--events", "call.update, instance.state")
    assert "call.update" in t.line() and "instance.state" in t.line()


def test_large_frames_fragments_and_pings(serve, tail):
    async def then(connection):
        whole = json.dumps(text("in pieces"))
        await connection.send([whole[:5], whole[5:9], "", whole[9:]])
        await (await connection.ping(b"?" * 125))
        await connection.send(json.dumps(text("after the pong")))
        await connection.wait_closed()
    t = tail(serve(sending(text("x" * 2_000_000), text("y" * 200), then=then)))
    for words in ("xxx...", "yyy...", "in pieces", "after the pong"):
        assert words in t.line()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_a_close_frame(serve, tail, number):
    codes = []

    async def then(connection):
        await connection.wait_closed()
        codes.append(connection.close_code)
    t = tail(serve(sending(text("x"), then=then)))
    assert t.line()
    assert t.stop(number) == 0
    wait_for(lambda: codes == [1001])


def test_a_reader_that_goes_ends_it(serve, tail):
    async def then(connection):
        while True:
            await connection.send(json.dumps(text("more")))
            await asyncio.sleep(0.01)
    t = tail(serve(sending(then=then)))
    assert t.line()
    t.process.stdout.close()
    assert t.process.wait(20) == 0


@pytest.mark.parametrize("status, message, words", [
    (401, "Invalid token", "token is missing or wrong (401): Invalid token"),
    (403, "Instance token does not match requested instance", "may not read this instance (403): Instance token"),
    (403, "", "may not read this instance (403)"),
    (404, "Instance not found", "no such instance"),
    (400, "WebSocket is not enabled for this instance.", "(400): WebSocket is not enabled")])
def test_refusals_are_told_in_words_and_end_it(serve, tail, status, message, words):
    found, err = tail(serve(sending(), {"/ws/sales": (status, message)})).wait()
    assert found == 1 and words in err and "SECRET" not in err
    assert ("hookswitch websocket set sales" in err) is (status == 400), "the hint is for that refusal only"


def test_nobody_there_is_told_with_its_own_status():
    t = Tail("--url", f"ws://127.0.0.1:{free_port()}", "--token", "x", "sales")
    status, err = t.wait()
    assert status == 3 and "refused" in err


def test_a_url_that_is_none():
    status, err = Tail("--url", "ftp://x", "--token", "x", "sales").wait()
    assert status == 2 and "ws://" in err


def test_a_server_that_speaks_no_http(serve):
    import socket
    with socket.create_server(("127.0.0.1", 0)) as s:
        t = Tail("--url", f"ws://127.0.0.1:{s.getsockname()[1]}", "--token", "x", "sales")
        c, _ = s.accept()
        c.recv(1000)
        c.sendall(b"SSH-2.0\r\n\r\n")
        status, err = t.wait()
        c.close()
    assert status == 3 and "not HTTP" in err


def test_it_comes_back_when_the_connection_is_lost(serve, tail):
    count = []

    async def then(connection):
        count.append(1)
        if len(count) == 1:
            await connection.close(1001, "server stops")
        elif len(count) == 2:
            connection.transport.abort()
        else:
            await connection.wait_closed()
    t = tail(serve(sending(text("x"), then=then)))
    for _ in range(3):
        assert "x" in t.line()
    assert b"server stops (1001); trying again" in t.err and t.err.count(b"trying again") == 2
    assert t.stop() == 0


def test_it_waits_for_a_server_that_is_away_for_a_while(serve, tail):
    first = Server(sending(text("1")))
    t = tail(first)
    assert t.line()
    first.close()
    wait_for(lambda: b"no connection" in t.err)
    serve(sending(text("2")), port=first.port)
    assert "2" in t.line()


def test_tls(serve, tail, folder):
    context, cert = certificate(folder)
    server = serve(sending(text("x" * 200_000), text("y")), context=context)
    t = tail(server, "--cacert", str(cert))
    assert "xxx" in t.line() and "y" in t.line()
    assert t.stop() == 0
    status, err = tail(server).wait()
    assert status == 1 and "not trusted" in err


def test_a_certificate_of_another_name(serve, tail, folder):
    context, cert = certificate(folder, "192.0.2.1")
    status, err = tail(serve(sending(), context=context), "--cacert", str(cert)).wait()
    assert status == 1 and "mismatch" in err


def test_a_unix_socket(serve, tail, folder):
    t = tail(serve(sending(text("x")), unix=f"{folder}/ws.sock"))
    assert "x" in t.line()


def test_colours_are_for_terminals_only(serve, tail):
    server = serve(sending(text("x")))
    assert "\x1b" not in tail(server).line()
    for env, is_coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)):
        ours, theirs = pty.openpty()
        t = tail(server, stdout=theirs, env=env)
        os.close(theirs)
        data = b""
        while b"\n" not in data:
            data += os.read(ours, 4096)
        assert (b"\x1b[32m" in data) is is_coloured, env
        t.stop()
        os.close(ours)


def test_the_daemon_is_asked_for_what_is_not_given(make_daemon, folder):
    daemon = make_daemon({"f": {"plugin": "file", "path": f"{folder}/x"}}, instances=("sales", "support"))
    r = daemon.command("tail", check=False)
    assert r.returncode == 1 and "2 instances" in r.stderr
    r = daemon.command("tail", "nobody", check=False)
    assert r.returncode == 1 and "not found" in r.stderr
    r = daemon.command("tail", "sales", check=False)
    assert r.returncode == 1 and "(4" in r.stderr, r.stderr


@pytest.mark.parametrize("events", ["foo", "message.exchange,foo", "message.exchange, foo", "foo,call.update", "foo,"])
def test_an_event_that_does_not_exist_is_refused_before_it_connects(serve, tail, events):
    server = serve(sending(text("x")))
    t = tail(server, "-e", events)
    status, said = t.wait()
    assert status == 2 and server.requests == []
    assert "unknown event `foo`; events are message.exchange, message.status, call.update, group.flow, " \
        "instance.state, label.update" in said


def test_an_empty_token_of_the_environment_is_none(tmp_path):
    daemon = ApiDaemon(tmp_path).start()
    t = Tail("-c", str(daemon.ini), "sales", env={"HOOKSWITCH_TOKEN": ""})
    status, said = t.wait()
    assert status == 1 and "HOOKSWITCH_TOKEN is empty" in said
    assert "WebSocket is not enabled" in said, "the daemon was asked for the token"
    daemon.stop()


def test_the_token_that_the_daemon_gave_is_asked_for_again(tmp_path):
    with started(tmp_path, instance="websocket = yes") as daemon:
        daemon.ok("POST", "/api/instance/new", {"name": "shop", "token": "one-SECRET", "websocketEnabled": True},
                  status=201)
        asks, has_it = Tail("-c", str(daemon.ini), "shop"), Tail("-c", str(daemon.ini), "-t", "one-SECRET", "shop")
        for t in asks, has_it:
            wait_for(lambda t=t: b"connected" in t.err)
        daemon.command("instance", "token", "-t", "two-SECRET", "shop")
        wait_for(lambda: asks.err.count(b"connected") == 2, what="it has the new token")
        assert b"the token was changed (1001)" in asks.err
        assert has_it.wait()[0] == 1 and b"token is missing or wrong (401)" in has_it.err
        daemon.accept(message(1), instance="shop")
        assert "shop message.exchange" in asks.line() and asks.stop() == 0
        assert b"SECRET" not in asks.err + has_it.err


def test_an_instance_without_a_token_is_told_with_what_it_needs(tmp_path):
    with started(tmp_path, instance="websocket = yes") as daemon:
        edit(daemon, "token = sales-SECRET-instance\n", "")
        daemon.command("reload")
        for name in [], ["sales"]:
            status, said = Tail("-c", str(daemon.ini), *name).wait()
            assert status == 1 and "instance sales has no token" in said
            assert "`token = SECRET`" in said and "`websocket = yes`" in said and "[instance sales]" in said
            assert "hookswitch reload" in said
        t = Tail("-c", str(daemon.ini), "-t", ACCOUNT)
        wait_for(lambda: b"connected" in t.err)
        assert t.stop() == 0


def test_with_a_url_what_it_needs_is_named(tmp_path):
    url = f"ws://127.0.0.1:{free_port()}"
    for args, words in (["sales"], "the token is needed"), (["-t", "", "sales"], "token is empty"), (
            ["-t", "x"], "name an instance"), ([], "name an instance"):
        status, said = Tail("-u", url, *args).wait()
        assert status == 2 and words in said and ".ini" not in said
    with started(tmp_path, instance="websocket = yes") as daemon:
        t = Tail("-u", f"ws://127.0.0.1:{daemon.port}", "-c", str(daemon.ini))
        wait_for(lambda: b"connected, instance sales" in t.err)
        assert t.stop() == 0


def test_the_hint_on_a_websocket_that_is_off_turns_it_on(tmp_path):
    daemon = ApiDaemon(tmp_path).start()
    status, said = Tail("-c", str(daemon.ini), "sales").wait()
    hint = said.rpartition("it is enabled by: hookswitch ")[2].partition(" (")[0].split()
    assert status == 1 and hint == ["websocket", "set", "sales"], said
    daemon.command(*hint)
    t = Tail("-c", str(daemon.ini), "sales")
    wait_for(lambda: b"connected, instance sales" in t.err)
    daemon.accept(message(1))
    assert "sales" in t.line()
    t.stop()
    daemon.stop()


@pytest.mark.parametrize("args", [[], ["-t", "sales-SECRET-instance"]])
def test_a_type_that_the_websocket_does_not_carry_is_named(tmp_path, args):
    with started(tmp_path, instance="websocket = yes\nwebsocket_events = message.exchange, call.update") as daemon:
        t = Tail("-c", str(daemon.ini), *args, "-e", "message.status, message.exchange,label.update", "sales")
        wait_for(lambda: b"the WebSocket of sales does not carry message.status, label.update\n" in t.err)
        daemon.accept(message(1))
        assert "sales message.exchange" in t.line() and t.stop() == 0
        t = Tail("-c", str(daemon.ini), *args, "-e", "call.update,message.exchange", "sales")
        wait_for(lambda: b"connected" in t.err)
        daemon.accept(message(2))
        assert "sales message.exchange" in t.line() and t.stop() == 0 and b"carry" not in t.err


def test_a_websocket_that_is_disabled_meanwhile_is_told(tmp_path):
    with started(tmp_path, instance="websocket = yes") as daemon:
        t = Tail("-c", str(daemon.ini), "sales")
        wait_for(lambda: b"connected" in t.err)
        daemon.command("websocket", "set", "--disable", "sales")
        wait_for(lambda: b"the WebSocket of sales is disabled" in t.err, 60, "it asks after half a minute")
        assert t.stop() == 0 and t.err.count(b"disabled") == 1
