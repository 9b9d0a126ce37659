# SPDX-License-Identifier: Apache-2.0
"""An instance's token is changed in place: at once, everywhere, and while events flow."""
import contextlib

import pytest

from api_rig import ACCOUNT, ApiDaemon
from rig import SLOW, Receiver, message, wait_for, whole_lines
from test_nodes import make_nodes  # noqa: F401 (a fixture)
from test_postgres import BIN, PLUGINS, server, store  # noqa: F401 (fixtures)
from test_websocket_api import Producer, Reader, refusal
from ws_rig import Client

ROUTE = "/api/instance/token/shop"
OWN = "/api/events/getWebhook/shop"


@pytest.fixture
def make(folder):
    with contextlib.ExitStack() as stack:
        def make(sinks=None, api="", **kwargs):
            daemon = ApiDaemon(folder, sinks, api=api, **kwargs)
            stack.callback(lambda: daemon.process and daemon.stop())
            daemon.start()
            daemon.ok("POST", "/api/instance/new", {"name": "shop", "token": "old-SECRET", "websocketEnabled": True},
                      status=201)
            return daemon
        yield make


def test_the_new_token_opens_and_the_old_one_does_not(make):
    receiver = Receiver()
    daemon = make(server="workers = 3")
    daemon.webhook("shop", receiver.url)
    clients = [Client(daemon, "shop", headers={"token": t}) for t in ["old-SECRET"] * 4 + [ACCOUNT]]
    before = daemon.ok("GET", "/api/instance/list?instanceName=shop")["instances"][0]
    answer = daemon.ok("PUT", ROUTE, {"token": "new-SECRET"})
    after = answer["instance"]
    assert answer["message"] and after["token"] == "new-SECRET" and after["id"] == before["id"]
    assert after["updatedAt"] >= before["updatedAt"] and after["createdAt"] == before["createdAt"]
    assert [c.closing() for c in clients] == [1001] * 5, "who came with the old token is sent away"
    assert {c.reason for c in clients} == {"the token was changed"}
    for _ in range(6):  # each of the workers
        assert daemon.fails(401, "GET", OWN, token="old-SECRET") == "Invalid token"
        assert daemon.ok("GET", OWN, token="new-SECRET")["webhooks"][0]["url"] == receiver.url
    assert refusal(daemon, "/ws/shop", token="old-SECRET")[0] == 401
    client = Client(daemon, "shop", headers={"token": "new-SECRET"})
    daemon.accept(message(1), instance="shop")
    receiver.wait(1)
    for event in client.event(), receiver.envelopes()[0]:
        assert event["instanceData"]["token"] == "new-SECRET"
    daemon.stop()
    daemon.start()
    daemon.ok("GET", OWN, token="new-SECRET")
    assert daemon.fails(401, "GET", OWN, token="old-SECRET")
    receiver.close()


@pytest.mark.parametrize("body", [None, {}, {"token": None}])
def test_without_one_a_token_is_made(make, body):
    daemon = make()
    made = daemon.ok("PUT", ROUTE, body)["instance"]["token"]
    assert len(made) == 43
    daemon.ok("GET", OWN, token=made)
    assert daemon.ok("PUT", ROUTE, body)["instance"]["token"] != made


def test_its_own_token_changes_nothing(make):
    daemon = make()
    client = Client(daemon, "shop", headers={"token": "old-SECRET"})
    assert daemon.ok("PUT", ROUTE, {"token": "old-SECRET"})["instance"]["token"] == "old-SECRET"
    daemon.accept(message(1), instance="shop")
    assert client.event()["instanceData"]["token"] == "old-SECRET"


@pytest.mark.parametrize("body, status, why", [
    ({"token": ACCOUNT}, 409, "token: is used already"), ({"token": "sales-SECRET-instance"}, 409, "used already"),
    ({"token": "has a blank"}, 400, "token: has a character"), ({"token": "x" * 513}, 400, "token: longer than 512"),
    ({"token": ""}, 400, "token is empty"), ({"token": 5}, 400, "token: expected a string"), ({"tokn": "x"}, 400, "tokn: unknown field")])
def test_a_bad_token_is_refused_and_the_old_one_stays(make, body, status, why):
    daemon = make()
    client = Client(daemon, "shop", headers={"token": "old-SECRET"})
    assert why in daemon.fails(status, "PUT", ROUTE, body)
    daemon.ok("GET", OWN, token="old-SECRET")
    assert client.is_alive()


