# SPDX-License-Identifier: Apache-2.0
"""Webhooks of the configuration API: what is kept, what is refused when it is set, and those that are gone."""
import base64
import hmac
import re
import signal
import threading
import time

import pytest

from api_rig import ApiDaemon
from rig import SLOW, message, wait_for
from test_nodes import make_nodes  # noqa: F401 (a fixture)
from test_postgres import BIN, PLUGINS, server, store  # noqa: F401 (fixtures)


# ---- a destination that is gone ----

def disabled(daemon):
    """The webhook, once it says that it is disabled."""
    return wait_for(lambda: next((w for w in daemon.webhooks("sales") if not w["enabled"]), None), what="disabled")


@pytest.mark.parametrize("label", ["a", "b", "c", "d"])  # some of each worker's
def test_one_that_turns_out_to_be_gone_during_the_stop_does_not_hold_it_up(make_api, receiver, label):
    asked, answer = threading.Event(), threading.Event()

    def late(arrival, connection):
        asked.set()
        answer.wait(20)
        return 410
    receiver.behave = late
    d = make_api(server="workers = 2")
    d.webhook("sales", receiver.url, label=label)
    d.accept(message(1))
    assert asked.wait(20)
    d.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    answer.set()
    assert d.process.wait(8 * SLOW) == 0
    d.start()
    disabled(d)


def test_a_webhook_that_is_gone_says_so_until_it_is_set_again(daemon, receiver):
    receiver.behave = lambda a, c: 410
    given = daemon.webhook("sales", receiver.url, authorization="Bearer SECRET", label="shop")
    daemon.accept(message(1))
    shown = disabled(daemon)
    assert re.fullmatch(r"answered 410 at 20\d\d-.*Z", shown["disabledReason"])
    assert {**shown, "enabled": True} == {**given, "disabledReason": shown["disabledReason"]}
    assert daemon.ok("GET", "/api/instance/list")["instances"][0]["webhooks"] == [shown]
    row = daemon.command("webhook", "list", "sales").stdout.splitlines()[1]
    assert row.split()[:2] == ["shop", "disabled"] and shown["disabledReason"] in row
    for end in daemon.stop, daemon.kill:
        end()
        daemon.start()
        assert daemon.webhooks("sales") == [shown] and daemon.sink("sales/shop")["state"] == "disabled"
        daemon.accept(message(2 if end == daemon.stop else 3))
    assert len(receiver.arrivals) == 1
    receiver.behave = lambda a, c: 200
    assert daemon.webhook("sales", receiver.url, authorization="Bearer SECRET", label="shop") == given
    receiver.wait(4)
    assert sorted(receiver.numbers()) == [1, 1, 2, 3] and daemon.webhooks("sales") == [given]
    daemon.stop()
    daemon.start()
    assert daemon.webhooks("sales") == [given]


def test_the_command_enable_is_kept_too(daemon, receiver):
    receiver.behave = lambda a, c: 410
    given = daemon.webhook("sales", receiver.url)
    daemon.accept(message(1))
    disabled(daemon)
    receiver.behave = lambda a, c: 200
    assert daemon.command("enable", "sales/default").stdout == "enabled\n"
    wait_for(lambda: daemon.webhooks("sales") == [given], what="enabled")
    daemon.stop()
    daemon.start()
    assert daemon.webhooks("sales") == [given]
    receiver.wait(2)


def test_one_that_is_gone_takes_no_place_of_those_that_are_enabled(daemon, receiver):
    receiver.behave = lambda a, c: 410
    for label in "abc":
        daemon.webhook("sales", receiver.url, label=label, events=["message.exchange" if label == "a" else "call.update"])
    assert "at most 3" in daemon.fails(400, "POST", "/api/events/webhook/sales", {
        "label": "d", "enabled": True, "url": receiver.url})
    daemon.accept(message(1))
    disabled(daemon)
    daemon.webhook("sales", receiver.url, label="d", events=["group.flow"])
    assert "at most 3" in daemon.fails(400, "POST", "/api/events/webhook/sales", {
        "label": "a", "enabled": True, "url": receiver.url})


@pytest.mark.threads
def test_webhooks_are_set_while_they_are_told_to_be_gone(tmp_path, receiver):
    """However the answers fall between the changes: what is shown is what is done."""
    daemon = ApiDaemon(tmp_path, api="rate_limit = none", server="workers = 2").start()
    for turn in range(30):
        receiver.behave = lambda a, c: 410
        daemon.accept(message(turn))
        daemon.webhook("sales", receiver.url)
        state = lambda: daemon.sink("sales/default")["state"] == "disabled"
        wait_for(lambda: state() == (not daemon.webhooks("sales")[0]["enabled"]), what="they agree")
    receiver.behave = lambda a, c: 200
    daemon.webhook("sales", receiver.url)
    wait_for(lambda: set(receiver.numbers()) >= set(range(1, 30)) and daemon.sink("sales/default")["lag"] == 0)
    assert daemon.webhooks("sales")[0]["enabled"] is True
    daemon.stop()


