# SPDX-License-Identifier: Apache-2.0
"""The configuration API on the real daemon: every route, every refusal, and that changes take effect."""
import base64
import contextlib
import hmac
import http.client
import json
import re
import sqlite3
import subprocess
import threading
import time
import urllib.parse

import pytest

from api_rig import ACCOUNT, ApiDaemon, keeping_undecryptable, set_key
from rig import FIXTURES, PROGRAM, Receiver, message, number_of, wait_for, whole_lines

EVENTS = ["message.exchange", "message.status", "call.update", "group.flow", "instance.state", "label.update"]
MISSING = "Missing token in header, Authorization header, or query parameter"


# ---- instances ----


def test_a_plus_in_a_query_is_a_space_but_in_a_token(make_api):
    d = make_api(instances=())
    token = "a+b/c=="
    d.ok("POST", "/api/instance/new", {"name": "shop", "token": token, "webhookURL": "http://example.com/"}, status=201)
    for label in "my hook", "one+one", "100% of +2%":
        d.webhook("shop", "http://example.com/", label=label)
        for query in urllib.parse.urlencode({"label": label}), "label=" + urllib.parse.quote(label, safe=""):
            assert d.ok("GET", f"/api/events/getWebhook/shop?{query}")["webhook"]["label"] == label
            d.ok("GET", f"/api/deliveries/shop?{query}")
            d.ok("GET", f"/api/dead/shop?{query}")
        d.ok("DELETE", f"/api/events/webhook/shop?{urllib.parse.urlencode({'label': label})}")
        assert [w["label"] for w in d.webhooks("shop")] == ["default"]
    for written in token, urllib.parse.quote(token, safe=""):
        d.ok("GET", f"/api/instance/list?token={written}", token=None)
    d.fails(401, "GET", "/api/instance/list?token=" + token.replace("+", "%20"), token=None)


def test_an_instance_is_made_with_all_that_it_may_have(daemon):
    answer = daemon.ok("POST", "/api/instance/new", {
        "name": "shop-1", "token": "shop-SECRET", "webhookEnabled": True, "webhookURL": "http://127.0.0.1:1/x",
        "webhookAuthorization": "Bearer SECRET", "webhookByEvents": True,
        "webhookEvents": ["call.update", "message.exchange"], "webhookMediaBase64": True,
        "websocketEnabled": True, "websocketEvents": ["group.flow"], "websocketMediaBase64": True}, status=201)
    instance = answer["instance"]
    assert set(instance) == {"id", "name", "token", "status", "createdAt"}
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", instance["id"])
    assert (instance["name"], instance["token"], instance["status"]) == ("shop-1", "shop-SECRET", "created")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", instance["createdAt"])
    assert answer["message"]
    assert answer["webhook"] == {
        "label": "default", "enabled": True, "url": "http://127.0.0.1:1/x", "authorization": "Bearer SECRET",
        "byEvents": True, "events": ["call.update", "message.exchange"], "mediaBase64": True}
    assert answer["websocket"] == {"enabled": True, "events": ["group.flow"], "mediaBase64": True}
    listed = daemon.ok("GET", "/api/instance/list?instanceName=shop-1")
    assert listed["meta"] == {"total": 1}
    one = listed["instances"][0]
    assert one["id"] == instance["id"] and one["token"] == "shop-SECRET"
    assert one["webhooks"] == [answer["webhook"]] and one["websocket"] == answer["websocket"]
    assert one["connection"] == {"state": one["status"], "numberJid": one["numberJid"]}
    assert one["createdAt"] == instance["createdAt"] and one["updatedAt"]


def test_a_plain_instance_has_no_webhook_and_a_token_of_256_bits(daemon):
    tokens = set()
    for n in range(3):
        answer = daemon.ok("POST", "/api/instance/new", {"name": f"n{n}", "token": None}, status=201)
        assert set(answer) == {"success", "message", "instance"}
        token = answer["instance"]["token"]
        assert len(base64.urlsafe_b64decode(token + "=")) == 32
        tokens.add(token)
    assert len(tokens) == 3
    listed = daemon.ok("GET", "/api/instance/list")
    assert [i["name"] for i in listed["instances"]] == ["n0", "n1", "n2", "sales"]
    assert listed["meta"]["total"] == 4
    assert listed["instances"][0]["websocket"] == {"enabled": False, "events": [], "mediaBase64": False}


@pytest.mark.parametrize("body, status, field", [
    ({}, 400, "name"), ({"name": ""}, 400, "name"), ({"name": "a b"}, 400, "name"), ({"name": "a/b"}, 400, "name"),
    ({"name": "x" * 101}, 400, "name"), ({"name": 5}, 400, "name"), ({"name": "sales"}, 409, "sales"),
    ({"name": "x", "token": "with blank"}, 400, "token"), ({"name": "x", "token": 7}, 400, "token"),
    ({"name": "x", "token": "sales-SECRET-instance"}, 409, "token"), ({"name": "x", "token": ACCOUNT}, 409, "token"),
    ({"name": "x", "webhookEnabled": True}, 400, "webhookURL"),
    ({"name": "x", "webhookURL": "ftp://x"}, 400, "webhookURL: "),
    ({"name": "x", "webhookURL": "http://u:p@x/"}, 400, "webhookURL: "),
    ({"name": "x", "webhookURL": "http://10.0.0.1/"}, 400, "webhookURL: "),
    ({"name": "x", "webhookURL": "http://x", "webhookAuthorization": "a\nb"}, 400, "webhookAuthorization: "),
    ({"name": "x", "webhookURL": "http://x", "webhookEvents": ["nope"]}, 400, "webhookEvents: unknown event `nope`"),
    ({"name": "x", "webhookByEvents": "yes"}, 400, "webhookByEvents"),
    ({"name": "x", "websocketEnabled": 1}, 400, "websocketEnabled"),
    ({"name": "x", "webhook": {}}, 400, "webhook: unknown field"),
])
def test_a_bad_instance_is_refused_and_the_field_named(daemon, body, status, field):
    assert field in daemon.fails(status, "POST", "/api/instance/new", body)
    assert [i["name"] for i in daemon.ok("GET", "/api/instance/list")["instances"]] == ["sales"]


def test_lists_are_narrowed_by_name_and_by_token(daemon):
    for name in "a", "b":
        daemon.ok("POST", "/api/instance/new", {"name": name, "token": f"{name}-SECRET"}, status=201)
    names = lambda path, token=ACCOUNT: [i["name"] for i in daemon.ok("GET", path, token=token)["instances"]]
    assert names("/api/instance/list?instanceName=b,a") == ["b", "a"]
    assert names("/api/instance/list", "a-SECRET") == ["a"]
    assert names("/api/instance/list?instanceName=a", "a-SECRET") == ["a"]
    assert daemon.fails(404, "GET", "/api/instance/list?instanceName=a,zz") == "Instance not found"
    assert daemon.fails(403, "GET", "/api/instance/list?instanceName=b", token="a-SECRET")


def test_an_instance_of_the_file_cannot_be_deleted_but_be_configured(daemon, receiver):
    why = daemon.fails(409, "DELETE", "/api/instance/delete/sales")
    assert "hookswitch.ini" in why and re.search(r"line \d+", why)
    daemon.webhook("sales", receiver.url)
    daemon.accept(message(1))
    receiver.wait(1)
    one = daemon.ok("GET", "/api/instance/list", token="sales-SECRET-instance")["instances"][0]
    assert one["id"] == "sales" and one["createdAt"] is None and len(one["webhooks"]) == 1