def test_an_instance_of_the_file_gets_its_token_there(make):
    daemon = make()
    why = daemon.fails(409, "PUT", "/api/instance/token/sales", {"token": "new-SECRET"})
    assert f"{daemon.ini}, line " in why and why.endswith(": change its token there")
    daemon.ok("GET", "/api/events/getWebhook/sales", token="sales-SECRET-instance")


def test_by_command(make):
    daemon = make()
    assert daemon.command("instance", "token", "--token", "new-SECRET", "shop").stdout == "new-SECRET\n"
    daemon.ok("GET", OWN, token="new-SECRET")
    made = daemon.command("instance", "token", "--new", "shop").stdout.strip()
    assert len(made) == 43 and daemon.command("instance", "token", "shop").stdout.strip() == made
    daemon.ok("GET", OWN, token=made)
    r = daemon.command("instance", "token", "--new", "sales", check=False)
    assert r.returncode == 1 and "change its token there" in r.stderr
    for args in ("token", "--new", "--token", "x", "shop"), ("rm", "--new", "shop"), ("--new",):
        assert daemon.command("instance", *args, check=False).returncode == 2
    for action, name in ("token", "shop"), ("add", "other"):
        r = daemon.command("instance", action, "-t", "", name, check=False)
        assert r.returncode == 2 and r.stderr == "hookswitch: token is empty\n" and r.stdout == ""
    assert daemon.fails(400, "POST", "/api/instance/new", {"name": "other", "token": ""}) == "token: token is empty"
    assert daemon.fails(404, "GET", "/api/instance/list?instanceName=other") == "Instance not found"
    daemon.ok("GET", OWN, token=made)


@pytest.mark.skipif(BIN is None or not (PLUGINS / "store-postgres.so").exists(), reason="without PostgreSQL")
def test_other_nodes_know_it_within_a_second(make_nodes):  # noqa: F811
    nodes = make_nodes({}, kind=ApiDaemon).start()
    new = {"name": "shop", "token": "old-SECRET", "websocketEnabled": True}
    nodes["a"].ok("POST", "/api/instance/new", new, status=201)
    wait_for(lambda: all(nodes[n].call("GET", OWN, token="old-SECRET")[0] == 200 for n in "abc"), 2, "it is known")
    clients = [Client(nodes[n], "shop", headers={"token": "old-SECRET"}) for n in "abc"]
    nodes["b"].ok("PUT", ROUTE, {"token": "new-SECRET"})
    wait_for(lambda: all(nodes[n].call("GET", OWN, token="old-SECRET")[0] == 401 for n in "abc"), 3, "the old one")
    for name in "abc":
        nodes[name].ok("GET", OWN, token="new-SECRET")
    assert [c.closing() for c in clients] == [1001] * 3
    assert {c.reason for c in clients} == {"the token was changed"}


@pytest.mark.threads
@pytest.mark.parametrize("workers", [1, 4])
def test_nothing_is_lost_while_tokens_change(make, folder, workers):
    receiver = Receiver()
    daemon = make({"file": {"plugin": "file", "path": f"{folder}/out.ndjson"}},
                  api="rate_limit = none\ninstance_rate_limit = none", server=f"workers = {workers}")
    daemon.webhook("shop", receiver.url)
    producers = [Producer(daemon, "shop", first) for first in (1, 1000000)]
    token = "old-SECRET"
    for turn in range(12):
        readers = [Reader(daemon, "shop", token) for _ in range(3)]
        before, token = token, f"turn-SECRET-{turn}"
        count = len(producers[0].posted)
        wait_for(lambda n=count: len(producers[0].posted) > n + 5)
        daemon.ok("PUT", ROUTE, {"token": token})
        assert daemon.fails(401, "GET", OWN, token=before) == "Invalid token"
        daemon.ok("GET", OWN, token=token)
        for reader in readers:
            reader.join(20 * SLOW)
            assert reader.code == 1001 and reader.events
            assert {e["instanceData"]["token"] for e in reader.events} == {before}
    posted = [p for producer in producers for p in producer.stop()]
    assert {p[3] for p in posted} == {202}
    receiver.wait(len(posted), 30 * SLOW)
    wait_for(lambda: len(whole_lines(f"{folder}/out.ndjson")) == len(posted), what="all in the file")
    assert sorted(receiver.numbers()) == sorted(p[0] for p in posted)
    receiver.close()