@pytest.mark.skipif(BIN is None or not (PLUGINS / "store-postgres.so").exists(), reason="without PostgreSQL")
def test_all_nodes_show_and_enable_one_that_is_gone(make_nodes, make_receiver):  # noqa: F811
    hook = make_receiver(lambda a, c: 410)
    nodes = make_nodes({}, kind=ApiDaemon).start()
    nodes["a"].webhook("sales", hook.url)
    nodes.settle(["sales/default"])
    nodes["b"].accept(message(1))
    shown = [disabled(nodes[name]) for name in "abc"]
    assert shown[0] == shown[1] == shown[2] and hook.numbers() == [1]
    hook.behave = lambda a, c: 200
    other = next(n for n in "abc" if n != nodes.owner("sales/default"))
    nodes[other].webhook("sales", hook.url)
    wait_for(lambda: hook.numbers() == [1, 1], what="what was kept comes")
    for name in "abc":
        wait_for(lambda n=name: nodes[n].webhooks("sales")[0]["enabled"] is True, what="all nodes show it")


# ---- addresses ----

@pytest.mark.parametrize("host", [
    "10.1.2.3", "127.0.0.1:8080", "169.254.169.254", "168.63.129.16", "192.168.0.1", "100.64.0.1", "0.0.0.0",
    "[::1]", "[::ffff:10.0.0.1]", "[fd00:ec2::254]", "[fe80::1]", "[64:ff9b::a00:1]", "2130706433", "0x7f.1",
    "0177.0.0.1"])
@pytest.mark.parametrize("enabled", [True, False])
def test_an_address_that_is_not_public_is_refused_when_it_is_set(tmp_path, host, enabled):
    daemon = ApiDaemon(tmp_path, api="allow_private = none").start()
    url = f"https://{host}/hook"
    for path, body in (
            ("/api/events/webhook/sales", {"url": url, "enabled": enabled}),
            ("/webhook/set/sales", {"webhook": {"url": url, "enabled": enabled}}),
            ("/api/instance/new", {"name": "shop", "webhookURL": url, "webhookEnabled": enabled})):
        assert "is not a public address, nor one of allow_private" in daemon.fails(400, "POST", path, body)
    assert "is not a public" in daemon.fails(
        400, "PUT", "/api/config/sent", {"URL": url}, headers={"id": "sales"})
    assert daemon.webhooks("sales") == []
    for good in "hooks.example.com", "1.1.1.1", "[2606:4700::1111]", "localhost", "10.example.com":
        daemon.webhook("sales", f"https://{good}/hook", label="one")
    daemon.stop()


def test_a_host_that_is_not_ascii_and_a_fragment_are_refused(tmp_path):
    daemon = ApiDaemon(tmp_path).start()
    for url, why in (("http://\u2460\u2461\u2466.0.0.1/", "url: the host is not ASCII"),
                     ("https://b\u00fccher.example/", "url: the host is not ASCII"),
                     ("https://hooks.example.com/in#box", "url: has the fragment #box")):
        for path, body in (("/api/events/webhook/sales", {"url": url, "enabled": True}),
                           ("/webhook/set/sales", {"webhook": {"url": url, "enabled": True}})):
            assert why in daemon.fails(400, "POST", path, body)
    assert daemon.webhooks("sales") == []
    daemon.webhook("sales", "https://xn--bcher-kva.example/hook", label="one")
    daemon.stop()


def test_networks_that_are_opened_are_taken_and_a_change_of_them_keeps_webhooks(tmp_path):
    daemon = ApiDaemon(tmp_path, api="allow_private = 10.0.0.0/8, fd00::/8").start()
    for host in "10.9.8.7", "[fd00::1]", "[::ffff:10.1.1.1]":
        daemon.webhook("sales", f"http://{host}:9/", enabled=True)
    daemon.fails(400, "POST", "/api/events/webhook/sales", {"enabled": True, "url": "http://192.168.1.1/"})
    before = daemon.webhooks("sales")
    daemon.stop()
    daemon.ini.write_text(daemon.ini.read_text().replace("allow_private = 10.0.0.0/8, fd00::/8", "allow_private = none"))
    daemon.start()
    assert daemon.webhooks("sales") == before
    daemon.stop()


# ---- what only hookswitch has ----

OLD, NEW = "old-SECRET-key-of-24-bytes", "new-SECRET-key-of-24-bytes"


