# SPDX-License-Identifier: Apache-2.0
"""Sources whose providers sign: over HTTP, from the provider's request to the receiver."""
import hashlib
import hmac
import json
import urllib.parse

import pytest

from rig import FIXTURES

KEY = "hmac-SECRET-key"
SECTIONS = "\n".join(f"[source {name}]\nhmac_key = {KEY}" for name in ("waha", "gowa", "wuzapi"))


def sign(body, digest):
    return hmac.new(KEY.encode(), body, digest).hexdigest()


def form(body):
    return urllib.parse.urlencode({"jsonData": body.decode(), "token": "user-SECRET-token"}).encode()


def payload(name):
    return (FIXTURES / name).read_bytes()


CASES = {
    "waha": ("waha", payload("waha/capture-message-gows-lid.json"), "X-Webhook-Hmac", "",
             hashlib.sha512, "3AC22AE73E797638455D"),
    "gowa": ("gowa", payload("gowa/message-text.json"), "X-Hub-Signature-256", "sha256=",
             hashlib.sha256, "3EB0C127D7BACC83D6A1"),
    "wuzapi": ("wuzapi", payload("wuzapi/Message-text.json"), "x-hmac-signature", "",
               hashlib.sha256, "12345678901234567890123456789012"),
    "wuzapi-form": ("wuzapi", form(payload("wuzapi/Message-text.json")), "x-hmac-signature", "",
                    hashlib.sha256, "12345678901234567890123456789012"),
}


@pytest.mark.parametrize("case", CASES)
def test_signed_requests_arrive_and_others_are_refused(webhook, case):
    source, body, header, prefix, digest, message_id = CASES[case]
    daemon, receiver = webhook(source=SECTIONS)

    def post(headers, content=body):
        status, _, answer = daemon.request("POST", f"/in/{source}/sales", content, headers)
        return status, json.loads(answer)

    signature = prefix + sign(body, digest)
    assert post({})[0] == 401
    assert post({header: signature[:-1] + ("0" if signature[-1] != "0" else "1")})[0] == 401
    assert post({header: signature}, body + b" ")[0] == 401
    status, answer = post({header: signature})
    assert status == 202 and answer["accepted"] == 1, answer
    receiver.wait(1)
    envelope = receiver.envelopes()[0]
    assert envelope["event"] == "message.exchange"
    assert envelope["data"]["id"] == message_id
    assert envelope["source"]["provider"] == source
    assert "SECRET" not in json.dumps(envelope)


def test_message_and_message_any_are_delivered_once(webhook):
    daemon, receiver = webhook(source="[source waha]")
    body, answers = json.loads(payload("waha/capture-message-gows-lid.json")), []
    for event in ("message", "message.any"):
        status, _, answer = daemon.request(
            "POST", "/in/waha/sales", json.dumps({**body, "event": event, "id": f"evt_{event}"}))
        assert status == 202
        answers.append(json.loads(answer))
    assert [a["accepted"] for a in answers] == [1, 0] and answers[1]["duplicates"] == 1
    assert answers[0]["ids"] == answers[1]["ids"]
    receiver.wait(1)
    assert [e["source"]["event"] for e in receiver.envelopes()] == ["message"]
