# SPDX-License-Identifier: Apache-2.0
"""What became of an instance's deliveries, by the API: attempts, dead letters, delivering once more."""
import threading
import time

import pytest

from api_rig import ACCOUNT, ApiDaemon, use_up
from rig import message, wait_for

OWN = "sales-SECRET-instance"
OTHER = "support-SECRET-instance"


@pytest.fixture
def make(folder, make_receiver):
    """A daemon with the instances sales and support, and a receiver. Without a limit, since tests ask until it is so."""
    made = []

    def start(behave=None, api="rate_limit = none", **kwargs):
        receiver = make_receiver(behave)
        daemon = ApiDaemon(folder, kwargs.pop("sinks", {}), api=api, instances=("sales", "support"), **kwargs)
        made.append(daemon)
        return daemon.start(), receiver
    yield start
    for daemon in made:
        daemon.stop()


def broken(arrival, connection):
    body = b"the database says no"
    connection.sendall(b"HTTP/1.1 422 X\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    return True


def dead(daemon, query="", token=OWN, instance="sales"):
    return daemon.ok("GET", f"/api/dead/{instance}{query}", token=token)


def wait_dead(daemon, count, **kwargs):
    return wait_for(lambda: (a := dead(daemon, "?limit=1000", **kwargs)["dead"]) and len(a) == count and a)


def deliveries(daemon, query="", token=OWN, instance="sales"):
    return {w["label"]: w["deliveries"]
            for w in daemon.ok("GET", f"/api/deliveries/{instance}{query}", token=token)["webhooks"]}


def wait_settled(daemon, sink):
    wait_for(lambda: daemon.is_settled(sink), what=f"{sink} is settled")


def test_attempts_of_all_webhooks_by_label(make, make_receiver):
    daemon, bad = make(broken)
    good = make_receiver()
    daemon.webhook("sales", bad.url, label="crm")
    daemon.webhook("sales", good.url)
    daemon.webhook("support", good.url)
    event = daemon.accept(message(1))["ids"][0]
    rows = wait_for(lambda: (d := deliveries(daemon)) and d["default"] and len(d["crm"]) == 2 and d)
    assert list(rows) == ["crm", "default"]
    assert [(r["outcome"], r["status"], r["attempt"], r["id"]) for r in rows["crm"]] == [
        ("failed", 422, 2, event), ("failed", 422, 1, event)]
    assert all("the database says no" in r["error"] and not r["replay"] for r in rows["crm"])
    assert [(r["outcome"], r["status"]) for r in rows["default"]] == [("delivered", 200)]
    assert deliveries(daemon, "?label=crm") == {"crm": rows["crm"]}
    assert deliveries(daemon, "?label=") == {"default": rows["default"]}
    assert deliveries(daemon, "?failed=true") == {"crm": rows["crm"], "default": []}
    assert deliveries(daemon, "?failed=0") == deliveries(daemon, token=ACCOUNT) == rows
    assert deliveries(daemon, instance="support", token=OTHER) == {"default": []}


def test_dead_letters_are_replayed_and_marked(make):
    daemon, receiver = make(broken)
    daemon.webhook("sales", receiver.url)
    daemon.webhook("sales", receiver.url, label="crm", events=["message.exchange"])
    daemon.webhook("support", receiver.url)
    ids = [daemon.accept(message(n))["ids"][0] for n in range(3)]
    others = daemon.accept(message(9), instance="support")["ids"]
    use_up(daemon, 7)
    rows = wait_dead(daemon, 6)
    assert [(r["label"], r["id"], r["attempts"], r["status"]) for r in rows] == [
        (label, event, 5, 422) for label in ("crm", "default") for event in ids]
    assert all(r["event"] == "message.exchange" and r["instance"] == "sales" and "the database says no" in r["error"]
               for r in rows)
    assert [r["id"] for r in wait_dead(daemon, 1, token=OTHER, instance="support")] == others
    assert dead(daemon, "?label=crm", token=ACCOUNT)["dead"] == rows[:3]

    receiver.behave = lambda a, c: 200
    before = len(receiver.arrivals)

    def replay(body, token=OWN):
        return daemon.ok("POST", "/api/dead/sales/replay", body, token, status=202)
    # Another instance's event, and one that never was, are no dead letters of this one.
    assert replay({"ids": others + ["evt_" + "0" * 32]}) == {"success": True, "replayed": 0, "more": False}
    assert replay({"label": "crm", "ids": [ids[2], ids[0], ids[0]]})["replayed"] == 2
    receiver.wait(before + 2)
    assert replay({"ids": [ids[2]]}, ACCOUNT)["replayed"] == 1
    assert replay({"label": ""})["replayed"] == 2  # as everywhere: the default's
    assert replay({})["replayed"] == 1
    receiver.wait(before + 6)
    came = receiver.arrivals[before:]
    assert all(a.headers["webhook-replay"] == "1" for a in came)
    assert sorted(a.headers["webhook-id"] for a in came[:2]) == sorted([ids[0], ids[2]])
    assert dead(daemon) == {"success": True, "dead": [], "more": False}
    assert replay({})["replayed"] == 0
    assert len(dead(daemon, token=OTHER, instance="support")["dead"]) == 1
    assert wait_for(lambda: (d := deliveries(daemon, "?label=crm")["crm"]) and d[0]["outcome"] == "delivered" and d)[
        0]["replay"]


def test_a_replayed_dead_letter_keeps_its_mark_over_a_restart(make):
    daemon, receiver = make(broken)
    daemon.webhook("sales", receiver.url)
    daemon.accept(message(1))
    use_up(daemon, 1)
    wait_dead(daemon, 1)
    before = len(receiver.arrivals)
    is_hung = threading.Event()

    def hang(arrival, connection):
        is_hung.wait(60)
        return True
    receiver.behave = hang
    daemon.ok("POST", "/api/dead/sales/replay", {}, OWN, status=202)
    receiver.wait(before + 1)
    daemon.kill()
    is_hung.set()
    receiver.behave = lambda a, c: 200
    daemon.start()
    receiver.wait(before + 2)
    assert receiver.arrivals[-1].headers["webhook-replay"] == "1"


def test_dead_letters_come_in_pages(make):
    daemon, receiver = make(broken)
    for label in ("a", "b", "c"):
        daemon.webhook("sales", receiver.url, label=label)
    for n in range(5):
        daemon.accept(message(n, chat=n))
    use_up(daemon, 15)
    everything = wait_dead(daemon, 15)
    got, query = [], "?limit=4"
    for _ in range(4):
        page = dead(daemon, query)
        got += page["dead"]
        assert len(page["dead"]) == min(4, 15 - len(got) + len(page["dead"]))
        if not page["more"]:
            break
        query = "?limit=4&after=" + page["next"].replace("/", "%2F")
    assert got == everything and not page["more"] and "next" not in page
    assert not dead(daemon, "?limit=15")["more"]
    page = dead(daemon, "?limit=2&label=b")
    assert page["more"] and page["dead"] == everything[5:7]
    assert dead(daemon, "?label=b&after=" + page["next"])["dead"] == everything[7:10]


def test_settled_events_are_replayed_and_marked(make):
    daemon, receiver = make()
    daemon.webhook("sales", receiver.url, label="crm")
    daemon.webhook("support", receiver.url)
    for n in range(10):
        daemon.accept(message(n, chat=n))
    receiver.wait(10)
    time.sleep(0.05)
    half = int(time.time() * 1000)
    time.sleep(0.05)
    for n in range(10, 16):
        daemon.accept(message(n, chat=n))
        daemon.accept(message(n, chat=n), instance="support")
    receiver.wait(22)
    wait_settled(daemon, "sales/crm")

    def replay(status=202, token=OWN, **body):
        return daemon.ok("POST", "/api/replay/sales", {"label": "crm", **body}, token, status=status)
    assert replay(since=half) == {"success": True, "replayed": 6, "more": False}
    receiver.wait(28)
    assert sorted(receiver.numbers()[22:]) == list(range(10, 16))
    assert all(a.headers["webhook-replay"] == "1" for a in receiver.arrivals[22:])
    wait_settled(daemon, "sales/crm")
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(half / 1000)) + f".{half % 1000:03}Z"
    first = replay(since=0, until=text, limit=7, token=ACCOUNT)
    assert first["replayed"] == 7 and first["more"]
    receiver.wait(35)
    second = replay(since="1999-01-01", until=text, after=first["next"])
    assert second == {"success": True, "replayed": 3, "more": False}
    receiver.wait(38)
    assert sorted(receiver.numbers()[28:]) == list(range(10))
    assert replay(since=int(time.time() * 1000) - 1, until=int(time.time() * 1000) + 60000)["replayed"] == 0


