# SPDX-License-Identifier: Apache-2.0
"""What has no canonical home, and receipts that come out of order."""
import json

from rig import FIXTURES, TOKEN, message, wait_for


def post(daemon, content):
    body = content if isinstance(content, (bytes, str)) else json.dumps(content)
    status, _, answer = daemon.request("POST", "/in/evolution/sales", body, {"token": TOKEN})
    assert status == 202, answer
    return json.loads(answer)


def test_it_is_kept_raw_without_credentials_for_sinks_that_ask(make_receiver, webhook):
    receiver = make_receiver()
    daemon, plain = webhook(start=False)
    daemon.configure(
        {"raw": {"plugin": "webhook", "url": receiver.url, "events": "raw, message.exchange"},
         "out": {"plugin": "webhook", "url": plain.url}}, source="unmapped = raw")
    daemon.start()
    presence = json.loads((FIXTURES / "evolution/derived-v2-presence.update.json").read_text())
    presence["apikey"] = "SECRET-KEY"
    presence["data"]["deep"] = [{"Authorization": "SECRET", "mediaKey": {"0": 1}, "plain": 1.5, "none": None}]
    assert (post(daemon, presence)["accepted"], post(daemon, message(1))["accepted"]) == (1, 1)
    assert post(daemon, presence)["duplicates"] == 1
    plain.wait(1)
    receiver.wait(2)
    raw = next(e for e in receiver.envelopes() if e["event"].startswith("raw."))
    assert raw["event"] == "raw.presence.update"
    assert raw["source"]["event"] == "presence.update"
    presence["apikey"] = "[redacted]"
    presence["data"]["deep"] = [
        {"Authorization": "[redacted]", "mediaKey": "[redacted]", "plain": 1.5, "none": None}]
    assert raw["data"] == presence
    assert [e["event"] for e in plain.envelopes()] == ["message.exchange"]


def test_it_survives_a_restart_as_any_event(webhook):
    daemon, receiver = webhook(lambda a, c: 500, options={"events": "raw", "retry": "1s, 1s, 1s"},
                               source="unmapped = raw")
    post(daemon, (FIXTURES / "evolution/derived-v2-presence.update.json").read_bytes())
    receiver.wait(1)
    daemon.kill()
    receiver.behave = lambda a, c: 200
    daemon.start()
    receiver.wait(2)
    assert receiver.envelopes()[-1]["event"] == "raw.presence.update"


def presence(number):
    return (FIXTURES / "evolution/derived-v2-presence.update.json").read_text().replace(
        '"lastKnownPresence"', f'"n": {number}, "lastKnownPresence"')


def test_it_is_replayed_and_skipped_as_any_event(webhook):
    daemon, receiver = webhook(options={"events": "raw, message.exchange", "ordering": "none"}, source="unmapped = raw")

    def replay(*more):
        return daemon.command("replay", "--sink", "out", "--since", "1h", *more).stdout.strip()
    for number in range(3):
        post(daemon, presence(number))
    post(daemon, message(1))
    receiver.wait(4)
    wait_for(lambda: daemon.is_settled("out"))
    assert (replay(), replay("--event", "raw"), replay("--event", "raw.presence.update", "--dry-run")) == (
        "replayed 4", "replayed 3", "would replay 3")
    receiver.wait(11)
    receiver.behave = lambda a, c: 410
    post(daemon, message(2))
    wait_for(lambda: daemon.sink("out")["state"] == "disabled")
    daemon.stop()
    daemon.start()
    for number in range(3, 7):
        post(daemon, presence(number))
    wait_for(lambda: (s := daemon.sink("out")) and (s["state"], s["lag"], s["inFlight"]) == ("disabled", 5, 0))
    assert daemon.command("skip", "out").stdout.startswith("skipped 5")


def status(number, state):
    return {"event": "messages.update", "data": {
        "keyId": f"A{number}", "remoteJid": "5511988887777@s.whatsapp.net", "fromMe": True, "status": state}}


def test_receipts_that_go_backwards_are_ignored_where_it_is_wanted(webhook):
    daemon, receiver = webhook(options={"ordering": "none", "concurrency": 1}, source="status_order = monotonic")
    for state, accepted in (("SERVER_ACK", 1), ("READ", 1), ("DELIVERY_ACK", 0), ("SERVER_ACK", 0), ("PLAYED", 1),
                            ("ERROR", 1)):
        answer = post(daemon, status(1, state))
        assert answer["accepted"] + answer.get("duplicates", 0) >= accepted, state
        assert answer["ignored"] == 1 - accepted, state
    assert post(daemon, status(2, "DELIVERY_ACK"))["accepted"] == 1
    receiver.wait(5)
    assert [e["data"]["status"] for e in receiver.envelopes()] == [
        "sent", "read", "played", "server_error", "delivered"]


def test_receipts_are_passed_on_as_they_come_by_default(webhook):
    daemon, receiver = webhook(options={"ordering": "none", "concurrency": 1})
    for state in ("READ", "DELIVERY_ACK"):
        assert post(daemon, status(1, state))["accepted"] == 1
    receiver.wait(2)
