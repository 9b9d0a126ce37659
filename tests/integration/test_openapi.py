# SPDX-License-Identifier: Apache-2.0
"""contrib/openapi.json says what the daemon answers: each of its routes is asked here until it has given each answer that
the document names, but for a store that fails. That an answer is as the document says is checked with every request, see
contract.py."""
import hashlib
import hmac
import json
import pathlib
import re

import pytest

import contract
from api_rig import ACCOUNT, use_up
from rig import TOKEN, message, wait_for

pytest.importorskip("jsonschema")

SECRET = "app-SECRET-1"
SOURCES = f"""
[source meta]
plugin = cloudapi
app_secret = {SECRET}
verify_token = vt-SECRET
[source numbers]
plugin = cloudapi
app_secret = {SECRET}
verify_token = vt-SECRET
instance_from = phone_number_id
numbers = 106: sales
[source plain]
plugin = map
map = {{folder}}/plain.ini
"""
MAP = """[map "m"]
event = message.exchange
data.id = .id
data.direction = "incoming"
data.chat.jid = "5511"
data.message.type = .type
"""
ASK = "?hub.mode=subscribe&hub.challenge=42&hub.verify_token="
OPERATIONS = contract.operations()
UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
           "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
# Those that other tests bring about: the store fails, too much waits, somebody asks from another machine.
ELSEWHERE = {500, 503}
LOCAL = ("/healthz", "/readyz", "/metrics")
ALL = {(method, path, int(status)) for method, path, operation in OPERATIONS for status in operation["responses"]
       if int(status) not in ELSEWHERE and not (path in LOCAL and status == "404")}
ALL -= {("post", "/in/{source}", 422)}  # no plugin here whose events name their instances says that


class Tour:
    """Asks a daemon, and keeps which of the document's answers it has seen."""

    def __init__(self, daemon):
        self.daemon, self.seen = daemon, set()

    def ask(self, status, method, path, body=None, **headers):
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        headers.setdefault("token", ACCOUNT)
        contract.reached.clear()
        got, _, answer = self.daemon.request(
            method.upper(), path, body, {name.replace("_", "-"): v for name, v in headers.items() if v is not None})
        assert got == status, (method, path, got, answer[:300])
        self.seen |= contract.reached
        return answer

    def signed(self, status, path, body, **headers):
        body = json.dumps(body).encode() if isinstance(body, dict) else body
        signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        return json.loads(self.ask(status, "post", path, body, X_Hub_Signature_256=signature, **headers))


def named(path, instance="sales"):
    return path.replace("{instance}", instance)


def of_api(status):
    """The operations of the API that list it."""
    return [(method, path) for method, path, operation in OPERATIONS
            if path.startswith(("/api", "/webhook", "/ws")) and str(status) in operation["responses"]]


def refusals(tour):
    """What is refused before it is looked at."""
    config = "/api/config/"
    for method, path in of_api(401):
        tour.ask(401, method, named(path), "{}", token=None, id="sales" if config in path else None)
    for method, path in of_api(403):
        body = {"instanceName": "sales", "name": "x"}
        query = "?instanceName=sales" if path.endswith("list") else ""
        tour.ask(403, method, named(path) + query, body, token="support-SECRET-instance", id="sales")
    for method, path in of_api(404):
        body = {"instanceName": "none"}
        tour.ask(404, method, named(path, "none") + ("?instanceName=none" if path.endswith("list") else ""), body,
                 id="none")
    for method, path in of_api(413):
        tour.ask(413, method, named(path), "x" * (1 << 20) + "x", id="sales")
    for method, path in of_api(415):
        tour.ask(415, method, named(path), "x", id="sales", Content_Type="text/plain")
    for method, path in of_api(400):
        tour.ask(400, method, named(path) + "?limit=%", "{", id="sales")


def instances(tour):
    made = json.loads(tour.ask(201, "post", "/api/instance/new", {
        "name": "shop", "token": "shop-SECRET", "webhookURL": tour.daemon.url,
        "webhookAuthorization": "Bearer x-SECRET", "websocketEnabled": True}))
    assert made["instance"]["name"] == "shop"
    tour.ask(409, "post", "/api/instance/new", {"name": "shop"})
    listed = json.loads(tour.ask(200, "get", "/api/instance/list"))["instances"]
    assert {i["name"]: i["createdAt"] is None for i in listed} == {"sales": True, "shop": False, "support": True}
    tour.ask(200, "put", "/api/instance/token/shop", {"token": "shop-SECRET-2"})
    tour.ask(409, "put", "/api/instance/token/sales", {})
    tour.ask(409, "delete", "/api/instance/delete/sales")