def test_a_deleted_instance_is_gone_with_its_token_and_webhooks(daemon, receiver):
    daemon.ok("POST", "/api/instance/new", {"name": "shop", "token": "shop-SECRET", "webhookURL": receiver.url},
              status=201)
    daemon.accept(message(1), instance="shop")
    receiver.wait(1)
    receiver.close()
    daemon.accept(message(2), instance="shop")
    wait_for(lambda: daemon.sink("shop/default")["retrying"] == 1, what="the retry")
    answer = daemon.ok("DELETE", "/api/instance/delete/shop")
    assert answer["message"] == "Instance deleted" and answer["instance"] == {"status": "deleted"}
    assert answer["droppedEvents"] == 1
    assert daemon.post(message(3), instance="shop")[0] == 404
    assert daemon.fails(401, "GET", "/api/instance/list", token="shop-SECRET") == "Invalid token"
    assert daemon.fails(404, "DELETE", "/api/instance/delete/shop") == "Instance not found"
    assert daemon.status()["sinks"] == []
    receiver.open()
    daemon.ok("POST", "/api/instance/new", {"name": "shop", "webhookURL": receiver.url}, status=201)
    daemon.accept(message(4), instance="shop")
    receiver.wait(2)
    assert receiver.numbers() == [1, 4]


def test_status_and_number_are_those_of_the_last_state(daemon):
    daemon.accept({"event": "connection.update", "instance": "x", "data": {
        "instance": "x", "state": "open", "statusReason": 200, "wuid": "5511999999999@s.whatsapp.net"}})
    one = lambda: daemon.ok("GET", "/api/instance/list?instanceName=sales")["instances"][0]
    assert one()["status"] == one()["connection"]["state"] == "connected"
    daemon.accept({"event": "connection.update", "instance": "x", "data": {
        "instance": "x", "state": "close", "statusReason": 401}})
    assert one()["status"] == "logged_out"


# ---- webhooks ----


def test_a_webhook_is_read_back_exactly(daemon):
    full = {"label": "crm", "enabled": True, "url": "https://example.com/hook?a=b", "authorization": "Basic SECRET",
            "byEvents": True, "events": ["label.update", "call.update"], "mediaBase64": True}
    assert daemon.ok("POST", "/api/events/webhook/sales", full) == {"success": True, "webhook": full}
    plain = daemon.webhook("sales", "http://example.com/")
    assert plain == {"label": "default", "enabled": True, "url": "http://example.com/", "authorization": "",
                     "byEvents": False, "events": EVENTS, "mediaBase64": False}
    assert daemon.webhooks("sales") == [full, plain]
    get = "/api/events/getWebhook/sales?label="
    assert daemon.ok("GET", get + "crm") == {"success": True, "webhook": full}
    assert daemon.ok("GET", get) == {"success": True, "webhook": plain}
    assert daemon.fails(404, "GET", get + "nobody") == "Webhook not found"
    daemon.ok("POST", "/api/events/webhook/sales", {"label": "crm", "enabled": False})
    off = {"label": "crm", "enabled": False, "url": "", "authorization": "", "byEvents": False, "events": [],
           "mediaBase64": False}
    assert daemon.webhooks("sales") == [off, plain]
    daemon.ok("DELETE", "/api/events/webhook/sales?label=crm")
    assert daemon.webhooks("sales") == [plain]
    daemon.ok("DELETE", "/api/events/webhook/sales")
    assert daemon.webhooks("sales") == []
    assert daemon.fails(404, "DELETE", "/api/events/webhook/sales") == "Webhook not found"


def test_an_odd_label_is_one_like_others(daemon, receiver):
    daemon.webhook("sales", receiver.url, label="Zé & filhos \"x\"/y", authorization="$HOME ${HOME} @/etc/passwd")
    daemon.accept(message(1))
    receiver.wait(1)
    assert receiver.arrivals[0].headers["authorization"] == "$HOME ${HOME} @/etc/passwd"
    assert daemon.status()["sinks"][0]["name"] == "sales/Zé & filhos \"x\"/y"
    daemon.ok("DELETE", "/api/events/webhook/sales?label=Z%C3%A9%20%26%20filhos%20%22x%22%2Fy")
    assert daemon.webhooks("sales") == []


@pytest.mark.parametrize("body, field", [
    ({"url": "http://x"}, "enabled: is missing"), ({"enabled": True}, "url: is missing"),
    ({"enabled": "yes", "url": "http://x"}, "enabled"), ({"enabled": True, "url": 1}, "url"),
    ({"enabled": True, "url": "x"}, "url"), ({"enabled": True, "url": "http://u:p@x/"}, "url"),
    ({"enabled": True, "url": "http://x\ny"}, "url"), ({"enabled": True, "url": "http://" + "x" * 5000}, "url"),
    ({"enabled": True, "url": "http://x", "events": "all"}, "events"),
    ({"enabled": True, "url": "http://x", "events": [1]}, "events"),
    ({"enabled": True, "url": "http://x", "events": ["message.exchange", "MESSAGES_UPSERT"]}, "`MESSAGES_UPSERT`"),
    ({"enabled": True, "url": "http://x", "authorization": "a\r\nb: c"}, "authorization"),
    ({"enabled": True, "url": "http://x", "label": "l" * 101}, "label"),
    ({"enabled": True, "url": "http://x", "label": 3}, "label"),
    ({"enabled": True, "url": "http://x", "label": "é" * 51}, "label"),
    ({"enabled": True, "url": "http://x", "label": "crm "}, "label: has a control character, a mark of direction, or a"),
    ({"enabled": True, "url": "http://x", "label": " "}, "label"),
    ({"enabled": True, "url": "http://x", "label": "a\nb"}, "label"),
    ({"enabled": True, "url": "http://x", "label": "a\u0085b"}, "label"),
    ({"enabled": True, "url": "http://x", "label": "mrc\u202ecrm"}, "label"),
    ({"enabled": True, "url": "http://x", "secret": "whsec_a*"}, "secret"),
    ({"enabled": True, "url": "http://x", "secret": "whsec_" + "A" * 31}, "secret"),
    ({"enabled": True, "url": "http://x", "secret": "whsec_" + "A" * 87}, "secret"),
    ({"enabled": True, "url": "http://x", "secret": "s" * 23}, "secret: expected a text of 24 to 64 bytes"),
    ({"enabled": True, "url": "http://x", "secret": "s" * 65}, "secret: expected a text of 24 to 64 bytes"),
    ({"enabled": True, "url": "http://x", "headers": ["a"]}, "headers"),
    ({"enabled": True, "url": "http://x", "format": "xml"}, "format: found `xml`"),
    ({"enabled": True, "url": "http://x", "format": 1}, "format"),
    ({"enabled": True, "url": "http://x", "headers": {"a b": "c"}}, "headers"),
    ({"enabled": True, "url": "http://x", "headers": {"a": "b\nc"}}, "headers"),
    ({"enabled": True, "url": "http://x", "mediabase64": True}, "mediaBase64?"),
])
def test_a_bad_webhook_is_refused_and_the_field_named(daemon, body, field):
    assert field in daemon.fails(400, "POST", "/api/events/webhook/sales", body)
    assert daemon.webhooks("sales") == []


def reserved_headers():
    """Those that the sink sets by itself."""
    text = (FIXTURES.parent.parent / "plugins" / "sink-webhook" / "headers.c").read_text()
    return re.findall(r'"([\w-]+)"', text.split("reserved[] = {")[1].split("};")[0])


def test_headers_that_the_sink_sets_are_refused_and_named(daemon):
    names = reserved_headers()
    assert len(names) >= 20
    for name in names:
        for written in name, name.upper():
            body = {"enabled": True, "url": "http://example.com", "headers": {"X-Shop": "7", written: "x"}}
            assert daemon.fails(400, "POST", "/api/events/webhook/sales", body) == f"headers: {written} cannot be set here"
    assert daemon.webhooks("sales") == []


@pytest.mark.parametrize("body, why", [
    ("", "empty"), ("{", "ends too early"), ("{\"a\" 1}", "at byte 5"), ("[]", "object"), ("{} x", "at byte 3"),
    ("{\"label\":\"\\u0000\"}", "label"), ("null", "object"),
])
def test_bad_json_is_refused_with_its_place(daemon, body, why):
    assert why in daemon.fails(400, "POST", "/api/events/webhook/sales", body)


