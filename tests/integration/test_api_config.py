# SPDX-License-Identifier: Apache-2.0
"""WhatsApp Web API's own interface: programs that set an instance's webhooks there do so here."""
import contextlib
import re
import sqlite3

import pytest

from rig import Receiver, certificate, message, wait_for
from test_api import ACCOUNT, MISSING, ApiDaemon, records

OWN = "sales-SECRET-instance"
ROUTES = {"sent": ("message.exchange", "outgoing"), "return": ("message.exchange", "incoming"),
          "connect": ("instance.state", "connected"), "disconnect": ("instance.state", "disconnected")}
URL = "https://crm.example.com/hook"


def put(d, kind, body, key=OWN, instance="sales", status=200):
    """With the credentials as headers; the answer."""
    headers = {"apiKey": key, "id": instance}
    got, answer = d.call("PUT", f"/api/config/{kind}", body, None, {k: v for k, v in headers.items() if v})
    assert got == status, answer
    return answer


def expected(kind, url=URL):
    event, only = ROUTES[kind]
    return {"label": kind, "enabled": True, "url": url, "authorization": "", "byEvents": False, "events": [event],
            "mediaBase64": False, "only": only}


def outgoing(number):
    body = message(number)
    body["data"]["key"]["fromMe"] = True
    return body


def reaction(number, to):
    body = message(number)
    key = {"remoteJid": "5511900000000@s.whatsapp.net", "fromMe": True, "id": f"TEST{to:08d}"}
    body["data"].update(messageType="reactionMessage", message={"reactionMessage": {"key": key, "text": "x"}})
    return body


def connection(state, reason=200):
    return {"event": "connection.update", "instance": "x",
            "data": {"instance": "x", "state": state, "statusReason": reason}}


@pytest.mark.parametrize("kind", ROUTES)
@pytest.mark.parametrize("key, instance, member", [
    (OWN, "sales", "URL"), (ACCOUNT, "sales", "url"), (OWN, None, "Url"), (OWN, "", "uRL")])
def test_each_route_sets_its_webhook(daemon, kind, key, instance, member):
    assert put(daemon, kind, {member: URL}, key, instance) == {"success": True, "webhook": expected(kind)}
    assert daemon.webhooks("sales") == [expected(kind)]
    again = put(daemon, kind, {member: URL + "/2"}, key, instance)
    assert daemon.webhooks("sales") == [again["webhook"]] == [expected(kind, URL + "/2")]
    daemon.stop()
    daemon.start()
    assert daemon.webhooks("sales") == [again["webhook"]]


@pytest.mark.parametrize("headers, body", [
    ({}, {"apiKey": OWN, "id": "sales"}), ({}, {"APIKEY": OWN, "ID": "sales"}),
    ({}, {"apikey": ACCOUNT, "Id": "sales"}), ({"APIKEY": ACCOUNT}, {"id": "sales"}), ({"ID": "sales"}, {"apiKey": ACCOUNT}), ({"apikey": OWN}, {}),
    ({"apiKey": OWN, "id": "sales"}, {"apiKey": "wrong", "id": "nobody"}), ({}, {"apiKey": OWN, "id": None}),
    ({"Authorization": f"Bearer {OWN}"}, {"apiKey": ""}), ({"token": ACCOUNT}, {"id": "sales", "apiKey": None}),
])
def test_credentials_are_headers_or_members(daemon, headers, body):
    status, answer = daemon.call("PUT", "/api/config/sent", {**body, "URL": URL}, None, headers)
    assert (status, answer) == (200, {"success": True, "webhook": expected("sent")})


def test_an_instance_named_by_digits_is_met_by_a_number(daemon):
    daemon.ok("POST", "/api/instance/new", {"name": "5511", "token": "n-SECRET"}, status=201)
    for id in 5511, "5511":
        status, _ = daemon.call("PUT", "/api/config/sent", {"apiKey": ACCOUNT, "id": id, "URL": URL}, None)
        assert status == 200 and daemon.webhooks("5511") == [expected("sent")]


@pytest.mark.parametrize("kind", ROUTES)
def test_an_empty_url_removes_that_webhook_only(daemon, kind):
    for other in ROUTES:
        put(daemon, other, {"URL": URL})
    left = [expected(k) for k in sorted(ROUTES) if k != kind]
    gone = {"success": True, "message": "Webhook deleted", "droppedEvents": 0}
    assert put(daemon, kind, {"URL": ""}) == gone
    assert daemon.webhooks("sales") == left
    assert not [s for s in daemon.status()["sinks"] if s["name"] == f"sales/{kind}"]
    assert put(daemon, kind, {"url": None}) == gone, "that there is none is as good"
    daemon.stop()
    daemon.start()
    assert daemon.webhooks("sales") == left


