# SPDX-License-Identifier: Apache-2.0
"""What the journal keeps: settled events by size, dead letters by age; on both stores."""
import contextlib
import re
import sqlite3
import tempfile

import pytest

from rig import PLUGINS, message, number_of, wait_for
from test_postgres import BIN, Server
from test_reload import edit, hup

MB = 1 << 20
TEXT = "x" * 20000


@pytest.fixture(scope="module")
def server():
    if BIN is None or not (PLUGINS / "store-postgres.so").exists():
        pytest.skip("without PostgreSQL")
    with tempfile.TemporaryDirectory(prefix="hookswitch-pg-", dir="/var/tmp") as folder:
        made = Server(folder)
        yield made
        with contextlib.suppress(Exception):
            made.stop()


@pytest.fixture(params=["sqlite", "postgres"])
def journal(request, folder):
    """(the lines of [store], a function that asks the database for numbers)"""
    if request.param == "sqlite":
        def ask(sql):
            with contextlib.closing(sqlite3.connect(f"file:{folder}/hookswitch.db?mode=ro", uri=True)) as db:
                return [row[0] for row in db.execute(sql)]
        return "", ask
    server = request.getfixturevalue("server")
    schema = re.sub(r"\W", "_", request.node.name)[-60:]
    return (f"plugin = postgres\ndsn = {server.dsn}\nschema = {schema}",
            lambda sql: [int(n) for n in server.sql(f"SET search_path = {schema}; {sql}").split()])


def metric(daemon, name):
    text = daemon.request("GET", "/metrics")[2].decode()
    return int(re.search(rf"(?m)^{name} (\d+)$", text)[1])


def fill(daemon, numbers):
    for n in numbers:
        daemon.accept(message(n, text=TEXT))


def seqs(ask):
    return ask("SELECT seq FROM events ORDER BY seq")


def test_the_oldest_settled_events_go_when_there_is_too_much(webhook, journal):
    store, ask = journal
    daemon, receiver = webhook(lambda a, c: 400 if number_of(a.envelope) == 3 else 200,
                               store=store + "\nretention_size = 2m", options={"retry": "50ms"})
    fill(daemon, range(1, 301))
    receiver.wait(300)
    wait_for(lambda: daemon.sink("out")["lag"] == 0)
    wait_for(lambda: metric(daemon, "hookswitch_store_used_bytes") <= 2 * MB, 20, "it is below the limit")
    wait_for(lambda: len(seqs(ask)) < 110, 20)
    kept = seqs(ask)
    # The dead letter, and the newest without a gap; no more went than need be.
    assert kept[0] == 3 and kept[1:] == list(range(kept[1], 301))
    assert len(kept) > 30
    log = daemon.log_text()
    assert len(re.findall(r"events are kept for \d+ s instead of 24 h because of retention_size", log)) == 1
    assert metric(daemon, "hookswitch_store_oldest_event_seconds") < 60
    assert daemon.command("dead", "list").stdout.count("evt_") == 1


def test_what_a_sink_waits_for_is_never_given_up(webhook, journal):
    store, ask = journal
    down = [True]
    daemon, receiver = webhook(lambda a, c: 503 if down[0] else 200, store=store,
                               options={"retry": "1s, forever"})
    fill(daemon, range(1, 151))
    edit(daemon, "[store]", "[store]\nretention_size = 1m")
    assert "[store] retention_size changed: takes effect now" in hup(daemon)
    wait_for(lambda: "nothing of it can be deleted" in daemon.log_text(), 20)
    assert seqs(ask) == list(range(1, 151))
    down[0] = False
    wait_for(lambda: set(receiver.numbers()) == set(range(1, 151)), 60)
    wait_for(lambda: len(seqs(ask)) < 60, 20)


def test_old_dead_letters_are_deleted_and_their_events_with_them(webhook, journal):
    store, ask = journal
    daemon, receiver = webhook(lambda a, c: 400 if number_of(a.envelope) % 4 == 0 else 200,
                               store=store + "\nretention = 1s", options={"retry": "50ms"})
    for n in range(1, 41):
        daemon.accept(message(n, chat=n))
    wait_for(lambda: ask("SELECT count(*) FROM dead") == [10])
    edit(daemon, "[store]", "[store]\ndead_retention = 2s")
    assert "[store] dead_retention changed: takes effect now" in hup(daemon)
    wait_for(lambda: ask("SELECT count(*) FROM dead") == [0], 20)
    wait_for(lambda: seqs(ask) == [], 20)
    assert "evt_" not in daemon.command("dead", "list").stdout
    wait_for(lambda: metric(daemon, "hookswitch_dead_expired_total") == 10)
    counts = re.findall(r"deleted dead letters that were older than 2 s count=(\d+)", daemon.log_text())
    assert sum(map(int, counts)) == 10


def test_a_backlog_is_given_up_by_another_name(webhook, journal):
    store, ask = journal
    daemon, receiver = webhook(lambda a, c: 503, store=store + "\nretention = 1s", options={"retry": "1s, forever"})
    fill(daemon, range(1, 151))
    wait_for(lambda: daemon.sink("out")["lag"] > 50)
    receiver.behave = lambda a, c: 200
    edit(daemon, "[sink out]", "[sink again]")
    if store:
        # Which sinks there are changes with a restart where daemons can share the store.
        daemon.stop()
        daemon.start()
    else:
        assert "[sink again] added: takes effect now" in hup(daemon)
    wait_for(lambda: [s["name"] for s in daemon.status()["sinks"]] == ["again"])
    daemon.accept(message(1000))
    wait_for(lambda: 1000 in receiver.numbers())
    retrying = ask("SELECT count(*) FROM retries")[0]
    wait_for(lambda: len(seqs(ask)) <= retrying, 20)
    assert retrying < 150 and daemon.sink("again")["lag"] == 0
