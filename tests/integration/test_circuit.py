# SPDX-License-Identifier: Apache-2.0
"""What a circuit takes for an outage, and that the backlog of one follows in order."""
import threading
import time

import pytest

from rig import SLOW, message, number_of, wait_for

RETRY = {"retry": "1s, 2s, 3s", "probe_interval": "1s"}


class Answers:
    """Answers as it is told and keeps what got 200, in order."""

    def __init__(self, status):
        self.status, self.lock, self.taken = status, threading.Lock(), []

    def __call__(self, arrival, connection):
        number = number_of(arrival.envelope)
        with self.lock:
            status = self.status(number)
            if status == 200:
                self.taken.append(number)
        return status


@pytest.mark.parametrize("bad", [1, 2, 11, 20])
def test_one_bad_event_of_the_only_chat_keeps_no_circuit_open(bad, webhook):
    answers = Answers(lambda n: 200 if n != bad else 500)
    daemon, receiver = webhook(answers, RETRY)
    receiver.close()
    for n in range(1, 21):
        daemon.accept(message(n, chat=1))
    wait_for(lambda: daemon.sink("out")["circuit"] == "open")
    receiver.open()
    wait_for(lambda: len(set(answers.taken)) == 19, 15)
    assert [n for n in answers.taken if n > bad] == list(range(bad + 1, 21)) or bad < 11
    wait_for(lambda: daemon.status()["dead"].get("out") == 1, 20)


@pytest.mark.parametrize("chats", [1, 40])
@pytest.mark.parametrize("status", [0, 503])
@pytest.mark.parametrize("ordering", ["chat", "chat-strict"])
def test_a_backlog_follows_in_order_with_what_was_in_retry(ordering, status, chats, webhook):
    answers = Answers(lambda n: status or 200)
    daemon, receiver = webhook(answers, {"retry": "1h, 1h", "probe_interval": "100ms", "ordering": ordering,
                                         "failures_to_open": 4 if ordering == "chat" else 1})
    if status == 0:
        receiver.close()
    for n in range(200):
        daemon.accept(message(n, chat=n % chats))
    wait_for(lambda: daemon.sink("out")["circuit"] != "closed")
    time.sleep(1)

    def is_back(number):
        """From a probe of the first of a chat on: one behind it may be tried where that one has just failed."""
        if number < chats:
            answers.status = lambda n: 200
        return 200 if number < chats else status
    answers.status = is_back
    if status == 0:
        receiver.open()
    wait_for(lambda: len(set(answers.taken)) == 200)
    for chat in range(chats):
        of_chat = [n for n in answers.taken if n % chats == chat]
        assert of_chat == sorted(of_chat), chat
    assert daemon.status()["dead"] == {}


def test_a_failed_request_of_a_batch_is_one_failure(webhook):
    daemon, receiver = webhook(lambda a, c: 500, {"batch": "20/5s", "ordering": "none", "concurrency": 20,
                                                  "retry": "1h, 1h"})
    for n in range(20):
        daemon.accept(message(n, chat=n))
    receiver.wait(1)
    wait_for(lambda: daemon.sink("out")["retrying"] == 20)
    sink = daemon.sink("out")
    assert sink["circuit"] == "closed" and sink["failures"] == len(receiver.arrivals) < 3
    for n in range(20, 400):
        daemon.accept(message(n, chat=n))
    wait_for(lambda: daemon.sink("out")["circuit"] == "open")


@pytest.mark.parametrize("ordering", ["strict", "chat-strict", "chat"])
def test_an_outage_uses_up_no_attempts_of_few_events(ordering, webhook):
    daemon, receiver = webhook(options={"ordering": ordering, "retry": "50ms, 50ms, 50ms", "probe_interval": "100ms"})
    receiver.close()
    for n in range(2):
        daemon.accept(message(n, chat=1))
    wait_for(lambda: daemon.sink("out")["circuit"] == "open")
    time.sleep(1)
    assert daemon.status()["dead"] == {}
    receiver.open()
    receiver.wait(2)
    assert receiver.numbers() == [0, 1]


def test_a_sink_whose_last_event_was_refused_is_failing(webhook):
    answers = Answers(lambda n: 400)
    daemon, receiver = webhook(answers, {"retry": "never"})
    daemon.accept(message(1))
    wait_for(lambda: daemon.status()["dead"].get("out") == 1)
    assert daemon.sink("out")["state"] == "failing" and daemon.sink("out")["circuit"] == "closed"
    answers.status = lambda n: 200
    daemon.accept(message(2))
    wait_for(lambda: daemon.sink("out")["state"] == "active")


