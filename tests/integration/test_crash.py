# SPDX-License-Identifier: Apache-2.0
"""The daemon is killed under load: nothing that was answered 202 is lost."""
import collections
import http.client
import json
import random
import sqlite3
import threading
import time

import pytest

from rig import TOKEN, message, number_of, wait_for

KILLS = 10
PRODUCERS = 6
# What may come twice after a kill: what was in flight, and what was delivered since the cursor was last
# written (512 events or 50 ms and a transaction).
WINDOW = 32 + 512


class Producers:
    """Post without end, each message once, and remember what was answered 202."""

    def __init__(self, port, first=0):
        self.port, self.accepted, self.lock = port, {}, threading.Lock()
        self.next, self.stopping = first, False
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(PRODUCERS)]
        for thread in self.threads:
            thread.start()

    def take(self):
        with self.lock:
            self.next += 1
            return self.next

    def run(self):
        connection = None
        while not self.stopping:
            number = self.take()
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
                connection.request("POST", "/in/evolution/sales", json.dumps(message(number, chat=number % 50)),
                                   {"token": TOKEN})
                response = connection.getresponse()
                body = response.read()
                if response.status == 202:
                    self.accepted[number] = json.loads(body)["ids"][0]
            except (OSError, http.client.HTTPException):
                connection = None
                time.sleep(0.005)

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join(20)


def test_kill_9_under_load_loses_nothing_that_was_accepted(webhook, folder):
    daemon, receiver = webhook()
    producers = Producers(daemon.port)
    rng = random.Random(7)
    for _ in range(KILLS):
        time.sleep(rng.uniform(0.1, 0.6))
        daemon.kill()
        with sqlite3.connect(f"{folder}/hookswitch.db") as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        daemon.start()
    enough = max(len(producers.accepted) + 20, 200)
    wait_for(lambda: len(producers.accepted) > enough)
    producers.stop()
    missing = wait_for(lambda: not (set(producers.accepted) - set(receiver.numbers())) or None, 60,
                       "every accepted event arrives")
    assert missing
    daemon.stop()
    ids, counts = collections.defaultdict(set), collections.Counter()
    for envelope in receiver.envelopes():
        ids[number_of(envelope)].add(envelope["id"])
        counts[number_of(envelope)] += 1
    assert all(len(found) == 1 for found in ids.values())
    assert all(producers.accepted[n] in ids[n] for n in producers.accepted)
    assert sum(counts.values()) - len(counts) <= KILLS * WINDOW


@pytest.mark.threads
def test_sigterm_under_load_answers_what_it_took_and_loses_nothing(webhook):
    daemon, receiver = webhook(lambda a, c: time.sleep(0.01) or 200)
    producers = Producers(daemon.port)
    for _ in range(3):
        time.sleep(0.4)
        daemon.stop()
        daemon.start()
    producers.stop()
    wait_for(lambda: not set(producers.accepted) - set(receiver.numbers()), 60, "every accepted event arrives")
    # A clean stop writes the cursors: nothing comes twice.
    twice = {n: c for n, c in collections.Counter(receiver.numbers()).items() if c > 1}
    assert not twice, f"{twice}\n{daemon.log_text()[-5000:]}"


@pytest.mark.threads
def test_before_a_clean_stop_what_a_slow_event_held_up_is_delivered(webhook):
    """The cursor cannot leave it out: the next start would repeat all that overtook it."""
    may_answer = threading.Event()
    daemon, receiver = webhook(lambda a, c: may_answer.wait(20) and 200 if number_of(a.envelope) == 1 else 200)
    for number, chat in ((1, 1), (2, 1), (3, 2), (4, 3)):
        daemon.accept(message(number, chat=chat))
    wait_for(lambda: daemon.sink("out")["inFlight"] == 1 and {1, 3, 4} == set(receiver.numbers()),
             what="3 and 4 overtake")
    threading.Timer(0.2, may_answer.set).start()
    daemon.stop()
    assert receiver.numbers()[-1] == 2
    daemon.start()
    daemon.accept(message(5, chat=2))
    wait_for(lambda: 5 in receiver.numbers())
    assert sorted(receiver.numbers()) == [1, 2, 3, 4, 5]
