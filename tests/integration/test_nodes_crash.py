# SPDX-License-Identifier: Apache-2.0
"""Nodes on one PostgreSQL are killed, cut off and started again under load: what was answered 202 arrives."""
import collections
import contextlib
import http.client
import json
import os
import random
import subprocess
import threading
import time

import pytest

from rig import SLOW, TOKEN, message, number_of, wait_for, whole_lines
from test_nodes import make_nodes  # noqa: F401 (a fixture)
from test_postgres import BIN, PLUGINS, server, store  # noqa: F401 (fixtures)

pytestmark = pytest.mark.skipif(
    BIN is None or not (PLUGINS / "store-postgres.so").exists(), reason="without PostgreSQL")
SECONDS = 300 if os.environ.get("HOOKSWITCH_TEST_SCALE") == "full" else 20 if SLOW == 1 else 10
PRODUCERS = 6


class Producers:
    """Each posts to any of the nodes, each message until one of them answers 202, and remembers its id."""

    def __init__(self, ports):
        self.ports, self.accepted, self.lock = ports, {}, threading.Lock()
        self.stopping, self.last = False, 0
        self.threads = [threading.Thread(target=self.run, args=(n,), daemon=True) for n in range(PRODUCERS)]
        for thread in self.threads:
            thread.start()

    def run(self, which):
        rng, connections = random.Random(which), {}
        while not self.stopping:
            with self.lock:
                self.last += 1
                number = self.last
            while not self.post(number, rng.choice(self.ports), connections) and not self.stopping:
                time.sleep(0.005)
            time.sleep(0.03)  # so that the failing sink keeps up

    def post(self, number, port, connections):
        try:
            connection = connections.setdefault(port, http.client.HTTPConnection("127.0.0.1", port, timeout=15))
            connection.request("POST", "/in/evolution/sales", json.dumps(message(number, chat=number % 50)),
                               {"token": TOKEN})
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError):
            connections.pop(port).close()
            return False
        if response.status == 202:
            # What was stored, and not answered in time, has its id already.
            self.accepted[number] = answer["ids"][0] if answer["ids"] else None
        return response.status == 202

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join(30)


class Watch:
    """Answers, and sees which node delivers: each webhook sink names its node in a header. Requests of two nodes that
    overlap are noted."""

    def __init__(self, delay, failing):
        self.delay, self.failing, self.rng = delay, failing, random.Random(5)
        self.open, self.overlaps, self.lock = collections.Counter(), [], threading.Lock()

    def __call__(self, arrival, connection):
        node = arrival.headers["x-node"]
        with self.lock:
            self.open[node] += 1
            others = [n for n, count in self.open.items() if count and n != node]
            if others:
                self.overlaps.append((time.monotonic(), node, others))
            fate = self.rng.random()
        time.sleep(self.delay)
        with self.lock:
            self.open[node] -= 1
        if fate < self.failing:
            return 400 if fate < self.failing / 5 else 503
        return 200


def disturb(nodes, server, rng, until):  # noqa: F811
    done = collections.Counter()
    while time.monotonic() < until:
        time.sleep(rng.uniform(0.3, 2))
        what = rng.choice(["kill"] * 5 + ["stop", "cut", "cut", "server"])
        done[what] += 1
        if what == "cut":
            with contextlib.suppress(subprocess.CalledProcessError):
                server.sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                           " WHERE application_name = 'hookswitch'")
        elif what == "server":
            server.stop(rng.choice(["immediate", "fast"]))
            server.start()
        else:
            name = rng.choice("abc")
            if nodes[name].process is not None:
                nodes[name].kill() if what == "kill" else nodes[name].stop()
        for name in "abc":
            if nodes[name].process is None and rng.random() < 0.6:
                nodes[name].start()
    return done


def dead_of(server, schema):  # noqa: F811
    """{sink: numbers of its dead letters}."""
    rows = server.sql(
        "SELECT encode(d.name, 'escape'), substring(encode(e.body, 'escape') from 'TEST([0-9]{8})')::int"
        f" FROM {schema}.dead x JOIN {schema}.destinations d ON d.id = x.destination"
        f" JOIN {schema}.events e ON e.seq = x.seq").splitlines()
    dead = collections.defaultdict(set)
    for row in rows:
        name, number = row.split("|")
        dead[name].add(int(number))
    return dead


def test_nodes_that_die_at_random_lose_nothing(make_nodes, make_receiver, server, folder, request):  # noqa: F811
    watches = {"plain": Watch(0, 0), "strict": Watch(0.001, 0), "failing": Watch(0.002, 0.05)}
    receivers = {name: make_receiver(watch) for name, watch in watches.items()}
    lines = f"{folder}/lines.jsonl"
    options = {"strict": {"ordering": "strict"},
               "failing": {"retry": "50ms, 100ms, 200ms, 500ms, 1s, 1s, 1s, 1s, 1s", "drop_on": "400",
                           "failures_to_open": 100000}}
    sinks = {n: {"plugin": "webhook", "url": r.url, "headers": "x-node: NODE", **options.get(n, {})}
             for n, r in receivers.items()}
    sinks["lines"] = {"plugin": "file", "path": lines}
    nodes = make_nodes(sinks)
    for name, daemon in nodes.all.items():
        daemon.ini.write_text(daemon.ini.read_text().replace("x-node: NODE", f"x-node: {name}"))
    nodes.start()
    producers = Producers([d.port for d in nodes.all.values()])
    done = disturb(nodes, server, random.Random(11), time.monotonic() + SECONDS)
    nodes.start([n for n in "abc" if nodes[n].process is None])
    time.sleep(1)
    producers.stop()
    accepted = set(producers.accepted)
    assert len(accepted) > 20 * SECONDS, done
    schema = request.node.name[:60]

    def arrived(name):
        if name == "lines":
            return {number_of(json.loads(line)) for line in whole_lines(lines)}
        return set(receivers[name].numbers())
    for name in sinks:
        wait_for(lambda n=name: not accepted - arrived(n) - dead_of(server, schema)[n], 90,
                 f"every accepted event is at {name}, or dead: {done}")
    # An event has one id, wherever and however often it arrives.
    ids = collections.defaultdict(set)
    envelopes = [e for r in receivers.values() for e in r.envelopes()]
    for envelope in envelopes + [json.loads(line) for line in whole_lines(lines)]:
        ids[number_of(envelope)].add(envelope["id"])
    assert {number: found for number, found in ids.items() if len(found) > 1} == {}
    assert any(dead_of(server, schema).values())
    assert all(ids[number] == {ident} for number, ident in producers.accepted.items() if ident)
    assert {name: watch.overlaps for name, watch in watches.items() if watch.overlaps} == {}