def webhooks(tour):
    tour.ask(200, "post", "/api/events/webhook/sales", {
        "enabled": True, "url": tour.daemon.url, "label": "two", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "secret_old": "a-SECRET-of-24-characters", "headers": {"a": "b"}, "format": "data", "byEvents": True})
    tour.ask(200, "get", "/api/events/getWebhook/sales")
    tour.ask(200, "get", "/api/events/getWebhook/sales?label=two")
    tour.ask(201, "post", "/webhook/set/sales", {
        "webhook": {"url": tour.daemon.url, "enabled": True, "events": ["MESSAGES_UPSERT"]}}, token=None, apikey=ACCOUNT)
    tour.ask(201, "post", "/webhook/instance", {"instanceName": "sales", "url": tour.daemon.url, "enabled": True})
    for name in ("sales", "support"):
        tour.ask(200, "get", f"/webhook/find/{name}")
    for name in ("sent", "return", "connect", "disconnect"):
        for url in ("https://example.com/x", ""):
            tour.ask(200, "put", f"/api/config/{name}", {"URL": url}, id="support")
    tour.ask(200, "get", "/api/events/getWebhook/support")
    tour.ask(200, "post", "/api/events/websocket/sales", {"enabled": True, "events": ["message.exchange"]})
    for name in ("sales", "support"):
        tour.ask(200, "get", f"/api/events/getWebsocket/{name}")
    tour.ask(426, "get", "/ws/sales")
    tour.ask(101, "get", "/ws/sales", **UPGRADE)
    tour.ask(403, "get", "/ws/sales", Origin="https://example.org", **UPGRADE)


def ways_in(tour):
    body, path = json.dumps(message(1)), "/in/evolution/sales"
    assert "duplicates" not in json.loads(tour.ask(202, "post", path, body, token=TOKEN))
    assert json.loads(tour.ask(202, "post", path, body, token=TOKEN))["duplicates"] == 1
    tour.ask(400, "post", path, "{", token=TOKEN)
    tour.ask(401, "post", path, body)
    tour.ask(404, "post", "/in/evolution/none", body, token=TOKEN)
    tour.ask(404, "post", "/in/none", body, token=TOKEN)
    tour.ask(404, "get", "/in/none")
    tour.ask(405, "get", path)
    tour.ask(405, "get", "/in/evolution")
    tour.ask(404, "get", "/in/meta/none" + ASK + "vt-SECRET")
    for path in ("/in/meta/sales", "/in/numbers"):
        assert tour.ask(200, "get", path + ASK + "vt-SECRET") == b"42"
        tour.ask(403, "get", path + ASK + "x")
        tour.ask(400, "get", path)
        tour.ask(401, "post", path, "{}")
        tour.signed(400, path, {"object": "page"})
        tour.signed(415, path, b"x", Content_Type="text/plain")
    tour.ask(422, "post", "/in/plain/sales", '{"id": "A", "type": "letter"}')
    status = {"id": "wamid.1", "status": "sent", "timestamp": "1763771103", "recipient_id": "5511999999999"}
    answer = tour.signed(202, "/in/numbers", {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [{
        "field": "messages", "value": {"metadata": {"phone_number_id": "106"}, "statuses": [status]}}]}]})
    assert answer["accepted"] == 1


def deliveries(tour):
    use_up(tour.daemon, 4)  # two events for two webhooks
    wait_for(lambda: json.loads(tour.ask(200, "get", "/api/dead/sales"))["dead"], what="a dead letter")
    attempts = json.loads(tour.ask(200, "get", "/api/deliveries/sales"))["webhooks"]
    assert any(one["deliveries"] for one in attempts)
    tour.ask(202, "post", "/api/dead/sales/replay", {})
    tour.ask(202, "post", "/api/replay/sales", {"label": "two", "since": 0, "limit": 1})


def ends(tour):
    tour.ask(200, "delete", "/api/events/webhook/sales?label=two")
    tour.ask(200, "delete", "/api/instance/delete/shop")
    for path in LOCAL:
        tour.ask(200, "get", path)


def limits(tour):
    """Of sizes and rates; each client has one request."""
    for path in ("/in/meta/sales", "/in/meta"):
        tour.ask(413, "post", path, "x" * 1025)
    tour.ask(400, "get", "/in/meta/sales")
    for method, path in (("get", "/api/instance/list"), ("post", "/api/instance/new")):
        tour.ask(401, method, path, token="nobody-SECRET")
    for method, path, operation in OPERATIONS:
        if "429" in operation["responses"]:
            tour.ask(429, method, re.sub("{source}", "meta", named(path)), token="nobody-SECRET")


def test_every_answer_is_as_the_document_says(make_api, make_receiver, folder):
    receiver = make_receiver(lambda arrival, connection: 422)
    pathlib.Path(f"{folder}/plain.ini").write_text(MAP)
    source = SOURCES.format(folder=folder)
    daemon = make_api(source=source, instances=("sales", "support"), api="rate_limit = none")
    daemon.url = receiver.url
    tour = Tour(daemon)
    for part in (refusals, instances, webhooks, ways_in, deliveries, ends):
        part(tour)
    daemon.stop()
    tour.daemon = make_api(source=source, ingest="rate_limit = 1/min\nmax_body = 1k",
                           api="rate_limit = 1/min\ninstance_rate_limit = 1/min")
    limits(tour)
    assert not ALL - tour.seen, sorted(ALL - tour.seen)
