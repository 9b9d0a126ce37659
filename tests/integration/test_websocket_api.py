# SPDX-License-Identifier: Apache-2.0
"""WebSockets that the configuration API makes, changes and ends, while events flow."""
import contextlib
import http.client
import json
import os
import threading
import time

import pytest

from api_rig import ACCOUNT, ApiDaemon
from rig import PLUGINS, SLOW, TOKEN, Receiver, message, number_of, raw, wait_for, whole_lines
from ws_rig import Client, metric, token, upgrade_request

STATE = {"event": "connection.update", "instance": "demo", "data": {"state": "open", "statusReason": 200}}
NOT_INSTALLED = "enabled: WebSockets cannot be enabled: the plugin sink-websocket is not installed"


@pytest.fixture
def make(folder):
    with contextlib.ExitStack() as stack:
        def make(sinks=None, api="rate_limit = none\ninstance_rate_limit = none", start=True, **kwargs):
            daemon = ApiDaemon(folder, sinks, api=api, **kwargs)
            stack.callback(lambda: daemon.process and daemon.stop())
            return daemon.start() if start else daemon
        yield make


def refusal(daemon, path="/ws/sales", **headers):
    """(status, headers, message) of an upgrade that is refused."""
    answer = raw(daemon.port, upgrade_request(path, {"Connection": "close, Upgrade", **headers}), timeout=5)
    head, _, body = answer.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:])
    return int(head.split()[1]), fields, json.loads(body)["error"]["message"] if body else None


# ---- the setting ----

def test_a_setting_is_effective_when_it_is_answered(make):
    daemon = make()
    assert refusal(daemon)[0] == 400
    daemon.websocket("sales")
    client = Client(daemon)
    daemon.accept(message(1))
    assert number_of(client.event()) == 1
    daemon.websocket("sales", events=["instance.state"])
    daemon.accept(message(2))
    daemon.accept(STATE)
    assert client.event()["event"] == "instance.state"
    daemon.websocket("sales", enabled=False)
    daemon.accept(message(3))
    assert client.is_alive(), "it stays open and receives nothing"
    assert refusal(daemon)[2].startswith("WebSocket is not enabled for this instance. Configure it first using POST")
    daemon.websocket("sales")
    daemon.accept(message(4))
    assert number_of(client.event()) == 4


def test_a_setting_outlives_the_daemon(make):
    daemon = make()
    daemon.websocket("sales", mediaBase64=True, events=["message.exchange"])
    daemon.ok("POST", "/api/instance/new", {"name": "made", "token": "made-SECRET", "websocketEnabled": True}, status=201)
    daemon.stop()
    daemon.start()
    for name, its_token in ("sales", token()), ("made", "made-SECRET"):
        client = Client(daemon, name, headers={"token": its_token})
        daemon.accept(message(1), instance=name)
        assert number_of(client.event()) == 1


def test_what_the_file_says_is_read_back_until_the_api_says_otherwise(make):
    daemon = make(instance="websocket = yes\nwebsocket_events = call.update, message.exchange, call.update\n"
                           "websocket_media_base64 = yes")
    read = lambda: daemon.ok("GET", "/api/events/getWebsocket/sales")["websocket"]
    assert read() == {"enabled": True, "events": ["call.update", "message.exchange"], "mediaBase64": True}
    daemon.websocket("sales", enabled=False)
    daemon.stop()
    daemon.start()
    assert read() == {"enabled": False, "events": [], "mediaBase64": False}
    assert refusal(daemon)[0] == 400


