# SPDX-License-Identifier: Apache-2.0
"""Meta over HTTP: it asks whether the address is ours, and signs what it sends."""
import hashlib
import hmac
import json

import pytest

from rig import FIXTURES

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
