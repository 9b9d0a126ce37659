# SPDX-License-Identifier: Apache-2.0
"""What a circuit takes for an outage, and that the backlog of one follows in order."""
import threading
import time

import pytest

from rig import message, number_of, wait_for

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
    answers.status = lambda n: 200
    if status == 0:
        receiver.open()
    wait_for(lambda: len(set(answers.taken)) == 200)
    for chat in range(chats):
        of_chat = [n for n in answers.taken if n % chats == chat]
        assert of_chat == sorted(of_chat), chat
    assert daemon.status()["dead"] == {}


def test_a_failed_request_of_a_batch_is_one_failure(webhook):
    daemon, receiver = webhook(lambda a, c: 500, {"batch": "20/200ms", "ordering": "none", "concurrency": 20,
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
    def gone(arrival, connection):
        time.sleep(0.3)
        return 410
    daemon, receiver = webhook(gone, {"ordering": "none", "concurrency": 4})
    for n in range(4):
        daemon.accept(message(n, chat=n))
    receiver.wait(4)
    wait_for(lambda: daemon.sink("out")["state"] == "disabled" and daemon.sink("out")["inFlight"] == 0)
    assert daemon.log_text().count("says it is gone") == 1
