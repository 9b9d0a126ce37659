# SPDX-License-Identifier: Apache-2.0
"""What is configured through several nodes at once is what a single daemon would have made of it."""
import concurrent.futures
import itertools

import pytest

from api_rig import ApiDaemon
from rig import wait_for
from test_nodes import make_nodes  # noqa: F401 (a fixture)
from test_postgres import BIN, PLUGINS, server, store  # noqa: F401 (fixtures)

pytestmark = pytest.mark.skipif(
    BIN is None or not (PLUGINS / "store-postgres.so").exists(), reason="without PostgreSQL")
NOWHERE = "http://127.0.0.1:9/"


@pytest.fixture
def nodes(make_nodes):  # noqa: F811
    return make_nodes({}, kind=ApiDaemon, api="max_webhooks = 3\nrate_limit = none\ninstance_rate_limit = none").start()


def at_once(*calls):
    """What (node, method, path, body[, token]) answer that are sent at the same time: [(status, answer)]."""
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return [f.result() for f in [pool.submit(node.call, *call) for node, *call in calls]]


def statuses(answers):
    return [status for status, _ in answers]


def known(nodes, name, token=None):
    """The status that each node answers to who asks for the instance's webhooks."""
    more = [None, token] if token else []
    return [nodes[n].call("GET", f"/api/events/getWebhook/{name}", *more)[0] for n in "abc"]


def names(node):
    """Of the instances that the API made."""
    return sorted(i["name"] for i in node.ok("GET", "/api/instance/list")["instances"] if i["name"] != "sales")


def rows(server, request, query):  # noqa: F811
    return server.sql(f"SET search_path = {request.node.name[:60]}; {query}").split()


def made(nodes, node, name, **more):
    nodes[node].ok("POST", "/api/instance/new", {"name": name, **more}, status=201)
    wait_for(lambda: known(nodes, name) == [200] * 3, 5, f"{name} is known to all")


def test_a_token_that_was_changed_stays_changed_whatever_other_nodes_store(nodes):
    for k in range(8):
        name, old, new = f"shop{k}", f"old-SECRET-{k}", f"new-SECRET-{k}"
        made(nodes, "abc"[k % 3], name, token=old)
        a, b, c = (nodes["abc"[(k + i) % 3]] for i in range(3))
        rotate = a, "PUT", f"/api/instance/token/{name}", {"token": new}
        stored = [(b, "POST", f"/api/events/websocket/{name}", {"enabled": True}),
                  (c, "POST", f"/api/events/webhook/{name}", {"enabled": True, "url": NOWHERE})]
        if k % 2:
            assert statuses(at_once(rotate, *stored)) == [200] * 3
        else:  # one directly after the other
            assert statuses([node.call(*call) for node, *call in (rotate, *stored)]) == [200] * 3
        wait_for(lambda: known(nodes, name, new) == [200] * 3, 5, "the new token is known")
        wait_for(lambda: known(nodes, name, old) == [401] * 3, 5, "the old token is not")
        for n in "abc":
            wait_for(lambda: len(nodes[n].webhooks(name)) == 1, 5, "the webhook is known")
            wait_for(lambda: nodes[n].ok("GET", f"/api/events/getWebsocket/{name}")["websocket"]["enabled"], 5,
                     "the WebSocket is known")


def test_who_came_with_the_token_that_was_changed_meanwhile_is_refused(nodes):
    seen = set()
    for k in range(10):
        name, old = f"shop{k}", f"old-SECRET-{k}"
        made(nodes, "a", name, token=old)
        nodes["a"].ok("PUT", f"/api/instance/token/{name}", {"token": f"new-SECRET-{k}"})
        status, _ = nodes["b"].call("POST", f"/api/events/websocket/{name}", {"enabled": True}, old)
        websocket = nodes["a"].ok("GET", f"/api/events/getWebsocket/{name}")["websocket"]
        seen.add((status, websocket["enabled"]))
    assert seen == {(401, False)}


def test_what_was_deleted_stays_deleted_and_leaves_nothing(nodes, server, request):  # noqa: F811
    outcomes = set()
    for k in range(10):
        name = f"shop{k}"
        made(nodes, "a", name)
        delete = nodes["a"], "DELETE", f"/api/instance/delete/{name}", None
        stored = [(nodes["b"], "POST", f"/api/events/websocket/{name}", {"enabled": True}),
                  (nodes["c"], "POST", f"/api/events/webhook/{name}", {"enabled": True, "url": NOWHERE})]
        if k % 2:
            got = statuses(at_once(delete, *stored))
        else:
            got = statuses([node.call(*call) for node, *call in (delete, *stored)])
            assert got == [200, 404, 404]
        assert got[0] == 200 and set(got[1:]) <= {200, 404}
        outcomes.add(tuple(got))
        wait_for(lambda: known(nodes, name) == [404] * 3, 5, "it is gone")
    assert (200, 404, 404) in outcomes
    kinds = rows(server, request, "SELECT DISTINCT encode(kind, 'escape') FROM records")
    assert kinds == ["version"]
    wait_for(lambda: rows(server, request, "SELECT encode(name, 'escape') FROM destinations") == [], 5,
             "no destination is left")


