# SPDX-License-Identifier: Apache-2.0
"""Destinations do not hold each other up, nor the ingest."""
import threading
import time

import pytest

from rig import SLOW, Receiver, message, wait_for

HANGING, GOOD, EVENTS = 90, 10, 200


class Hanging(Receiver):
    """Takes connections and requests, and never answers."""

    def serve(self, connection):
        with self.lock:
            self.connections.add(connection)
        connection.setblocking(False)


@pytest.fixture
def hanging():
    receiver = Hanging()
    yield receiver
    receiver.close()


def percentile(values, part):
    return sorted(values)[int(len(values) * part)]


def post_all(daemon, sent):
    took = []
    for n in range(EVENTS):
        begin = sent[n] = time.monotonic()
        daemon.accept(message(n, chat=n % 20))
        took.append(time.monotonic() - begin)
    return took


def test_90_of_100_destinations_that_hang_delay_nobody(hanging, make_receiver, make_daemon):
    good = [make_receiver() for _ in range(GOOD)]
    sinks = {f"bad{i}": {"plugin": "webhook", "url": hanging.url, "timeout": f"{2 * SLOW}s", "concurrency": 4}
             for i in range(HANGING)}
    sinks |= {f"good{i}": {"plugin": "webhook", "url": r.url} for i, r in enumerate(good)}
    daemon = make_daemon(sinks)
    sent = {}
    took = post_all(daemon, sent)
    for receiver in good:
        receiver.wait(EVENTS)
    # Nothing arrives faster than the machine allows; one that waited for a timeout would be seconds late.
    late = [a.at - sent[n] for r in good for a, n in zip(r.arrivals, r.numbers())]
    assert percentile(late, 0.99) < SLOW, sorted(late)[-5:]
    assert percentile(took, 0.99) < SLOW, sorted(took)[-5:]
    for receiver in good:
        assert sorted(receiver.numbers()) == list(range(EVENTS))
    wait_for(lambda: all(s["circuit"] != "closed" for s in daemon.status()["sinks"]
                         if s["name"].startswith("bad")), 20, "the circuits of all that hang are open")
    assert all(s["circuit"] == "closed" for s in daemon.status()["sinks"] if s["name"].startswith("good"))


def test_the_rate_of_one_destination_is_not_that_of_others(make_receiver, make_daemon):
    slow, quick = make_receiver(), make_receiver()
    daemon = make_daemon({"slow": {"plugin": "webhook", "url": slow.url, "rate": "20/s"},
                          "quick": {"plugin": "webhook", "url": quick.url}})
    for n in range(60):
        daemon.accept(message(n, chat=n))
    quick.wait(60)
    slow.wait(60)
    assert quick.arrivals[59].at < slow.arrivals[40].at
    assert slow.arrivals[59].at - slow.arrivals[0].at >= 59 / 20 - 0.1


def test_an_overloaded_destination_rests_and_then_gets_everything(make_receiver, make_daemon):
    lock, until = threading.Lock(), [0.0]

    def behave(arrival, connection):
        with lock:
            if until[0] == 0:
                until[0] = time.monotonic() + 1
                connection.sendall(b"HTTP/1.1 429 X\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n")
                return True
        return 200
    receiver = make_receiver(behave)
    daemon = make_daemon({"out": {"plugin": "webhook", "url": receiver.url, "concurrency": 1,
                                  "retry": "100ms"}})
    for n in range(30):
        daemon.accept(message(n, chat=n))
    receiver.wait(31)
    assert receiver.arrivals[1].at >= until[0] - 0.05
    assert sorted(set(receiver.numbers())) == list(range(30))