def test_the_setting_by_command(make):
    daemon = make(instances=("sales", "support"))
    rows = lambda *args: [line.split() for line in daemon.command("websocket", *args).stdout.splitlines()]
    assert rows("show", "sales") == [["STATE", "MEDIA", "EVENTS"], ["disabled", "no"]]
    every = daemon.websocket("support")["events"]
    assert rows("set", "sales") == [["enabled", "no", ",".join(every)]]
    assert rows("set", "--events", "call.update, message.exchange", "--media-base64", "sales") == [
        ["enabled", "base64", "call.update,message.exchange"]]
    shown = json.loads(daemon.command("websocket", "show", "--json", "sales").stdout)
    assert shown["success"] is True and shown["websocket"] == {
        "enabled": True, "events": ["call.update", "message.exchange"], "mediaBase64": True}
    client = Client(daemon)
    daemon.accept(message(1))
    assert number_of(client.event()) == 1
    off = json.loads(daemon.command("websocket", "set", "--disable", "--json", "sales").stdout)["websocket"]
    assert off == {"enabled": False, "events": [], "mediaBase64": False}
    assert refusal(daemon)[0] == 400 and client.is_alive()


@pytest.mark.parametrize("args, status, why", [
    (("set", "nobody"), 1, "not found"), (("show", "nobody"), 1, "not found"),
    (("set", "--events", "foo", "sales"), 1, "foo"), (("set",), 2, "Usage"), (("show", "sales", "x"), 2, "Usage"),
    (("rm", "sales"), 2, "expected set or show"), (("set", "--media", "x", "--nonsense", "sales"), 2, "nonsense")])
def test_what_the_command_refuses(make, args, status, why):
    daemon = make()
    r = daemon.command("websocket", *args, check=False)
    assert r.returncode == status and why in r.stderr, r.stderr
    assert daemon.ok("GET", "/api/events/getWebsocket/sales")["websocket"]["enabled"] is False


def test_an_event_that_comes_twice_is_sent_once(make):
    daemon = make(instance="websocket = yes")
    client = Client(daemon)
    for n in 1, 1, 2, 1, 2, 3:
        daemon.accept(message(n))
    assert [number_of(client.event()) for _ in range(3)] == [1, 2, 3]
    assert client.is_alive()
    many = {**message(0), "data": [message(n)["data"] for n in (3, 4, 1, 5)]}
    assert (daemon.accept(many)["accepted"], daemon.accept(many)["accepted"]) == (2, 0)
    assert [number_of(client.event()) for _ in range(2)] == [4, 5]
    assert client.is_alive()


# ---- who may, and how often ----

def test_the_account_may_connect_to_every_instance(make):
    daemon = make(instances=("sales", "support"), instance="websocket = yes")
    for name in "sales", "support":
        assert Client(daemon, name, headers={"token": ACCOUNT}).is_alive()
    assert refusal(daemon, "/ws/sales", token=token("support"))[0] == 403


def test_upgrades_are_limited_before_anything_else(make):
    daemon = make(api="rate_limit = 3/min", instance="websocket = yes")
    answer = Client(daemon).answer.decode().lower()
    for field in "x-ratelimit-limit: 3", "x-ratelimit-remaining: 2", "x-ratelimit-reset: ":
        assert field in answer
    status, fields, _ = refusal(daemon, Origin="https://evil.example")
    assert (status, fields["x-ratelimit-remaining"]) == (403, "1")
    status, fields, _ = refusal(daemon, **{"Sec-WebSocket-Version": "8"})
    assert (status, fields["x-ratelimit-remaining"], fields["sec-websocket-version"]) == (426, "0", "13")
    for path in "/ws/sales", "/ws/nobody":
        status, fields, text = refusal(daemon, path)
        assert (status, text) == (429, "Rate limit exceeded. Try again later.")
        assert int(fields["retry-after"]) > 0
    assert refusal(daemon, token="wrong")[0] == 401, "the others have a limit of their own"
    assert daemon.call("GET", "/api/events/getWebsocket/sales", token=token())[0] == 429


# ---- without the plugin ----

@pytest.fixture
def without_plugin(make, folder):
    """A daemon that has all plugins but sink-websocket."""
    plugins = os.path.join(folder, "plugins")

    def make_without(**kwargs):
        os.makedirs(plugins, exist_ok=True)
        for plugin in PLUGINS.glob("*.so"):
            if plugin.name != "sink-websocket.so":
                os.symlink(plugin, os.path.join(plugins, plugin.name))
        daemon = make(start=False, **kwargs)
        daemon.ini.write_text(daemon.ini.read_text().replace(f"plugin_dir = {PLUGINS}", f"plugin_dir = {plugins}"))
        return daemon
    return make_without


