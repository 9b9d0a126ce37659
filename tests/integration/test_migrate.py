# SPDX-License-Identifier: Apache-2.0
"""`hookswitch migrate`: from SQLite to PostgreSQL and back, interrupted in between."""
import contextlib
import json
import os
import pty
import re
import signal
import sqlite3
import subprocess
import time

import pytest

from api_rig import ApiDaemon
from rig import PLUGINS, PROGRAM, SLOW, message, wait_for
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
    wait_for(lambda: daemon.sink("out")["delivered"] == 10)
    broken.append(500)
    for number in range(11, 16):
        daemon.accept(message(number, chat=number))
    wait_for(lambda: daemon.sink("out")["retrying"] == 5, what="five retries")


def test_everything_comes_along_and_back(webhook, make_daemon, folder, server, request):  # noqa: F811
    broken = []
    daemon, receiver = webhook(lambda a, c: broken[-1] if broken else 200, options={"retry": f"{3 * SLOW}s"})
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


def interrupt(command, has_copied):
    """Kills it when it has copied some. It runs a moment at a time: it would have copied all when that was seen."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def has_begun():
        process.send_signal(signal.SIGCONT)
        time.sleep(0.01)
        process.send_signal(signal.SIGSTOP)
        assert process.poll() is None, process.communicate()
        return has_copied()
    wait_for(has_begun, what="some events are copied")
    process.kill()
    process.communicate()


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
        interrupt(command, lambda: copied() > before)
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


def delivered(folder, n):
    """A store with n events that the sink `out` has."""
    with sqlite3.connect(f"{folder}/hookswitch.db") as db:
        row = db.execute("SELECT * FROM events").fetchone()
        db.executemany("INSERT INTO events VALUES (?,?,?,?,?,?,?,?,?)", (
            (seq, row[1], seq.to_bytes(16, "big"), *row[3:]) for seq in range(2, n + 1)))
        db.execute("UPDATE destinations SET cursor = ?", (n,))


def begin(source, target, args, copied, events):
    """A copy that is interrupted when some of the events are there, but not all."""
    interrupt([PROGRAM, "migrate", "-d", PLUGINS, "-f", source, "-t", target, *args], lambda: copied() > 0)
    assert 0 < copied() < events, "it was interrupted in the middle"


def lines_in_sqlite(path):
    """0 where there is no file, or no table in it, or a process that stands still has it locked."""
    with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(
            sqlite3.connect(f"file:{path}?mode=rw", timeout=0.1, uri=True)) as db:
        return db.execute("SELECT count(*) FROM events").fetchone()[0]
    return 0


@pytest.mark.parametrize("plugin", ["sqlite", "postgres"])
def test_a_part_of_a_copy_is_no_store(plugin, webhook, folder, server):  # noqa: F811
    """Its cursors come last: who delivered from it would deliver everything again."""
    daemon, receiver = webhook()
    daemon.accept(message(1))
    receiver.wait(1)
    daemon.stop()
    delivered(folder, 60000)
    source = f"sqlite:{folder}/hookswitch.db"
    if plugin == "sqlite":
        target, args, lines = f"sqlite:{folder}/new.db", [], f"path = {folder}/new.db"

        def copied():
            return lines_in_sqlite(f"{folder}/new.db")
    else:
        target, args = f"postgres:{server.dsn}", ["-T", "schema=part"]
        lines = f"plugin = postgres\ndsn = {server.dsn}\nschema = part"

        def copied():
            if server.sql("SELECT to_regclass('part.events') IS NOT NULL") == "f":
                return 0
            return int(server.sql("SELECT count(*) FROM part.events"))
    begin(source, target, args, copied, 60000)
    daemon.ini.write_text(daemon.ini.read_text().replace(f"path = {folder}/hookswitch.db", lines))
    run = subprocess.run([PROGRAM, "run", "-c", daemon.ini], capture_output=True, text=True, timeout=60, env=QUIET)
    assert run.returncode == 1 and "complete the copy" in run.stdout + run.stderr, run
    further = migrate(target, f"sqlite:{folder}/further.db", *(a.replace("-T", "-F") for a in args), check=False)
    assert further.returncode == 1 and "first complete that copy" in further.stderr, further
    assert counts(migrate(source, target, *args).stdout)["events"] == 60000
    daemon.start()
    daemon.accept(message(2))
    wait_for(lambda: 2 in receiver.numbers())
    assert receiver.numbers() == [1, 2]


def test_a_copy_from_postgres_goes_on_where_it_was(webhook, folder, server):  # noqa: F811
    daemon, receiver = webhook()
    daemon.accept(message(1))
    receiver.wait(1)
    daemon.stop()
    delivered(folder, 60000)
    back, source = f"{folder}/back.db", f"postgres:{server.dsn}"
    migrate(f"sqlite:{folder}/hookswitch.db", source, "-T", "schema=goes_back")
    begin(source, f"sqlite:{back}", ["-F", "schema=goes_back"], lambda: lines_in_sqlite(back), 60000)
    assert counts(migrate(source, f"sqlite:{back}", "-F", "schema=goes_back").stdout)["events"] == 60000
    with sqlite3.connect(f"{folder}/hookswitch.db") as one, sqlite3.connect(back) as two:
        for query in ("SELECT * FROM events ORDER BY seq", "SELECT * FROM destinations"):
            assert one.execute(query).fetchall() == two.execute(query).fetchall(), query


@pytest.mark.parametrize("table", ["events", "retries", "dead", "records", "memos"])
def test_a_copy_that_lacks_something_is_told(table, folder, server, make_receiver):  # noqa: F811
    """What the target's server swallows is missed, and the target is no store until it is there."""
    fill_by_api(folder, make_receiver)
    schema = f"lacks_{table}"
    made = counts(migrate(f"sqlite:{folder}/hookswitch.db", f"postgres:{server.dsn}", "-T", f"schema={schema}").stdout)
    assert (made["events"], made["retries"], made["dead"]) == (12, 2, 2)
    assert made["records"] >= 3 and made["memos"] >= 2
    # A target as it was at the beginning, but for a trigger.
    server.sql(f"TRUNCATE {schema}.events, {schema}.destinations, {schema}.retries, {schema}.dead, {schema}.records,"
               f" {schema}.memos; UPDATE {schema}.log SET last_seq = 0")
    server.sql(f"CREATE SEQUENCE {schema}.rows; CREATE FUNCTION {schema}.swallow() RETURNS trigger LANGUAGE plpgsql AS"
               f" 'BEGIN IF nextval(''{schema}.rows'') = 2 THEN RETURN NULL; END IF; RETURN NEW; END'")
    server.sql(f"CREATE TRIGGER swallow BEFORE INSERT ON {schema}.{table}"
               f" FOR EACH ROW EXECUTE FUNCTION {schema}.swallow()")
    r = migrate(f"sqlite:{folder}/hookswitch.db", f"postgres:{server.dsn}", "-T", f"schema={schema}", check=False)
    lacking = f"{made[table] - 1} of {made[table]} {table}"
    assert r.returncode == 1 and "the target differs" in r.stderr and lacking in r.stderr, r
    assert r.stdout == ""


