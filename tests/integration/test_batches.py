# SPDX-License-Identifier: Apache-2.0
"""How sink-webhook gathers events, and what becomes of a batch that the receiver refuses, on the real daemon."""
import gzip
import json
import time

import pytest

from rig import message, number_of, wait_for


def events_of(arrival):
    is_packed = arrival.headers.get("content-encoding") == "gzip"
    return json.loads(gzip.decompress(arrival.body) if is_packed else arrival.body)


def numbers(arrival):
    return [number_of(e) for e in events_of(arrival)]


def accept(daemon, those, poison=()):
    for n in those:
        daemon.accept(message(n, chat=n, text="poison" if n in poison else "good"))


def attempts(daemon):
    return [json.loads(line) for line in daemon.command("deliveries", "--json", "out").stdout.splitlines()]


# ---- how many at once ----

def test_a_batch_is_filled_with_concurrency_auto(webhook):
    daemon, receiver = webhook(options={"batch": "50/50s", "ordering": "none", "concurrency": "auto"})
    accept(daemon, range(50))
    receiver.wait(1)
    assert numbers(receiver.arrivals[0]) == list(range(50))


def test_the_time_of_gathering_is_not_the_destinations(webhook):
    """It neither lowers what `concurrency = auto` allows nor is shown as what an attempt took."""
    daemon, receiver = webhook(options={"batch": "20/1500ms", "ordering": "none", "concurrency": "auto"})
    accept(daemon, range(20))
    receiver.wait(1)
    wait_for(lambda: len(attempts(daemon)) == 20)
    for n in range(20, 24):
        accept(daemon, [n])
        receiver.wait(n - 18)
    wait_for(lambda: len(attempts(daemon)) == 24)
    assert daemon.sink("out")["concurrency"] > 16, "it begins at 40, and each that is late takes a fifth: four do"
    assert max(a["tookMs"] for a in attempts(daemon)) < 1500


# ---- replays ----

def test_a_request_has_replays_or_new_events(webhook):
    answers = [500]
    daemon, receiver = webhook(lambda a, c: answers[0], {"batch": "20/1s", "ordering": "none", "retry": "never"})
    accept(daemon, range(5))
    wait_for(lambda: daemon.status()["dead"].get("out") == 5)
    answers[0] = 200
    failed = len(receiver.arrivals)
    daemon.command("dead", "replay", "-a")
    accept(daemon, range(5, 8))
    wait_for(lambda: sum(len(numbers(a)) for a in receiver.arrivals[failed:]) == 8, 20)
    for arrival in receiver.arrivals[failed:]:
        is_replay = arrival.headers.get("webhook-replay") == "1"
        assert all((n < 5) == is_replay for n in numbers(arrival)), [numbers(a) for a in receiver.arrivals]
    taken = [n for a in receiver.arrivals[failed:] for n in numbers(a)]
    assert sorted(taken) == list(range(8))
    assert [n for n in taken if n >= 5] == [5, 6, 7]


# ---- refusals ----

@pytest.mark.parametrize("options, dead", [
    ({"drop_on": "400"}, 1),
    ({"retry_on": "408, 429, 5xx"}, 1),
    ({"retry": "never", "compress": "gzip"}, 1),
    ({"retry": "50ms, 50ms"}, 1),
    ({"policy": "eazewa"}, 0),
], ids=["drop_on", "retry_on", "never", "retry", "eazewa"])
def test_a_refused_batch_is_judged_by_its_single_events(options, dead, webhook):
    taken = []

    def behave(arrival, connection):
        if "poison" in json.dumps(events_of(arrival)):
            return 400
        taken.extend(numbers(arrival))
        return 200
    daemon, receiver = webhook(behave, {"batch": "5/20s", "ordering": "none", **options})
    accept(daemon, range(5), poison=[2])
    wait_for(lambda: len(taken) == 4 and daemon.sink("out")["lag"] == 0)
    wait_for(lambda: daemon.status()["dead"].get("out", 0) == dead)
    assert sorted(taken) == [0, 1, 3, 4]
    first, *alone = [a for a in receiver.arrivals if a.attempt == 1]
    assert numbers(first) == list(range(5)) and sorted(map(numbers, alone)) == [[n] for n in range(5)]
    assert {a.headers["webhook-id"] for a in alone} == {e["id"] for e in events_of(first)}
    metrics = daemon.request("GET", "/metrics")[2].decode()
    assert 'hookswitch_sink_split_batches_total{name="out"} 1' in metrics.splitlines()


def test_a_batch_that_is_too_large_for_its_receiver_goes_in_single_events(webhook):
    daemon, receiver = webhook(lambda a, c: 413 if len(numbers(a)) > 1 else 200,
                               {"batch": "5/20s", "ordering": "none", "drop_on": "400, 413"})
    accept(daemon, range(10))
    wait_for(lambda: sorted(sum(map(numbers, receiver.arrivals), [])) == sorted(2 * list(range(10))))
    wait_for(lambda: daemon.sink("out")["lag"] == 0)
    assert daemon.status()["dead"] == {}


@pytest.mark.parametrize("status", [401, 404, 429, 503])
def test_an_answer_that_is_about_no_event_is_that_of_the_whole_batch(status, webhook):
    daemon, receiver = webhook(lambda a, c: status, {"batch": "5/20s", "ordering": "none", "drop_on": str(status)})
    accept(daemon, range(5))
    wait_for(lambda: daemon.status()["dead"].get("out") == 5)
    assert list(map(numbers, receiver.arrivals)) == [list(range(5))]


def test_events_of_a_refused_batch_have_their_own_deadlines(webhook):
    late = set()

    def behave(arrival, connection):
        n = numbers(arrival)
        if len(n) > 1:
            time.sleep(2)
            return 400
        if n[0] not in late:
            late.add(n[0])
            time.sleep(2 if n[0] < 3 else 6)
        return 200
    daemon, receiver = webhook(behave, {"batch": "5/20s", "ordering": "none", "timeout": "3500ms", "retry": "50ms, 1h",
                                        "failures_to_open": 50})
    accept(daemon, range(5))
    wait_for(lambda: daemon.sink("out")["lag"] == 0 and daemon.sink("out")["retrying"] == 0 and len(late) == 5, 20)
    again = [numbers(a) for a in receiver.arrivals if a.headers["x-hookswitch-attempt"] == "2"]
    assert sorted(again) == [[3], [4]]
    assert daemon.status()["dead"] == {}
