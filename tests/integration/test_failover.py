# SPDX-License-Identifier: Apache-2.0
"""What is told of the journal after a server of PostgreSQL took over: the first node passes a million seqs over for all.
And what a node tells to a server that knows less than the one before."""
import json
import re
import signal
import time

import pytest

from rig import message, wait_for
from test_reload import reload_sinks
from test_store_trouble import (  # noqa: F401 (fixtures)
    PairOfNodes, kill_9, needs_postgres, pair, post, server)

LAG = 500    # notify_lag


@pytest.fixture
def small_nodes(folder, pair, make_receiver, operator):  # noqa: F811
    made = PairOfNodes(folder, pair, make_receiver, store="retention_size = 2m",
                       server=f"notify_url = {operator.url}\nnotify_lag = {LAG}")
    try:
        made.settle()
        yield made
    finally:
        made.stop()


def metric(daemon, name):
    return [int(value) for value in
            re.findall(rf"^{name}(?:{{.*}})? (\d+)$", daemon.request("GET", "/metrics")[2].decode(), re.M)]


def fail_over(nodes, primary, replica, number):
    """Both have appended something afterwards: `number` and the one after it."""
    kill_9(primary)
    replica.promote()
    for daemon in nodes.daemons.values():
        wait_for(lambda d=daemon, n=number: post(d, n)[0] == 202, 20, "it goes on")
        number += 1


def lag_of(nodes, sink):
    return next((s["lag"] for d in nodes.daemons.values() for s in d.status()["sinks"] if s["name"] == sink), None)


@needs_postgres
def test_what_was_passed_over_is_neither_used_nor_owed(small_nodes, pair, operator):  # noqa: F811
    primary, replica = pair
    a, down = small_nodes.daemons["a"], small_nodes.receivers["both"]
    for number in range(1, 51):
        a.accept(message(number))
    for receiver in small_nodes.receivers.values():
        receiver.wait(50)
    wait_for(lambda: primary.sql("SELECT min(cursor) FROM hookswitch.destinations") == "50", 10, "all is settled")
    down.behave = lambda arrival, connection: 503
    for number in range(51, 71):
        a.accept(message(number))
    for name in "ab":
        small_nodes.receivers[name].wait(70)
    wait_for(lambda: replica.sql("SELECT count(*) FROM hookswitch.events") == "70", 10, "the replica has them")
    fail_over(small_nodes, primary, replica, 71)
    for number in range(73, 101):
        a.accept(message(number))
    for name in "ab":
        wait_for(lambda n=name: set(range(1, 101)) <= set(small_nodes.receivers[n].numbers()), 30, f"all at {name}")
    assert int(replica.sql("SELECT max(seq) FROM hookswitch.events")) > 1_000_000
    # What is in use is looked at every second, and what is old every two.
    until = time.monotonic() + 6
    while time.monotonic() < until:
        for daemon in small_nodes.daemons.values():
            assert all(0 <= lag <= 50 for lag in metric(daemon, "hookswitch_sink_lag_events"))
            assert all(used < 1_000_000 for used in metric(daemon, "hookswitch_store_used_bytes"))
        time.sleep(0.2)
    assert 0 < lag_of(small_nodes, "both") <= 50
    assert all(lag_of(small_nodes, name) == 0 for name in "ab")
    for daemon in small_nodes.daemons.values():
        assert daemon.status()["store"]["events"] == 100
        assert "store postgres: 100 events" in daemon.command("status").stdout
        assert "because of retention_size" not in daemon.log_text()
    assert replica.sql("SELECT count(*) FROM hookswitch.events") == "100"
    assert "sink.lagging" not in [json.loads(n.body)["type"] for n in operator.arrivals]
    down.behave = lambda arrival, connection: 200
    wait_for(lambda: set(range(1, 101)) <= set(down.numbers()), 60, "all arrive there, too")
    wait_for(lambda: lag_of(small_nodes, "both") == 0, 20, "nothing is owed")


@needs_postgres
def test_a_sink_that_was_lost_with_the_server_gets_what_comes(small_nodes, pair, make_receiver):  # noqa: F811
    """b appends before a, the only one that knows the sink, has come back."""
    primary, replica = pair
    a, b = small_nodes.daemons["a"], small_nodes.daemons["b"]
    receivers = {**small_nodes.receivers, "late": make_receiver()}
    a.accept(message(1))
    for receiver in small_nodes.receivers.values():
        receiver.wait(1)
    wait_for(lambda: replica.sql("SELECT count(*) FROM hookswitch.events") == "1", 10, "the replica has it")
    replica.sql("ALTER SYSTEM SET primary_conninfo = ''")
    replica.sql("SELECT pg_reload_conf()")
    wait_for(lambda: primary.sql("SELECT count(*) FROM pg_stat_replication") == "0", 10, "they are separated")
    reload_sinks(a, {n: {"plugin": "webhook", "url": receivers[n].url} for n in ("a", "both", "late")}, [])
    wait_for(lambda: "late" in [s["name"] for s in a.status()["sinks"]], 10, "it is served")
    a.accept(message(2))
    receivers["late"].wait(1)
    a.process.send_signal(signal.SIGSTOP)
    try:
        kill_9(primary)
        replica.promote()
        wait_for(lambda: post(b, 3)[0] == 202, 20, "b goes on")
        for number in range(4, 9):
            b.accept(message(number))
        wait_for(lambda: b.status()["nodes"] == ["b"], 20, "a is given up, and may deliver nothing that it has in memory")
    finally:
        a.process.send_signal(signal.SIGCONT)
    wait_for(lambda: post(a, 9)[0] == 202, 20, "a goes on")
    for name, receiver in receivers.items():
        wait_for(lambda r=receiver: set(range(3, 10)) <= set(r.numbers()), 20, f"all arrives at {name}")
    assert 1 not in receivers["late"].numbers()
