# SPDX-License-Identifier: Apache-2.0
"""Receivers that are down, or refuse single events; what comes after; order and concurrency over all that."""
import collections
import random
import threading
import time

import pytest

from rig import free_port, message, number_of, wait_for

RETRY = {"plugin": "webhook", "retry": "100ms, 100ms, 100ms, 100ms", "probe_interval": "200ms"}


def test_what_a_sink_leaves_out_is_no_sign_that_its_receiver_is_up(make_daemon):
    url = f"http://127.0.0.1:{free_port()}/"
    daemon = make_daemon({"some": {**RETRY, "url": url, "filter": '.data.id | endswith("0")'},
                          "raw": {**RETRY, "url": url, "format": "raw"},
                          "none": {**RETRY, "url": url, "filter": "false"}})
    for n in range(300):
        daemon.accept(message(n, chat=n))
    wait_for(lambda: daemon.sink("some")["circuit"] == "open")
    wait_for(lambda: daemon.sink("none")["lag"] == 0)
    time.sleep(1)
    for n in range(300, 600):
        daemon.accept(message(n, chat=n))
    time.sleep(1)
    some = daemon.sink("some")
    assert some["state"] == "held" and some["delivered"] == 0
    assert daemon.status()["dead"] == {}
    assert daemon.sink("none")["delivered"] == 0 and daemon.sink("none")["circuit"] == "closed"
    assert daemon.log_text().count("delivering again") == 0


@pytest.mark.parametrize("ordering", ["none", "chat", "chat-strict", "strict"])
def test_events_that_the_receiver_refuses_die_and_hold_no_others_up(ordering, make_receiver, make_daemon):
    receiver = make_receiver(lambda a, c: 400 if number_of(a.envelope) < 4 else 200)
    daemon = make_daemon({"out": {**RETRY, "url": receiver.url, "ordering": ordering}})
    for n in range(1, 8):
        daemon.accept(message(n, chat=n % 2))
    wait_for(lambda: daemon.status()["dead"].get("out") == 3)
    wait_for(lambda: daemon.is_settled("out"))
    assert collections.Counter(receiver.numbers()) == {1: 5, 2: 5, 3: 5, 4: 1, 5: 1, 6: 1, 7: 1}
    assert daemon.log_text().count("circuit is open") == 0


def test_restarts_during_an_outage_use_up_no_attempts(make_daemon, make_receiver):
    receiver = make_receiver()
    receiver.close()
    daemon = make_daemon({"out": {**RETRY, "url": receiver.url}})
    for n in range(40):
        daemon.accept(message(n, chat=n))
    for i in range(8):
        wait_for(lambda: daemon.sink("out")["failures"] >= 3 and daemon.sink("out")["retrying"] > 0)
        time.sleep(0.3)
        if i % 2:
            daemon.kill()
        else:
            daemon.stop()
        daemon.start()
    assert daemon.status()["dead"] == {}
    receiver.open()
    receiver.wait(40)
    assert sorted(set(receiver.numbers())) == list(range(40))
    assert max(a.attempt for a in receiver.arrivals) <= 3


def test_a_receiver_that_is_back_is_not_flooded(webhook):
    daemon, receiver = webhook(lambda a, c: 500, RETRY)
    for n in range(1500):
        daemon.accept(message(n, chat=n))
    wait_for(lambda: daemon.sink("out")["circuit"] == "open")
    receiver.behave = lambda a, c: 200
    before = len(receiver.arrivals)
    wait_for(lambda: daemon.sink("out")["lag"] == 0 and daemon.sink("out")["retrying"] == 0)
    at = [a.at for a in receiver.arrivals[before:] if a.at >= receiver.arrivals[-1].at - 60]
    assert len(set(receiver.numbers())) == 1500
    for seconds, most in ((0.1, 15), (1, 110), (2, 320)):
        arrived = sum(t - at[0] < seconds for t in at)
        assert arrived <= most * 1.2, (seconds, arrived)
    assert at[-1] - at[0] < 12