@pytest.mark.parametrize("body, why", [
    ({}, "URL: is missing"), ({"URL": "http://crm.example.com"}, "URL: must begin with https://"),
    ({"url": "crm.example.com"}, "url: must begin with https://"), ({"URL": 5}, "URL: expected a string"),
    ({"URL": ["https://x"]}, "URL: expected a string"), ({"URL": "https://" + "x" * 4096}, "URL: longer than"),
    ({"URL": "https://a\u0001b"}, "URL: has a control"), ({"URL": "https://"}, "url"), ("{\"URL\":", "Invalid JSON"),
    ("", "Invalid JSON"), ("[]", "expected an object"),
])
def test_a_bad_url_is_refused(daemon, body, why):
    put(daemon, "sent", {"URL": URL})
    assert why.lower() in put(daemon, "sent", body, status=400)["error"]["message"].lower()
    assert daemon.webhooks("sales") == [expected("sent")]


@pytest.mark.parametrize("kind", ROUTES)
def test_who_may_not_is_refused_before_the_body_is_looked_at(daemon, kind):
    path, bad = f"/api/config/{kind}", {"URL": "http://x"}
    daemon.ok("POST", "/api/instance/new", {"name": "other", "token": "other-SECRET"}, status=201)
    assert daemon.fails(401, "PUT", path, bad, None) == MISSING
    assert daemon.fails(401, "PUT", path, "no json", None) == MISSING
    assert daemon.fails(401, "PUT", path, {"apiKey": "wrong", "id": "sales"}, None) == "Invalid token"
    assert daemon.fails(401, "PUT", path, bad, None, {"apiKey": "wrong", "id": "nobody"}) == "Invalid token"
    for instance in "sales", "nobody":
        why = daemon.fails(403, "PUT", path, bad, None, {"apiKey": "other-SECRET", "id": instance})
        assert why == "Instance token does not match requested instance"
        assert daemon.fails(403, "PUT", path, {"apiKey": "other-SECRET", "id": instance, **bad}, None) == why
    for instance in "nobody", "sales\0", "Sales":
        assert daemon.fails(404, "PUT", path, {"apiKey": ACCOUNT, "id": instance}, None) == "Instance not found"
    for instance in {}, {"id": ""}, {"id": None}, {"id": {}}, {"id": True}:
        assert daemon.fails(400, "PUT", path, {"apiKey": ACCOUNT, "URL": URL, **instance}, None) == "id: is missing"
    assert daemon.fails(415, "PUT", path, "x", OWN, {"Content-Type": "text/plain"})
    assert daemon.fails(413, "PUT", path, " " * (1 << 20) + "{}", OWN)
    daemon.fails(405, "POST", path, bad)
    assert daemon.headers["allow"] == "PUT"
    daemon.fails(404, "PUT", path + "/more", bad)
    daemon.fails(404, "PUT", "/api/config/nope", bad)
    assert daemon.webhooks("sales") == daemon.webhooks("other") == []


def test_a_large_body_is_not_searched_for_credentials(daemon):
    body = {"apiKey": OWN, "URL": URL, "more": "x" * 16384}
    assert daemon.fails(401, "PUT", "/api/config/sent", body, None) == MISSING
    assert put(daemon, "sent", body)["webhook"] == expected("sent")


def test_these_requests_count_against_the_limit_of_their_token(tmp_path):
    d = ApiDaemon(tmp_path, api="rate_limit = 3/min").start()
    for left in 2, 1, 0:
        status, _ = d.call("PUT", "/api/config/sent", {"apiKey": OWN, "URL": URL}, None)
        assert status == 200 and d.headers["x-ratelimit-remaining"] == str(left)
    d.fails(429, "PUT", "/api/config/sent", {"apiKey": OWN, "URL": URL}, None)
    d.fails(429, "GET", "/api/events/getWebhook/sales", token=OWN)
    for _ in range(3):
        d.fails(401, "PUT", "/api/config/sent", {"apiKey": "guess", "URL": URL}, None)
    d.fails(429, "PUT", "/api/config/sent", {"apiKey": "another", "URL": URL}, None)
    put(d, "sent", {"URL": URL}, ACCOUNT)
    d.stop()