def signed_by(arrival):
    """The keys whose signatures it has, in their order."""
    text = f"{arrival.headers['webhook-id']}.{arrival.headers['webhook-timestamp']}.".encode() + arrival.body
    by = {"v1," + base64.b64encode(hmac.new(k.encode(), text, "sha256").digest()).decode(): k for k in (OLD, NEW)}
    return [by[s] for s in arrival.headers.get("webhook-signature", "").split()]


def test_a_secret_is_rotated_and_what_is_not_named_stays(daemon, receiver):
    turns = [
        ({"secret": OLD, "headers": {"X-Team": "a-SECRET", "X-More": "b"}, "format": "cloudevents"}, [OLD]),
        ({}, [OLD]),
        ({"secret": NEW, "secret_old": OLD}, [NEW, OLD]),
        ({"authorization": "Bearer SECRET"}, [NEW, OLD]),
        ({"secret_old": None}, [NEW]),
        ({"secret_old": OLD}, [NEW, OLD]),
        ({"secret": ""}, [])]
    for number, (more, keys) in enumerate(turns, 1):
        shown = daemon.webhook("sales", receiver.url, **more)
        assert shown.get("hasSecret", False) is (keys != []) and shown.get("hasSecretOld", False) is (len(keys) > 1)
        assert shown["format"] == "cloudevents" and shown["headerNames"] == ["X-Team", "X-More"]
        assert not {"secret", "secret_old", "headers"} & set(shown) and daemon.webhooks("sales") == [shown]
        if number == 4:
            daemon.stop()
            daemon.start()
            assert daemon.webhooks("sales") == [shown]
        daemon.accept(message(number))
        receiver.wait(number)
        arrival = receiver.arrivals[-1]
        assert signed_by(arrival) == keys and arrival.headers["x-team"] == "a-SECRET"
        assert arrival.headers["content-type"] == "application/cloudevents+json"
    bare = daemon.webhook("sales", receiver.url, headers=None, format=None)
    assert not {"format", "headerNames", "hasSecret"} & set(bare)
    daemon.accept(message(20))
    receiver.wait(len(turns) + 1)
    assert "x-team" not in receiver.arrivals[-1].headers


def test_what_was_read_back_is_set_again_with_a_change(daemon, receiver):
    daemon.webhook("sales", "https://hooks.example.com/old", authorization="Bearer SECRET", secret=NEW,
                   secret_old=OLD, headers={"X-Shop": "7"}, format="data", events=["message.exchange"])
    shown, = daemon.webhooks("sales")
    assert {"hasSecret", "hasSecretOld", "headerNames"} < set(shown)
    changed = {**shown, "url": receiver.url}
    assert daemon.ok("POST", "/api/events/webhook/sales", changed)["webhook"] == changed
    daemon.accept(message(1))
    receiver.wait(1)
    headers = receiver.arrivals[0].headers
    assert headers["authorization"] == "Bearer SECRET" and headers["x-shop"] == "7"
    assert signed_by(receiver.arrivals[0]) == [NEW, OLD]
    receiver.behave = lambda a, c: 410
    daemon.accept(message(2))
    gone = disabled(daemon)
    assert gone["disabledReason"]
    receiver.behave = lambda a, c: 200
    assert daemon.ok("POST", "/api/events/webhook/sales", {**gone, "enabled": True})["webhook"] == changed


def test_disabling_and_other_interfaces_keep_the_secret(daemon, receiver):
    daemon.webhook("sales", receiver.url, secret=NEW)
    daemon.ok("POST", "/api/events/webhook/sales", {"label": "default", "enabled": False})
    shown = daemon.webhook("sales", receiver.url)
    assert shown["hasSecret"] is True
    daemon.command("webhook", "set", "--url", receiver.url, "sales")
    daemon.accept(message(1))
    receiver.wait(1)
    assert signed_by(receiver.arrivals[0]) == [NEW]
    daemon.ok("DELETE", "/api/events/webhook/sales")
    assert "hasSecret" not in daemon.webhook("sales", receiver.url)


@pytest.mark.parametrize("body, why", [
    ({"secret_old": "x" * 24}, "secret_old: is set, but no secret"), ({"secret_old": "x"}, "secret_old: expected a text of 24"),
    ({"secret_old": "whsec_no"}, "secret_old: expected base64"), ({"secret_old": 5}, "secret_old: expected a string"),
    ({"secret_odl": "x"}, "did you mean secret_old?")])
def test_a_bad_old_secret_is_refused(daemon, receiver, body, why):
    assert why in daemon.fails(400, "POST", "/api/events/webhook/sales", {"enabled": True, "url": receiver.url, **body})
    assert daemon.webhooks("sales") == []
