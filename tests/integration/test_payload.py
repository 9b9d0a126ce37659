# SPDX-License-Identifier: Apache-2.0
"""What sink-webhook makes of events on their way out, on the real daemon."""
import gzip
import json
import shutil
import subprocess
import threading
import time

import pytest

from rig import PLUGINS, PROGRAM, message, number_of, wait_for

KEY = "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u"
WEBHOOK_OPTIONS = subprocess.run(
    [PROGRAM, "plugins", "-d", PLUGINS, "sink-webhook"], capture_output=True, text=True).stdout
VERIFY = """
const { Webhook } = require("standardwebhooks");
const { secret, headers, body } = JSON.parse(require("fs").readFileSync(0));
console.log(JSON.stringify(new Webhook(secret).verify(body, headers)));
"""


@pytest.fixture(scope="session")
def verify(tmp_path_factory):
    """The published reference library of Standard Webhooks; gives what was verified, or None."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("there is no npm")
    folder = tmp_path_factory.mktemp("npm")
    installed = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "standardwebhooks@1"], cwd=folder,
        capture_output=True, text=True, timeout=120)
    if installed.returncode != 0:
        pytest.skip("the registry does not answer: " + installed.stderr[-300:])

    def run(secret, arrival):
        headers = {k: v for k, v in arrival.headers.items() if k.startswith("webhook-")}
        text = json.dumps({"secret": secret, "headers": headers, "body": arrival.body.decode()})
        r = subprocess.run(["node", "-e", VERIFY], cwd=folder, input=text, capture_output=True, text=True)
        return json.loads(r.stdout) if r.returncode == 0 else None
    return run


@pytest.mark.parametrize("old", [None, "whsec_b2xkIGtleSBvZiB0d2VudHktZm91ciEh"])
def test_the_reference_library_takes_our_signatures(webhook, verify, old):
    daemon, receiver = webhook(options={"secret": KEY, **({"secret_old": old} if old else {})})
    daemon.accept(message(1, text="café 😀 \\u0000"))
    receiver.wait(1)
    arrival = receiver.arrivals[0]
    for secret in [KEY, old] if old else [KEY]:
        assert verify(secret, arrival) == arrival.envelope
    assert verify("whsec_" + "A" * 32, arrival) is None
    arrival.body = arrival.body.replace(b"caf", b"cof")
    assert verify(KEY, arrival) is None


def image(number, size):
    """A message with media as base64."""
    event = message(number)
    event["data"]["message"] = {"imageMessage": {"mimetype": "image/jpeg", "caption": "c"}, "base64": "QUJD" * (size // 4)}
    event["data"]["messageType"] = "imageMessage"
    return event


def test_media_over_the_limit_is_cut_out_and_noted(webhook):
    daemon, receiver = webhook(options={"media_base64": "yes", "media_limit": "1k", "ordering": "none"})
    for number, size in ((1, 400), (2, 4000), (3, 0)):
        daemon.accept(image(number, size))
        receiver.wait(number)
        media = receiver.arrivals[-1].envelope["data"]["message"]["media"]
        assert ("base64" in media, "base64Omitted" in media) == (number == 1, number == 2), media
        assert media["mimetype"] == "image/jpeg" and media["caption"] == "c"
        assert number != 2 or media["base64Omitted"] == 4000


def test_cloudevents_hold_what_the_envelope_does(make_receiver, make_daemon):
    plain, cloud, data = make_receiver(), make_receiver(), make_receiver()
    daemon = make_daemon({"plain": {"plugin": "webhook", "url": plain.url},
                          "cloud": {"plugin": "webhook", "url": cloud.url, "format": "cloudevents"},
                          "data": {"plugin": "webhook", "url": data.url, "format": "data"}})
    daemon.accept(message(1, text='\\"},{"'))
    for r in (plain, cloud, data):
        r.wait(1)
    envelope, event = plain.arrivals[0].envelope, cloud.arrivals[0].envelope
    assert event["data"] == envelope["data"] == data.arrivals[0].envelope
    assert (event["specversion"], event["id"], event["type"]) == ("1.0", envelope["id"], "message.exchange")
    assert (event["source"], event["subject"]) == ("/evolution/sales", envelope["data"]["chat"]["jid"])
    assert event["time"] == envelope["receivedAt"]
    assert set(event) == {"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data"}


def test_batches_bring_every_event_once_and_chats_in_order(webhook):
    daemon, receiver = webhook(options={"batch": "20/50ms", "concurrency": 200, "compress": "gzip"})
    for number in range(300):
        daemon.accept(message(number, chat=number % 40))
    seen = []

    def all_there():
        seen[:] = [e for a in list(receiver.arrivals) for e in json.loads(gzip.decompress(a.body))]
        return len(seen) >= 300
    wait_for(all_there, 30, "300 events")
    numbers = [number_of(e) for e in seen]
    assert sorted(numbers) == list(range(300))
    for chat in range(40):
        own = [n for n in numbers if n % 40 == chat]
        assert own == sorted(own)
    assert len(receiver.arrivals) < 300
    assert all(a.headers["content-encoding"] == "gzip" for a in receiver.arrivals)


def test_a_batch_is_filled_without_a_concurrency(webhook):
    daemon, receiver = webhook(options={"batch": "50/50s"})
    for number in range(50):
        daemon.accept(message(number, chat=number))
    receiver.wait(1)
    assert sorted(number_of(e) for e in receiver.arrivals[0].envelope) == list(range(50))


def test_check_tells_that_a_batch_gets_one_event_of_each_chat(webhook):
    daemon, receiver = webhook(options={"batch": "50/1s"})
    text = daemon.ini.read_text()
    line = text.splitlines().index("[sink out]") + 1
    r = daemon.command("check")
    assert f"{daemon.ini}:{line}: [sink out]: warning: a batch gets one event of each chat" in r.stderr
    daemon.ini.write_text(text + "ordering = none\n")
    assert "warning" not in daemon.command("check").stderr


def test_headers_of_a_file_are_one_a_line(webhook, tmp_path):
    file = tmp_path / "headers"
    file.write_text("X-A: 1|2\n\nX-B: 3\n")
    daemon, receiver = webhook(options={"headers": f"@{file}"})
    assert daemon.command("check").returncode == 0
    daemon.accept(message(1))
    receiver.wait(1)
    assert [receiver.arrivals[0].headers.get(k) for k in ("x-a", "x-b")] == ["1|2", "3"]


def test_a_batch_may_be_gathered_for_longer_than_the_timeout(webhook):
    daemon, receiver = webhook(options={"batch": "100/2s", "timeout": "1s", "concurrency": 200})
    for number in range(5):
        daemon.accept(message(number, chat=number))
    receiver.wait(1)
    assert [number_of(e) for e in receiver.arrivals[0].envelope] == [0, 1, 2, 3, 4]
    assert receiver.arrivals[0].headers["x-hookswitch-attempt"] == "1"


def test_the_timeout_of_a_batch_begins_when_it_is_sent(webhook):
    may_answer = threading.Event()

    def behave(arrival, connection):
        may_answer.wait(100)
        return 200
    daemon, receiver = webhook(behave, {"batch": "100/1500ms", "timeout": "500ms", "retry": "50ms"})
    began = time.monotonic()
    daemon.accept(message(1, chat=1))
    wait_for(lambda: len(receiver.arrivals) == 2, 20, "the second attempt")
    assert 1.9 < time.monotonic() - began
    may_answer.set()


def test_one_bad_event_of_a_batch_does_not_take_the_others_along(webhook):
    def behave(arrival, connection):
        return 400 if b"poison" in arrival.body else 200
    daemon, receiver = webhook(behave, {"batch": "5/100ms", "retry": "50ms, 50ms"})
    for number in range(5):
        daemon.accept(message(number, chat=number, text="poison" if number == 2 else "good"))
    wait_for(lambda: daemon.status()["dead"].get("out") == 1, 20, "the dead letter")
    wait_for(lambda: sorted(number_of(e) for a in receiver.arrivals if b"poison" not in a.body for e in a.envelope) ==
             [0, 1, 3, 4], what="the others arrive, once")


def test_an_event_over_max_body_is_dead_at_once_with_a_clear_text(webhook):
    daemon, receiver = webhook(options={"max_body": "2k"})
    daemon.accept(message(1, chat=1, text="x" * 3000))
    daemon.accept(message(2, chat=2))
    receiver.wait(1)
    wait_for(lambda: daemon.status()["dead"].get("out") == 1, 20, "the dead letter")
    assert receiver.numbers() == [2]
    assert "is over max_body (2048)" in daemon.command("dead", "list").stdout + daemon.log_text()


@pytest.mark.skipif("jq" not in WEBHOOK_OPTIONS, reason="built without libjq")
def test_expressions_of_the_file_choose_and_rewrite(make_receiver, make_daemon):
    chosen, rewritten = make_receiver(), make_receiver()
    daemon = make_daemon({
        "chosen": {"plugin": "webhook", "url": chosen.url, "filter": '.data.message.content | test("^keep")'},
        "rewritten": {"plugin": "webhook", "url": rewritten.url,
                      "transform": '.data.sender as $s | {text: .data.message.content, who: $s.name}'}})
    for number, text in enumerate(("keep 1", "drop 2", "keep 3")):
        daemon.accept(message(number, text=text))
    rewritten.wait(3)
    chosen.wait(2)
    assert [a.envelope for a in rewritten.arrivals] == [
        {"text": t, "who": "Ana"} for t in ("keep 1", "drop 2", "keep 3")]
    assert chosen.numbers() == [0, 2]
    assert daemon.status()["dead"].get("chosen", 0) == 0


@pytest.mark.skipif("jq" not in WEBHOOK_OPTIONS, reason="built without libjq")
def test_an_expression_that_nests_deeply_ends_its_event_and_nothing_else(webhook):
    """jq frees what is nested by recursion: whether it was stopped by then or not, that is survived."""
    nest = "[" * 60 + "." + "]" * 60
    daemon, receiver = webhook(options={
        "filter": f'if .data.message.content == "deep" then reduce range(9000) as $i (.; {nest}) else true end'})
    daemon.accept(message(1, chat=1, text="deep"))
    daemon.accept(message(2, chat=2))
    wait_for(lambda: 2 in receiver.numbers(), 20, "the event behind it")
