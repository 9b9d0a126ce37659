# SPDX-License-Identifier: Apache-2.0
"""Webhooks of the configuration API: what is kept, what is refused when it is set, and those that are gone."""
import re

import pytest

from api_rig import ApiDaemon
from rig import Receiver, message, wait_for
from test_nodes import make_nodes  # noqa: F401 (a fixture)
from test_postgres import BIN, PLUGINS, server, store  # noqa: F401 (fixtures)


@pytest.fixture
def daemon(tmp_path):
    d = ApiDaemon(tmp_path).start()
    yield d
    d.stop()


@pytest.fixture
def receiver():
    r = Receiver()
    yield r
    r.close()


# ---- a destination that is gone ----

def disabled(daemon):
    """The webhook, once it says that it is disabled."""
    return wait_for(lambda: next((w for w in daemon.webhooks("sales") if not w["enabled"]), None), what="disabled")


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
