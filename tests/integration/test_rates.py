# SPDX-License-Identifier: Apache-2.0
"""How many deliveries there are in a time, and at once."""
import collections
import threading
import time

import pytest

from rig import SLOW, message, number_of, wait_for


def test_a_rate_is_kept_in_each_unit_and_by_second_attempts_too(make_receiver, make_daemon):
    receiver = make_receiver(lambda arrival, connection: 422 if arrival.attempt == 1 and arrival.path == "/failing" else 200)
    rates = {"second": "20/s", "minute": "1200/min", "hour": "72000/h", "failing": "20/s", "none": "none"}
    events, per_second = 60, 20
    daemon = make_daemon({name: {"plugin": "webhook", "url": f"http://127.0.0.1:{receiver.port}/{name}", "rate": rate,
                                 "ordering": "none", "retry": "10ms", "concurrency": 50} for name, rate in rates.items()})
    for n in range(events):
        daemon.accept(message(n, chat=n))
    wait_for(lambda: all(s["delivered"] == events for s in daemon.status()["sinks"]), 30)
    times = collections.defaultdict(list)
    for arrival in receiver.arrivals:
        times[arrival.path[1:]].append(arrival.at)
    assert {name: len(at) for name, at in times.items()} == {name: events * (1 + (name == "failing")) for name in rates}
    for name, at in times.items():
        took, allowed = max(at) - min(at), (len(at) - 1) / per_second
        assert name == "none" or allowed * 0.6 <= took <= allowed * 3 * SLOW, (name, took)
    assert max(times["none"]) < max(times["second"])


def test_as_many_at_once_as_concurrency_says(make_receiver, make_daemon):
    """Requests are held until so many are there, and a little longer: one more would come, if it were sent."""
    limits = {"/one": 1, "/three": 3, "/ten": 10}
    changed, now, most = threading.Condition(), collections.Counter(), collections.Counter()

    def behave(arrival, connection):
        path = arrival.path
        with changed:
            now[path] += 1
            most[path] = max(most[path], now[path])
            changed.notify_all()
            changed.wait_for(lambda: most[path] >= limits[path], 20)
        time.sleep(0.05)
        with changed:
            now[path] -= 1
        return 200
    receiver = make_receiver(behave)
    daemon = make_daemon({path[1:]: {"plugin": "webhook", "url": f"http://127.0.0.1:{receiver.port}{path}",
                                     "timeout": "25s", "ordering": "none", "concurrency": limit}
                          for path, limit in limits.items()})
    for n in range(25):
        daemon.accept(message(n, chat=n))
    wait_for(lambda: all(s["delivered"] == 25 for s in daemon.status()["sinks"]), 40)
    assert most == limits
    for path in limits:
        assert sorted(number_of(a.envelope) for a in receiver.arrivals if a.path == path) == list(range(25))


@pytest.mark.parametrize("ordering,limit", [("chat", 4), ("chat-strict", 4), ("strict", 1)])
def test_a_chat_has_one_delivery_at_a_time_and_others_go_beside_it(ordering, limit, webhook):
    """Of events that are all there at once. Those of a chat would come together, if each did not wait for the last."""
    chats, of_each = 6, 6
    events = chats * of_each
    changed, now, most, total = threading.Condition(), collections.Counter(), collections.Counter(), [0]
    is_held = threading.Event()

    def behave(arrival, connection):
        chat = number_of(arrival.envelope) // of_each
        is_held.wait(20)
        with changed:
            now[chat] += 1
            most[chat] = max(most[chat], now[chat])
            total[0] = max(total[0], sum(now.values()))
            changed.notify_all()
            changed.wait_for(lambda: total[0] >= limit, 20)
        time.sleep(0.03)
        with changed:
            now[chat] -= 1
        return 200
    options = {"ordering": ordering, "timeout": "60s"}
    daemon, receiver = webhook(behave, options if ordering == "strict" else {**options, "concurrency": limit})
    for n in range(events):
        daemon.accept(message(n, chat=n // of_each))
    is_held.set()
    wait_for(lambda: daemon.sink("out")["delivered"] == events, 40)
    assert set(most.values()) == {1} and len(most) == chats
    assert total == [limit]
    came = receiver.numbers()
    for line in [came] if ordering == "strict" else [[n for n in came if n // of_each == c] for c in range(chats)]:
        assert line == sorted(line)


def test_no_new_event_is_tried_beyond_max_retrying(make_receiver, make_daemon):
    """By what the receiver sees: an event is in retry from its first attempt until its second one, the last."""
    is_held = threading.Event()
    receiver = make_receiver(lambda arrival, connection: is_held.wait(20) and 422)
    limits = {"/two": 2, "/five": 5}
    daemon = make_daemon({path[1:]: {"plugin": "webhook", "url": f"http://127.0.0.1:{receiver.port}{path}", "retry": "1s",
                                     "timeout": "60s", "concurrency": 1, "ordering": "none", "max_retrying": limit}
                          for path, limit in limits.items()})
    for n in range(12):
        daemon.accept(message(n, chat=n))
    is_held.set()
    wait_for(lambda: all(daemon.status()["dead"].get(path[1:]) == 12 for path in limits), 30, "all are dead letters")
    for path, limit in limits.items():
        waiting, most = set(), 0
        for arrival in [a for a in receiver.arrivals if a.path == path]:
            (waiting.add if arrival.attempt == 1 else waiting.discard)(number_of(arrival.envelope))
            most = max(most, len(waiting))
        assert most == limit and waiting == set(), path
