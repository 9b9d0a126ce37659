# SPDX-License-Identifier: Apache-2.0
"""Receivers that do everything wrong while the daemon is killed, stopped and reconfigured: nothing accepted is lost,
nothing that a destination did not want comes to it, and the daemon does not grow.

HOOKSWITCH_TEST_SCALE=full makes it run for 20 minutes; HOOKSWITCH_TEST_SEED repeats one.
"""
import json
import os
import random
import signal
import sqlite3
import time

import pytest

from chaos_rig import CHATS, Memory, Moody, Producer, contexts, instance_of
from rig import SLOW, number_of, wait_for

IS_FULL = os.environ.get("HOOKSWITCH_TEST_SCALE") == "full"
LIVES_S, LAST_LIFE_S = (600, 600) if IS_FULL else (35, 25) if SLOW == 1 else (15, 5)
PRODUCERS, RATE = 3, 15
SINKS = 20
ORDERINGS = ("chat", "chat-strict", "none", "strict")
SEED = int(os.environ.get("HOOKSWITCH_TEST_SEED", "0")) or random.randrange(1, 1 << 30)
RSS_MAX_MIB = 80
GROWTH_MAX_MIB = 6 if IS_FULL else 10  # a short life has hardly reached what it needs
BROKEN = ("[sink s0]\nplugin = webhook\nurl = http://127.0.0.1:1/\n", "[sink late]\nplugin = no-such-plugin\n",
          "[sink late]\nplugin = webhook\nurl = http://127.0.0.1:1/\nretry = soon\n", "no section option\n",
          "[sink late]\nplugin = webhook\nurl = https://127.0.0.1/\nca_file = /nonexistent/ca.pem\n")


def has_tls(i):
    return i % 2 == 1


def is_endless(i):
    return i // 4 % 2 == 1


def wants(i, number):
    return i % 5 != 1 or instance_of(number) == "sales"


