# SPDX-License-Identifier: Apache-2.0
"""Meta over HTTP: it asks whether the address is ours, and signs what it sends."""
import contextlib
import hashlib
import hmac
import json
import sqlite3

import pytest

from rig import FIXTURES, wait_for

APP_SECRET, VERIFY_TOKEN = "app-SECRET-1", "verify SECRET&1"
SOURCE = f"[source meta]\nplugin = cloudapi\napp_secret = {APP_SECRET}\nverify_token = {VERIFY_TOKEN}"
PAYLOAD = FIXTURES / "cloudapi" / "meta-statuses-group-aggregated.json"
ASKED = "/in/meta/sales?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="


def signature(body):
    return "sha256=" + hmac.new(APP_SECRET.encode(), body, hashlib.sha256).hexdigest()


def test_challenge_comes_back_to_who_knows_the_token(webhook):
    daemon, _ = webhook(source=SOURCE)
    status, headers, body = daemon.request("GET", ASKED + "verify%20SECRET%261")
    assert (status, body) == (200, b"1158201444")
    assert headers["content-type"].startswith("text/plain")
    for token in ("", "verify", "verify%20SECRET%262", "verify%20SECRET&1"):
        status, _, body = daemon.request("GET", ASKED + token)
        assert status == 403 and b"1158201444" not in body and b"SECRET" not in body
    assert daemon.request("GET", "/in/meta/sales")[0] == 400


def test_signed_events_arrive_in_order(webhook):
    daemon, receiver = webhook(options={"ordering": "none", "concurrency": 1}, source=SOURCE, ingest="dedupe = 0s\nidentity = off")
    body = PAYLOAD.read_bytes()
    status, _, answer = daemon.request("POST", "/in/meta/sales", body, {"x-hub-signature-256": signature(body)})
    assert status == 202 and json.loads(answer)["accepted"] == 3
    receiver.wait(3)
    expected = json.loads(PAYLOAD.with_suffix(".expected.json").read_text())
    for i, (got, event) in enumerate(zip(receiver.envelopes(), expected, strict=True)):
        assert (got["event"], got["data"]) == (event["type"], event["data"])
        assert got["source"] == {"provider": "cloudapi", "event": "messages", "index": i, "count": 3}


@pytest.mark.parametrize("headers", [
    {}, {"X-Hub-Signature-256": "sha256=" + "0" * 64}, {"X-Hub-Signature": signature(PAYLOAD.read_bytes())},
    {"X-Hub-Signature-256": signature(PAYLOAD.read_bytes() + b" ")}])
def test_what_is_not_signed_is_refused(webhook, headers):
    daemon, _ = webhook(source=SOURCE)
    status, _, answer = daemon.request("POST", "/in/meta/sales", PAYLOAD.read_bytes(), headers)
    assert status == 401 and b"SECRET" not in answer


# ---- several numbers that post to one URL ----

NUMBERS = SOURCE + "\ninstance_from = phone_number_id\nnumbers = 106: sales, 107: support"
SHOP = ("sales", "support")


def change(number, wamid, **value):
    metadata = {} if number is None else {"metadata": {"phone_number_id": number}}
    return {"field": "messages", "value": {**metadata, **(value or {
        "messages": [{"id": wamid, "from": "5511999999999", "type": "text", "text": {"body": wamid}}]})}}


def receipt(number, wamid, status):
    return change(number, wamid, statuses=[
        {"id": wamid, "status": status, "recipient_id": "5511999999999", "timestamp": "1700000000"}])


def post(daemon, *changes, path="/in/meta", **headers):
    body = json.dumps({"entry": [{"changes": list(changes)}]}).encode()
    status, _, answer = daemon.request(
        "POST", path, body, {"content-type": "application/json", "x-hub-signature-256": signature(body), **headers})
    return status, json.loads(answer)


def by_instance(receiver):
    found = {}
    for e in receiver.envelopes():
        found.setdefault(e["instanceData"]["instance"], []).append(e)
    return found


def metric(daemon, line):
    for found in daemon.request("GET", "/metrics")[2].decode().splitlines():
        if found.startswith(line + " "):
            return int(found.split()[-1])
    return 0


