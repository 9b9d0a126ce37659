# SPDX-License-Identifier: Apache-2.0
"""Receivers that do everything wrong while the daemon is killed and stopped: nothing accepted is lost.

HOOKSWITCH_TEST_SCALE=full makes it run for 20 minutes.
"""
import contextlib
import http.client
import json
import os
import random
import socket
import sqlite3
import struct
import threading
import time

import pytest

from rig import SLOW, TOKEN, message, number_of, wait_for

IS_FULL = os.environ.get("HOOKSWITCH_TEST_SCALE") == "full"
SECONDS = 1200 if IS_FULL else 40 if SLOW == 1 else 15
SINKS = 20
ORDERINGS = ("chat", "chat-strict", "none", "strict")
CHATS = 30
SEED = int(os.environ.get("HOOKSWITCH_TEST_SEED", "0")) or random.randrange(1, 1 << 30)


def reset(arrival, connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hang(arrival, connection):
    time.sleep(1)


def slow(arrival, connection):
    time.sleep(0.1)
    return 200


def later(arrival, connection):
    connection.sendall(b"HTTP/1.1 429 X\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n")
    return True


FAULTS = (reset, hang, slow, later, lambda a, c: 500, lambda a, c: 503, lambda a, c: 400, lambda a, c: None)


class Moody:
    """Well most of the time, at times partly or wholly broken. Remembers what it answered 200 to, in order."""

    def __init__(self, seed):
        self.rng, self.lock = random.Random(seed), threading.Lock()
        self.is_healed, self.until, self.part, self.faults = False, 0, 0, FAULTS
        self.taken = []

    def __call__(self, arrival, connection):
        with self.lock:
            now = time.monotonic()
            if now >= self.until:
                self.until = now + self.rng.uniform(0.5, 3)
                self.part = self.rng.choice((0, 0, 0.05, 0.3, 1))
                self.faults = self.rng.sample(FAULTS, 2)
            fault = None
            if not self.is_healed and self.rng.random() < self.part:
                fault = self.rng.choice(self.faults)
        result = fault(arrival, connection) if fault else 200
        if result == 200:
            with self.lock:
                self.taken.append(number_of(arrival.envelope))
        return result


class Producer:
    """Posts messages of one share of the chats, one after the other, until each is answered 202."""

    def __init__(self, port, share, of, rate):
        self.port, self.share, self.of, self.pause = port, share, of, 1 / rate
        self.accepted, self.is_stopping = [], False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        number = self.share
        while not self.is_stopping:
            if self.post(number):
                self.accepted.append(number)
                number += self.of
                time.sleep(self.pause)
            else:
                time.sleep(0.02)

    def post(self, number):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("POST", "/in/evolution/sales", json.dumps(message(number, chat=number % CHATS)),
                               {"token": TOKEN})
            response = connection.getresponse()
            response.read()
            return response.status == 202
        return False

    def stop(self):
        self.is_stopping = True
        self.thread.join(20)


def dead_numbers(folder, sink):
    """What the dead letters of a sink are, from the store itself."""
    with sqlite3.connect(f"file:{folder}/hookswitch.db?mode=ro", uri=True) as db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(destinations)")]
        key = "id" if "id" in columns else "rowid"
        rows = db.execute(
            f"SELECT e.body FROM dead x JOIN events e ON e.seq = x.seq JOIN destinations d"
            f" ON d.{key} = x.destination WHERE d.name = ?", (sink,)).fetchall()
    return {number_of(json.loads(row[0])) for row in rows}


def assert_in_order(numbers, what):
    """The first arrival of each is not before that of the one before it."""
    seen, last = set(), -1
    for number in numbers:
        if number in seen:
            continue
        seen.add(number)
        assert number > last, f"{what}: {number} came after {last} (seed {SEED})"
        last = number


@pytest.fixture
def chaos(make_receiver, make_daemon):
    moods = [Moody(SEED + i) for i in range(SINKS)]
    sinks = {}
    for i, mood in enumerate(moods):
        sinks[f"s{i}"] = {
            "plugin": "webhook", "url": make_receiver(mood).url, "timeout": "700ms",
            "ordering": ORDERINGS[i % 4], "retry": ("100ms, 200ms, 500ms, 1s", "200ms, forever")[i // 4 % 2],
            "probe_interval": "300ms", "failures_to_open": 4 + i % 8}
        if i % 5 == 0 and ORDERINGS[i % 4] != "strict":
            sinks[f"s{i}"]["concurrency"] = "auto"
    return make_daemon(sinks), moods


def torment(daemon, rng):
    """Kills and stops the daemon until the time is over; its memory now and then."""
    end = time.monotonic() + SECONDS
    memory = []
    while time.monotonic() < end:
        time.sleep(rng.uniform(2, 6))
        memory.append(daemon.rss_mib())
        if rng.random() < 0.6:
            daemon.kill()
        else:
            daemon.stop()
        daemon.start()
    return memory


def test_everything_accepted_is_delivered_or_dead(chaos, folder):
    daemon, moods = chaos
    rng = random.Random(SEED)
    producers = [Producer(daemon.port, share, 3, 15) for share in range(3)]
    memory = torment(daemon, rng)
    for producer in producers:
        producer.stop()
    for mood in moods:
        mood.is_healed = True
    accepted = {n for producer in producers for n in producer.accepted}
    wait_for(lambda: all(s["lag"] == 0 and s["retrying"] == 0 for s in daemon.status()["sinks"]), 120,
             f"every sink is done (seed {SEED}): {daemon.status()['sinks']}")
    assert len(accepted) > 20 * SECONDS / 4
    for i, mood in enumerate(moods):
        dead = dead_numbers(folder, f"s{i}")
        missing = accepted - set(mood.taken) - dead
        assert not missing, f"s{i}: {sorted(missing)[:20]} are lost (seed {SEED})"
        if i // 4 % 2 == 1:
            assert not dead, f"s{i} retries forever"
        if ORDERINGS[i % 4] in ("strict", "chat-strict"):
            for chat in range(CHATS):
                assert_in_order([n for n in mood.taken if n % CHATS == chat], f"s{i} chat {chat}")
    assert max(memory) < 80 * SLOW, memory