class Chaos:
    """The daemon, its receivers, and what is done to it."""

    def __init__(self, folder, make_receiver, make_daemon):
        tls, self.trusted = contexts(folder)
        self.rng = random.Random(SEED)
        self.moods = [Moody(SEED + i, tls if has_tls(i) else None) for i in range(SINKS)]
        self.receivers = [make_receiver(mood, context=mood if mood.contexts else None) for mood in self.moods]
        self.daemon = make_daemon({}, start=False)
        self.kills = self.stops = self.changes = self.refusals = 0

    def sinks(self):
        return {f"s{i}": self.sink(i) for i in range(SINKS)}

    def sink(self, i):
        """What a reload may change is drawn anew each time."""
        rng, ordering = self.rng, ORDERINGS[i % 4]
        options = {
            "plugin": "webhook", "url": self.receivers[i].url, "ordering": ordering,
            "timeout": f"{rng.randrange(500, 900)}ms",
            "retry": "200ms, forever" if is_endless(i) else "100ms, 200ms, 500ms, 1s",
            "probe_interval": f"{rng.randrange(200, 400)}ms", "failures_to_open": rng.randrange(4, 12)}
        if i % 5 == 0 and ordering != "strict":
            options["concurrency"] = "auto"
        if i % 5 == 1:
            options["instances"] = "sales"
        if has_tls(i):
            options["ca_file"] = self.trusted
        return options

    def configure(self, more=""):
        self.daemon.configure(self.sinks(), instances=("sales", "support"))
        text = self.daemon.ini.read_text().replace("level = debug", "level = info")
        self.daemon.write_ini(text + more)

    def start(self):
        self.configure()
        self.daemon.start()
        return Memory(self.daemon.process.pid)

    def hup(self, wanted):
        """Without waiting, too: the daemon is killed while it reads."""
        begin = self.daemon.log_path.stat().st_size
        self.daemon.process.send_signal(signal.SIGHUP)
        if self.rng.random() < 0.7:
            wait_for(lambda: wanted in self.daemon.log_path.read_bytes()[begin:].decode(errors="replace"), 20, wanted)

    def change(self):
        self.configure()
        self.hup("read again changed=yes restart_needed=no")
        self.changes += 1

    def refuse(self):
        self.configure(self.rng.choice(BROKEN))
        self.hup("the running configuration stays in use")
        self.configure()  # for the commands that read it
        self.refusals += 1

    def live(self, memory, seconds):
        """The load of one life, with signals to read the configuration."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(self.rng.uniform(0.2, 0.6))
            memory.sample()
            if self.rng.random() < 0.3:
                (self.change if self.changes <= self.refusals else self.refuse)()

    def is_done(self):
        sinks = self.daemon.status()["sinks"]
        return len(sinks) == SINKS and all(s["lag"] == 0 and s["retrying"] == 0 for s in sinks)

    def end_life(self):
        if self.kills < 2 * (self.stops + 1):
            self.daemon.kill()
            self.kills += 1
        else:
            self.daemon.stop()
            self.stops += 1


@pytest.fixture
def chaos(folder, make_receiver, make_daemon):
    return Chaos(folder, make_receiver, make_daemon)


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


def missing_of(i, mood, accepted, dead):
    return {n for n in accepted if wants(i, n)} - set(mood.taken) - dead


def assert_complete(i, mood, accepted, dead):
    missing = missing_of(i, mood, accepted, dead)
    assert not missing, f"s{i}: {sorted(missing)[:20]} are lost (seed {SEED})"
    assert all(wants(i, n) for n in mood.taken), f"s{i} got what it did not want (seed {SEED})"
    assert not (dead and is_endless(i)), f"s{i} retries forever"
    if ORDERINGS[i % 4] in ("strict", "chat-strict"):
        for chat in range(CHATS):
            assert_in_order([n for n in mood.taken if n % CHATS == chat], f"s{i} chat {chat}")


def torment(chaos):
    """Lives of a few seconds, then one that lasts; what the memory was in each."""
    end = time.monotonic() + LIVES_S
    memories = [chaos.start()]
    while time.monotonic() < end:
        chaos.live(memories[-1], chaos.rng.uniform(2, 6))
        chaos.end_life()
        memories.append(chaos.start())
    chaos.live(memories[-1], LAST_LIFE_S)
    return memories


def assert_flat(memories):
    """Sanitizers keep what is freed."""
    most = [max(memory.samples) for memory in memories if memory.samples]
    assert max(most) < RSS_MAX_MIB * SLOW, most
    if SLOW == 1:
        samples = memories[-1].samples
        assert len(samples) > LAST_LIFE_S
        assert memories[-1].growth_mib() < GROWTH_MAX_MIB, samples[::1 + len(samples) // 60]


def test_everything_accepted_is_delivered_or_dead(chaos, folder):
    producers = [Producer(chaos.daemon.port, share, PRODUCERS, RATE) for share in range(PRODUCERS)]
    memories = torment(chaos)
    for producer in producers:
        producer.stop()
    for mood in chaos.moods:
        mood.is_healed = True
    accepted = {n for producer in producers for n in producer.accepted}
    wait_for(chaos.is_done, 120, f"every sink is done (seed {SEED}): {chaos.daemon.status()['sinks']}")
    shaken = {name: sum(mood.shaken[name] for mood in chaos.moods) for name in chaos.moods[0].shaken}
    dead = [dead_numbers(folder, f"s{i}") for i in range(SINKS)]
    late = {i for i, mood in enumerate(chaos.moods) if missing_of(i, mood, accepted, dead[i])}
    if late:  # tells what is late from what is lost, and why
        print(f"missing at {late}: {chaos.daemon.status()['sinks']}\n{chaos.daemon.log_text()[-50000:]}")
        time.sleep(10)
    print(f"seed={SEED} accepted={len(accepted)} kills={chaos.kills} stops={chaos.stops} changes={chaos.changes} "
          f"refused={chaos.refusals} handshakes={shaken} dead={sum(map(len, dead))} "
          f"rss={[round(m.samples[-1], 1) for m in memories[-8:]]} growth={memories[-1].growth_mib():.1f}")
    assert len(accepted) > PRODUCERS * RATE * (LIVES_S + LAST_LIFE_S) / 9
    assert chaos.kills and chaos.changes and chaos.refusals and all(shaken.values())
    for i, mood in enumerate(chaos.moods):
        assert_complete(i, mood, accepted, dead[i])
    assert not late, f"{late} said that they were done before they were (seed {SEED})"
    assert_flat(memories)
