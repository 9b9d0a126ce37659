# SPDX-License-Identifier: Apache-2.0
"""What the log says of changes by the API, and what the API says of instances that auto_create let in."""
from api_rig import ACCOUNT
from rig import message

OWN = "sales-SECRET-instance"


def test_each_change_is_logged_with_who_made_it_and_no_secret(make_api):
    daemon = make_api()
    url = "http://127.0.0.1:9/path-SECRET?key=SECRET"

    def logged(*request, status=200, token=ACCOUNT):
        before = len(daemon.log_text())
        daemon.ok(*request, token=token, status=status)
        return [line.split("api: ")[1] for line in daemon.log_text()[before:].splitlines() if "api: " in line]
    by = "client=127.0.0.1 by=account_token"
    new = {"name": "shop", "token": "one-SECRET", "webhookURL": url, "websocketEnabled": True}
    hook = {"enabled": True, "url": url, "label": "a b", "authorization": "Bearer SECRET"}
    assert logged("POST", "/api/instance/new", new, status=201) == [
        f"instance made instance=shop {by} enabled=yes host=127.0.0.1:9 label=default"]
    assert logged("PUT", "/api/instance/token/shop", {"token": "two-SECRET"}) == [f"token changed instance=shop {by}"]
    assert logged("PUT", "/api/instance/token/shop", {"token": "two-SECRET"}) == [], "it is the same"
    assert logged("POST", "/api/events/webhook/sales", hook, token=OWN) == [
        "webhook set instance=sales client=127.0.0.1 by=instance_token enabled=yes host=127.0.0.1:9 label=a b"]
    assert logged("DELETE", "/api/events/webhook/sales?label=a%20b") == [f"webhook removed instance=sales {by} label=a b"]
    assert logged("POST", "/api/events/websocket/sales", {"enabled": True}) == [
        f"WebSocket set instance=sales {by} enabled=yes"]
    assert logged("DELETE", "/api/instance/delete/shop") == [f"instance deleted instance=shop {by}"]
    assert logged("GET", "/api/events/getWebhook/sales") == []
    daemon.command("instance", "add", "-t", "three-SECRET", "other")
    assert "api: instance made instance=other client=unix by=control_socket websocket=off" in daemon.log_text()
    assert "SECRET" not in daemon.log_text()


def test_a_change_that_is_refused_is_not_logged_as_made(make_api):
    daemon = make_api()
    daemon.fails(409, "POST", "/api/instance/new", {"name": "sales"})
    daemon.fails(404, "DELETE", "/api/events/webhook/sales?label=none")
    daemon.fails(409, "DELETE", "/api/instance/delete/sales")
    for words in "instance made", "webhook removed", "instance deleted":
        assert words not in daemon.log_text()


def test_an_instance_that_was_let_in_is_configured_when_it_is_made(make_api):
    daemon = make_api(ingest="auto_create = yes")
    daemon.accept(message(1), instance="guest")
    routes = [("GET", "/api/events/getWebhook/guest"), ("GET", "/api/instance/list?instanceName=guest"),
              ("POST", "/api/events/websocket/guest", {"enabled": True}), ("GET", "/api/deliveries/guest")]
    for route in routes:
        assert daemon.fails(404, *route) == "Instance not found"
    assert [i["name"] for i in daemon.ok("GET", "/api/instance/list")["instances"]] == ["sales"]
    daemon.command("instance", "add", "guest")
    for route in routes:
        daemon.ok(*route)