def test_an_instance_gets_nothing_of_one_that_had_its_name(make):
    daemon, receiver = make()
    daemon.ok("POST", "/api/instance/new", {"name": "shop"}, status=201)
    daemon.webhook("shop", receiver.url)
    daemon.accept(message(1), instance="shop")
    receiver.wait(1)
    wait_settled(daemon, "shop/default")
    daemon.ok("DELETE", "/api/instance/delete/shop")
    token = daemon.ok("POST", "/api/instance/new", {"name": "shop"}, status=201)["instance"]["token"]
    daemon.webhook("shop", receiver.url)
    time.sleep(0.01)
    daemon.accept(message(2), instance="shop")
    receiver.wait(2)
    wait_settled(daemon, "shop/default")
    body = {"label": "default", "since": 0}
    assert daemon.ok("POST", "/api/replay/shop", body, token, status=202)["replayed"] == 1
    receiver.wait(3)
    assert receiver.numbers() == [1, 2, 2]


def test_sinks_of_the_configuration_file_are_not_shown(make, make_receiver):
    receiver = make_receiver(broken)
    daemon, _ = make(sinks={"all": {"plugin": "webhook", "url": receiver.url, "retry": "never"}})
    daemon.accept(message(1))
    wait_for(lambda: daemon.status()["dead"].get("all") == 1)
    for token in (OWN, ACCOUNT):
        assert dead(daemon, token=token)["dead"] == []
        assert deliveries(daemon, token=token) == {}
        assert daemon.ok("POST", "/api/dead/sales/replay", {}, token, status=202)["replayed"] == 0
    assert daemon.fails(404, "GET", "/api/dead/sales?label=all") == "Webhook not found"
    assert daemon.fails(404, "POST", "/api/replay/sales", {"label": "all", "since": 0}) == "Webhook not found"
    assert daemon.status()["dead"] == {"all": 1}


