# SPDX-License-Identifier: Apache-2.0
"""Stores under real conditions: steady load, full disks, a server that hangs, refuses to write or is replaced."""
import concurrent.futures
import contextlib
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time

import pytest

from rig import BUILD, PLUGINS, SLOW, TOKEN, Daemon, free_port, message, wait_for
from test_crash import Producers
from test_postgres import BIN, Server
from ws_rig import metric

FULL = os.environ.get("HOOKSWITCH_TEST_SCALE") == "full"
needs_postgres = pytest.mark.skipif(
    BIN is None or not (PLUGINS / "store-postgres.so").exists(), reason="without PostgreSQL")
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root may mount a small disk")
# A failing store says so once in ten seconds.
LOG_EVERY_S = 10


def post(daemon, number, text=None):
    return daemon.request("POST", "/in/evolution/sales", json.dumps(message(number, text=text)),
                          {"token": TOKEN})


@contextlib.contextmanager
def pg_folder():
    with tempfile.TemporaryDirectory(prefix="hookswitch-pg-", dir="/var/tmp") as folder:
        yield folder


@contextlib.contextmanager
def running(server):
    try:
        yield server
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            server.stop()


@pytest.fixture
def server():
    with pg_folder() as folder, running(Server(folder)) as made:
        yield made


