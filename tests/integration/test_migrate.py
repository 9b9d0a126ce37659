# SPDX-License-Identifier: Apache-2.0
"""`hookswitch migrate`: from SQLite to PostgreSQL and back, interrupted in between."""
import json
import os
import re
import signal
import sqlite3
import subprocess
import time

from rig import PLUGINS, PROGRAM, message, wait_for
from test_postgres import pytestmark, server  # noqa: F401


# LeakSanitizer crashes now and then at the end of a process whose other threads are just ending.
QUIET = {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


def migrate(source, target, *args, check=True):
    r = subprocess.run([PROGRAM, "migrate", "-d", PLUGINS, "--from", source, "--to", target, *args],
                       capture_output=True, text=True, timeout=120, env=QUIET)
    assert not check or r.returncode == 0, r.stderr
    return r


def counts(text):
    return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", text)}


def fill(daemon, receiver, broken):
    """Ten events that are settled, then five that wait for a retry."""
    for number in range(1, 11):
        daemon.accept(message(number))
    receiver.wait(10)
    broken.append(500)
    for number in range(11, 16):
        daemon.accept(message(number, chat=number))
    wait_for(lambda: daemon.sink("out")["retrying"] == 5, what="five retries")


def test_everything_comes_along_and_back(webhook, make_daemon, folder, server, request):  # noqa: F811
    broken = []
    daemon, receiver = webhook(lambda a, c: broken[-1] if broken else 200, options={"retry": "3s"})
    fill(daemon, receiver, broken)
    daemon.stop()
    schema = "migrate_all"
    with sqlite3.connect(f"{folder}/hookswitch.db") as db:
        db.execute("INSERT INTO memos VALUES ('identity', (SELECT max(n) + 1 FROM memos), ?, X'7B7D')",
                   (int(time.time() * 1000),))
    moved = counts(migrate(f"sqlite:{folder}/hookswitch.db", f"postgres:{server.dsn}",
                           "--to-set", f"schema={schema}").stdout)
    assert moved["events"] == 15 and moved["destinations"] == 1 and moved["retries"] == 5, moved
    assert moved["memos"] > 0
    back = counts(migrate(f"postgres:{server.dsn}", f"sqlite:{folder}/back.db",
                          "--from-set", f"schema={schema}").stdout)
    assert back == moved
    assert server.sql(f"SELECT count(*) FROM {schema}.memos WHERE kind = 'identity'") == "1"
    tables = ("destinations", "records", "memos", "retries", "dead")
    with sqlite3.connect(f"{folder}/hookswitch.db") as one, sqlite3.connect(f"{folder}/back.db") as two:
        for query in ["SELECT * FROM events ORDER BY seq"] + [f"SELECT * FROM {t} ORDER BY 1, 2" for t in tables]:
            assert one.execute(query).fetchall() == two.execute(query).fetchall(), query
    # The daemon goes on with PostgreSQL where it was with SQLite.
    broken.append(200)
    before = len(receiver.arrivals)
    text = daemon.ini.read_text().replace(
        f"path = {folder}/hookswitch.db", f"plugin = postgres\ndsn = {server.dsn}\nschema = {schema}")
    daemon.ini.write_text(text)
    daemon.start()
    assert daemon.accept(message(3))["duplicates"] == 1
    receiver.wait(before + 5)
    daemon.accept(message(16))
    wait_for(lambda: 16 in receiver.numbers())
    assert sorted(receiver.numbers()[before:]) == [11, 12, 13, 14, 15, 16]


def test_a_target_that_is_not_empty_is_refused(webhook, folder, server):  # noqa: F811
    daemon, receiver = webhook()
    daemon.accept(message(1))
    receiver.wait(1)
    daemon.stop()
    target = f"postgres:{server.dsn}"
    migrate(f"sqlite:{folder}/hookswitch.db", target, "-T", "schema=migrate_twice")
    again = migrate(f"sqlite:{folder}/hookswitch.db", target, "-T", "schema=migrate_twice", check=False)
    assert again.returncode == 1 and "not empty" in again.stderr


def test_a_store_in_use_and_bad_places_are_refused(webhook, folder, server):  # noqa: F811
    webhook()
    target = f"postgres:{server.dsn}"
    used = migrate(f"sqlite:{folder}/hookswitch.db", target, "-T", "schema=migrate_used", check=False)
    assert used.returncode == 1 and "in use" in used.stderr
    for source, word in (("sqlite", "PLUGIN:PLACE"), ("nosuch:x", "nosuch"), ("sqlite:/nonexistent/x.db", "x.db")):
        r = migrate(source, target, check=False)
        assert r.returncode == 1 and word in r.stderr, r.stderr


def test_a_source_that_is_not_there_is_refused_and_nothing_is_made(folder, server):  # noqa: F811
    target = f"postgres:{server.dsn}"
    before = sorted(os.listdir(folder))
    for source, args in ((f"sqlite:{folder}/nope.db", []), (target, ["-F", "schema=nix"])):
        r = migrate(source, target, "-T", "schema=mig2", *args, check=False)
        assert r.returncode == 1 and "no such store" in r.stderr and r.stdout == "", r
        assert server.sql("SELECT count(*) FROM pg_namespace WHERE nspname IN ('mig2', 'nix')") == "0"
        assert sorted(os.listdir(folder)) == before


def test_a_store_is_not_copied_onto_itself(webhook, folder, server):  # noqa: F811
    daemon, _ = webhook()
    daemon.stop()
    os.symlink(f"{folder}/hookswitch.db", f"{folder}/alias.db")
    for target in ("hookswitch.db", "alias.db"):
        r = migrate(f"sqlite:{folder}/hookswitch.db", f"sqlite:{folder}/{target}", check=False)
        assert r.returncode == 1 and "source and target are the same" in r.stderr, r.stderr
    r = migrate(f"postgres:{server.dsn}", f"postgres:{server.dsn}", check=False)
    assert r.returncode == 1 and "source and target are the same" in r.stderr, r.stderr


def many(folder, n):
    """A log of n events with gaps, as pruning leaves them, and exceptions."""
    with sqlite3.connect(f"{folder}/hookswitch.db") as db:
        row = db.execute("SELECT * FROM events").fetchone()
        target = db.execute("SELECT id FROM destinations").fetchone()[0]
        db.execute("DELETE FROM events")
        db.executemany("INSERT INTO events VALUES (?,?,?,?,?,?,?,?,?)", (
            (seq, row[1], seq.to_bytes(16, "big"), *row[3:8], row[8] + b" " * (seq % 700))
            for seq in range(10, n + 10) if seq % 1000 < 990))
        db.executemany("INSERT INTO retries VALUES (?,?,?,?,?,?)", (
            (target, seq, 2, 99999999999999, 503, f"retry {seq}") for seq in range(10, n, 500)))
        db.executemany("INSERT INTO dead VALUES (?,?,?,?,?,?)", (
            (target, seq, 5, 7, 410, f"dead {seq}") for seq in range(11, n, 500)))
        db.execute("UPDATE destinations SET cursor = ?", (n // 1000 * 1000 - 5,))
        return (db.execute("SELECT count(*) FROM events").fetchone()[0],
                db.execute("SELECT id FROM events WHERE seq <= ? ORDER BY seq DESC", (n // 1000 * 1000 - 5,)
                           ).fetchone()[0])


def test_an_interrupted_copy_goes_on_where_it_was(webhook, folder, server):  # noqa: F811
    daemon, receiver = webhook()
    daemon.accept(message(1))
    receiver.wait(1)
    daemon.stop()
    events, at_cursor = many(folder, 80000)
    source, target, schema = f"sqlite:{folder}/hookswitch.db", f"postgres:{server.dsn}", "migrate_halves"
    command = [PROGRAM, "migrate", "-d", PLUGINS, "-f", source, "-t", target, "-T", f"schema={schema}"]

    def copied():
        if server.sql(f"SELECT to_regclass('{schema}.events') IS NOT NULL") == "f":
            return 0
        return int(server.sql(f"SELECT last_seq FROM {schema}.log"))
    for _ in range(3):
        before = copied()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_for(lambda: copied() > before, what="some events are copied")
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        process.communicate()
    assert 0 < copied() < events, "it was interrupted in the middle"
    moved = counts(migrate(source, target, "-T", f"schema={schema}").stdout)
    assert moved["events"] == events
    # The same events in the same order, each exception at its own event, the cursor at its place.
    with sqlite3.connect(f"{folder}/hookswitch.db") as db:
        ids = [i.hex() for (i,) in db.execute("SELECT id FROM events ORDER BY seq")]
        wanted = {table: [f"{i.hex()}|{text}" for i, text in db.execute(
            f"SELECT e.id, x.error FROM {table} x JOIN events e ON e.seq = x.seq ORDER BY e.seq")]
            for table in ("retries", "dead")}
    assert server.sql(f"SELECT encode(id, 'hex') FROM {schema}.events ORDER BY seq").split() == ids
    for table, rows in wanted.items():
        assert moved[table] == len(rows) > 50
        assert server.sql(
            f"SELECT encode(e.id, 'hex'), convert_from(x.error, 'UTF8') FROM {schema}.{table} x"
            f" JOIN {schema}.events e ON e.seq = x.seq ORDER BY e.seq").splitlines() == rows
    assert server.sql(f"SELECT encode(e.id, 'hex') FROM {schema}.destinations d JOIN {schema}.events e"
                      " ON e.seq = d.cursor") == at_cursor.hex()
    assert json.loads(server.sql(f"SELECT count(*) FROM {schema}.records WHERE kind = 'migration'")) == 0