def test_a_name_is_given_once(nodes):
    for k in range(8):
        name = f"shop{k}"
        calls = [(nodes[n], "POST", "/api/instance/new", {"name": name, "token": f"token-{k}-{n}"}) for n in "abc"]
        answers = at_once(*calls) if k % 2 else [node.call(*call) for node, *call in calls]
        got = statuses(answers)
        assert sorted(got) == [201, 409, 409], got
        token = answers[got.index(201)][1]["instance"]["token"]
        wait_for(lambda: known(nodes, name, token) == [200] * 3, 5, "the token of the answer is the instance's")
        # A name that is free again is free at once.
        nodes["b"].ok("DELETE", f"/api/instance/delete/{name}")
        nodes["a"].ok("POST", "/api/instance/new", {"name": name}, status=201)


def test_a_token_is_given_once(nodes):
    for k in range(8):
        calls = [(nodes[n], "POST", "/api/instance/new", {"name": f"shop{k}{n}", "token": f"same-SECRET-{k}"})
                 for n in "abc"]
        got = statuses(at_once(*calls) if k % 2 else [node.call(*call) for node, *call in calls])
        assert sorted(got) == [201, 409, 409], got
    wait_for(lambda: [len(names(nodes[n])) for n in "abc"] == [8] * 3, 5, "all know the same")


def test_the_most_webhooks_are_the_most_of_all_nodes(nodes, server, request):  # noqa: F811
    for k in range(4):
        name = f"shop{k}"
        made(nodes, "a", name)
        answers = at_once(*((nodes["abc"[i % 3]], "POST", f"/api/events/webhook/{name}",
                             {"label": f"L{i}", "enabled": True, "url": NOWHERE}) for i in range(9)))
        got = statuses(answers)
        assert sorted(got) == [200] * 3 + [400] * 6, got
        labels = sorted(f"L{i}" for i in range(9) if got[i] == 200)
        for n in "abc":
            wait_for(lambda: sorted(w["label"] for w in nodes[n].webhooks(name)) == labels, 5, "all know the same")
    wait_for(lambda: len(rows(server, request, "SELECT name FROM destinations")) == 12, 5,
             "those that were refused leave no destination")


def test_a_webhook_keeps_the_secret_that_another_node_stored(nodes):
    made(nodes, "a", "shop")
    for k in range(8):
        hook = {"label": "x", "enabled": True, "url": NOWHERE}
        secret = "whsec_" + "c2VjcmV0" * (4 + k % 2)
        a, b = (nodes["abc"[(k + i) % 3]] for i in range(2))
        a.ok("POST", "/api/events/webhook/shop", {**hook, "secret": secret})
        assert b.webhook("shop", NOWHERE, label="x").get("hasSecret") is True
        a.ok("DELETE", "/api/events/webhook/shop?label=x")
        assert b.webhook("shop", NOWHERE, label="x").get("hasSecret") is not True


def test_all_changes_are_made_while_every_node_makes_some(nodes):
    count = 20

    def work(n):
        return [nodes[n].call("POST", "/api/instance/new", {"name": f"shop-{n}-{i}"})[0] for i in range(count)]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        got = list(itertools.chain(*pool.map(work, "abc")))
    assert got == [201] * 3 * count
    expected = sorted(f"shop-{n}-{i}" for n in "abc" for i in range(count))
    for n in "abc":
        wait_for(lambda: names(nodes[n]) == expected, 5, "all know all")


def test_a_store_of_before_gets_a_version_with_the_first_change(nodes, server, request):  # noqa: F811
    made(nodes, "a", "shop", token="old-SECRET-token")
    for n in "abc":
        nodes[n].stop()
    assert rows(server, request, "DELETE FROM records WHERE kind = 'version' RETURNING 1") == ["1"]
    nodes.start()
    answers = at_once(*((nodes[n], "PUT", "/api/instance/token/shop", {"token": f"token-SECRET-{n}"}) for n in "abc"))
    assert statuses(answers) == [200] * 3
    assert rows(server, request, "SELECT count(*) FROM records WHERE kind = 'version'") == ["1"]
    for n in "abc":
        wait_for(lambda: sum(known(nodes, "shop", f"token-SECRET-{m}") == [200] * 3 for m in "abc") == 1, 5,
                 "one of them is the last")