@contextlib.contextmanager
def small_disk(folder, size):
    pathlib.Path(folder).mkdir(exist_ok=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=False).returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def cpu_seconds(daemon):
    fields = pathlib.Path(f"/proc/{daemon.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def failures(daemon):
    return daemon.log_text().count("a transaction failed and was rolled back")


def fill_until_refused(daemon, text, accepted):
    """Posts until the store is full; returns the refusal's headers."""
    for number in range(len(accepted) + 1, 100000):
        status, headers, answer = post(daemon, number, text)
        if status != 202:
            assert status == 503, answer
            return headers
        accepted.append(number)
    raise AssertionError("the disk was never full")


def is_up(daemon):
    text = daemon.request("GET", "/metrics")[2].decode()
    return {"0": False, "1": True}[re.search(r"^hookswitch_store_up (\d+)$", text, re.M).group(1)]


def says_that_it_is_down(daemon):
    status = daemon.status()
    assert not is_up(daemon) and not status["storeUp"] and status["storeTrouble"]
    assert daemon.request("GET", "/readyz")[0] == 503


def stays_calm(daemon, text=None, seconds=2):
    """While everything is refused, the log and the CPU stay quiet."""
    began, said = time.monotonic(), failures(daemon)
    refused = 0
    while time.monotonic() < began + seconds:
        status, headers, _ = post(daemon, 90000000 + refused, text)
        assert status == 503 and int(headers["retry-after"]) >= 1
        refused += 1
    assert refused > 20
    assert failures(daemon) - said <= 1 + seconds / LOG_EVERY_S
    spent, began = cpu_seconds(daemon), time.monotonic()
    time.sleep(1)
    assert cpu_seconds(daemon) - spent < 0.3 * (time.monotonic() - began) * SLOW


def arrive_exactly_once(receiver, accepted):
    wait_for(lambda: not set(accepted) - set(receiver.numbers()), 20, "every accepted event arrives")
    ids = {}
    for envelope in receiver.envelopes():
        ids.setdefault(envelope["data"]["id"], set()).add(envelope["id"])
    assert all(len(found) == 1 for found in ids.values())


# ---- steady load ----

BENCH = BUILD / "contrib/bench/hookswitch-bench"


def run_longer(run, events, seconds):
    """run(number of events) with twice as many until it takes so long: how fast the machine is says nothing."""
    while True:
        began = time.monotonic()
        result = run(events)
        if FULL or time.monotonic() - began >= seconds:
            return events, result
        events *= 2


@pytest.mark.skipif(not BENCH.exists() or SLOW > 1, reason="a figure; without the bench, or slowed by a sanitizer")
def test_with_a_short_retention_rows_and_file_stay_bounded(folder):
    """The bench pours in as much as the machine can take: far more than 2,000 events/s, where it is not slowed."""
    def run(events):
        path, rows, sizes = pathlib.Path(folder) / f"{events}.db", [], []
        bench = subprocess.Popen(
            [BENCH, "--only", "W1", "--port", str(free_port()), "--events", str(events),
             "--store", f"path = {path};retention = 0s"],
            env={**os.environ, "TMPDIR": folder}, cwd=BUILD, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        while bench.poll() is None:
            with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(
                    sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
                rows.append(db.execute("SELECT count(*) FROM events").fetchone()[0])
                sizes.append(path.stat().st_size)
            time.sleep(0.2)
        output = bench.communicate()[0]
        assert bench.returncode == 0, output
        return rows, sizes

    # It is looked for old events every 2 s.
    events, (rows, sizes) = run_longer(run, 1_000_000 if FULL else 100_000, 6)
    assert len(rows) > 5, rows
    # Without pruning it is a row for each event, and 1.5 KB.
    assert max(rows) < events * 2 / 3, rows
    assert max(sizes) < events * 1500 * 2 / 3, sizes


@needs_postgres
@pytest.mark.skipif(not (BUILD / "tests/plugins/bench_store").exists() or SLOW > 1,
                    reason="a figure; without make check, or slowed by a sanitizer")
def test_tables_of_postgres_stay_bounded(server):
    """Through the store alone: the daemon's other work would only make it slower."""
    def run(events):
        schema = f"bounded{events}"
        env = {**os.environ, "STORE_PLUGIN": str(PLUGINS / "store-postgres.so"),
               "STORE_CONF": f"dsn={server.dsn};schema={schema}"}
        bench = subprocess.Popen([BUILD / "tests/plugins/bench_store", str(events), "100", "400", "500", "1000"],
                                 env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        # Autovacuum looks once a minute, which is longer than this test.
        while bench.poll() is None:
            time.sleep(0.5)
            with contextlib.suppress(subprocess.CalledProcessError):
                server.sql(f"VACUUM (TRUNCATE off) {schema}.events, {schema}.ids")
        output = bench.communicate()[0]
        assert bench.returncode == 0, output
        return schema, output

    # Nothing is old enough before 0.5 s, and the first batches are small.
    events, (schema, output) = run_longer(run, 5_000_000 if FULL else 100_000, 6)
    sizes = [float(mb) for mb in re.findall(r" mb=([0-9.]+)", output)]
    assert len(sizes) == 10, output
    # Without pruning each event is a row of over 1,000 bytes, and its share of the indices.
    assert sizes[-1] < events * 1000 / 2 / 1e6, output
    # Room that vacuum frees is used again: as the first tables were filled, so the last ones are not.
    assert not FULL or sizes[-1] - sizes[5] < (sizes[3] - sizes[0]) / 2, output
    assert int(server.sql(f"SELECT count(*) FROM {schema}.dead")) == events // 10000
    assert int(server.sql(f"SELECT count(*) FROM {schema}.dead d JOIN {schema}.events e USING (seq)")) == events // 10000


# ---- full disks ----

@needs_root
def test_a_full_disk_under_sqlite(webhook, folder):
    with small_disk(f"{folder}/disk", "8m") as disk:
        filler = pathlib.Path(disk) / "filler"
        filler.write_bytes(bytes(3 << 20))
        daemon, receiver = webhook(store=f"path = {disk}/hookswitch.db")
        accepted = []
        headers = fill_until_refused(daemon, "x" * 3000, accepted)
        assert int(headers["retry-after"]) >= 1
        says_that_it_is_down(daemon)
        assert re.search(r"^store sqlite: cannot be written to: .*full", daemon.command("status").stdout, re.M)
        stays_calm(daemon)
        filler.unlink()
        wait_for(lambda: is_up(daemon), 5, "it finds by itself that there is room again")
        number = len(accepted) + 1
        wait_for(lambda: post(daemon, number)[0] == 202, 5, "it works again by itself")
        accepted.append(number)
        arrive_exactly_once(receiver, accepted)
        assert "writing works again" in daemon.log_text()
        daemon.stop()
        with sqlite3.connect(f"{disk}/hookswitch.db") as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert db.execute("SELECT count(*) FROM events").fetchone()[0] >= len(accepted)


@needs_root
@needs_postgres
def test_a_full_disk_under_the_tables_of_postgres(webhook, server, folder):
    with small_disk(f"{server.folder}/disk", "16m") as disk:
        shutil.chown(disk, "nobody", "nogroup")
        filler = pathlib.Path(disk) / "filler"
        filler.write_bytes(bytes(8 << 20))
        # It would find room for the next one.
        server.sql("ALTER SYSTEM SET autovacuum = off")
        server.sql("SELECT pg_reload_conf()")
        server.sql(f"CREATE TABLESPACE small LOCATION '{disk}'")
        server.sql("ALTER ROLE hookswitch SET default_tablespace = small")
        daemon, receiver = webhook(store=f"plugin = postgres\ndsn = {server.dsn}")
        accepted = []
        headers = fill_until_refused(daemon, "x" * 6000, accepted)
        assert int(headers["retry-after"]) >= 1
        assert "(53100)" in daemon.log_text()
        says_that_it_is_down(daemon)
        stays_calm(daemon, "x" * 6000)
        filler.unlink()
        number = len(accepted) + 1
        wait_for(lambda: post(daemon, number)[0] == 202, 5, "it works again by itself")
        accepted.append(number)
        arrive_exactly_once(receiver, accepted)
        daemon.stop()
        server.stop("fast")


@needs_root
@needs_postgres
def test_a_full_disk_under_the_wal_of_postgres(webhook, server, folder):
    """The server panics; what it had committed is there when it has room and is started again."""
    with small_disk(f"{server.folder}/disk", "48m") as disk:
        shutil.chown(disk, "nobody", "nogroup")
        server.stop("fast")
        wal = pathlib.Path(f"{server.folder}/data/pg_wal")
        shutil.copytree(wal, f"{disk}/pg_wal")
        for root, folders, files in os.walk(f"{disk}/pg_wal"):
            for name in [".", *folders, *files]:
                shutil.chown(os.path.join(root, name), "nobody", "nogroup")
        shutil.rmtree(wal)
        wal.symlink_to(f"{disk}/pg_wal")
        room = shutil.disk_usage(disk).free
        filler = pathlib.Path(disk) / "filler"
        filler.write_bytes(bytes(room - (1 << 20)))
        server.start()
        daemon, receiver = webhook(store=f"plugin = postgres\ndsn = {server.dsn}")
        accepted = []
        fill_until_refused(daemon, "x" * 60000, accepted)
        stays_calm(daemon)
        filler.unlink()
        if subprocess.run([*server.user, BIN / "pg_ctl", "-D", f"{server.folder}/data", "status"],
                          capture_output=True, check=False).returncode != 0:
            server.start()
        number = len(accepted) + 1
        wait_for(lambda: post(daemon, number)[0] == 202, 10, "it goes on by itself")
        accepted.append(number)
        arrive_exactly_once(receiver, accepted)
        daemon.stop()
        server.stop("immediate")


# ---- a server that refuses, hangs, or is replaced ----

@needs_postgres
def test_a_server_that_becomes_read_only(webhook, server):
    daemon, receiver = webhook(store=f"plugin = postgres\ndsn = {server.dsn}")
    accepted = []
    server.sql("ALTER SYSTEM SET default_transaction_read_only = on")
    server.sql("SELECT pg_reload_conf()")
    began = time.monotonic()
    fill_until_refused(daemon, "x", accepted)
    assert time.monotonic() - began < 5 * SLOW
    says_that_it_is_down(daemon)
    stays_calm(daemon)
    time.sleep(3)  # a probe is refused, too
    says_that_it_is_down(daemon)
    subprocess.run(["psql", "-Atqc", "SET default_transaction_read_only = off", "-c",
                    "ALTER SYSTEM RESET default_transaction_read_only", "-c", "SELECT pg_reload_conf()", server.dsn],
                   check=True, capture_output=True)
    wait_for(lambda: is_up(daemon), 5, "it finds by itself that it may write again")
    assert server.sql("SELECT count(*) FROM hookswitch.memos WHERE kind = 'probe'") == "0"
    number = len(accepted) + 1
    wait_for(lambda: post(daemon, number)[0] == 202, 5, "it works again by itself")
    arrive_exactly_once(receiver, [*accepted, number])


@needs_postgres
def test_status_tells_what_is_known_while_the_server_is_away(webhook, server):
    daemon, receiver = webhook(store=f"plugin = postgres\ndsn = {server.dsn}\nschema = away")
    daemon.accept(message(1))
    receiver.wait(1)
    assert daemon.status()["dead"] == {} and daemon.status()["deliveriesPaused"] is False
    assert "away" not in daemon.command("status").stdout
    server.stop()
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: daemon.status()["deliveriesPaused"], 10, "deliveries pause")
    status = daemon.status()
    assert status["dead"] is None and status["store"]["events"] is None and status["storeError"]
    assert [s["name"] for s in status["sinks"]] == ["out"] and "node" in status
    text = daemon.command("status").stdout
    assert "store postgres: away: " in text and "deliveries are paused" in text
    assert re.search(r"^out +webhook .* - +1 ", text, re.M), text
    for what in (["list"], ["purge", "--all"], ["replay", "--all"]):
        asked = daemon.command("dead", *what, check=False)
        assert asked.returncode == 1 and "the store cannot be asked: " in asked.stderr and "0" not in asked.stdout
    time.sleep(3)  # several looks at the store
    assert daemon.log_text().count("the instances stay as they were") == 1
    server.start()
    wait_for(lambda: daemon.status()["dead"] == {} and not daemon.status()["deliveriesPaused"], 10, "as before")


@needs_postgres
def test_the_gauge_follows_a_server_that_goes_and_comes_back(webhook, server):
    """Nobody sends anything: the daemon finds out by itself."""
    daemon, receiver = webhook(store=f"plugin = postgres\ndsn = {server.dsn}")
    assert is_up(daemon) and daemon.status()["storeUp"] and "storeTrouble" not in daemon.status()
    server.stop("fast")
    wait_for(lambda: not is_up(daemon), 5, "it sees that the server is away")
    says_that_it_is_down(daemon)
    status, headers, _ = post(daemon, 1)
    assert status == 503 and int(headers["retry-after"]) >= 1
    server.start()
    wait_for(lambda: is_up(daemon), 5, "it sees that the server is back")
    assert "writing works again" in daemon.log_text()
    daemon.accept(message(2))
    arrive_exactly_once(receiver, [2])


def test_the_gauge_follows_a_file_that_another_process_locks(webhook, folder):
    path = f"{folder}/locked.db"
    daemon, receiver = webhook(store=f"path = {path}")
    daemon.accept(message(1))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert post(daemon, 2)[0] == 503
        says_that_it_is_down(daemon)
        other.execute("ROLLBACK")
    wait_for(lambda: is_up(daemon), 10, "it finds by itself that it can write again")
    daemon.accept(message(3))
    arrive_exactly_once(receiver, [1, 3])


@contextlib.contextmanager
def locked_for(path, seconds):
    """Another process that writes to the file."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        end = threading.Timer(seconds, other.execute, ["ROLLBACK"])
        end.start()
        yield
        end.join()


def test_a_file_that_another_process_locks_for_a_moment_is_waited_for(webhook, folder):
    path = f"{folder}/locked.db"
    daemon, receiver = webhook(store=f"path = {path}")
    daemon.accept(message(1))
    with locked_for(path, 0.2):
        daemon.accept(message(2))
    arrive_exactly_once(receiver, [1, 2])
    daemon.stop()
    with locked_for(path, 2):
        daemon.start()
    daemon.accept(message(3))
    arrive_exactly_once(receiver, [1, 2, 3])


STOPPED_AFTER_MS = 100


def ask_and_stop(daemon, *requests):
    """The daemon is stopped while the requests are at the store, the first one before the others, and its time is up;
    gives what will come of them."""
    own = itertools.count(1)

    def asked():
        return metric(daemon, "hookswitch_http_requests_total") - next(own)
    pool = concurrent.futures.ThreadPoolExecutor(len(requests))
    before, answers = asked(), [pool.submit(requests[0])]
    wait_for(lambda: asked() == before + 1, what="the first request is there")
    answers += [pool.submit(request) for request in requests[1:]]
    wait_for(lambda: asked() == before + len(requests), what="the requests are there")
    daemon.process.send_signal(signal.SIGTERM)
    time.sleep(4 * STOPPED_AFTER_MS / 1000)
    return answers


def ends_cleanly(daemon):
    status = daemon.process.wait(30 * SLOW)
    daemon.process = None
    assert status == 0, daemon.log_text()[-3000:]
    daemon.check_log()


def test_requests_that_are_at_the_store_are_answered_when_the_time_to_stop_is_up(make_api, receiver):
    daemon = make_api(server=f"workers = 2\nshutdown_timeout = {STOPPED_AFTER_MS}ms")
    with contextlib.closing(sqlite3.connect(f"{daemon.folder}/hookswitch.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answers = ask_and_stop(
            daemon, lambda: post(daemon, 1)[0], lambda: post(daemon, 2)[0],
            lambda: daemon.request("GET", "/readyz")[0], lambda: daemon.control("GET", "/status")[0],
            lambda: daemon.call("GET", "/api/dead/sales")[0],
            lambda: daemon.call("POST", "/api/events/webhook/sales", {"enabled": True, "url": receiver.url})[0])
        assert [a.result(30 * SLOW) for a in answers] == [503, 503, 503, 200, 200, 500]
        other.execute("ROLLBACK")
    ends_cleanly(daemon)


def test_events_that_are_stored_when_the_time_to_stop_is_up_are_delivered_after_the_next_start(webhook, folder):
    daemon, receiver = webhook(server=f"workers = 4\nshutdown_timeout = {STOPPED_AFTER_MS}ms")
    numbers = list(range(12))
    with contextlib.closing(sqlite3.connect(f"{folder}/hookswitch.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answers = ask_and_stop(daemon, *(lambda n=n: post(daemon, n)[0] for n in numbers))
        other.execute("ROLLBACK")
    statuses = [a.result(30 * SLOW) for a in answers]
    # A slow machine comes too late for the store, which waits for a second.
    assert set(statuses) <= {202, 503}
    ends_cleanly(daemon)
    daemon.start()
    arrive_exactly_once(receiver, [n for n in numbers if statuses[n] == 202])


def test_a_file_that_is_read_while_it_is_made_becomes_a_journal(make_daemon, folder):
    """When it is made the kind of file that can be read at any time the first reader may be there already."""
    for number in range(12):
        path, is_over = f"{folder}/{number}.db", threading.Event()

        def read():
            while not is_over.is_set():
                with contextlib.suppress(sqlite3.OperationalError):    # the file is not there yet
                    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as reader:
                        reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
        thread = threading.Thread(target=read)
        thread.start()
        try:
            make_daemon({"out": {"plugin": "file", "path": f"{folder}/out.ndjson"}}, store=f"path = {path}").stop()
        finally:
            is_over.set()
            thread.join()


def processes_of(server):
    first = int(pathlib.Path(f"{server.folder}/data/postmaster.pid").read_text().split()[0])
    children = pathlib.Path(f"/proc/{first}/task/{first}/children").read_text().split()
    return [first, *map(int, children)]


@needs_postgres
def test_a_server_that_hangs(webhook, server):
    daemon, receiver = webhook(store=f"plugin = postgres\ndsn = {server.dsn}\ntimeout = 1s")
    daemon.accept(message(1))
    stopped = processes_of(server)
    try:
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        for number in range(2, 5):
            began = time.monotonic()
            assert post(daemon, number)[0] == 503
            # The timeout of a transaction, then connect_timeout.
            assert time.monotonic() - began < 6 * SLOW
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    wait_for(lambda: post(daemon, 5)[0] == 202, 10, "it goes on by itself")
    # Those that were refused may have been stored all the same: then they arrive as well, once.
    arrive_exactly_once(receiver, [1, 5])
    for number in (2, 3, 4):
        daemon.accept(message(number))
    daemon.accept(message(6))
    arrive_exactly_once(receiver, [1, 2, 3, 4, 5, 6])
    assert sorted(receiver.numbers()) == [1, 2, 3, 4, 5, 6]


class Proxy:
    """Between the daemon and the server; can lose the answers of the server."""

    def __init__(self, server):
        self.path = f"{server.folder}/.s.PGSQL.5432"
        self.port = free_port()
        self.loses_answers = False
        self.listening = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listening.accept()
                upstream = socket.socket(socket.AF_UNIX)
                upstream.connect(self.path)
                threading.Thread(target=self.copy, args=(client, upstream, False), daemon=True).start()
                threading.Thread(target=self.copy, args=(upstream, client, True), daemon=True).start()

    def copy(self, source, target, is_answer):
        with contextlib.suppress(OSError):
            while (data := source.recv(65536)):
                if is_answer and self.loses_answers:
                    break
                target.sendall(data)
        for s in (source, target):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.listening.close()


@needs_postgres
def test_a_commit_whose_answer_is_lost_is_neither_lost_nor_doubled(webhook, server):
    with contextlib.closing(Proxy(server)) as proxy:
        daemon, receiver = webhook(
            store=f"plugin = postgres\ndsn = host=127.0.0.1 port={proxy.port} user=hookswitch dbname=postgres"
                  " sslmode=disable gssencmode=disable")
        daemon.accept(message(1))
        receiver.wait(1)
        proxy.loses_answers = True
        assert post(daemon, 2)[0] == 503
        wait_for(lambda: server.sql("SELECT count(*) FROM hookswitch.events") == "2", 5,
                 "the server has committed all the same")
        proxy.loses_answers = False
        wait_for(lambda: post(daemon, 2)[0] == 202, 10, "the producer's retry is taken")
        daemon.accept(message(3))
        arrive_exactly_once(receiver, [1, 2, 3])
        assert sorted(receiver.numbers()) == [1, 2, 3]
        assert server.sql("SELECT count(*) FROM hookswitch.events") == "3"


class Replica(Server):
    """A streaming replica of a server."""

    def __init__(self, folder, primary):
        self.folder, self.user = folder, primary.user
        if self.user:
            shutil.chown(folder, "nobody", "nogroup")
        self.run("pg_basebackup", "-D", f"{folder}/data", "-R", "-X", "stream", "-c", "fast", "-d", primary.dsn)
        with open(f"{folder}/data/postgresql.conf", "a") as conf:
            conf.write(f"unix_socket_directories = '{folder}'\n")
        self.start()

    def promote(self):
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-w", "promote")


@pytest.fixture
def pair(server):
    with pg_folder() as folder, running(Replica(folder, server)) as replica:
        yield server, replica


def both(primary, replica):
    return (f"plugin = postgres\ndsn = host={primary.folder},{replica.folder} user=hookswitch dbname=postgres"
            " target_session_attrs=read-write")


def kill_9(server):
    pids = processes_of(server)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@needs_postgres
def test_of_several_hosts_the_one_that_takes_writes_is_used(webhook, pair):
    """Also when the dsn does not ask for it, and a standby comes first."""
    primary, replica = pair
    daemon, receiver = webhook(
        store=f"plugin = postgres\ndsn = host={replica.folder},{primary.folder} user=hookswitch dbname=postgres")
    daemon.accept(message(1))
    receiver.wait(1)
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'hookswitch'"
    assert int(primary.sql(sessions)) >= 2 and replica.sql(sessions) == "0"


@needs_postgres
def test_failover_to_a_synchronous_replica_loses_nothing(webhook, pair):
    primary, replica = pair
    primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
    primary.sql("SELECT pg_reload_conf()")
    wait_for(lambda: primary.sql("SELECT sync_state FROM pg_stat_replication") == "sync", 10, "it is synchronous")
    daemon, receiver = webhook(store=both(primary, replica))
    producers = Producers(daemon.port)
    wait_for(lambda: len(producers.accepted) > 200, what="events before")
    kill_9(primary)
    before = len(producers.accepted)
    replica.promote()
    wait_for(lambda: len(producers.accepted) > before + 100, 15, "it goes on by itself")
    producers.stop()
    arrive_exactly_once(receiver, producers.accepted)
    stored = set(replica.sql("SELECT encode(id, 'hex') FROM hookswitch.events").split())
    assert {ident.removeprefix("evt_").replace("-", "") for ident in producers.accepted.values()} <= stored
    assert replica.sql("SELECT count(*) = count(DISTINCT id) FROM hookswitch.events") == "t"


@needs_postgres
@pytest.mark.parametrize("is_started", [False, True], ids=["running", "just_started"])
def test_after_a_failover_that_lost_transactions_what_comes_is_delivered(webhook, pair, is_started):
    """Whether it appended them itself, or the daemon before it."""
    primary, replica = pair
    daemon, receiver = webhook(store=both(primary, replica))
    daemon.accept(message(1))
    receiver.wait(1)
    wait_for(lambda: replica.sql("SELECT count(*) FROM hookswitch.events") == "1", 5, "the replica has the first")
    # From here on the replica is behind.
    replica.sql("ALTER SYSTEM SET primary_conninfo = ''")
    replica.sql("SELECT pg_reload_conf()")
    wait_for(lambda: primary.sql("SELECT count(*) FROM pg_stat_replication") == "0", 5, "they are separated")
    for number in range(2, 22):
        daemon.accept(message(number))
    receiver.wait(21)
    if is_started:
        daemon.stop()
        daemon.start()
    kill_9(primary)
    replica.promote()
    wait_for(lambda: post(daemon, 22)[0] == 202, 15, "it goes on by itself")
    for number in range(23, 32):
        daemon.accept(message(number))
    arrive_exactly_once(receiver, range(1, 32))
    assert "older than the one before" in daemon.log_text()
    # The lost ones were delivered; their numbers are nobody else's.
    assert replica.sql("SELECT string_agg(seq::text, ',' ORDER BY seq) FROM hookswitch.events") == ",".join(
        map(str, [1, *range(22, 32)]))
    daemon.stop()
    daemon.start()
    daemon.accept(message(32))
    arrive_exactly_once(receiver, range(1, 33))


class PairOfNodes:
    """Two daemons on a primary and its replica, each with a sink that it alone knows, and one that both do."""

    def __init__(self, folder, pair, make_receiver, store="", server=""):
        self.receivers = {name: make_receiver() for name in ("a", "b", "both")}
        self.daemons = {}
        for name in "ab":
            own = pathlib.Path(folder) / name
            own.mkdir()
            sinks = {n: {"plugin": "webhook", "url": self.receivers[n].url} for n in (name, "both")}
            self.daemons[name] = Daemon(own, sinks, store=f"{both(*pair)}\nnode = {name}\n{store}",
                                        server=server).start()

    def settle(self):
        def is_shared():
            served = [s["name"] for d in self.daemons.values() for s in d.status()["sinks"]]
            return sorted(served) == ["a", "b", "both"]
        wait_for(is_shared, 30, "each sink is served once")

    def stop(self):
        for daemon in self.daemons.values():
            try:
                daemon.stop()
            finally:
                if daemon.process and daemon.process.poll() is None:
                    daemon.kill()


@pytest.fixture
def two_nodes(folder, pair, make_receiver):
    made = PairOfNodes(folder, pair, make_receiver)
    try:
        made.settle()
        yield made
    finally:
        made.stop()


@needs_postgres
def test_two_nodes_fail_over_to_a_synchronous_replica_and_lose_nothing(two_nodes, pair):
    primary, replica = pair
    primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
    primary.sql("SELECT pg_reload_conf()")
    wait_for(lambda: primary.sql("SELECT sync_state FROM pg_stat_replication") == "sync", 10, "it is synchronous")
    producers = [Producers(d.port, first) for d, first in zip(two_nodes.daemons.values(), (0, 1000000))]
    wait_for(lambda: all(len(p.accepted) > 100 for p in producers), what="events before")
    kill_9(primary)
    before = [len(p.accepted) for p in producers]
    replica.promote()
    wait_for(lambda: all(len(p.accepted) > n + 100 for p, n in zip(producers, before)), 20, "both go on")
    for p in producers:
        p.stop()
    accepted = {**producers[0].accepted, **producers[1].accepted}
    for receiver in two_nodes.receivers.values():
        wait_for(lambda r=receiver: not set(accepted) - set(r.numbers()), 30, "every accepted event arrives")
    stored = set(replica.sql("SELECT encode(id, 'hex') FROM hookswitch.events").split())
    assert {ident.removeprefix("evt_").replace("-", "") for ident in accepted.values()} <= stored


@needs_postgres
@pytest.mark.parametrize("is_started", [False, True], ids=["running", "just_started"])
def test_after_a_lossy_failover_no_node_passes_over_what_the_other_appends_first(two_nodes, pair, is_started):
    """b knows of less than a, or of nothing, and appends before a is back."""
    primary, replica = pair
    a, b = two_nodes.daemons["a"], two_nodes.daemons["b"]
    b.accept(message(1))
    for receiver in two_nodes.receivers.values():
        receiver.wait(1)
    wait_for(lambda: replica.sql("SELECT count(*) FROM hookswitch.events") == "1", 5, "the replica has the first")
    replica.sql("ALTER SYSTEM SET primary_conninfo = ''")
    replica.sql("SELECT pg_reload_conf()")
    wait_for(lambda: primary.sql("SELECT count(*) FROM pg_stat_replication") == "0", 5, "they are separated")
    for number in range(2, 42):
        a.accept(message(number))
    for receiver in two_nodes.receivers.values():
        receiver.wait(41)
    a.process.send_signal(signal.SIGSTOP)
    try:
        if is_started:
            b.stop()
        kill_9(primary)
        replica.promote()
        if is_started:
            b.start()
        wait_for(lambda: post(b, 101)[0] == 202, 20, "b goes on")
        for number in range(102, 111):
            b.accept(message(number))
    finally:
        a.process.send_signal(signal.SIGCONT)
    wait_for(lambda: post(a, 111)[0] == 202, 20, "a goes on")
    for name, receiver in two_nodes.receivers.items():
        wait_for(lambda r=receiver: not set(range(101, 112)) - set(r.numbers()), 30, f"all that came later at {name}")
    # One of them has passed a million over, for both.
    assert 1_000_000 < int(replica.sql("SELECT max(seq) FROM hookswitch.events")) < 1_001_000


def test_an_event_that_is_damaged_is_a_dead_letter_and_holds_up_nothing(webhook, folder):
    daemon, receiver = webhook()
    for number in 1, 2, 3:
        daemon.accept(message(number))
    receiver.wait(3)
    daemon.stop()
    with contextlib.closing(sqlite3.connect(f"{folder}/hookswitch.db")) as db, db:
        assert db.execute("UPDATE events SET layout = x'00' WHERE seq = 2").rowcount == 1
        assert db.execute("UPDATE destinations SET cursor = 0").rowcount == 1
    daemon.start()
    receiver.wait(5)
    daemon.accept(message(4))
    receiver.wait(6)
    assert receiver.numbers() == [1, 2, 3, 1, 3, 4]
    dead = [json.loads(line) for line in daemon.command("dead", "list", "--json").stdout.splitlines()]
    assert [(d["seq"], d["error"]) for d in dead] == [(2, "it is damaged in the store")]
