# SPDX-License-Identifier: Apache-2.0
"""Programs as RyzeAPI's users write them, in programs/: they work with the base URL changed, and nothing else."""
import base64
import json
import os
import pathlib
import queue
import shutil
import subprocess
import sys
import threading

import pytest

from api_rig import ACCOUNT, ApiDaemon
from rig import SLOW, free_port, message, wait_for
from ws_rig import metric

FOLDER = pathlib.Path(__file__).with_name("programs")
NODE_MODULES = "/usr/share/nodejs"
needs_node = pytest.mark.skipif(not shutil.which("node") or not pathlib.Path(NODE_MODULES, "ws").exists(),
                                reason="node-ws is not installed")
SECONDS = 30 * SLOW


class Program:
    """One of them as a process; its lines are JSON."""

    def __init__(self, name, *args, **env):
        command = [sys.executable] if name.endswith(".py") else ["node"]
        self.process = subprocess.Popen(
            [*command, FOLDER / name, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "NODE_PATH": NODE_MODULES, **env})
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def line(self):
        return self.lines.get(timeout=SECONDS)

    def event(self):
        """The next line that is no heartbeat."""
        while True:
            line = self.line()
            if line != {"event": "heartbeat"}:
                return line

    def wait(self):
        """(exit status, what it said to standard error)"""
        with self.process as p:
            return p.wait(SECONDS), p.stderr.read()

    def kill(self):
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def programs():
    """Starts one; they are ended in the end."""
    started = []

    def start(*args, **env):
        started.append(Program(*args, **env))
        return started[-1]
    yield start
    for one in started:
        one.kill()


@pytest.fixture
def daemon(tmp_path):
    d = ApiDaemon(tmp_path, websocket=f"heartbeat = {300 * SLOW}ms\npong_timeout = {900 * SLOW}ms",
                  server="workers = 2").start()
    yield d
    if d.process:
        d.stop()


def evolution(key, content, kind="conversation", **more):
    """A messages.upsert of Evolution with that content."""
    chat = key.pop("chat", "5511900000001@s.whatsapp.net")
    body = message(1)
    body["data"].update({"key": {"remoteJid": chat, "fromMe": False, **key}, "message": content, "messageType": kind, **more})
    return body


IMAGE = {"imageMessage": {"url": "https://mmg.whatsapp.net/x.enc", "mimetype": "image/jpeg", "caption": "look"},
         "base64": base64.b64encode(b"\xff\xd8\xff").decode()}
REPLY = {"extendedTextMessage": {"text": "yes @5511900000009", "contextInfo": {
    "stanzaId": "A1", "participant": "5511888888888@s.whatsapp.net", "quotedMessage": {"conversation": "well?"},
    "mentionedJid": ["5511900000009@s.whatsapp.net"]}}}
REACTION = {"reactionMessage": {"key": {"remoteJid": "5511900000001@s.whatsapp.net", "fromMe": True, "id": "A1"},
                                "text": "👍"}}
EVENTS = [
    (evolution({"id": "T1"}, {"conversation": "hello"}),
     {"id": "T1", "mine": False, "chat": "5511900000001@s.whatsapp.net", "is_group": False, "phone": "5511900000001",
      "name": "Ana", "kind": "text", "text": "hello", "reply_to": None, "mentions": [], "media": None,
      "reaction": None, "edited": False, "forwarded": False, "at": "2025-11-22T00:25:03Z"}),
    (evolution({"id": "T2"}, REPLY, "extendedTextMessage"),
     {"id": "T2", "kind": "text", "reply_to": "A1", "mentions": ["5511900000009@s.whatsapp.net"]}),
    (evolution({"id": "T3"}, IMAGE, "imageMessage"),
     {"id": "T3", "kind": "image", "text": "look",
      "media": {"type": "image", "mimetype": "image/jpeg", "base64": IMAGE["base64"], "url": None}}),
    (evolution({"id": "T4", "chat": "120363000000000001@g.us", "participant": "5511900000002@s.whatsapp.net"},
               {"conversation": "all"}),
     {"id": "T4", "chat": "120363000000000001@g.us", "is_group": True, "phone": "5511900000002"}),
    (evolution({"id": "T5"}, REACTION, "reactionMessage"), {"kind": "reaction", "reaction": {"text": "👍", "to": "A1"}}),
    (evolution({"id": "T6", "fromMe": True}, {"conversation": "from my phone"}), {"id": "T6", "mine": True}),
    ({"event": "messages.update", "instance": "demo", "data": {
        "keyId": "T6", "remoteJid": "5511900000001@s.whatsapp.net", "fromMe": True, "status": "DELIVERY_ACK"}},
     {"event": "message.status", "ids": ["T6"], "status": "delivered", "chat": "5511900000001@s.whatsapp.net"}),
    ({"event": "connection.update", "instance": "demo", "data": {"state": "open", "statusReason": 200}},
     {"event": "instance.state", "state": "connected"}),
]