def test_each_event_of_a_request_goes_to_its_numbers_instance(webhook):
    daemon, receiver = webhook(source=NUMBERS, instances=SHOP, options={"token": "yes", "raw": "yes"})
    # The same message at both is two events, for the instance is in their ids.
    status, answer = post(daemon, change("106", "A"), change("107", "A"), change("107", "B"), change("106", "C"))
    assert (status, answer["accepted"], answer["ignored"], len(set(answer["ids"]))) == (202, 4, 0, 4)
    receiver.wait(4)
    found = by_instance(receiver)
    assert {name: sorted(e["data"]["id"] for e in of) for name, of in found.items()} == {
        "sales": ["A", "C"], "support": ["A", "B"]}
    for name, of in found.items():
        for e in of:
            assert e["instanceData"] == {
                "baseUrl": "https://hooks.example.com", "instance": name, "token": f"{name}-SECRET-instance"}
            assert "raw" not in e["source"] and e["source"]["count"] == 4
    # One that came before is known as its own instance's alone, and is counted for nobody.
    status, answer = post(daemon, change("106", "B"), change("107", "B"), change("106", "A"))
    assert (status, answer["accepted"], answer["duplicates"]) == (202, 1, 2)
    receiver.wait(5)
    assert metric(daemon, 'hookswitch_events_total{instance="sales"}') == 3
    assert metric(daemon, 'hookswitch_events_total{instance="support"}') == 2


def test_a_body_of_one_number_is_passed_on_and_a_mixed_one_is_nobodys(webhook):
    daemon, receiver = webhook(
        source=NUMBERS, instances=SHOP, options={"raw": "yes", "instances": "sales", "ordering": "none", "concurrency": 1})
    for changes in ([change("106", "A"), change("106", "B")], [change("106", "C"), change("107", "SECRET")],
                    [change("999", "SECRET"), change("106", "D")], [change("106", "E"), change(None, "SECRET")]):
        assert post(daemon, *changes)[0] == 202
    receiver.wait(5)
    assert {e["data"]["id"]: "raw" in e["source"] for e in receiver.envelopes()} == {
        "A": True, "B": False, "C": False, "D": False, "E": False}
    assert all(b"SECRET" not in a.body for a in receiver.arrivals)


def test_a_number_that_nobody_knows_is_ignored_and_named_once(webhook):
    daemon, receiver = webhook(source=NUMBERS, instances=SHOP)
    for wamid in ("A", "B"):
        status, answer = post(daemon, change("10", wamid), change("106", wamid), change(None, wamid))
        assert (status, answer["accepted"], answer["ignored"]) == (202, 1, 2)
    assert post(daemon, change("x\n", "C"), change("10", "C"))[1] == {
        "success": True, "accepted": 0, "ignored": 2, "ids": []}
    receiver.wait(2)
    assert sorted(e["data"]["id"] for e in receiver.envelopes()) == ["A", "B"]
    assert metric(daemon, 'hookswitch_ignored_events_total{source="meta",event="instance-unknown"}') == 4
    assert metric(daemon, 'hookswitch_ignored_events_total{source="meta",event="instance-missing"}') == 2
    log = daemon.log_text()
    assert log.count("source=meta instance=10: unknown instance") == 1
    assert log.count("source=meta: they name no instance") == 1
    assert log.count("source=meta: what they name can be no instance") == 1


def test_auto_create_makes_the_instance_of_a_new_number(webhook):
    daemon, receiver = webhook(source=NUMBERS, instances=("sales",), ingest="auto_create = yes")
    assert post(daemon, change("1010", "A"), change("107", "B"), change("106", "C"))[1]["accepted"] == 3
    receiver.wait(3)
    assert {name: of[0]["data"]["id"] for name, of in by_instance(receiver).items()} == {
        "1010": "A", "support": "B", "sales": "C"}


def test_receipts_go_forward_for_each_instance_alone(webhook):
    daemon, receiver = webhook(source=NUMBERS + "\nstatus_order = monotonic", instances=SHOP)
    status, answer = post(daemon, receipt("106", "A", "read"), receipt("107", "A", "delivered"),
                          receipt("106", "A", "delivered"), receipt("107", "A", "read"))
    assert (status, answer["accepted"], answer["ignored"]) == (202, 3, 1)
    receiver.wait(3)
    assert {name: sorted(e["data"]["status"] for e in of) for name, of in by_instance(receiver).items()} == {
        "sales": ["read"], "support": ["delivered", "read"]}


