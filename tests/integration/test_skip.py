# SPDX-License-Identifier: Apache-2.0
"""A backlog is given up: the sink gets only what comes after, on both stores and over restarts."""
import time
import zlib

import pytest

from api_rig import ApiDaemon
from rig import message, number_of, wait_for
from test_postgres import BIN, PLUGINS, server  # noqa: F401 (fixture)
from test_cloudapi import metric

DOWN = {"concurrency": 20, "failures_to_open": 20, "retry": "1h", "probe_interval": "300ms"}


@pytest.fixture(params=["sqlite", "postgres"])
def store(request):
    if request.param == "sqlite":
        return ""
    if BIN is None or not (PLUGINS / "store-postgres.so").exists():
        pytest.skip("without PostgreSQL")
    dsn = request.getfixturevalue("server").dsn
    return f"plugin = postgres\ndsn = {dsn}\nschema = skip_{zlib.crc32(request.node.name.encode())}"


def fail(daemon, count, sink="out"):
    """The first events are in retry, and the circuit is open."""
    wait_for(lambda: daemon.status()["sinks"], what="the sink is served")
    for number in range(count):
        daemon.accept(message(number, chat=number))
    wait_for(lambda: daemon.sink(sink)["circuit"] != "closed" and daemon.sink(sink)["retrying"] == count,
             what="the circuit is open")


def skip(daemon, *args):
    return daemon.command("skip", *args).stdout


@pytest.mark.parametrize("ordering", ["chat", "chat-strict", "none"])
def test_a_backlog_behind_an_open_circuit_is_given_up(webhook, store, ordering):
    daemon, receiver = webhook(lambda a, c: 503, {**DOWN, "ordering": ordering}, store=store)
    fail(daemon, 20)
    for number in range(20, 420):
        daemon.accept(message(number, chat=number % 40))
    wait_for(lambda: daemon.sink("out")["inFlight"] == 0)
    before = daemon.sink("out")
    assert skip(daemon, "out", "--dry-run").startswith("would skip ")
    assert daemon.sink("out")["retrying"] == before["retrying"] and daemon.sink("out")["cursor"] == before["cursor"]
    said = skip(daemon, "out").split()
    in_flight = daemon.sink("out")["inFlight"]  # a probe may have been
    assert said[0] == "skipped" and 420 - 1 <= int(said[1].strip(",")) <= 420 and said[3:] == ["of", "them", "in", "retry"]
    assert int(said[2]) >= 19
    assert "its backlog was given up, by command destination=out" in daemon.log_text()
    assert metric(daemon, 'hookswitch_sink_skipped_total{sink="out"}') == int(said[1].strip(","))
    assert daemon.sink("out")["retrying"] <= 1 + in_flight
    probed = {number_of(e) for e in receiver.envelopes()}
    daemon.kill()
    receiver.arrivals.clear()
    receiver.behave = lambda a, c: 200
    daemon.start()
    for number in range(2000, 2010):
        daemon.accept(message(number, chat=number % 40))
    wait_for(lambda: set(range(2000, 2010)) <= set(receiver.numbers()), what="what came after")
    wait_for(lambda: daemon.sink("out")["lag"] == 0 and daemon.sink("out")["retrying"] == 0)
    # What the killed one had sent may be read only now.
    old = {n for n in receiver.numbers() if n < 2000}
    assert len(old) <= 1 and old <= probed
    assert skip(daemon, "out") == "skipped 0, 0 of them in retry\n"
    receiver.arrivals.clear()
    replay = ["replay", "-s", "out", "--since", "1h", "--rate", "100000"]
    wait_for(lambda: daemon.command(*replay, "--dry-run").stdout == "would replay 430\n", what="the cursor is stored")
    assert daemon.command(*replay).stdout == "replayed 430\n"
    receiver.wait(430)