ROUTES = [("GET", "/api/deliveries/{}", None), ("GET", "/api/dead/{}", None),
          ("POST", "/api/dead/{}/replay", {}), ("POST", "/api/replay/{}", {"label": "default", "since": 0})]


@pytest.mark.parametrize("method, path, body", ROUTES)
def test_tokens_methods_and_limits(make, method, path, body):
    daemon, receiver = make(api="rate_limit = 8/min")
    own = path.format("sales")
    assert "Missing token" in daemon.fails(401, method, own, body, token=None)
    assert daemon.fails(401, method, own, body, token="wrong") == "Invalid token"
    assert daemon.fails(403, method, own, body, token=OTHER) == "Instance token does not match requested instance"
    assert daemon.fails(404, method, path.format("nobody"), body) == "Instance not found"
    assert daemon.fails(404, method, own + "/more/of/it", body) == "Not found"
    assert daemon.fails(405, "PUT", own, body) == "Method not allowed"
    assert daemon.headers["allow"] == method
    for _ in range(8):
        daemon.call(method, own, body, OWN)
        assert daemon.headers["x-ratelimit-limit"] == "8"
    assert daemon.fails(429, method, own, body, OWN) == "Rate limit exceeded. Try again later."


def test_without_a_limit_there_are_no_headers_of_it(make):
    daemon, _ = make(api="rate_limit = none")
    daemon.ok("GET", "/api/dead/sales")
    assert not [h for h in daemon.headers if h.lower().startswith("x-ratelimit")]