def test_a_receipt_that_could_not_be_stored_was_never_there(webhook, folder):
    path = f"{folder}/locked.db"
    daemon, receiver = webhook(source=NUMBERS + "\nstatus_order = monotonic", instances=SHOP, store=f"path = {path}")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert post(daemon, receipt("106", "A", "delivered"), receipt("106", "A", "read"))[0] == 503
        other.execute("ROLLBACK")
    wait_for(lambda: daemon.request("GET", "/readyz")[0] == 200)
    assert post(daemon, receipt("106", "A", "delivered"), receipt("106", "A", "read"))[1]["accepted"] == 2
    assert post(daemon, receipt("106", "A", "sent"))[1]["ignored"] == 1
    receiver.wait(2)


def test_who_has_not_signed_makes_no_instance(webhook):
    daemon, _ = webhook(source=SOURCE, ingest="auto_create = yes")
    known = lambda: sorted(i["name"] for i in daemon.status()["instances"])
    before = known()
    assert daemon.request("GET", ASKED.replace("sales", "other") + "wrong")[0] == 403
    assert daemon.request("GET", ASKED.replace("sales", "other") + "verify%20SECRET%261")[2] == b"1158201444"
    body = PAYLOAD.read_bytes()
    assert daemon.request("POST", "/in/meta/other", body, {"x-hub-signature-256": "sha256=00"})[0] == 401
    assert daemon.request("POST", "/in/meta/no%20name", body, {"x-hub-signature-256": signature(body)})[0] == 404
    assert known() == before
    assert daemon.request("POST", "/in/meta/other", body, {"x-hub-signature-256": signature(body)})[0] == 202
    assert known() == sorted([*before, "other"])


@pytest.mark.parametrize("path", ["/in/meta", "/in/meta/", "/in/meta/sales", "/in/meta/nobody", "/in/meta?x=1"])
def test_the_url_names_no_instance(webhook, path):
    daemon, receiver = webhook(source=NUMBERS, instances=SHOP)
    assert post(daemon, change("107", "A"), path=path)[1]["accepted"] == 1
    receiver.wait(1)
    assert receiver.envelopes()[0]["instanceData"]["instance"] == "support"
    asked = path.split("?")[0] + ASKED.removeprefix("/in/meta/sales")
    assert daemon.request("GET", asked + "verify%20SECRET%261")[2] == b"1158201444"
    assert daemon.request("GET", asked + "wrong")[0] == 403
    # What is not signed learns nothing of which numbers there are.
    for number in ("107", "999"):
        assert post(daemon, change(number, "B"), path=path, **{"x-hub-signature-256": "sha256=00"})[0] == 401


def test_the_sources_token_is_asked_for_anywhere_in_the_url(webhook):
    daemon, _ = webhook(source=NUMBERS + "\ntoken = url-SECRET", instances=SHOP)
    for path in "/in/meta?token=url-SECRET", "/in/meta/url-SECRET", "/in/meta/sales/url-SECRET":
        assert post(daemon, change("107", "A"), path=path)[0] == 202
    for path in "/in/meta", "/in/meta/sales", "/in/meta/support-SECRET-instance", "/in/meta?token=sales-SECRET-instance":
        assert post(daemon, change("107", "A"), path=path)[0] == 401
    assert "SECRET" not in daemon.log_text()


@pytest.mark.parametrize("line, text", [
    ("instance_token = yes", "instance_token = yes: the events name their instances"),
    ("unmapped = raw", "unmapped = raw: the events name their instances"),
    ("history = no\n[source other]\nplugin = cloudapi\nnumbers = 1: sales", "numbers: needs instance_from"),
    ("history = no\n[source other]\nplugin = cloudapi\ninstance_from = phone_number_id\nnumbers = sales",
     "numbers: found `sales`, expected <phone number id>: <instance>")])
def test_what_makes_no_sense_is_refused(make_daemon, line, text):
    daemon = make_daemon({}, source=NUMBERS + "\n" + line, instances=SHOP, start=False)
    for command in "check", "run":
        ended = daemon.command(command, check=False)
        assert ended.returncode == 1 and text in ended.stdout + ended.stderr


def test_translate_shows_the_instance(make_daemon, tmp_path):
    daemon = make_daemon({}, source=NUMBERS, instances=SHOP, start=False)
    payload = tmp_path / "payload.json"
    payload.write_text(json.dumps({"entry": [{"changes": [
        change("107", "A"), change(None, "B"), change("106", "C"), change("108", "D")]}]}))
    ended = daemon.command("translate", "meta", payload)
    assert [json.loads(line)["instanceData"]["instance"] for line in ended.stdout.splitlines()] == [
        "support", "sales", "108"]
    assert ended.stderr == "ignored: messages names no instance\n"