def test_only_so_many_webhooks_are_enabled(daemon):
    for label in "abc":
        daemon.webhook("sales", "http://example.com", label=label)
    body = {"label": "d", "enabled": True, "url": "http://example.com"}
    assert "3" in daemon.fails(400, "POST", "/api/events/webhook/sales", body)
    daemon.webhook("sales", "http://example.com/changed", label="c")
    daemon.ok("POST", "/api/events/webhook/sales", {"label": "d", "enabled": False})
    daemon.ok("POST", "/api/events/webhook/sales", {"label": "a", "enabled": False})
    daemon.ok("POST", "/api/events/webhook/sales", body)


def test_https_only_refuses_others(tmp_path):
    d = ApiDaemon(tmp_path, api="https_only = yes").start()
    assert "https" in d.fails(400, "POST", "/api/events/webhook/sales", {"enabled": True, "url": "http://x"})
    d.webhook("sales", "https://example.com")
    d.stop()


def test_https_only_turns_off_those_that_were_set_before_and_on_again(tmp_path, receiver):
    d = ApiDaemon(tmp_path, api="https_only = no").start()
    d.webhook("sales", receiver.url)
    d.accept(message(1))
    receiver.wait(1)
    text = d.ini.read_text()
    d.ini.write_text(text.replace("https_only = no", "https_only = yes"))
    d.command("reload")
    d.accept(message(2))
    wait_for(lambda: "the URL is not https (https_only)" in d.command("deliveries", "sales/default").stdout,
             what="the refusal")
    assert len(receiver.arrivals) == 1
    d.ini.write_text(text)
    d.command("reload")
    receiver.wait(2)
    d.stop()


def test_events_reach_a_webhook_as_ryzeapi_sends_them(daemon, receiver):
    daemon.webhook("sales", receiver.url + "?k=v", byEvents=True, authorization="Bearer SECRET",
                   headers={"X-Shop": "a|b"})
    daemon.accept(message(1))
    receiver.wait(1)
    a = receiver.arrivals[0]
    assert a.path == "/hook/message.exchange?k=v"
    assert a.headers["authorization"] == "Bearer SECRET" and a.headers["x-shop"] == "a|b"
    assert a.headers["content-type"] == "application/json" and a.headers["user-agent"].startswith("hookswitch/")
    assert a.headers["webhook-id"] == a.envelope["id"] and a.attempt == 1
    assert a.envelope["instanceData"]["token"] == "sales-SECRET-instance"


def test_only_what_was_asked_for_comes_and_only_of_its_instance(daemon, receiver):
    daemon.ok("POST", "/api/instance/new", {"name": "other"}, status=201)
    daemon.webhook("sales", receiver.url, events=["instance.state"])
    daemon.accept(message(1))
    daemon.accept(message(2), instance="other")
    daemon.accept({"event": "connection.update", "instance": "x", "data": {"state": "open", "statusReason": 200}})
    receiver.wait(1)
    assert [e["event"] for e in receiver.envelopes()] == ["instance.state"]
    daemon.webhook("sales", receiver.url, events=["message.exchange"])
    daemon.accept(message(3))
    receiver.wait(2)
    assert number_of(receiver.envelopes()[1]) == 3


def test_a_webhook_begins_with_what_comes_after_it(daemon, receiver):
    daemon.accept(message(1))
    daemon.webhook("sales", receiver.url)
    daemon.accept(message(2))
    receiver.wait(1)
    daemon.ok("POST", "/api/events/webhook/sales", {"enabled": False})
    daemon.accept(message(3))
    daemon.webhook("sales", receiver.url)
    daemon.accept(message(4))
    receiver.wait(2)
    assert receiver.numbers() == [2, 4]


def test_a_changed_url_is_used_for_what_waits(daemon, receiver):
    other = Receiver(lambda a, c: 500)
    daemon.webhook("sales", other.url)
    daemon.accept(message(1))
    other.wait(1)
    daemon.webhook("sales", receiver.url)
    receiver.wait(1, 30)
    assert receiver.numbers() == [1] and receiver.arrivals[0].attempt == 2
    other.close()


@pytest.mark.threads
@pytest.mark.parametrize("workers", [1, 4])
def test_events_flow_while_webhooks_come_and_go(tmp_path, receiver, workers):
    other = Receiver()
    d = ApiDaemon(tmp_path, {"file": {"plugin": "file", "path": f"{tmp_path}/out.ndjson"}}, api="rate_limit = none",
                  server=f"workers = {workers}").start()
    d.webhook("sales", receiver.url, label="stays")
    n, not_for_other = 0, set()
    for turn in range(40):
        label = f"w{turn % 2}"
        d.webhook("sales", other.url, label=label)
        for _ in range(5):
            n += 1
            d.accept(message(n, chat=n % 7))
        d.ok("DELETE", f"/api/events/webhook/sales?label={label}")
        for _ in range(2):
            n += 1
            d.accept(message(n, chat=n % 7))
            not_for_other.add(n)
    receiver.wait(n)
    wait_for(lambda: len(whole_lines(f"{tmp_path}/out.ndjson")) == n, what="all in the file")
    assert sorted(receiver.numbers()) == list(range(1, n + 1))
    assert len(set(other.numbers())) == len(other.numbers()) > 0
    assert not not_for_other & set(other.numbers()), "it got what came after its webhook was removed"
    assert [s["name"] for s in d.status()["sinks"] if "/" in s["name"]] == ["sales/stays"]
    d.stop()
    other.close()


# ---- WebSocket ----


def test_a_websocket_setting_is_read_back(daemon):
    path = "/api/events/websocket/sales"
    get = lambda: daemon.ok("GET", "/api/events/getWebsocket/sales")
    never = get()
    assert never["message"] and never["websocket"] == {"enabled": False, "events": [], "mediaBase64": False}
    assert daemon.ok("POST", path, {"enabled": True}) == {
        "success": True, "websocket": {"enabled": True, "events": EVENTS, "mediaBase64": False}}
    some = {"enabled": True, "events": ["group.flow", "call.update"], "mediaBase64": True}
    assert daemon.ok("POST", path, some)["websocket"] == some == get()["websocket"]
    off = daemon.ok("POST", path, {"enabled": False, "events": ["group.flow"], "mediaBase64": True})
    assert off["websocket"] == {"enabled": False, "events": [], "mediaBase64": False} == get()["websocket"]
    assert "enabled" in daemon.fails(400, "POST", path, {})
    assert "`x`" in daemon.fails(400, "POST", path, {"enabled": True, "events": ["x"]})
    assert "url: unknown" in daemon.fails(400, "POST", path, {"enabled": True, "url": "x"})


# ---- who may, and how often ----

ROUTES = [("POST", "/api/instance/new"), ("GET", "/api/instance/list"), ("DELETE", "/api/instance/delete/sales"),
          ("PUT", "/api/instance/token/sales"),
          ("POST", "/api/events/webhook/sales"), ("DELETE", "/api/events/webhook/sales"),
          ("GET", "/api/events/getWebhook/sales"), ("POST", "/api/events/websocket/sales"),
          ("GET", "/api/events/getWebsocket/sales")]


@pytest.mark.parametrize("method, path", ROUTES)
def test_every_route_asks_for_a_token_and_its_method(daemon, method, path):
    assert daemon.fails(401, method, path, token=None) == MISSING
    assert daemon.fails(401, method, path, token="wrong") == "Invalid token"
    for header in "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset":
        assert daemon.headers[header].isdigit()
    daemon.fails(405, "PATCH", path)
    assert method in daemon.headers["allow"].split(", ") and "x-ratelimit-limit" in daemon.headers
    daemon.fails(404, method, path + "/more")
    assert "x-ratelimit-limit" in daemon.headers


@pytest.mark.parametrize("method, path", [r for r in ROUTES if r[1].endswith("/sales")])
def test_routes_of_an_instance_take_its_token_only(daemon, method, path):
    daemon.ok("POST", "/api/instance/new", {"name": "other", "token": "other-SECRET"}, status=201)
    why = daemon.fails(403, method, path, token="other-SECRET")
    assert "/api/instance/" in path or why == "Instance token does not match requested instance"
    gone = path.replace("sales", "Sales")
    assert daemon.fails(404, method, gone) == "Instance not found"
    assert daemon.fails(403, method, gone, token="other-SECRET")
    if method in ("POST", "PUT"):
        assert daemon.fails(415, method, path, "x", headers={"Content-Type": "text/plain"})
        assert daemon.fails(413, method, path, " " * (1 << 20) + "{}")
    if method == "POST":
        assert daemon.fails(400, method, path, "{}", headers={"Content-Type": "application/json; charset=utf-8"})