def test_without_the_plugin_the_api_says_so(without_plugin):
    daemon = without_plugin().start()
    assert "WebSockets cannot be enabled:" in daemon.log_text()
    assert daemon.fails(400, "POST", "/api/events/websocket/sales", {"enabled": True}) == NOT_INSTALLED
    new = {"name": "made", "websocketEvents": ["call.update"]}
    assert NOT_INSTALLED in daemon.fails(400, "POST", "/api/instance/new", new).replace("websocketEnabled", "enabled")
    assert daemon.ok("GET", "/api/instance/list")["meta"]["total"] == 1
    assert daemon.websocket("sales", enabled=False)["enabled"] is False
    assert refusal(daemon)[0] == 400
    daemon.accept(message(1))


def test_without_the_plugin_stored_settings_stay(make, without_plugin):
    daemon = make()
    daemon.websocket("sales")
    daemon.stop()
    daemon = without_plugin().start()
    assert refusal(daemon)[::2] == (503, "The server takes no WebSocket clients")
    assert daemon.ok("GET", "/api/events/getWebsocket/sales")["websocket"]["enabled"] is True


@pytest.mark.parametrize("asking", [{"instance": "websocket = yes"}, {"websocket": "origins = *"}])
def test_a_file_that_asks_for_the_plugin_needs_it(without_plugin, asking):
    result = without_plugin(**asking).command("check", check=False)
    assert result.returncode != 0 and "sink-websocket.so" in result.stderr + result.stdout


# ---- while events flow ----

class Producer(threading.Thread):
    """Posts messages to an instance over one connection, and notes when each was sent and answered."""

    def __init__(self, daemon, instance, first):
        super().__init__()
        self.daemon_port, self.instance, self.next = daemon.port, instance, first
        self.posted = []  # (number, sent at, answered at, status)
        self.ends = False
        self.start()

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.daemon_port, timeout=30)
        headers = {"token": TOKEN, "Content-Type": "application/json"}
        while not self.ends:
            body = json.dumps(message(self.next, chat=self.next % 5))
            begin = time.monotonic()
            connection.request("POST", f"/in/evolution/{self.instance}", body, headers)
            answer = connection.getresponse()
            answer.read()
            self.posted.append((self.next, begin, time.monotonic(), answer.status))
            self.next += 1
        connection.close()

    def stop(self):
        self.ends = True
        self.join()
        return self.posted


class Reader(threading.Thread):
    """Takes a client's events until its close frame."""

    def __init__(self, daemon, instance, its_token):
        super().__init__()
        self.client = Client(daemon, instance, headers={"token": its_token})
        self.opened = time.monotonic()
        self.events, self.code = [], None
        self.start()

    def run(self):
        receive, close = self.client.receive, 8
        with contextlib.suppress(EOFError, ConnectionResetError):
            while (item := receive())[0] != close:
                if item[0] == 1:
                    self.events.append(json.loads(item[1]))
            self.code = int.from_bytes(item[1][:2], "big")
        self.client.close()

    def numbers(self):
        return [number_of(e) for e in self.events]


class Switch:
    """When a WebSocket was surely on and surely off: a change is made somewhere between its request and answer."""

    def __init__(self, at):
        self.changes = [(True, at, at)]

    def turn(self, daemon, instance, on):
        begin = time.monotonic()
        daemon.websocket(instance, enabled=on)
        self.changes.append((on, begin, time.monotonic()))

    def was(self, on, sent, answered):
        """Whether it had that state all the time from one to the other."""
        for i, (state, _, since) in enumerate(self.changes):
            until = self.changes[i + 1][1] if i + 1 < len(self.changes) else float("inf")
            if state == on and since < sent and answered < until:
                return True
        return False