@pytest.mark.parametrize("method, path, body, message", [
    ("GET", "/api/deliveries/sales?failed=maybe", None, "failed: expected true or false"),
    ("GET", "/api/dead/sales?limit=0", None, "limit: expected a number from 1 to 1000"),
    ("GET", "/api/dead/sales?limit=7x", None, "limit: expected a number from 1 to 1000"),
    ("GET", "/api/dead/sales?limit=1001", None, "limit: expected a number from 1 to 1000"),
    ("GET", "/api/dead/sales?limit=", None, "limit: expected a number from 1 to 1000"),
    ("GET", "/api/dead/sales?after=7", None, "after: expected what another answer has as `next`"),
    ("POST", "/api/dead/sales/replay", {"label": 7}, "label: expected a string, found int"),
    ("POST", "/api/dead/sales/replay", {"lable": "x"}, "lable: unknown field, did you mean label?"),
    ("POST", "/api/dead/sales/replay", {"ids": "evt_1"}, "ids: expected an array of 1 to 100 ids"),
    ("POST", "/api/dead/sales/replay", {"ids": []}, "ids: expected an array of 1 to 100 ids"),
    ("POST", "/api/dead/sales/replay", {"ids": ["evt_1"]},
     'ids: expected evt_ and 32 hex digits, found "evt_1"'),
    ("POST", "/api/dead/sales/replay", {"ids": [None]}, "ids: expected evt_ and 32 hex digits, found null"),
    ("POST", "/api/replay/sales", {"since": 0}, "label: is missing"),
    ("POST", "/api/replay/sales", {"label": "default"}, "since: is missing"),
    ("POST", "/api/replay/sales", {"label": "default", "since": "yesterday"}, "since: expected a time such as "
     "2026-11-21T09:30:00Z, or milliseconds since 1970"),
    ("POST", "/api/replay/sales", {"label": "default", "since": "2026-02-30T00:00:00Z"}, "since: expected a time "
     "such as 2026-11-21T09:30:00Z, or milliseconds since 1970"),
    ("POST", "/api/replay/sales", {"label": "default", "since": -1}, "since: below 0"),
    ("POST", "/api/replay/sales", {"label": "default", "since": 5, "until": 4}, "until: is before since"),
    ("POST", "/api/replay/sales", {"label": "default", "since": 5, "until": "now"}, "until: expected a time such as "
     "2026-11-21T09:30:00Z, or milliseconds since 1970"),
    ("POST", "/api/replay/sales", {"label": "default", "since": 5, "untill": 4},
     "untill: unknown field, did you mean until?"),
    ("POST", "/api/replay/sales", {"label": "default", "since": 5, "limit": 1001}, "limit: above 1000"),
    ("POST", "/api/replay/sales", {"label": "off", "since": 5}, "label: the webhook is not enabled"),
])
def test_mistakes_are_named(api_once, method, path, body, message):
    assert api_once.fails(400, method, path, body, OWN) == message


@pytest.fixture(scope="module")
def api_once(tmp_path_factory):
    daemon = ApiDaemon(tmp_path_factory.mktemp("mistakes"), api="rate_limit = none").start()
    daemon.webhook("sales", "http://127.0.0.1:9/")
    daemon.ok("POST", "/api/events/webhook/sales", {"label": "off", "enabled": False})
    yield daemon
    daemon.stop()


def test_unknown_webhooks_are_not_found(api_once):
    for method, path, body in [
            ("GET", "/api/deliveries/sales?label=x", None), ("GET", "/api/dead/sales?label=x", None),
            ("POST", "/api/dead/sales/replay", {"label": "x"}),
            ("POST", "/api/replay/sales", {"label": "x", "since": 0})]:
        assert api_once.fails(404, method, path, body, OWN) == "Webhook not found"
    assert api_once.fails(415, "POST", "/api/replay/sales", b"{}", OWN, {"Content-Type": "text/plain"})
    assert "Invalid JSON" in api_once.fails(400, "POST", "/api/replay/sales", b"{", OWN)
    assert deliveries(api_once, "?label=off") == {}


def test_a_token_that_the_receiver_echoes_is_shown_nowhere(make):
    def echo(arrival, connection):
        body = b"who is " + arrival.envelope["instanceData"]["token"].encode()
        connection.sendall(b"HTTP/1.1 422 X\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        return True
    daemon, receiver = make(echo)
    daemon.webhook("sales", receiver.url)
    daemon.accept(message(1))
    rows = wait_for(lambda: deliveries(daemon)["default"])
    assert rows[0]["status"] == 422 and "the instance's token" in rows[0]["error"]
    for text in (str(rows), daemon.log_text(), daemon.command("status", "--json").stdout):
        assert OWN not in text


def asks_for_a_rest(arrival, connection):
    connection.sendall(b"HTTP/1.1 429 X\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n")
    return True


def test_a_rest_that_one_receiver_asked_for_is_not_anothers(make, make_receiver):
    daemon, tired = make(asks_for_a_rest)
    awake = make_receiver()
    webhook = {"enabled": True, "url": tired.url}
    daemon.ok("POST", "/api/events/webhook/sales", webhook, token=OWN)
    daemon.accept(message(1))
    wait_for(lambda: daemon.sink("sales/default")["retrying"] == 1, what="the rest has begun")
    for number in range(2, 6):
        daemon.accept(message(number, chat=number))
    daemon.ok("POST", "/api/events/webhook/sales", {**webhook, "label": "default", "byEvents": True}, token=OWN)
    time.sleep(0.5)
    assert len(tired.arrivals) == 1, "the same receiver has its rest"
    daemon.ok("POST", "/api/events/webhook/sales", {**webhook, "label": "default", "url": awake.url}, token=OWN)
    wait_for(lambda: sorted(awake.numbers()) == [2, 3, 4, 5], 5, "what waited goes to the other one at once")