def test_routes_of_the_account_take_no_instance_token(daemon):
    for method, path in ("POST", "/api/instance/new"), ("DELETE", "/api/instance/delete/sales"), \
            ("PUT", "/api/instance/token/sales"):
        assert daemon.fails(403, method, path, {"name": "x"}, token="sales-SECRET-instance")


def test_a_token_comes_in_any_of_three_places(daemon):
    path = "/api/events/getWebhook/sales"
    for token in ACCOUNT, "sales-SECRET-instance":
        for headers in {"Authorization": f"Bearer {token}"}, {"Authorization": token}, {"token": token}:
            assert daemon.call("GET", path, token=None, headers=headers)[0] == 200
    assert daemon.call("GET", f"{path}?token={ACCOUNT}", token=None)[0] == 200
    for headers in {"token": "", "Authorization": f"bearer  {ACCOUNT}"}, {"token": ACCOUNT, "Authorization": "Bearer"}:
        assert daemon.call("GET", path, token=None, headers=headers)[0] == 200
    assert daemon.call("GET", f"{path}?token={ACCOUNT}", token="", headers={"Authorization": "Bearer "})[0] == 200
    assert daemon.fails(401, "GET", f"{path}?token={ACCOUNT}", token="wrong") == "Invalid token"
    for headers in {"token": ""}, {"Authorization": ""}, {"Authorization": "Bearer "}, {"token": "", "Authorization": " "}:
        assert daemon.fails(401, "GET", path, token=None, headers=headers) == MISSING
        assert daemon.fails(401, "GET", f"{path}?token=", token=None, headers=headers) == MISSING
    assert daemon.fails(401, "GET", path, token=None, headers={"Authorization": f"Bearer{ACCOUNT}"}) == "Invalid token"
    assert daemon.call("GET", "/api/events/getWebhook/s%61les")[0] == 200


def test_each_token_has_its_own_limit(tmp_path):
    d = ApiDaemon(tmp_path, api="rate_limit = 5/min\ninstance_rate_limit = 2/min").start()
    for left in 4, 3, 2, 1, 0:
        d.ok("GET", "/api/instance/list")
        assert d.headers["x-ratelimit-limit"] == "5" and d.headers["x-ratelimit-remaining"] == str(left)
        assert 0 < int(d.headers["x-ratelimit-reset"]) - time.time() <= 61
    assert d.fails(429, "GET", "/api/instance/list") == "Rate limit exceeded. Try again later."
    assert d.headers["x-ratelimit-remaining"] == "0" and int(d.headers["retry-after"]) > 0
    d.ok("GET", "/api/instance/list", token="sales-SECRET-instance")
    for n in range(2):
        d.ok("POST", "/api/instance/new", {"name": f"n{n}"}, status=201)
    assert d.headers["x-ratelimit-limit"] == "2"
    d.fails(429, "POST", "/api/instance/new", {"name": "n3"})
    for _ in range(5):
        d.fails(401, "GET", "/api/instance/list", token=None)
    d.fails(429, "GET", "/api/instance/list", token="guess")
    d.stop()


def test_guesses_of_one_client_do_not_stop_another(tmp_path):
    d = ApiDaemon(tmp_path, api="rate_limit = 3/min", server="trusted_proxies = 127.0.0.0/8").start()

    def guess(status, client):
        d.fails(status, "GET", "/api/instance/list", token="guess", headers={"X-Forwarded-For": client})
    for n in range(3):
        guess(401, f"2001:db8::{n}")
    guess(429, "2001:db8::77")
    guess(401, "2001:db8:0:1::1")
    guess(401, "192.0.2.1")
    d.ok("GET", "/api/instance/list")
    d.stop()


