# SPDX-License-Identifier: Apache-2.0
"""What a provider sends twice is delivered once, also over a restart; what only looks alike is not dropped."""
import concurrent.futures
import json

import pytest

from api_rig import ApiDaemon
from rig import TOKEN, Receiver, message, wait_for
from test_postgres import BIN, PLUGINS, server, store  # noqa: F401 (fixtures)


def post(daemon, body):
    status, _, answer = daemon.request("POST", "/in/evolution/sales", json.dumps(body), {"token": TOKEN})
    assert status == 202, answer
    return json.loads(answer)


def test_a_repeated_event_is_answered_alike_counted_and_delivered_once(webhook):
    daemon, receiver = webhook()
    first = post(daemon, message(1))
    again = post(daemon, message(1))
    assert (first["accepted"], first.get("duplicates")) == (1, None)
    assert (again["accepted"], again["duplicates"]) == (0, 1)
    assert again["ids"] == first["ids"]
    post(daemon, message(2))
    wait_for(lambda: 2 in receiver.numbers())
    assert sorted(receiver.numbers()) == [1, 2]
    metrics = daemon.request("GET", "/metrics")[2].decode()
    assert 'hookswitch_duplicate_events_total{source="evolution"} 1' in metrics
    assert 'hookswitch_accepted_events_total{source="evolution"} 2' in metrics


def test_it_is_known_after_a_clean_stop_and_after_a_crash(webhook):
    daemon, receiver = webhook()
    for number in range(1, 31):
        post(daemon, message(number))
    daemon.stop()
    daemon.start()
    assert post(daemon, message(7))["duplicates"] == 1
    post(daemon, message(31))
    daemon.kill()
    daemon.start()
    for number in (1, 30, 31):
        assert post(daemon, message(number)).get("duplicates") == 1
    assert post(daemon, message(32))["accepted"] == 1
    wait_for(lambda: 32 in receiver.numbers())
    assert set(receiver.numbers()) == set(range(1, 33))


def test_what_comes_again_from_all_sides_at_once_is_kept_once(webhook):
    daemon, receiver = webhook()
    numbers = [n for n in range(1, 101) for _ in range(5)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: post(daemon, message(n)), numbers))
    assert sum(a["accepted"] for a in answers) == 100
    assert sum(a.get("duplicates", 0) for a in answers) == 400
    wait_for(lambda: len(receiver.numbers()) >= 100)
    assert sorted(receiver.numbers()) == list(range(1, 101))


def test_what_was_refused_is_no_duplicate_when_it_comes_again(webhook):
    daemon, receiver = webhook()
    good = json.dumps(message(1))
    assert daemon.request("POST", "/in/evolution/sales", good[:-5], {"token": TOKEN})[0] == 400
    assert post(daemon, message(1))["accepted"] == 1


@pytest.mark.parametrize("window, kept", [("0s", 2), ("24h", 1)])
def test_dedupe_can_be_turned_off(webhook, window, kept):
    daemon, receiver = webhook(ingest=f"dedupe = {window}")
    post(daemon, message(1))
    post(daemon, message(1))
    wait_for(lambda: len(receiver.numbers()) == kept)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.skipif(
    BIN is None or not (PLUGINS / "store-postgres.so").exists(), reason="without PostgreSQL"))])
def api_daemon(folder, request):
    lines = request.getfixturevalue("store") if request.param == "postgres" else ""
    daemon = ApiDaemon(folder, store=lines, source="status_order = monotonic").start()
    yield daemon
    daemon.stop()


def test_an_instance_that_is_made_anew_begins_with_an_empty_memory(api_daemon):
    daemon, receiver = api_daemon, Receiver()
    new = {"name": "shop", "token": "shop-SECRET", "webhookURL": receiver.url}
    ids = []
    for turn in range(1, 4):
        daemon.ok("POST", "/api/instance/new", new, status=201)
        ids += daemon.accept(message(1), instance="shop")["ids"]
        receiver.wait(turn)
        again = daemon.accept(message(1), instance="shop")
        assert (again["duplicates"], again["ids"]) == (1, ids[-1:])
        daemon.stop()
        daemon.start()
        assert daemon.accept(message(1), instance="shop")["duplicates"] == 1
        daemon.ok("PUT", "/api/instance/token/shop", {"token": f"other-SECRET-{turn}"})
        assert daemon.accept(message(1), instance="shop")["duplicates"] == 1, "it is the same instance"
        daemon.ok("DELETE", "/api/instance/delete/shop")
    assert receiver.numbers() == [1, 1, 1]
    assert len(set(ids)) == 3 and [e["id"] for e in receiver.envelopes()] == ids
    receiver.close()


def test_a_receipt_of_a_former_instance_does_not_go_before_those_of_a_new_one(api_daemon):
    daemon, receiver = api_daemon, Receiver()
    status = lambda word: {"event": "messages.update", "instance": "demo", "data": {
        "keyId": "TEST00000001", "remoteJid": "5511900000000@s.whatsapp.net", "fromMe": True, "status": word}}
    for turn in 1, 2:
        daemon.ok("POST", "/api/instance/new", {"name": "shop", "webhookURL": receiver.url}, status=201)
        for word in "DELIVERY_ACK", "READ":
            assert daemon.accept(status(word), instance="shop")["accepted"] == 1
        receiver.wait(2 * turn)
        daemon.ok("DELETE", "/api/instance/delete/shop")
    receiver.close()