def fill_by_api(folder, make_receiver):
    """12 events; an instance with two webhooks that the API made; two retries and two dead letters."""
    def behave(arrival, connection):
        return {3: 400, 4: 400, 5: 503, 6: 503}.get(int(arrival.envelope["data"]["id"][4:]), 200)
    receiver = make_receiver(behave)
    daemon = ApiDaemon(folder, {"out": {"plugin": "webhook", "url": receiver.url, "retry": "1h", "drop_on": "400"}})
    daemon.start()
    try:
        daemon.ok("POST", "/api/instance/new", {"name": "shop", "token": "of-the-shop"}, status=201)
        for label in ("one", "two"):
            daemon.webhook("shop", receiver.url + label, label=label)
        for number in range(1, 13):
            daemon.accept(message(number, chat=number))
        wait_for(lambda: len(receiver.arrivals) >= 12 and daemon.sink("out")["retrying"] == 2)
        wait_for(lambda: daemon.command("dead", "list").stdout.count("evt_") == 2)
    finally:
        daemon.stop()
    return daemon, receiver


def test_what_the_api_made_and_dead_letters_come_along(folder, server, make_receiver):  # noqa: F811
    daemon, receiver = fill_by_api(folder, make_receiver)
    migrate(f"sqlite:{folder}/hookswitch.db", f"postgres:{server.dsn}", "-T", "schema=with_api")
    daemon.ini.write_text(daemon.ini.read_text().replace(
        f"path = {folder}/hookswitch.db", f"plugin = postgres\ndsn = {server.dsn}\nschema = with_api"))
    daemon.start()
    try:
        assert [w["label"] for w in daemon.webhooks("shop")] == ["one", "two"]
        daemon.ok("GET", "/api/events/getWebhook/shop", token="of-the-shop")
        wait_for(lambda: any(s["name"] == "out" and s["retrying"] == 2 for s in daemon.status()["sinks"]))
        receiver.behave = lambda arrival, connection: 200
        before = len(receiver.arrivals)
        daemon.command("dead", "replay", "--sink", "out", "--all")
        receiver.wait(before + 2)
        assert sorted(receiver.numbers()[before:]) == [3, 4]
        daemon.accept(message(20), instance="shop")
        receiver.wait(before + 5)
        assert sorted(a.path for a in receiver.arrivals[before + 2:]) == ["/hook", "/hookone", "/hooktwo"]
    finally:
        daemon.stop()


def test_a_terminal_shows_a_bar(webhook, folder):
    daemon, receiver = webhook()
    daemon.accept(message(1))
    receiver.wait(1)
    daemon.stop()
    delivered(folder, 20000)
    terminal, other = pty.openpty()
    process = subprocess.Popen([PROGRAM, "migrate", "-d", PLUGINS, "-f", f"sqlite:{folder}/hookswitch.db", "-t",
                                f"sqlite:{folder}/new.db"], stdout=subprocess.PIPE, stderr=other, env=QUIET)
    os.close(other)
    shown = b""
    try:
        while chunk := os.read(terminal, 65536):
            shown += chunk
    except OSError:  # so ends a terminal whose last program has ended
        pass
    os.close(terminal)
    assert b"events=20000" in process.communicate()[0] and process.returncode == 0
    bars = [(what.strip(), len(bar.rstrip()), int(done)) for what, bar, done in re.findall(
        r"\r([a-z ]+)\[([# ]{30})\] (\d+) of 20000, \d+/s", shown.decode())]
    events = [(filled, done) for what, filled, done in bars if what == "events"]
    # It grows with the events, and is full in the end.
    assert len(events) > 1 and events == sorted(events) and events[-1] == (30, 20000), shown
    assert events[0][0] < 30 and all(filled == done * 30 // 20000 for filled, done in events)
    assert ("verifying", 30, 20000) in bars