class Trouble:
    """Answers 503 and 500 to some, at random, and 200 to the rest; what got 200, in order."""

    def __init__(self):
        self.random, self.lock, self.taken = random.Random(7), threading.Lock(), []

    def __call__(self, arrival, connection):
        with self.lock:
            if self.random.random() < 0.05:
                return 500
            self.taken.append(number_of(arrival.envelope))
            return 200


@pytest.mark.parametrize("ordering", ["chat", "chat-strict"])
def test_500_chats_keep_their_order_over_failures_and_restarts(ordering, webhook):
    """chat: a failed event steps aside, all others stay in order; chat-strict: all do."""
    chats, rounds = 500, 4
    trouble = Trouble()
    daemon, receiver = webhook(trouble, {"ordering": ordering, "retry": "50ms, 100ms, 200ms, forever",
                                         "failures_to_open": 1000, "probe_interval": "50ms"})
    for round_ in range(rounds):
        for chat in range(chats):
            daemon.accept(message(round_ * chats + chat, chat=chat))
        (daemon.kill if round_ % 2 else daemon.stop)()
        daemon.start()
    total = chats * rounds
    wait_for(lambda: daemon.sink("out")["lag"] == 0 and daemon.sink("out")["retrying"] == 0, 40)
    first = list(dict.fromkeys(trouble.taken))
    assert sorted(first) == list(range(total)) and daemon.status()["dead"] == {}
    failed = {number_of(a.envelope) for a in receiver.arrivals if a.attempt > 1}
    assert len(failed) > 20
    for chat in range(chats):
        order = [n for n in first if n % chats == chat and (ordering == "chat-strict" or n not in failed)]
        assert order == sorted(order), chat


def test_automatic_concurrency_settles_at_what_the_receiver_takes(webhook):
    """Beyond 8 at once each request takes longer in proportion."""
    lock, state = threading.Lock(), {"now": 0}
    seen = []

    def behave(arrival, connection):
        with lock:
            state["now"] += 1
            now = state["now"]
            seen.append((time.monotonic(), now))
        time.sleep(0.02 if now <= 8 else 0.02 + 0.02 * (now - 8))
        with lock:
            state["now"] -= 1
        return 200

    daemon, receiver = webhook(behave, {"concurrency": "auto", "ordering": "none", "timeout": "10s"})
    for n in range(3000):
        daemon.accept(message(n, chat=n))
    wait_for(lambda: daemon.sink("out")["lag"] == 0, 40)
    assert sorted(receiver.numbers()) == list(range(3000))
    late = sorted(now for at, now in seen[len(seen) // 3:])
    assert late[len(late) // 2] >= 4, "it makes use of what the receiver takes"
    assert late[len(late) * 9 // 10] <= 16


@pytest.mark.parametrize("status", [429, 503])
def test_automatic_concurrency_yields_to_a_receiver_that_says_it_is_too_much(status, webhook):
    """Beyond 6 at once each request is refused, and none takes longer."""
    capacity, events = 6, 500
    lock, state = threading.Lock(), {"now": 0}
    seen = []

    def behave(arrival, connection):
        with lock:
            state["now"] += 1
            now = state["now"]
            seen.append(now)
        time.sleep(0.02)
        with lock:
            state["now"] -= 1
        return 200 if now <= capacity else status

    daemon, receiver = webhook(behave, {"concurrency": "auto", "ordering": "none", "timeout": "10s",
                                        "retry": "50ms, forever", "failures_to_open": 1000})
    for n in range(events):
        daemon.accept(message(n, chat=n))
    wait_for(lambda: daemon.sink("out")["lag"] == 0, 60)
    assert sorted(set(receiver.numbers())) == list(range(events))
    late = sorted(seen[len(seen) // 3:])
    assert late[len(late) // 2] >= 3, "it makes use of what the receiver takes"
    assert late[-1] <= 2 * capacity
