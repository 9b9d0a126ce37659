# SPDX-License-Identifier: Apache-2.0
"""Real payloads over HTTP, compared field by field at a receiver and in a file."""
import json
import re

import pytest

from rig import FIXTURES, message, wait_for, whole_lines

EXPECTED = sorted((FIXTURES / "evolution").glob("*.expected.json"))


def cases():
    for path in EXPECTED:
        payload = path.with_name(path.name.replace(".expected.json", ".json"))
        yield payload, json.loads(path.read_text())


@pytest.mark.threads
def test_every_payload_arrives_translated_at_a_receiver_and_in_a_file(webhook, make_receiver, folder):
    everything = {"media_base64": "yes", "secrets": "yes"}
    receiver = make_receiver()
    daemon, plain = webhook(start=False)
    daemon.configure({
        "all": {"plugin": "webhook", "url": receiver.url, "ordering": "none", "concurrency": 1, **everything},
        "out": {"plugin": "webhook", "url": plain.url, "ordering": "none", "concurrency": 1},
        "file": {"plugin": "file", "path": f"{folder}/%{{instance}}.ndjson", **everything}},
        ingest="dedupe = 0s\nidentity = off")  # each payload stands for itself
    daemon.start()
    wanted = []
    for payload, expected in cases():
        answer = daemon.accept(payload.read_bytes())
        events = [e for e in expected if e["type"]]
        assert answer["accepted"] == len(events), payload.name
        assert answer["ignored"] == len(expected) - len(events), payload.name
        wanted += [(payload.name, e, i, len(events), answer["ids"][i]) for i, e in enumerate(events)]
    assert len(wanted) > 25
    receiver.wait(len(wanted))
    plain.wait(len(wanted))
    lines = wait_for(lambda: len(found := whole_lines(f"{folder}/sales.ndjson")) == len(wanted) and found)
    for got, line, without, (name, event, index, count, event_id) in zip(
            receiver.envelopes(), lines, plain.envelopes(), wanted):
        assert got == json.loads(line), name
        compare(got, event, event["data"], index, count, event_id, name)
        compare(without, event, by_default(event["data"]), index, count, event_id, name)


def by_default(data):
    """What a webhook gets that asks for nothing: no base64, no keys of media."""
    data = json.loads(json.dumps(data))
    media = data.get("message", {}).get("media") or {}
    media.pop("base64", None)
    media.get("encrypted", {}).pop("mediaKey", None)
    return data


def compare(got, event, data, index, count, event_id, name):
    assert got["event"] == event["type"], name
    actual = dict(got["data"])
    if data["timestamp"] == "$RECEIVED":
        assert actual["timestamp"].removesuffix("Z") in got["receivedAt"]
        actual["timestamp"] = "$RECEIVED"
    assert actual == data, name
    assert list(got) == ["event", "data", "instanceData", "id", "receivedAt", "source"]
    assert got["instanceData"] == {"baseUrl": "https://hooks.example.com", "instance": "sales"}
    assert got["id"] == event_id and re.fullmatch(r"evt_[0-9a-f]{32}", event_id)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", got["receivedAt"])
    assert got["source"] == {"provider": "evolution", "event": event["provider_event"], "index": index,
                             "count": count}


def test_the_same_event_has_the_same_id(webhook):
    daemon, _ = webhook()
    first, again, other = (daemon.accept(message(n))["ids"] for n in (1, 1, 2))
    assert first == again != other


def test_token_is_sent_to_sinks_that_ask_for_it(webhook):
    daemon, receiver = webhook(options={"token": "yes"})
    daemon.accept(message(1))
    receiver.wait(1)
    assert receiver.envelopes()[0]["instanceData"]["token"] == "sales-SECRET-instance"


def test_event_name_may_be_in_the_path_in_either_spelling(webhook):
    daemon, receiver = webhook()
    body = message(1)
    del body["event"]
    assert daemon.accept(body, path="/messages-upsert")["accepted"] == 1
    assert daemon.accept({**message(2), "event": "MESSAGES_UPSERT"})["accepted"] == 1
    receiver.wait(2)


def test_request_of_the_webhook_is_what_receivers_rely_on(webhook):
    daemon, receiver = webhook(options={
        "authorization": "Bearer out-SECRET", "headers": "X-Team: crm | X-Other: a, b", "by_events": "dashed"})
    daemon.accept(message(1))
    receiver.wait(1)
    a = receiver.arrivals[0]
    assert a.path == "/hook/message-exchange"
    assert a.headers["content-type"] == "application/json"
    assert a.headers["authorization"] == "Bearer out-SECRET"
    assert a.headers["user-agent"].startswith("hookswitch/")
    assert a.headers["webhook-id"] == a.envelope["id"]
    assert abs(int(a.headers["webhook-timestamp"]) - __import__("time").time()) < 5
    assert a.headers["x-team"] == "crm" and a.headers["x-other"] == "a, b"
    assert a.attempt == 1 and "expect" not in a.headers


def test_filters_by_event_and_instance(make_receiver, make_daemon):
    one, calls, other = make_receiver(), make_receiver(), make_receiver()
    daemon = make_daemon({
        "one": {"plugin": "webhook", "url": one.url, "instances": "sales"},
        "calls": {"plugin": "webhook", "url": calls.url, "events": "call.update"},
        "other": {"plugin": "webhook", "url": other.url, "instances": "support"}},
        instances=("sales", "support"))
    daemon.accept(message(1))
    daemon.accept(message(2), instance="support")
    daemon.accept({"event": "call", "data": {"id": "C1", "from": "5511999999999@s.whatsapp.net",
                                             "status": "offer"}})
    one.wait(2)
    calls.wait(1)
    other.wait(1)
    assert [e["event"] for e in one.envelopes()] == ["message.exchange", "call.update"]
    assert [e["data"]["callId"] for e in calls.envelopes()] == ["C1"]
    assert other.numbers() == [2]
