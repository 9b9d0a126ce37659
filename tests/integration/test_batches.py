# SPDX-License-Identifier: Apache-2.0
"""How sink-webhook gathers events, and what becomes of a batch that the receiver refuses, on the real daemon."""
import gzip
import json

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
    daemon, receiver = webhook(options={"batch": "20/400ms", "ordering": "none", "concurrency": "auto"})
    accept(daemon, range(20))
    receiver.wait(1)
    wait_for(lambda: len(attempts(daemon)) == 20)
    before = daemon.sink("out")["concurrency"]
    for n in range(20, 24):
        accept(daemon, [n])
        receiver.wait(n - 18)
    wait_for(lambda: len(attempts(daemon)) == 24)
    assert daemon.sink("out")["concurrency"] >= before >= 40
    assert max(a["tookMs"] for a in attempts(daemon)) < 400