def test_the_ingest_routes_have_a_limit_for_each_source_and_client(tmp_path):
    d = ApiDaemon(tmp_path, ingest="rate_limit = 2/min", api="rate_limit = 1/min", server="trusted_proxies = 127.0.0.0/8",
                  source="[source other]\nplugin = evolution\ntoken = other").start()

    def post(number, client="192.0.2.1", source="evolution"):
        return d.request("POST", f"/in/{source}/sales", json.dumps(message(number)), {
            "token": "none", "X-Forwarded-For": client})
    assert [post(n)[0] for n in range(2)] == [401, 401]
    status, headers, answer = post(3)
    assert status == 429 and 0 < int(headers["retry-after"]) <= 61, (status, headers)
    assert (headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"]) == ("2", "0")
    assert 0 < int(headers["x-ratelimit-reset"]) - time.time() <= 61
    assert json.loads(answer) == {"success": False, "error": {"message": "Rate limit exceeded. Try again later."}}
    assert post(4, client="192.0.2.2")[0] == 401 and post(5, source="other")[0] == 401
    for n in range(2):
        d.accept(message(n), **{"X-Forwarded-For": "192.0.2.3"})
    assert d.post(message(9), **{"X-Forwarded-For": "192.0.2.3"})[0] == 429
    d.stop()


@pytest.mark.parametrize("query, name", [
    ("lable=other", "lable"), ("label=x&force=1", "force"), ("token=%s&labels=x" % ACCOUNT, "labels"), ("label", "label"),
    ("=x", "")])
def test_nothing_is_deleted_when_a_parameter_is_not_known(daemon, receiver, query, name):
    daemon.webhook("sales", receiver.url)
    text = daemon.fails(400, "DELETE", f"/api/events/webhook/sales?{query}")
    assert text == f"{name}: unknown parameter of the query"
    assert len(daemon.webhooks("sales")) == 1
    text = daemon.fails(400, "GET", f"/api/events/getWebhook/sales?{query}")
    assert text == f"{name}: unknown parameter of the query"
    daemon.ok("POST", "/api/instance/new", {"name": "made"}, status=201)
    assert "label: unknown" in daemon.fails(400, "DELETE", "/api/instance/delete/made?label=x")
    daemon.ok("GET", "/api/events/getWebhook/made")
    daemon.ok("DELETE", f"/api/instance/delete/made?token={ACCOUNT}", token=None)
    daemon.ok("DELETE", f"/api/events/webhook/sales?token={ACCOUNT}&label=default&", token=None)


MALFORMED = "expected %XX with two hex digits for each % in the query, and no %00"


@pytest.mark.parametrize("query, name", [
    ("label=%", "label"), ("label=50%", "label"), ("label=50%&", "label"), ("label=%zz", "label"),
    ("label=a%00", "label"), ("label=default&token=%4", "token")])
def test_nothing_is_deleted_when_a_parameter_is_malformed(daemon, receiver, query, name):
    daemon.webhook("sales", receiver.url)
    daemon.webhook("sales", receiver.url, label="50")
    for method, path in (("DELETE", "webhook"), ("GET", "getWebhook")):
        assert daemon.fails(400, method, f"/api/events/{path}/sales?{query}") == f"{name}: {MALFORMED}"
    assert sorted(w["label"] for w in daemon.webhooks("sales")) == ["50", "default"]


@pytest.mark.parametrize("path", [
    "/api/instance/list?instanceName=%", "/api/events/getWebsocket/sales?x=%", "/api/dead/sales?label=%",
    "/api/dead/sales?limit=1%", "/api/deliveries/sales?failed=%zz", "/webhook/find/sales?x=%"])
def test_a_malformed_parameter_is_told_from_one_that_is_not_there(daemon, path):
    assert daemon.fails(400, "GET", path).endswith(f": {MALFORMED}")


# ---- restarts and encryption ----


def configured(d, receiver):
    d.ok("POST", "/api/instance/new", {
        "name": "shop", "token": "shop-SECRET", "webhookURL": receiver.url,
        "webhookAuthorization": "Bearer hook-SECRET", "websocketEnabled": True, "websocketEvents": ["group.flow"]},
        status=201)
    d.webhook("sales", receiver.url, label="b")
    d.ok("POST", "/api/events/webhook/sales", {"label": "a", "enabled": False})
    d.ok("POST", "/api/events/websocket/sales", {"enabled": True})
    return d.ok("GET", "/api/instance/list")["instances"]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_all_is_there_after_a_restart(tmp_path, receiver, end):
    d = ApiDaemon(tmp_path).start()
    before = configured(d, receiver)
    receiver.close()
    d.accept(message(1), instance="shop")
    wait_for(lambda: d.sink("shop/default")["retrying"] == 1, what="the retry")
    getattr(d, end)()
    receiver.open()
    d.start()
    assert d.ok("GET", "/api/instance/list")["instances"] == before
    d.accept(message(2), instance="shop")
    d.accept(message(3))
    receiver.wait(3)
    assert sorted(receiver.numbers()) == [1, 2, 3]
    d.ok("DELETE", "/api/instance/delete/shop")
    d.ok("DELETE", "/api/events/webhook/sales?label=b")
    d.stop()
    d.start()
    assert [i["name"] for i in d.ok("GET", "/api/instance/list")["instances"]] == ["sales"]
    assert [w["label"] for w in d.webhooks("sales")] == ["a"] and d.status()["sinks"] == []
    d.stop()


def stored(d):
    """What stands in the files of the store."""
    return b"".join(p.read_bytes() for p in d.folder.glob("hookswitch.db*"))


def records(d):
    with contextlib.closing(sqlite3.connect(d.folder / "hookswitch.db")) as db:
        return [f"{kind} {name} {bytes(text).decode()}" for kind, name, text in db.execute("SELECT * FROM records")]


def refuses_to_start(d, *options):
    return subprocess.run([PROGRAM, "run", "-c", d.ini, *options], capture_output=True, text=True, timeout=60)


def test_what_was_answered_is_there_after_a_kill(daemon, receiver):
    """Each change is on disk when it is answered."""
    def again():
        daemon.kill()
        daemon.start()
    daemon.ok("POST", "/api/instance/new", {"name": "shop", "token": "shop-SECRET"}, status=201)
    again()
    webhook = daemon.webhook("shop", receiver.url, authorization="Bearer hook-SECRET")
    again()
    assert daemon.webhooks("shop") == [webhook]
    websocket = daemon.websocket("shop", events=["call.update"])
    again()
    daemon.ok("PUT", "/api/instance/token/shop", {"token": "new-SECRET"})
    again()
    assert daemon.fails(401, "GET", "/api/events/getWebsocket/shop", token="shop-SECRET") == "Invalid token"
    assert daemon.ok("GET", "/api/events/getWebsocket/shop", token="new-SECRET")["websocket"] == websocket
    daemon.accept(message(1), instance="shop")
    receiver.wait(1)
    assert receiver.arrivals[0].headers["authorization"] == "Bearer hook-SECRET"
    daemon.ok("DELETE", "/api/events/webhook/shop")
    again()
    assert daemon.webhooks("shop") == []
    daemon.ok("DELETE", "/api/instance/delete/shop")
    again()
    assert [i["name"] for i in daemon.ok("GET", "/api/instance/list")["instances"]] == ["sales"]


@pytest.mark.parametrize("key", ["0123456789abcdef" * 4, base64.b64encode(bytes(range(32))).decode(), "a pass phrase"])
def test_secrets_are_encrypted_at_rest(tmp_path, receiver, key):
    d = ApiDaemon(tmp_path, server=f"encryption_key = {key}").start()
    before = configured(d, receiver)
    d.stop()
    assert b"shop-SECRET" not in stored(d) and b"hook-SECRET" not in stored(d)
    d.start()
    assert d.ok("GET", "/api/instance/list")["instances"] == before
    d.accept(message(1), instance="shop")
    receiver.wait(1)
    assert receiver.arrivals[0].headers["authorization"] == "Bearer hook-SECRET"
    d.stop()


def test_a_wrong_or_missing_key_is_refused_unless_it_is_said_otherwise(tmp_path, receiver):
    d = ApiDaemon(tmp_path, server="encryption_key = right").start()
    before = configured(d, receiver)
    d.stop()
    for key, why in (None, "is missing"), ("wrong", "is not the key"):
        set_key(d, key)
        r = refuses_to_start(d)
        assert r.returncode == 1 and why in r.stderr and "encryption_key" in r.stderr
        assert "--keep-undecryptable" in r.stderr
    set_key(d, "wrong")
    d.log = open(d.log_path, "ab")
    d.process = subprocess.Popen([PROGRAM, "run", "-c", d.ini, "--keep-undecryptable"], stdout=d.log, stderr=d.log)
    wait_for(d.is_ready, what="the daemon is ready")
    webhook = d.webhooks("shop")[0]
    assert webhook["authorization"].startswith("enc:1:") and webhook["url"] == receiver.url
    assert "cannot be decrypted" in d.log_text()
    arrived = len(receiver.arrivals)
    d.accept(message(77), instance="shop")
    held = wait_for(lambda: [x for x in d.status()["sinks"] if x["name"].startswith("shop/") and x["lag"] > 0])
    assert held[0]["state"] == "disabled" and "cannot be decrypted" in held[0]["lastError"], held
    r = d.command("enable", held[0]["name"], check=False)
    assert r.returncode == 1 and "encryption_key that they were stored with" in r.stderr and r.stdout == ""
    assert d.sink(held[0]["name"])["state"] == "disabled"
    kept = records(d)
    for method, path, body in (("POST", "/api/instance/new", {"name": "late"}),
                               ("POST", "/api/events/webhook/shop", {"enabled": True, "url": receiver.url}),
                               ("DELETE", "/api/events/webhook/shop", None),
                               ("POST", "/api/events/websocket/shop", {"enabled": False})):
        assert "encryption_key is not the key" in d.fails(503, method, path, body)
    assert records(d) == kept and len(receiver.arrivals) == arrived
    d.stop()
    set_key(d, "right")
    d.start()
    assert d.ok("GET", "/api/instance/list")["instances"] == before
    receiver.wait(arrived + 1)
    assert receiver.arrivals[-1].headers["authorization"] == "Bearer hook-SECRET"
    d.stop()


def test_a_webhook_whose_credentials_are_damaged_is_enabled_by_setting_it_again(tmp_path, receiver):
    d = ApiDaemon(tmp_path, server="encryption_key = right").start()
    d.webhook("sales", receiver.url, authorization="Bearer hook-SECRET")
    d.stop()
    with contextlib.closing(sqlite3.connect(d.folder / "hookswitch.db")) as db, db:
        (text,), = db.execute("SELECT text FROM records WHERE kind = 'webhook'")
        damaged = re.sub(rb"(enc:1:.{20})(.)", lambda m: m[1] + (b"A" if m[2] != b"A" else b"B"), bytes(text))
        assert damaged != bytes(text)
        db.execute("UPDATE records SET text = ? WHERE kind = 'webhook'", (damaged,))
    d.start()
    d.accept(message(1))
    r = d.command("enable", "sales/default", check=False)
    assert r.returncode == 1 and "Set the webhook again, with its credentials" in r.stderr and "SECRET" not in r.stderr
    assert d.sink("sales/default")["state"] == "disabled" and receiver.arrivals == []
    d.webhook("sales", receiver.url, authorization="Bearer other-SECRET")
    receiver.wait(1)
    assert receiver.arrivals[0].headers["authorization"] == "Bearer other-SECRET" and receiver.numbers() == [1]
    assert d.command("enable", "sales/default").stdout == "it was not disabled\n"
    d.stop()


def test_what_was_stored_readable_is_encrypted_with_the_first_key(tmp_path, receiver):
    d = ApiDaemon(tmp_path).start()
    before = configured(d, receiver)
    d.stop()
    assert b"hook-SECRET" in stored(d)
    set_key(d, "new")
    d.start()
    assert d.ok("GET", "/api/instance/list")["instances"] == before
    d.stop()
    assert len(records(d)) == 8 and "plain:" not in "".join(records(d)) and "SECRET" not in "".join(records(d))
    d.start()
    assert d.ok("GET", "/api/instance/list")["instances"] == before
    d.stop()
    set_key(d, None)
    assert "is missing" in refuses_to_start(d).stderr


def test_rekey_changes_the_key(tmp_path, receiver):
    d = ApiDaemon(tmp_path, server="encryption_key = old").start()
    before = configured(d, receiver)
    assert d.command("rekey", check=False).returncode == 1  # the daemon has the store
    d.stop()
    r = d.command("rekey", check=False)
    assert r.returncode == 1 and "--old-key-file" in r.stderr and "OLD_ENCRYPTION_KEY" in r.stderr
    (tmp_path / "key").write_text("old\n")
    r = d.command("rekey", "--old-key-file", f"{tmp_path}/key", check=False)
    assert r.returncode == 1 and "encryption_key is the old key: give the new one there" in r.stderr
    (tmp_path / "key").write_text("wrong\n")
    set_key(d, "new")
    r = d.command("rekey", "--old-key-file", f"{tmp_path}/key", check=False)
    assert r.returncode == 1 and "old key" in r.stderr
    (tmp_path / "key").write_text("old\n")
    d.command("rekey", "--old-key-file", f"{tmp_path}/key")
    d.start()
    assert d.ok("GET", "/api/instance/list")["instances"] == before
    d.stop()
    set_key(d, None)
    (tmp_path / "key").write_text("new\n")
    kept = records(d)
    r = d.command("rekey", "--old-key-file", f"{tmp_path}/key", check=False)
    assert r.returncode == 1 and "encryption_key" in r.stderr and " ENCRYPTION_KEY" in r.stderr
    assert "--decrypt" in r.stderr and records(d) == kept
    set_key(d, "third")
    r = d.command("rekey", "--decrypt", "--old-key-file", f"{tmp_path}/key", check=False)
    assert r.returncode == 1 and "--decrypt" in r.stderr and records(d) == kept
    set_key(d, None)
    d.command("rekey", "--decrypt", "--old-key-file", f"{tmp_path}/key")
    assert b"hook-SECRET" in stored(d)
    r = d.command("rekey", check=False)
    assert r.returncode == 1 and "there is no key" in r.stderr
    d.start()
    assert d.ok("GET", "/api/instance/list")["instances"] == before
    d.stop()


def test_keys_of_the_environment_count_where_the_file_has_none(tmp_path, receiver, monkeypatch):
    monkeypatch.setenv("ENCRYPTION_KEY", "one")
    d = ApiDaemon(tmp_path).start()
    before = configured(d, receiver)
    d.stop()
    assert "SECRET" not in "".join(records(d))
    monkeypatch.setenv("ENCRYPTION_KEY", "")  # a service's line without a value is none
    assert "encryption_key (or the environment's ENCRYPTION_KEY) is missing" in refuses_to_start(d).stderr
    monkeypatch.setenv("ENCRYPTION_KEY", "two")
    assert "encryption_key is not the key" in refuses_to_start(d).stderr
    monkeypatch.setenv("OLD_ENCRYPTION_KEY", "")
    r = d.command("rekey", check=False)
    assert r.returncode == 1 and "give the old key" in r.stderr
    monkeypatch.setenv("OLD_ENCRYPTION_KEY", "one")
    d.command("rekey")
    d.start()
    assert d.ok("GET", "/api/instance/list")["instances"] == before
    d.stop()
    monkeypatch.setenv("ENCRYPTION_KEY", "three")
    set_key(d, "two")
    d.start()
    assert d.ok("GET", "/api/instance/list")["instances"] == before
    d.stop()


# What earlier versions wrote for a store that was decrypted; none: nothing.
@pytest.mark.parametrize("left", [None, '{"salt":"%s","check":"plain:hookswitch"}' % ("ab" * 16)])
def test_the_first_key_after_none_is_the_stores(tmp_path, receiver, left):
    d = ApiDaemon(tmp_path, server="encryption_key = one").start()
    before = configured(d, receiver)
    d.stop()
    set_key(d, None)
    (tmp_path / "key").write_text("one\n")
    d.command("rekey", "--decrypt", "--old-key-file", f"{tmp_path}/key")
    if left is not None:
        with contextlib.closing(sqlite3.connect(d.folder / "hookswitch.db")) as db, db:
            db.execute("INSERT INTO records VALUES ('key', '1', ?)", (left.encode(),))
    set_key(d, "two")
    d.start()
    assert d.ok("GET", "/api/instance/list")["instances"] == before
    d.stop()
    assert "SECRET" not in "".join(records(d)) and "plain:" not in "".join(records(d))
    set_key(d, "three")
    assert "is not the key" in refuses_to_start(d).stderr
    set_key(d, "two")
    d.start()
    assert d.ok("GET", "/api/instance/list")["instances"] == before
    d.stop()


@pytest.mark.parametrize("before, after, is_rekey", [("one", "two", True), ("one", None, True), (None, "two", False)])
def test_reload_tells_of_another_key_that_the_store_needs_rekey(tmp_path, before, after, is_rekey):
    d = ApiDaemon(tmp_path)
    set_key(d, before)
    d.start()
    set_key(d, after)
    lines = [line for line in d.command("reload").stdout.splitlines() if "[server] encryption_key" in line]
    assert len(lines) == 1 and "with a restart" in lines[0] and ("`hookswitch rekey`" in lines[0]) == is_rekey
    d.stop()


@pytest.mark.parametrize("right, wrong", [("one", "two"), ("01" * 32, "02" * 32)])
def test_what_is_made_under_keep_undecryptable_with_a_new_key_can_be_decrypted(tmp_path, receiver, right, wrong):
    d = ApiDaemon(tmp_path, server=f"encryption_key = {right}")
    with keeping_undecryptable(d):
        before = configured(d, receiver)
    set_key(d, wrong)
    assert "encryption_key is not the key" in refuses_to_start(d).stderr
    set_key(d, right)
    d.start()
    assert d.ok("GET", "/api/instance/list")["instances"] == before
    d.stop()


@pytest.mark.parametrize("key, why", [("02" * 32, "encryption_key is not the key"), (None, "is missing")])
def test_secrets_of_a_store_that_lost_its_key_record_are_not_touched(tmp_path, receiver, key, why):
    d = ApiDaemon(tmp_path, server=f"encryption_key = {'01' * 32}").start()
    before = configured(d, receiver)
    d.stop()
    with contextlib.closing(sqlite3.connect(d.folder / "hookswitch.db")) as db, db:
        db.execute("DELETE FROM records WHERE kind = 'key'")
    kept = records(d)
    set_key(d, key)
    r = refuses_to_start(d)
    assert r.returncode == 1 and "the record instance shop cannot be decrypted" in r.stderr and why in r.stderr
    assert "--keep-undecryptable" in r.stderr and (key is None or "`hookswitch rekey` with OLD_ENCRYPTION_KEY" in r.stderr)
    with keeping_undecryptable(d):
        said = d.fails(503, "POST", "/api/instance/new", {"name": "late"})
        assert ("encryption_key is not set" if key is None else "encryption_key is not the key") in said
    assert records(d) == kept
    set_key(d, "01" * 32)
    d.start()
    assert d.ok("GET", "/api/instance/list")["instances"] == before
    d.stop()


# ---- commands ----


@pytest.mark.parametrize("command, names", [("instance", "list, add, token or rm"), ("webhook", "list, set or rm"),
                                            ("websocket", "set or show")])
def test_a_word_that_is_no_command_is_told_which_are(daemon, command, names):
    r = daemon.command(command, "foo", check=False)
    assert r.returncode == 2 and f"{command}: unknown `foo`: expected {names}" in r.stderr
    r = daemon.command(command, check=False)
    assert r.returncode == 2 and f"expected {names}" in r.stderr


@pytest.mark.parametrize("args, what", [
    ("instance rm --token t-SECRET sales", "instance rm: takes no --token"),
    ("instance list --new", "instance list: takes no --new"), ("instance add --json x", "instance add: takes no --json"),
    ("webhook list --url http://x sales", "webhook list: takes no --url"),
    ("webhook rm --disable sales", "webhook rm: takes no --disable"),
    ("websocket show --events call.update sales", "websocket show: takes no --events"),
    ("dead purge --json --all", "dead purge: takes no --json"), ("dead list --all", "dead list: takes no --all")])
def test_an_option_that_would_be_passed_over_is_refused(daemon, args, what):
    r = daemon.command(*args.split(), check=False)
    assert (r.returncode, r.stdout) == (2, "") and r.stderr.startswith(f"hookswitch: {what} ")
    assert len(daemon.ok("GET", "/api/instance/list")["instances"]) == 1


def test_instances_by_command(daemon):
    token = daemon.command("instance", "add", "shop").stdout.strip()
    assert len(token) == 43 and daemon.command("instance", "token", "shop").stdout.strip() == token
    assert daemon.command("instance", "add", "--token", "x-SECRET", "x").stdout == "x-SECRET\n"
    lines = daemon.command("instance", "list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["NAME", "sales", "shop", "x"]
    assert json.loads(daemon.command("instance", "list", "--json").stdout)["meta"]["total"] == 3
    daemon.ok("GET", "/api/events/getWebhook/shop", token=token)
    assert daemon.command("instance", "rm", "shop").stdout == "deleted; dropped events: 0\n"
    for args, why in (("rm", "sales"), "line"), (("rm", "a/b"), "Not found"), (("token", "zz"), "not found"), \
            (("add", "x"), "exists"):
        r = daemon.command("instance", *args, check=False)
        assert r.returncode == 1 and why in r.stderr
    for args in (), ("list", "x"), ("add",), ("nonsense",):
        assert daemon.command("instance", *args, check=False).returncode == 2


def test_webhooks_by_command(daemon, receiver):
    daemon.command("webhook", "set", "--label", "a b", "--url", receiver.url, "--authorization", "Bearer SECRET",
                   "--events", "message.exchange,call.update", "--by-events", "--media", "sales")
    assert daemon.webhooks("sales") == [{
        "label": "a b", "enabled": True, "url": receiver.url, "authorization": "Bearer SECRET", "byEvents": True,
        "events": ["message.exchange", "call.update"], "mediaBase64": True}]
    daemon.accept(message(1))
    receiver.wait(1)
    assert receiver.url in daemon.command("webhook", "list", "sales").stdout
    daemon.command("webhook", "set", "--label", "a b", "--disable", "sales")
    assert json.loads(daemon.command("webhook", "list", "--json", "sales").stdout)["webhooks"][0]["enabled"] is False
    daemon.command("webhook", "rm", "--label", "a b", "sales")
    assert daemon.webhooks("sales") == []
    r = daemon.command("webhook", "set", "--url", "nonsense", "sales", check=False)
    assert r.returncode == 1 and "url" in r.stderr
    assert daemon.command("webhook", "set", "--url", "x", check=False).returncode == 2


def test_dead_letters_of_a_webhook_are_replayed(daemon):
    refusing = Receiver(lambda a, c: 400 if len(refusing.arrivals) == 0 else 200)
    daemon.webhook("sales", refusing.url)
    refusing.behave = lambda a, c: 410
    daemon.accept(message(1))
    wait_for(lambda: daemon.sink("sales/default")["state"] == "disabled", what="disabled")
    refusing.behave = lambda a, c: 200
    daemon.webhook("sales", refusing.url)
    refusing.wait(2)
    assert refusing.numbers() == [1, 1]
    refusing.close()


# ---- Evolution API's interface ----


@pytest.mark.parametrize("body", [
    {"enabled": True, "url": "URL", "webhook_by_events": True, "webhook_base64": True,
     "events": ["MESSAGES_UPSERT", "connection.update", "PRESENCE_UPDATE"]},
    {"webhook": {"enabled": True, "url": "URL", "webhookByEvents": True, "webhookBase64": True, "byEvents": False,
                 "headers": {"Content-Type": "application/json"}, "events": ["MESSAGES_UPSERT", "connection.update", "PRESENCE_UPDATE"]}},
    {"instanceName": "sales", "url": "URL", "byEvents": True, "base64": True, "integration": 5,
     "events": ["messages-upsert", "CONNECTION_UPDATE", "PRESENCE_UPDATE"]},
])
def test_evolution_clients_can_set_a_webhook(daemon, receiver, body):
    body = json.loads(json.dumps(body).replace("URL", receiver.url))
    expected = {"enabled": True, "url": receiver.url, "webhookByEvents": True, "webhookBase64": True,
                "events": ["MESSAGES_UPSERT", "CONNECTION_UPDATE", "PRESENCE_UPDATE"]}
    key = {"apikey": "sales-SECRET-instance"}
    path = "/webhook/instance" if "instanceName" in body else "/webhook/set/sales"
    status, answer = daemon.call("POST", path, body, token=None, headers=key)
    assert status == 201 and answer == {"webhook": {"instanceName": "sales", "webhook": expected}}
    daemon.stop()
    daemon.start()
    assert daemon.call("GET", "/webhook/find/sales", token=None, headers=key) == (200, expected)
    assert daemon.webhooks("sales")[0]["events"] == ["message.exchange", "instance.state"]
    daemon.accept(message(1))
    receiver.wait(1)
    assert receiver.arrivals[0].path == "/hook/message-exchange"
    assert daemon.call("POST", path, {"enabled": False}, token=None, headers=key)[0] == 201
    assert daemon.call("GET", "/webhook/find/sales", headers={"apikey": ACCOUNT}) == (
        200, {"enabled": False, "url": "", "webhookByEvents": False, "webhookBase64": False, "events": []})


def test_evolution_clients_are_refused_like_others(daemon):
    path, good = "/webhook/set/sales", {"url": "http://x"}
    assert daemon.fails(401, "POST", path, good, token=None) == MISSING
    daemon.fails(401, "POST", path, good, token=None, headers={"apikey": "wrong"})
    daemon.fails(401, "GET", "/api/instance/list", token=None, headers={"apikey": ACCOUNT})
    daemon.fails(404, "POST", "/webhook/set/nobody", good)
    daemon.fails(403, "POST", "/webhook/instance", {"instance": "other", **good}, token="sales-SECRET-instance")
    assert "instanceName" in daemon.fails(400, "POST", "/webhook/instance", good)
    daemon.fails(404, "POST", "/webhook/instance", {"instanceName": "zz", **good})
    for body, why in ({"enabled": True}, "url"), ({"url": "x"}, "url"), ({"events": ["NOPE"], **good}, "`NOPE`"), \
            ({"events": [None], **good}, "events"), ({"events": "CALL", **good}, "events"), \
            ({"webhook_base64": 2, **good}, "webhook_base64"), ({"headers": {"Host": "y"}, **good}, "headers: Host"), \
            ({"headers": {"Content-Type": "text/plain"}, **good}, "headers: Content-Type"), ({"webhook": {"enabled": 1}}, "enabled"):
        assert why in daemon.fails(400, "POST", path, body)
    assert daemon.call("GET", "/webhook/find/sales")[1]["events"] == []


def test_without_names_evolution_clients_get_everything(daemon, receiver):
    assert daemon.call("POST", "/webhook/set/sales", {"url": receiver.url, "events": []})[0] == 201
    assert "MESSAGES_UPSERT" in daemon.call("GET", "/webhook/find/sales")[1]["events"]
    assert daemon.webhooks("sales")[0]["events"] == EVENTS


# ---- signatures ----


@pytest.mark.parametrize("secret, key", [
    ("whsec_" + base64.b64encode(bytes(range(24))).decode(), bytes(range(24))),
    ("whsec_" + base64.b64encode(bytes(range(31))).decode().rstrip("="), bytes(range(31))),
    ("plain-SECRET-of-24-bytes", b"plain-SECRET-of-24-bytes")])
def test_requests_are_signed_as_standard_webhooks_are(daemon, secret, key):
    receiver = Receiver(lambda a, c: 500 if a.attempt == 1 else 200)
    answer = daemon.webhook("sales", receiver.url, secret=secret)
    assert "secret" not in answer and answer["hasSecret"] is True
    daemon.accept(message(1))
    receiver.wait(2)
    for a in receiver.arrivals:
        signed = f"{a.headers['webhook-id']}.{a.headers['webhook-timestamp']}.".encode() + a.body
        expected = base64.b64encode(hmac.new(key, signed, "sha256").digest()).decode()
        assert a.headers["webhook-signature"] == "v1," + expected
    daemon.webhook("sales", receiver.url, secret=None)
    daemon.accept(message(2))
    receiver.wait(4)
    assert "webhook-signature" not in receiver.arrivals[-1].headers
    receiver.close()


# ---- stopping ----


@pytest.mark.threads
@pytest.mark.parametrize("after", [0.0, 0.05, 0.2])
def test_a_stop_amid_changes_is_clean(tmp_path, after):
    dead = Receiver(lambda a, c: None)
    d = ApiDaemon(tmp_path, api="rate_limit = none", server="workers = 3\nshutdown_timeout = 3s").start()
    stopping = threading.Event()

    def change(label):
        while not stopping.is_set():
            try:
                d.call("POST", "/api/events/webhook/sales", {"label": label, "enabled": True, "url": dead.url})
                d.post(message(1))
                d.call("DELETE", f"/api/events/webhook/sales?label={label}")
            except (OSError, http.client.HTTPException):
                return

    threads = [threading.Thread(target=change, args=(f"w{n}",)) for n in range(3)]
    for t in threads:
        t.start()
    time.sleep(after)
    started = time.monotonic()
    d.stop()
    assert time.monotonic() - started < 10
    stopping.set()
    for t in threads:
        t.join()
    d.start()
    assert all(w["enabled"] for w in d.webhooks("sales"))
    assert len(d.status()["sinks"]) == len(d.webhooks("sales"))
    d.stop()
    dead.close()


def test_what_cannot_be_stored_is_not_done(daemon, receiver):
    """The database is not where it was."""
    daemon.webhook("sales", receiver.url, label="stays")
    database, away = daemon.folder / "hookswitch.db", daemon.folder / "away.db"
    before = daemon.ok("GET", "/api/instance/list")
    database.rename(away)
    set_webhook = {"enabled": True, "url": receiver.url}
    for method, path, body, why in (
            ("POST", "/api/events/webhook/sales", set_webhook, "Failed to get webhook configuration"),
            ("DELETE", "/api/events/webhook/sales?label=stays", None, "Failed to get webhook configuration"),
            ("POST", "/api/events/websocket/sales", {"enabled": True}, "Failed to get websocket configuration"),
            ("POST", "/api/instance/new", {"name": "x", "webhookURL": receiver.url}, "Failed to get instance")):
        assert daemon.fails(500, method, path, body) == why
    assert daemon.ok("GET", "/api/instance/list") == before
    away.rename(database)
    daemon.webhook("sales", receiver.url, label="new")
    daemon.accept(message(1))
    receiver.wait(2)
    assert sorted(s["name"] for s in daemon.status()["sinks"]) == ["sales/new", "sales/stays"]


# ---- addresses ----


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
def test_a_webhook_does_not_reach_private_addresses_unless_they_are_opened(tmp_path, receiver, host):
    url = receiver.url.replace("127.0.0.1", host)
    for allowed, outcome in (("none", "refused"), ("10.0.0.0/8, 127.0.0.0/8", "reached")):
        folder = tmp_path / outcome
        folder.mkdir()
        d = ApiDaemon(folder, api=f"allow_private = {allowed}").start()
        try:
            if outcome == "refused" and host != "localhost":
                why = d.fails(400, "POST", "/api/events/webhook/sales", {"enabled": True, "url": url})
                assert why.startswith("url: ") and "is not a public address, nor one of allow_private" in why
                continue
            d.webhook("sales", url)
            d.accept(message(1))
            if outcome == "reached":
                receiver.wait(1)
            else:
                wait_for(lambda: "the host's address is not a public one" in d.log_text(), 20, "the refusal")
                assert receiver.arrivals == []
        finally:
            d.stop()


def test_malformed_networks_stop_the_start(tmp_path):
    d = ApiDaemon(tmp_path, api="allow_private = 10.0.0.0/8, 10.0.0.0/33")
    r = d.command("check", check=False)
    assert r.returncode != 0
    assert "allow_private: found `10.0.0.0/33`, expected networks" in r.stdout + r.stderr


def test_a_webhook_has_its_format_also_after_a_restart(tmp_path, receiver):
    d = ApiDaemon(tmp_path).start()
    try:
        d.webhook("sales", receiver.url, format="cloudevents")
        d.accept(message(1))
        receiver.wait(1)
        d.stop()
        d.start()
        d.accept(message(2))
        receiver.wait(2)
        for number, arrival in enumerate(receiver.arrivals, 1):
            assert arrival.headers["content-type"] == "application/cloudevents+json"
            event = arrival.envelope
            assert event["specversion"] == "1.0" and number_of(event) == number
        d.webhook("sales", receiver.url, format="")
        d.accept(message(3))
        receiver.wait(3)
        assert receiver.arrivals[2].envelope["event"] == "message.exchange"
    finally:
        d.stop()


# ---- tokens tell who asks ----


def test_check_refuses_tokens_that_are_shared(tmp_path):
    d = ApiDaemon(tmp_path, instances=("sales", "shop"))
    text = d.ini.read_text().replace("shop-SECRET-instance", "sales-SECRET-instance")
    d.ini.write_text(text)
    line = text.splitlines().index("[instance shop]") + 2
    r = d.command("check", check=False)
    assert r.returncode == 1 and f"{d.ini}:{line}: [instance shop] token: is the token of [instance sales]" in r.stderr
    assert "SECRET" not in r.stderr
    d.ini.write_text(text.replace("sales-SECRET-instance", ACCOUNT, 1).replace("sales-SECRET-instance", "other"))
    r = d.command("check", check=False)
    assert r.returncode == 1 and "[instance sales] token: is the account_token of [api]" in r.stderr


@pytest.mark.parametrize("what", ["instance", "account"])
def test_the_file_may_not_have_the_token_of_an_instance_of_the_api(daemon, what):
    daemon.ok("POST", "/api/instance/new", {"name": "made", "token": "made-SECRET"}, status=201)
    daemon.stop()
    before = daemon.ini.read_text()
    daemon.ini.write_text(before.replace("sales-SECRET-instance" if what == "instance" else ACCOUNT, "made-SECRET"))
    r = subprocess.run([PROGRAM, "run", "-c", daemon.ini], capture_output=True, text=True, timeout=30)
    said = r.stdout + r.stderr
    assert r.returncode == 1 and "the token of the instance made" in said, said
    assert ("[instance sales]" if what == "instance" else "[api] account_token") in said
    assert "SECRET" not in said
    daemon.ini.write_text(before)
    daemon.start()
    daemon.ok("GET", "/api/instance/list", token="made-SECRET")


@pytest.mark.parametrize("body", [
    '{"enabled": false, "enabled": true, "url": "%s"}', '{"enabled": true, "url": "%s", "\\u0065nabled": true}',
    '{"enabled": true, "url": "%s", "headers": {"X-A:": "1", "X-A:": "1"}}'])
def test_a_member_that_stands_there_twice_is_refused(daemon, receiver, body):
    text = daemon.fails(400, "POST", "/api/events/webhook/sales", body % receiver.url)
    assert text == "Invalid JSON: a member stands there twice"
    assert daemon.webhooks("sales") == []
    colons = {"label": 'a: "b": \\:', "headers": {"X-A": "a:b", "X-B": ":"}}
    assert daemon.webhook("sales", receiver.url, **colons)["headerNames"] == ["X-A", "X-B"]


def test_an_event_that_is_named_twice_is_read_back_once(daemon, receiver):
    twice = ["call.update", "message.exchange", "call.update"]
    assert daemon.webhook("sales", receiver.url, events=twice)["events"] == twice[:2]
    assert daemon.webhooks("sales")[0]["events"] == twice[:2]
