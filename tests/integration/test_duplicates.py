# SPDX-License-Identifier: Apache-2.0
"""What a provider sends twice is delivered once, also over a restart; what only looks alike is not dropped."""
import concurrent.futures
import json

import pytest

from rig import TOKEN, message, wait_for


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
