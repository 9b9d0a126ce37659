# SPDX-License-Identifier: Apache-2.0
"""The daemon on store-postgres: the main job, the daemon killed, the server restarted and away."""
import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import pytest

from rig import PLUGINS, SLOW, message, wait_for
from test_crash import Producers

BIN = next(iter(sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
pytestmark = pytest.mark.skipif(
    BIN is None or not (PLUGINS / "store-postgres.so").exists(), reason="without PostgreSQL")


class Server:
    """A PostgreSQL server of its own, on a unix socket."""

    def __init__(self, folder):
        self.folder = folder
        # The server refuses to run as root.
        self.user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.getuid() == 0 else []
        if self.user:
            shutil.chown(folder, "nobody", "nogroup")
        self.run("initdb", "-D", f"{folder}/data", "-U", "hookswitch", "-A", "trust", "-E", "UTF8", "--locale=C")
        with open(f"{folder}/data/postgresql.conf", "a") as conf:
            conf.write(f"listen_addresses = ''\nunix_socket_directories = '{folder}'\nshared_buffers = 32MB\n")
        self.start()

    @property
    def dsn(self):
        return f"host={self.folder} user=hookswitch dbname=postgres"

    def run(self, program, *args):
        subprocess.run([*self.user, BIN / program, *args], check=True, cwd=self.folder,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)

    def start(self):
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-l", f"{self.folder}/log", "-w", "start")

    def stop(self, mode="immediate"):
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-m", mode, "-w", "stop")

    def sql(self, text):
        return subprocess.run(["psql", "-Atqc", text, self.dsn], check=True, capture_output=True,
                              text=True).stdout.strip()


@pytest.fixture(scope="module")
def server():
    with tempfile.TemporaryDirectory(prefix="hookswitch-pg-", dir="/var/tmp") as folder:
        made = Server(folder)
        yield made
        with contextlib.suppress(subprocess.CalledProcessError):
            made.stop()


@pytest.fixture
def store(server, request):
    """The lines of [store]; each test has a schema of its own."""
    return f"plugin = postgres\ndsn = {server.dsn}\nschema = {request.node.name[:60]}"


def journal_numbers(server, name):
    return [int(n) for n in server.sql(
        f"SELECT substring(encode(body, 'escape') from 'TEST([0-9]{{8}})')::int FROM {name[:60]}.events"
        " ORDER BY seq").split()]


def test_events_are_delivered_and_what_comes_twice_only_once(webhook, store, server):
    daemon, receiver = webhook(store=store)
    for number in range(1, 51):
        daemon.accept(message(number, chat=number % 5))
    assert daemon.accept(message(7, chat=2))["duplicates"] == 1
    receiver.wait(50)
    daemon.stop()
    daemon.start()
    assert daemon.accept(message(8, chat=3))["duplicates"] == 1
    daemon.accept(message(51))
    wait_for(lambda: 51 in receiver.numbers())
    assert sorted(receiver.numbers()) == list(range(1, 52))


def test_what_another_writer_stored_is_a_duplicate(webhook, store, server, request):
    daemon, receiver = webhook(store=store)
    schema = request.node.name[:60]
    ident = daemon.accept(message(1))["ids"][0]
    receiver.wait(1)
    daemon.stop()
    # As if another daemon had taken the event: this one's own memory does not know it.
    server.sql(f"DELETE FROM {schema}.memos")
    daemon.start()
    again = daemon.accept(message(1))
    assert again["duplicates"] == 1 and again["ids"][0] == ident
    daemon.accept(message(2))
    wait_for(lambda: 2 in receiver.numbers())
    assert receiver.numbers() == [1, 2]
    assert journal_numbers(server, request.node.name) == [1, 2]


def test_retries_and_dead_letters_survive_and_are_replayed(webhook, store):
    broken = [True]
    daemon, receiver = webhook(lambda a, c: 400 if broken[0] else 200, store=store, options={"retry": "50ms"})
    daemon.accept(message(1))
    wait_for(lambda: "evt_" in daemon.command("dead", "list").stdout, what="a dead letter")
    daemon.kill()
    daemon.start()
    assert daemon.command("dead", "list").stdout.count("evt_") == 1
    broken[0] = False
    seen = len(receiver.arrivals)
    daemon.command("dead", "replay", "--sink", "out", "--all")
    receiver.wait(seen + 1)
    wait_for(lambda: "evt_" not in daemon.command("dead", "list").stdout)


def test_kill_9_under_load_loses_nothing_that_was_accepted(webhook, store, server, request):
    daemon, receiver = webhook(store=store)
    producers = Producers(daemon.port)
    for _ in range(5):
        time.sleep(0.4)
        daemon.kill()
        daemon.start()
    enough = max(len(producers.accepted) + 20, 100)
    wait_for(lambda: len(producers.accepted) > enough)
    producers.stop()
    wait_for(lambda: not set(producers.accepted) - set(receiver.numbers()), 60, "every accepted event arrives")
    stored = journal_numbers(server, request.node.name)
    assert len(stored) == len(set(stored))


def test_a_server_that_restarts_is_waited_for_and_nothing_is_lost(webhook, store, server, request):
    daemon, receiver = webhook(store=store)
    producers = Producers(daemon.port)
    for mode in ("immediate", "fast", "immediate"):
        time.sleep(0.4)
        server.stop(mode)
        wait_for(lambda: daemon.post(message(9000000))[0] == 503, what="503 while the server is down")
        status, headers, _ = daemon.request(
            "POST", "/in/evolution/sales", b'{"event":"messages.upsert","instance":"demo","data":{"key":{'
            b'"remoteJid":"551199@s.whatsapp.net","id":"TEST09000001"},"message":{"conversation":"x"}}}',
            {"token": "ingest-SECRET-token"})
        assert status == 503 and int(headers["retry-after"]) >= 1
        server.start()
        before = len(producers.accepted)
        wait_for(lambda: len(producers.accepted) > before + 20, 10, "it goes on by itself")
    producers.stop()
    wait_for(lambda: not set(producers.accepted) - set(receiver.numbers()), 60, "every accepted event arrives")
    stored = journal_numbers(server, request.node.name)
    assert len(stored) == len(set(stored))
    daemon.stop()


def test_a_second_daemon_on_the_schema_is_refused(webhook, make_daemon, store, folder):
    webhook(store=store)
    other = pathlib.Path(folder) / "other"
    other.mkdir()
    second = make_daemon({}, store=store, start=False)
    second.ini = other / "hookswitch.ini"
    second.ini.write_text((pathlib.Path(folder) / "hookswitch.ini").read_text().replace("control.sock", "c2.sock"))
    result = subprocess.run([PLUGINS.parent.parent / "hookswitch", "run", "-c", second.ini], capture_output=True,
                            text=True, timeout=60)
    assert result.returncode != 0
    assert "in use by another hookswitch" in result.stdout + result.stderr


def test_a_role_without_temporary_tables_takes_large_events_too(webhook, store, server):
    server.sql("CREATE ROLE plain LOGIN")
    server.sql("REVOKE TEMPORARY ON DATABASE postgres FROM PUBLIC; GRANT CREATE ON DATABASE postgres TO plain")
    daemon, receiver = webhook(store=store.replace("user=hookswitch", "user=plain"))
    daemon.accept(message(1, text="x" * 1_000_000))
    assert daemon.accept(message(1, text="x" * 1_000_000))["duplicates"] == 1
    receiver.wait(1)
    assert daemon.log_text().count("large events are not sent ahead") == 1
    daemon.stop()
    server.sql("GRANT TEMPORARY ON DATABASE postgres TO PUBLIC")


def test_large_events_come_in_their_order_and_once(webhook, store, server, request):
    daemon, receiver = webhook(store=store)
    for number in range(1, 7):
        daemon.accept(message(number, text="x" * (900_000 if number % 3 else 10)))
    receiver.wait(6)
    assert receiver.numbers() == [1, 2, 3, 4, 5, 6]
    daemon.kill()
    daemon.start()
    assert daemon.accept(message(2, text="x" * 900_000))["duplicates"] == 1
    assert journal_numbers(server, request.node.name) == [1, 2, 3, 4, 5, 6]


PASSWORD = "of-the-role-SECRET"


@pytest.fixture
def locked(server, folder, monkeypatch):
    """What a role needs that has to give its password: (dsn without it, a file of services, a file of passwords)."""
    access = pathlib.Path(f"{server.folder}/data/pg_hba.conf")
    before = access.read_text()
    server.sql(f"CREATE ROLE locked LOGIN PASSWORD '{PASSWORD}';"
               " GRANT CREATE ON DATABASE postgres TO locked")
    access.write_text("local all locked scram-sha-256\n" + before)
    server.sql("SELECT pg_reload_conf()")
    for name in ("PGPASSWORD", "PGPASSFILE", "PGSERVICEFILE"):
        monkeypatch.delenv(name, raising=False)
    services, passwords = pathlib.Path(folder) / "services", pathlib.Path(folder) / "passwords"
    services.write_text(f"[hooks]\nhost={server.folder}\nuser=locked\ndbname=postgres\npassword={PASSWORD}\n")
    passwords.write_text(f"*:*:postgres:locked:{PASSWORD}\n")
    passwords.chmod(0o600)
    yield f"host={server.folder} user=locked dbname=postgres", services, passwords
    access.write_text(before)
    server.sql("SELECT pg_reload_conf(); DROP OWNED BY locked CASCADE; DROP ROLE locked")


@pytest.mark.parametrize("way", ["PGPASSWORD", "PGPASSFILE", "service", "dsn", "none", "wrong"])
def test_where_the_password_may_stand(locked, monkeypatch, webhook, make_daemon, way):
    dsn, services, passwords = locked
    if way == "PGPASSWORD":
        monkeypatch.setenv("PGPASSWORD", PASSWORD)
    elif way == "PGPASSFILE":
        monkeypatch.setenv("PGPASSFILE", str(passwords))
    elif way == "service":
        monkeypatch.setenv("PGSERVICEFILE", str(services))
        dsn = "service=hooks"
    elif way == "dsn":
        dsn += f" password={PASSWORD}"
    elif way == "wrong":
        dsn += " password=another-SECRET"
    store = f"plugin = postgres\ndsn = {dsn}\nschema = password_{way.lower()}"
    if way in ("none", "wrong"):
        daemon = make_daemon({}, store=store, start=False)
        r = subprocess.run([PLUGINS.parent.parent / "hookswitch", "run", "-c", daemon.ini], capture_output=True,
                           text=True, timeout=60)
        assert r.returncode == 1 and "password" in r.stderr and "SECRET" not in r.stdout + r.stderr, r
        return
    daemon, receiver = webhook(store=store)
    daemon.accept(message(1))
    receiver.wait(1)
    assert "SECRET" not in daemon.log_text()


@pytest.mark.parametrize("lines, word", [
    ("dsn = host=127.0.0.1 prot=5", 'invalid connection option "prot"'),
    ("dsn = postgres://u:SECRET@[::1", "matching"),
    ("dsn = host=x password=a SECRET", 'missing "="'),
    ("dsn = host=x\nschema = pg_foo", "does not begin with pg_"),
    ("dsn = host=x\nschema = " + "s" * 80, "1 to 63 bytes"),
    ("dsn = host=x\nnode = a b", "1 to 63 letters"),
], ids=["option", "uri", "pair", "pg_", "long", "node"])
def test_check_finds_what_cannot_start(make_daemon, lines, word):
    daemon = make_daemon({}, store=f"plugin = postgres\n{lines}", start=False)
    r = daemon.command("check", check=False)
    assert r.returncode != 0 and word in r.stdout + r.stderr, r
    assert "SECRET" not in r.stdout + r.stderr


@contextlib.contextmanager
def locked_row(server, query):
    """Another session has what the query finds locked."""
    session = subprocess.Popen(["psql", "-Atq", server.dsn], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        session.stdin.write(f"BEGIN;\n{query} FOR UPDATE;\n")
        session.stdin.flush()
        session.stdout.readline()
        yield
    finally:
        session.stdin.close()
        session.stdout.close()
        session.wait()


@pytest.fixture
def dead_letters(webhook, server, request):
    """A daemon with so many dead letters, and their schema."""
    def make(many):
        schema = re.sub(r"\W", "_", request.node.name)[-40:]
        store = f"plugin = postgres\ndsn = {server.dsn}\nschema = {schema}"
        daemon, receiver = webhook(store=store + f"\ntimeout = {3 * SLOW}s")
        daemon.accept(message(1))
        receiver.wait(1)
        wait_for(lambda: daemon.sink("out")["cursor"] == 1)
        server.sql(
            f"SET search_path = {schema}; INSERT INTO events SELECT g + 1, received_at, decode(md5(g::text), 'hex'),"
            f" instance, type, provider, key, layout, body FROM events, generate_series(1, {many}) g;"
            f"UPDATE destinations SET cursor = {many} + 1; UPDATE log SET last_seq = {many} + 1;"
            f"INSERT INTO dead SELECT d.id, g + 1, 5, received_at, 500, '' FROM destinations d, events,"
            f" generate_series(1, {many}) g WHERE seq = 1")
        return daemon, schema
    return make


@pytest.mark.parametrize("what", ["purge", "replay"])
def test_dead_letters_go_some_at_a_time(what, dead_letters, server):
    """So that events do not wait for all of them: those go that can, before one that cannot."""
    many = 5000
    daemon, schema = dead_letters(many)
    with locked_row(server, f"SELECT seq FROM {schema}.dead WHERE seq = {many} + 1"):
        assert daemon.command("dead", what, "--all", check=False).returncode != 0
        assert 0 < int(server.sql(f"SELECT count(*) FROM {schema}.dead")) < many
    wait_for(lambda: daemon.command("dead", what, "--all", check=False).returncode == 0, 30, "the store is back")
    assert server.sql(f"SELECT count(*) FROM {schema}.dead") == "0"


@pytest.mark.parametrize("what, done", [("purge", "purged"), ("replay", "replayed")])
def test_who_has_dead_letters_go_is_answered_before_long_and_comes_again(what, done, dead_letters, server):
    daemon, schema = dead_letters(5000)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with locked_row(server, f"SELECT seq FROM {schema}.dead WHERE seq = 1000"):
            asked = pool.submit(daemon.control, "POST", f"/dead/{what}?sink=out")
            wait_for(lambda: server.sql("SELECT count(*) FROM pg_locks WHERE NOT granted") != "0", what="it waits")
            time.sleep(1)
        status, text = asked.result(30 * SLOW)
    answer = json.loads(text)
    assert status == 200 and answer["more"] and answer[done] == 2000
    while answer["more"]:
        rest = f"count={answer[done]}&after={answer['next']}&sink=out"
        answer = json.loads(daemon.control("POST", f"/dead/{what}?{rest}")[1])
    assert answer[done] == 5000
    assert server.sql(f"SELECT count(*) FROM {schema}.dead") == "0"