def test_they_do_not_count_as_webhooks_but_others_of_their_labels_do(tmp_path):
    d = ApiDaemon(tmp_path, api="max_webhooks = 1").start()
    for kind in ROUTES:
        put(d, kind, {"URL": URL})
    d.webhook("sales", URL)
    why = d.fails(400, "POST", "/api/events/webhook/sales", {"enabled": True, "url": URL, "label": "sent"})
    assert "at most 1" in why
    put(d, "sent", {"URL": URL + "/2"})
    d.ok("DELETE", "/api/events/webhook/sales")
    assert "only" not in d.webhook("sales", URL, label="sent")
    d.fails(400, "POST", "/api/events/webhook/sales", {"enabled": True, "url": URL})
    put(d, "sent", {"URL": URL})
    d.webhook("sales", URL)
    d.stop()


EVENTS = [outgoing(1), message(2), reaction(3, to=1), connection("open"), connection("connecting"),
          connection("close"), connection("close", 401), outgoing(4)]
ARRIVE = {"sent": ["TEST00000001", "TEST00000004"], "return": ["TEST00000002", "TEST00000003"],
          "connect": ["connected"], "disconnect": ["disconnected", "logged_out"]}


def what(envelope):
    data = envelope["data"]
    return data["state"] if envelope["event"] == "instance.state" else data["id"]


def test_each_webhook_gets_its_part_and_no_other(daemon):
    """The requests must be https; that a receiver without TLS may be reached, the stored URLs are changed."""
    receiver = Receiver()
    for kind in ROUTES:
        put(daemon, kind, {"URL": f"https://127.0.0.1:{receiver.port}/{kind}"})
    daemon.stop()
    with contextlib.closing(sqlite3.connect(daemon.folder / "hookswitch.db")) as db, db:
        rows = db.execute("SELECT kind, name, text FROM records WHERE kind = 'webhook'").fetchall()
        assert len(rows) == 4
        for kind, name, text in rows:
            db.execute("UPDATE records SET text = ? WHERE kind = ? AND name = ?",
                       (bytes(text).replace(b"https:", b"http:"), kind, name))
    daemon.start()
    for body in EVENTS:
        daemon.accept(body)
    of = lambda kind: [what(a.envelope) for a in list(receiver.arrivals) if a.path == f"/{kind}"]
    arrived = lambda: {kind: sorted(of(kind)) for kind in ROUTES}
    wait_for(lambda: arrived() == ARRIVE, what="the parts")
    wait_for(lambda: all(daemon.sink(f"sales/{k}")["lag"] == 0 for k in ROUTES), what="all was read")
    assert arrived() == ARRIVE and len(receiver.arrivals) == 7
    receiver.close()


def test_a_webhook_gets_its_part_from_the_next_event_on(daemon, tmp_path):
    """The receiver's certificate is not trusted: what is wanted is retried, and nothing else is."""
    context, _ = certificate(tmp_path)
    receiver = Receiver(context=context)
    retrying = lambda: {s["name"]: s["retrying"] for s in daemon.status()["sinks"]}
    daemon.accept(outgoing(100))
    for kind in ROUTES:
        put(daemon, kind, {"URL": receiver.url})
    for body in EVENTS:
        daemon.accept(body)
    wait_for(lambda: retrying() == {f"sales/{k}": len(ids) for k, ids in ARRIVE.items()}, what="the retries")
    receiver.close()


def test_a_part_that_is_not_known_is_no_webhook(daemon):
    """What a newer version stored must not become a webhook that gets everything."""
    put(daemon, "sent", {"URL": URL})
    put(daemon, "return", {"URL": URL})
    assert any(re.search(r'sales/sent .*"only":"outgoing"', r) for r in records(daemon))
    daemon.stop()
    with contextlib.closing(sqlite3.connect(daemon.folder / "hookswitch.db")) as db, db:
        (text,) = db.execute("SELECT text FROM records WHERE name = 'sales/sent'").fetchone()
        db.execute("UPDATE records SET text = ? WHERE name = 'sales/sent'",
                   (bytes(text).replace(b"outgoing", b"sideways"),))
    daemon.start()
    assert daemon.webhooks("sales") == [expected("return")]
    assert "it is damaged" in daemon.log_text()