def check_received(reader, switch, posted, deleted):
    """deleted: when that was asked for."""
    got = reader.numbers()
    assert got == sorted(set(got)), "out of order, or twice"
    accepted = {p[0]: p for p in posted if p[3] == 202}
    assert set(got) <= set(accepted)
    must = {n for n, sent, answered, _ in accepted.values()
            if sent > reader.opened and answered < deleted and switch.was(True, sent, answered)}
    must_not = {n for n, sent, answered, _ in accepted.values() if switch.was(False, sent, answered)}
    assert not must - set(got), "lost"
    assert not must_not & set(got), "it was disabled"
    return len(must), len(must_not)


def churn(daemon, receiver, turn, posted):
    """One life of the instance `churn`, with a token of its own. Returns how much was sure to come, and not to."""
    its_token = f"churn-SECRET-{turn}"
    daemon.ok("POST", "/api/instance/new", {"name": "churn", "token": its_token, "websocketEnabled": True}, status=201)
    assert turn == 0 or refusal(daemon, "/ws/churn", token=f"churn-SECRET-{turn - 1}")[0] == 401
    switch = Switch(time.monotonic())
    readers = [Reader(daemon, "churn", its_token) for _ in range(5)]
    producer = Producer(daemon, "churn", turn * 1000000)
    for on in False, True, False, True:
        wait_for(lambda n=len(producer.posted): len(producer.posted) > n + 5)
        daemon.webhook("churn", receiver.url, label="some")
        switch.turn(daemon, "churn", on)
        daemon.ok("DELETE", "/api/events/webhook/churn?label=some")
    wait_for(lambda n=len(producer.posted): len(producer.posted) > n + 5)
    deleted = time.monotonic()
    daemon.ok("DELETE", "/api/instance/delete/churn")
    posted += producer.stop()
    sure = [0, 0]
    for reader in readers:
        reader.join(20 * SLOW)
        assert reader.code == 1001, "it is told that its instance was deleted"
        assert {e["instanceData"]["token"] for e in reader.events} == {its_token}
        sure = [a + b for a, b in zip(sure, check_received(reader, switch, producer.posted, deleted))]
    return sure


@pytest.mark.threads
@pytest.mark.parametrize("workers", [1, 4])
def test_nothing_is_lost_or_goes_to_others_while_all_changes(make, folder, workers):
    daemon = make({"file": {"plugin": "file", "path": f"{folder}/out.ndjson"}}, server=f"workers = {workers}",
                  instance="websocket = yes")
    receiver = Receiver()
    steady = [Reader(daemon, "sales", token()) for _ in range(4)]
    producer = Producer(daemon, "sales", 1)
    posted, sure = [], [0, 0]
    for turn in range(6):
        sure = [a + b for a, b in zip(sure, churn(daemon, receiver, turn, posted))]
    posted += producer.stop()
    assert min(sure) > 0, "nothing was sure to come, or not to come"
    assert all(p[3] == 202 for p in producer.posted)
    assert {p[3] for p in posted} <= {202, 404}
    everything = [p[0] for p in producer.posted]
    wait_for(lambda: all(len(r.events) == len(everything) for r in steady), what="all has come")
    accepted = sum(p[3] == 202 for p in posted)
    wait_for(lambda: len(whole_lines(f"{folder}/out.ndjson")) == accepted, what="all is in the file")
    wait_for(lambda: metric(daemon, "hookswitch_websocket_clients") == 4)
    daemon.stop()
    for reader in steady:
        reader.join(20 * SLOW)
        assert reader.code == 1001
        assert reader.numbers() == everything
        assert {e["instanceData"]["instance"] for e in reader.events} == {"sales"}
    receiver.close()


# ---- defaults ----

def test_the_limits_are_those_that_clients_know(make):
    """What the configuration does not say. The rest of them is in the tests of what they do."""
    said = make(start=False).command("plugins", "sink-websocket").stdout
    for limit in ("heartbeat  (duration, default 54s)", "pong_timeout  (duration, default 60s)",
                  "queue  (number, default 256)", "max_frame  (size, default 4k)"):
        assert limit in said
