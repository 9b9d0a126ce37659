# SPDX-License-Identifier: Apache-2.0
"""The servers around WhatsApp Web over HTTP: source-eazewa and source-whatsappweb in the real daemon."""
import json

import pytest

from rig import FIXTURES, TOKEN, wait_for

SOURCES = f"[source eazewa]\ntoken = {TOKEN}\n[source whatsappweb]\ntoken = {TOKEN}"


def post(daemon, source, body):
    status, _, answer = daemon.request(
        "POST", f"/in/{source}/sales", body if isinstance(body, bytes) else json.dumps(body),
        {"token": TOKEN, "Content-Type": "application/json"})
    return status, json.loads(answer)


def expected(source):
    for path in sorted((FIXTURES / source).glob("*.expected.json")):
        payload = path.with_name(path.name.replace(".expected.json", ".json"))
        yield payload, json.loads(path.read_text())


@pytest.mark.parametrize("source", ["eazewa", "whatsappweb"])
def test_every_payload_arrives_translated(webhook, source):
    daemon, receiver = webhook(source=SOURCES, ingest="dedupe = 0s\nidentity = off", options={
        "media_base64": "yes", "secrets": "yes", "ordering": "none", "concurrency": 1})
    wanted = []
    for payload, events in expected(source):
        status, answer = post(daemon, source, payload.read_bytes())
        assert status == 202 and answer["accepted"] == len(events), (payload.name, answer)
        wanted += zip(answer["ids"], events)
    ids = {event_id for event_id, _ in wanted}
    assert len(ids) >= 4
    wait_for(lambda: {e["id"] for e in receiver.envelopes()} >= ids, what="every event arrives")
    for got in receiver.envelopes():
        assert any(is_this(got, event) for event_id, event in wanted if event_id == got["id"]), got
        assert got["source"]["provider"] == source


def is_this(got, event):
    data = {**event["data"]}
    if data["timestamp"] == "$RECEIVED":
        data["timestamp"] = got["data"]["timestamp"]
    return (got["event"], got["source"]["event"], got["data"]) == (event["type"], event["provider_event"], data)


def test_message_and_message_create_have_one_id(webhook):
    daemon, _ = webhook(source=SOURCES)
    message = {"id": {"fromMe": False, "remote": "5511999999999@c.us", "id": "A1"}, "type": "chat", "body": "hi",
               "timestamp": 1738927717}
    other = {**message, "id": {**message["id"], "id": "A2"}}
    ids = []
    for body in ({"event": "message_create", "instanceId": "1", "data": {"message": message}},
                 {"event": "message", "instanceId": 1, "data": {"message": message}},
                 {"dataType": "message", "sessionId": "s", "data": {"message": message}},
                 {"event": "message", "instanceId": "1", "data": {"message": other}}):
        status, answer = post(daemon, "eazewa", body)
        assert status == 202
        ids += answer["ids"]
    assert ids[0] == ids[1] == ids[2] != ids[3]


@pytest.mark.parametrize("source", ["eazewa", "whatsappweb"])
def test_what_cannot_be_read_is_refused_and_what_is_unknown_ignored(webhook, source):
    daemon, _ = webhook(source=SOURCES)
    status, answer = post(daemon, source, b'{"event":"message",,}')
    assert status == 400 and "byte 20" in json.dumps(answer)
    status, answer = post(daemon, source, {"event": "nobody_knows_this", "data": {}})
    assert status == 202 and answer["accepted"] == 0 and answer["ignored"] == 1