def listen(programs, daemon, **env):
    return programs("ryze_listener.py", **{
        "RYZE_URL": f"http://127.0.0.1:{daemon.port}", "RYZE_INSTANCE": "sales",
        "RYZE_TOKEN": "sales-SECRET-instance", **env})


def test_a_listener_configures_itself_and_knows_each_event(daemon, programs):
    pytest.importorskip("websockets")
    bot = listen(programs, daemon, HEARTBEAT_SECONDS="0.25")
    assert bot.line() == {"event": "connected"}
    for _ in range(6):  # longer than the time for a PONG
        assert bot.line() == {"event": "heartbeat"}
    for body, expected in EVENTS:
        daemon.accept(body)
        found = bot.event()
        assert {name: found.get(name) for name in expected} == expected
        assert found["instance"] == "sales"
    # What it did not ask for does not come.
    daemon.accept({"event": "call", "instance": "demo", "data": {
        "id": "C1", "from": "5511900000001@s.whatsapp.net", "status": "offer", "date": "2026-11-21T09:00:00Z"}})
    daemon.accept(evolution({"id": "T7"}, {"conversation": "end"}))
    assert bot.event()["id"] == "T7"
    daemon.stop()
    assert bot.event() == {"event": "closed", "code": 1001}
    assert bot.wait() == (0, "")


def test_a_listener_is_told_why_it_is_refused(daemon, programs):
    pytest.importorskip("websockets")
    for env, status in ({"RYZE_TOKEN": "wrong"}, 401), ({"RYZE_INSTANCE": "nobody"}, 403):
        assert f"HTTP Error {status}" in listen(programs, daemon, **env).wait()[1]
    assert "HTTP Error 404" in listen(programs, daemon, RYZE_INSTANCE="nobody", RYZE_TOKEN=ACCOUNT).wait()[1]


@needs_node
def test_a_setup_makes_instances_and_webhooks_and_again_changes_nothing(daemon, programs):
    port = free_port()
    hook, text = f"http://127.0.0.1:{port}/wh?tenant=7", "Bearer crm-SECRET"
    receiver = programs("ryze_receiver.js", HOOK_PORT=str(port),
                        HOOK_AUTHORIZATION=base64.b64encode(text.encode()).decode())
    assert receiver.line() == {"listening": True}
    base = f"http://127.0.0.1:{daemon.port}"
    first = programs("ryze_setup.js", base, ACCOUNT, hook, text, "2", "shop-1", "Shop_2")
    assert [first.line() for _ in range(3)] == [
        {"created": "shop-1", "status": "created"}, {"created": "Shop_2", "status": "created"},
        {"ready": ["shop-1", "Shop_2"]}]
    wait_for(lambda: metric(daemon, "hookswitch_websocket_clients") == 2)
    for name, number in ("shop-1", 1), ("Shop_2", 2):
        daemon.accept(message(number, text=f"to {name}"), instance=name)
        assert first.line() == {"instance": name, "id": f"TEST{number:08d}", "text": f"to {name}"}
        assert receiver.line() == {
            "isGood": True, "event": "message.exchange", "id": f"TEST{number:08d}", "path": "/wh?tenant=7"}
    assert first.wait() == (0, "")
    before = daemon.ok("GET", "/api/instance/list")["instances"]
    again = programs("ryze_setup.js", base, ACCOUNT, hook, text, "0", "shop-1", "Shop_2")
    assert [again.line() for _ in range(3)] == [
        {"existing": "shop-1"}, {"existing": "Shop_2"}, {"ready": ["shop-1", "Shop_2"]}]
    assert again.wait() == (0, "")
    after = daemon.ok("GET", "/api/instance/list")["instances"]
    assert [{**i, "updatedAt": 0} for i in after] == [{**i, "updatedAt": 0} for i in before]


@needs_node
@pytest.mark.parametrize("text", [
    "SECRET", "Bearer SECRET", "bearer  two  SECRET", "Basic dXNlcjpTRUNSRVQ=", "Token token=\"SECRET\", x='\\'",
    "SECRET:with/every+sign=%20&;,<>{}[]|^~`!@#$*()?", "SECRET ção 👍", "SECRET" * 600])
def test_a_receiver_finds_its_authorization_as_it_was_configured(daemon, programs, text):
    port = free_port()
    receiver = programs("ryze_receiver.js", HOOK_PORT=str(port),
                        HOOK_AUTHORIZATION=base64.b64encode(text.encode()).decode())
    assert receiver.line() == {"listening": True}
    assert daemon.webhook("sales", f"http://127.0.0.1:{port}/wh", authorization=text)["authorization"] == text
    daemon.accept(message(1))
    assert receiver.line() == {"isGood": True, "event": "message.exchange", "id": "TEST00000001", "path": "/wh"}