def test_a_destination_that_is_gone_is_logged_once(webhook):
    all_there = threading.Barrier(4)

    def gone(arrival, connection):
        all_there.wait(20 * SLOW)
        return 410
    daemon, receiver = webhook(gone, {"ordering": "none", "concurrency": 4, "timeout": f"{30 * SLOW}s"})
    for n in range(4):
        daemon.accept(message(n, chat=n))
    receiver.wait(4)
    wait_for(lambda: daemon.sink("out")["state"] == "disabled" and daemon.sink("out")["inFlight"] == 0)
    assert daemon.log_text().count("says it is gone") == 1


def time_to_open(daemon, begin):
    wait_for(lambda: daemon.sink("out")["circuit"] == "open", 15)
    return time.monotonic() - begin


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_one_that_says_it_is_away_is_open_within_seconds(status, webhook):
    """Each such answer pauses all deliveries; with one chat it takes ten of them."""
    daemon, receiver = webhook(lambda a, c: status)
    begin = time.monotonic()
    for n in range(20):
        daemon.accept(message(n, chat=1))
    receiver.wait(1)
    wait_for(lambda: daemon.sink("out")["state"] == "failing", 2)
    assert time_to_open(daemon, begin) < 12 * SLOW
    assert max(a.attempt for a in receiver.arrivals) <= 3 and daemon.status()["dead"] == {}


@pytest.mark.parametrize("ordering", ["strict", "chat-strict"])
def test_an_outage_that_answers_500_eats_no_event_that_holds_others(ordering, webhook):
    answers = Answers(lambda n: 500)
    daemon, receiver = webhook(answers, {"ordering": ordering, "retry": "500ms, 500ms, 500ms",
                                         "probe_interval": "100ms"})
    daemon.accept(message(0, chat=1))
    receiver.wait(1)
    for n in range(1, 3):
        daemon.accept(message(n, chat=1))
    wait_for(lambda: daemon.sink("out")["circuit"] == "open")
    receiver.wait(12)
    assert set(receiver.numbers()) == {0} and max(a.attempt for a in receiver.arrivals) == 4
    assert daemon.status()["dead"] == {}
    daemon.stop()
    daemon.start()
    receiver.wait(20)
    answers.status = lambda n: 200
    wait_for(lambda: len(answers.taken) == 3)
    assert answers.taken == [0, 1, 2] and daemon.status()["dead"] == {}
    wait_for(lambda: daemon.sink("out")["circuit"] == "closed")


def test_one_bad_event_dies_with_strict_where_it_was_the_only_one(webhook):
    answers = Answers(lambda n: 500 if n == 1 else 200)
    daemon, receiver = webhook(answers, {"ordering": "strict", "retry": "100ms, 100ms", "probe_interval": "100ms"})
    daemon.accept(message(1, chat=1))
    wait_for(lambda: daemon.status()["dead"].get("out") == 1)
    daemon.accept(message(2, chat=1))
    wait_for(lambda: answers.taken == [2])


def test_one_bad_event_dies_with_chat_strict_while_other_chats_get_through(webhook):
    answers = Answers(lambda n: 500 if n == 1 else 200)
    daemon, receiver = webhook(answers, {"ordering": "chat-strict", "retry": "1s, 1s", "probe_interval": "100ms"})
    for n in range(1, 4):
        daemon.accept(message(n, chat=1))
    wait_for(lambda: daemon.sink("out")["circuit"] == "open", 10)
    daemon.accept(message(4, chat=2))
    wait_for(lambda: daemon.status()["dead"].get("out") == 1, 10)
    wait_for(lambda: sorted(answers.taken) == [2, 3, 4])


def test_one_bad_event_that_holds_others_with_strict_is_skipped_by_the_operator(webhook):
    answers = Answers(lambda n: 500 if n == 1 else 200)
    daemon, receiver = webhook(answers, {"ordering": "strict", "retry": "1s, 1s", "probe_interval": "100ms"})
    daemon.accept(message(1, chat=1))
    receiver.wait(1)
    time.sleep(0.05)
    now = time.time()
    until = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
    for n in range(2, 4):
        daemon.accept(message(n, chat=1))
    wait_for(lambda: daemon.sink("out")["circuit"] == "open")
    # One that is in flight stays.
    wait_for(lambda: daemon.command("skip", "out", "--until", until).stdout == "skipped 1, 1 of them in retry\n")
    wait_for(lambda: answers.taken == [2, 3])
    assert daemon.status()["dead"] == {}