def test_until_keeps_what_came_later_retries_too(webhook, store):
    daemon, receiver = webhook(lambda a, c: 503, {**DOWN, "failures_to_open": 40, "probe_interval": "30s"}, store=store)
    for number in range(20):
        daemon.accept(message(number, chat=number))
    wait_for(lambda: daemon.sink("out")["retrying"] == 20)
    time.sleep(1.1)
    now = time.time()
    time.sleep(0.05)
    until = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
    for number in range(20, 40):
        daemon.accept(message(number, chat=number))
    wait_for(lambda: daemon.sink("out")["circuit"] != "closed" and daemon.sink("out")["retrying"] == 40)
    for number in range(40, 100):
        daemon.accept(message(number, chat=number % 7))
    assert skip(daemon, "out", "--until", until, "--dry-run") == "would skip 20, 20 of them in retry\n"
    assert skip(daemon, "out", "--until", until) == "skipped 20, 20 of them in retry\n"
    assert skip(daemon, "out", "--until", until) == "skipped 0, 0 of them in retry\n"
    assert daemon.sink("out")["retrying"] == 20
    daemon.stop()
    receiver.arrivals.clear()
    receiver.behave = lambda a, c: 200
    daemon.start()
    receiver.wait(80)
    wait_for(lambda: daemon.sink("out")["lag"] == 0 and daemon.sink("out")["retrying"] == 0)
    assert sorted(receiver.numbers()) == list(range(20, 100))


def test_what_is_in_flight_ends_as_it_ends(webhook):
    release = []

    def behave(arrival, connection):
        wait_for(lambda: release)
        return 200
    daemon, receiver = webhook(behave, {"concurrency": 2, "timeout": "15s"})
    for number in range(10):
        daemon.accept(message(number, chat=number % 2))
    receiver.wait(2)
    wait_for(lambda: daemon.sink("out")["inFlight"] == 2)
    assert skip(daemon, "out") == "skipped 8, 0 of them in retry\n"
    assert daemon.sink("out")["cursor"] == 0 and daemon.sink("out")["inFlight"] == 2
    release.append(True)
    wait_for(lambda: daemon.sink("out")["lag"] == 0)
    daemon.accept(message(10))
    receiver.wait(3)
    assert sorted(receiver.numbers()) == [0, 1, 10]


def test_dead_letters_stay(webhook):
    daemon, receiver = webhook(lambda a, c: 400, {"retry": "10ms"})
    daemon.accept(message(1))
    wait_for(lambda: daemon.status()["dead"].get("out") == 1)
    assert skip(daemon, "out") == "skipped 0, 0 of them in retry\n"
    assert daemon.status()["dead"]["out"] == 1


def test_a_webhook_of_the_api_is_skipped_and_other_sinks_are_not(folder, make_receiver):
    down, up = make_receiver(lambda a, c: 503), make_receiver()
    daemon = ApiDaemon(folder, {"out": {"plugin": "webhook", "url": up.url}}).start()
    try:
        daemon.webhook("sales", down.url, label="crm")
        for number in range(50):
            daemon.accept(message(number))
        wait_for(lambda: daemon.sink("sales/crm")["lag"] + daemon.sink("sales/crm")["retrying"] >= 45)
        assert int(skip(daemon, "sales/crm").split()[1].strip(",")) >= 45
        up.wait(50)
        for name in "nosuch", "sales/nosuch":
            r = daemon.command("skip", name, check=False)
            assert r.returncode == 1
            assert r.stderr == "hookswitch: sink: there is none of that name; there are: out, sales/crm\n"
        for args in ([], ["out", "out"], ["out", "--until", "tomorrow"], ["out", "--until", "2099-01-01"]):
            assert daemon.command("skip", *args, check=False).returncode == 2, args
    finally:
        daemon.stop()


def test_times_that_cannot_be_meant_are_refused_with_the_reason(make_daemon):
    daemon = make_daemon({}, start=False)
    for until, why in (("1970-01-01T00:00:00Z", "--until is not after the beginning of 1970"),
                       ("1960-01-01T00:00:00Z", "--until"), ("9999-01-01T00:00:00Z", "--until is in the future"),
                       ("later", "--until: ")):
        r = daemon.command("skip", "out", "--until", until, check=False)
        assert (r.returncode, r.stdout) == (2, "") and why in r.stderr, (until, r.stderr)
