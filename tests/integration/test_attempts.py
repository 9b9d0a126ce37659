# SPDX-License-Identifier: Apache-2.0
"""Attempts that failed outlive the daemon."""
import json
import sqlite3
import time

import pytest

from api_rig import ApiDaemon
from rig import message, number_of, wait_for

SAVE_AFTER_S = 5  # core/destination_attempts.c
AWAY = b"the database is away"


def deliveries(daemon, *args):
    return [json.loads(line) for line in daemon.command("deliveries", "--json", *args).stdout.splitlines()]


def stored(daemon):
    """{destination: record}"""
    with sqlite3.connect(daemon.folder / "hookswitch.db") as db:
        return {bytes(name).decode() if isinstance(name, bytes) else name: json.loads(text)
                for name, text in db.execute("select name, text from records where kind = 'attempts'")}


def answering(status, body):
    def behave(arrival, connection):
        connection.sendall(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body)
        return True
    return behave


refuse = answering(500, AWAY + b" \xff" + b"x" * 5000)


def failed(daemon, n, *args):
    return wait_for(lambda: (r := deliveries(daemon, "--failed", *args)) and len(r) >= n and r)


def test_they_are_there_after_a_restart(webhook):
    daemon, _ = webhook(refuse, {"retry": "50ms, 1h"})
    event_id = daemon.accept(message(1))["ids"][0]
    rows = failed(daemon, 2, "out")
    assert [(r["id"], r["status"], r["attempt"]) for r in rows] == [(event_id, 500, 1), (event_id, 500, 2)]
    assert all(AWAY.decode() in r["error"] and 1000 <= len(r["error"]) <= 1024 for r in rows), rows
    daemon.stop()
    daemon.start()
    assert failed(daemon, 2, "out") == rows == deliveries(daemon, "out")
    daemon.accept(message(2, chat=1))
    assert failed(daemon, 3, "out")[:2] == rows
    daemon.stop()
    daemon.start()
    assert failed(daemon, 3, "out")[:2] == rows


def test_answers_are_shown_in_their_own_letters_and_nothing_steers_the_terminal(webhook):
    daemon, _ = webhook(answering(500, "Não há espaço 日本 \x1b[2J\u202e".encode() + "é".encode() * 600),
                        {"retry": "never"})
    daemon.accept(message(1))
    wait_for(lambda: daemon.status()["dead"].get("out") == 1)
    shown = "HTTP 500: Não há espaço 日本 \\x1b[2J\\xe2\\x80\\xaeéé"
    table, dead = daemon.command("deliveries", "out").stdout, daemon.command("dead", "list").stdout
    assert shown in table and table.rstrip().endswith("é...") and shown in dead
    for text in table, dead, *(r["error"] for r in failed(daemon, 1, "out")):
        assert not set(text) & {"\x1b", "\u202e", "\ufffd"}


def delivered(daemon, n):
    return wait_for(lambda: len(r := [r for r in deliveries(daemon, "out") if r["outcome"] == "delivered"]) >= n and r)


def test_what_answered_that_it_has_the_event_is_shown_too(target, make_daemon):
    receiver, url, options = target(answering(202, b'{"queued": 7,\n "ok": true}'))
    daemon = make_daemon({"out": {**options, "url": url}})
    daemon.accept(message(1))
    (row,) = delivered(daemon, 1)
    assert (row["status"], row["answer"]) == (202, '{"queued": 7, "ok": true}') and "error" not in row
    table = daemon.command("deliveries", "out").stdout
    assert table.splitlines()[0].endswith(" ANSWER") and table.rstrip().endswith('{"queued": 7, "ok": true}')


def test_of_those_that_arrived_the_newest_twenty_have_their_answers(webhook):
    daemon, _ = webhook(answering(200, b"x" * 1500), {"ordering": "strict"})
    for number in range(150):
        daemon.accept(message(number))
    wait_for(lambda: daemon.sink("out")["delivered"] == 150)
    assert [row.get("answer") for row in deliveries(daemon, "out")] == [None] * 80 + ["x" * 1024] * 20


def test_no_answer_waits_for_its_body_nor_shows_a_credential(webhook):
    def behave(arrival, connection):
        if number_of(arrival.envelope) == 1:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
            time.sleep(0.2)
            connection.sendall(b"never")
            return True
        return answering(200, b"you sent " + arrival.headers["authorization"].encode())(arrival, connection)
    daemon, _ = webhook(behave, {"authorization": "Bearer not-to-be-shown", "ordering": "strict"})
    daemon.accept(message(1))
    daemon.accept(message(2))
    assert [row.get("answer") for row in delivered(daemon, 2)] == [None, None]


def test_a_crash_loses_the_last_seconds_at_most(webhook):
    daemon, _ = webhook(refuse, {"retry": "1h"})
    since = time.monotonic()
    daemon.accept(message(1))
    rows = failed(daemon, 1, "out")
    wait_for(lambda: stored(daemon), SAVE_AFTER_S + 10)
    assert time.monotonic() - since > SAVE_AFTER_S / 2
    daemon.kill()
    daemon.start()
    assert failed(daemon, 1, "out") == rows


def test_without_failures_nothing_is_written(webhook):
    daemon, receiver = webhook()
    daemon.accept(message(1))
    receiver.wait(1)
    wait_for(lambda: daemon.sink("out")["delivered"] == 1)
    daemon.stop()
    assert stored(daemon) == {}


def test_a_thousand_failures_a_second_are_few_writes(webhook):
    """Each write is counted by the store itself."""
    daemon, receiver = webhook(lambda a, c: 500, {"retry": "20ms, 20ms, 20ms, 20ms", "ordering": "none",
                                                  "failures_to_open": "1000000", "concurrency": "64"})
    daemon.stop()
    with sqlite3.connect(daemon.folder / "hookswitch.db") as db:
        db.execute("create table counted (at)")
        for what in "insert", "update":
            db.execute(f"create trigger count_{what} after {what} on records when new.kind = 'attempts' "
                       "begin insert into counted values (1); end")
    daemon.start()
    since = time.monotonic()
    for burst in range(60):
        for n in range(10):
            daemon.accept(message(burst * 10 + n, chat=n))
    wait_for(lambda: len(receiver.arrivals) >= 3000, 60)
    daemon.stop()
    seconds = time.monotonic() - since
    with sqlite3.connect(daemon.folder / "hookswitch.db") as db:
        (writes,) = db.execute("select count(*) from counted").fetchone()
    assert 1 <= writes <= seconds / SAVE_AFTER_S + 1, (writes, seconds, len(receiver.arrivals))
    assert len(stored(daemon)["out"]["failed"]) == 100


def test_a_damaged_record_is_not_shown_and_replaced(webhook):
    daemon, _ = webhook(refuse, {"retry": "1h"})
    daemon.stop()
    with sqlite3.connect(daemon.folder / "hookswitch.db") as db:
        db.execute("insert into records values ('attempts', 'out', '{\"failed\":[{}]}')")
    daemon.start()
    wait_for(lambda: "the stored attempts of a destination are damaged" in daemon.log_text())
    assert deliveries(daemon, "out") == []
    daemon.accept(message(1))
    rows = failed(daemon, 1, "out")
    daemon.stop()
    daemon.start()
    assert failed(daemon, 1, "out") == rows


def test_those_of_a_sink_survive_its_change_and_its_return(webhook, make_receiver):
    daemon, receiver = webhook(refuse, {"retry": "1h"})
    other = make_receiver()
    both = {"out": {"plugin": "webhook", "url": receiver.url, "retry": "1h"},
            "two": {"plugin": "webhook", "url": other.url}}
    daemon.accept(message(1))
    rows = failed(daemon, 1, "out")
    for sinks in both, {"two": both["two"]}, both:
        daemon.configure(sinks)
        daemon.process.send_signal(1)
        wait_for(lambda: {s["name"] for s in daemon.status()["sinks"]} == set(sinks))
        assert "out" not in sinks or failed(daemon, 1, "out") == rows
    daemon.configure({**both, "out": {**both["out"], "retry": "2h"}})
    daemon.process.send_signal(1)
    wait_for(lambda: daemon.log_text().count("the sink is in use sink=out") == 2)
    assert deliveries(daemon, "--failed", "out") == rows


@pytest.fixture
def api(tmp_path, make_receiver):
    daemon = ApiDaemon(tmp_path, server="encryption_key = " + "ab" * 32)
    daemon.start()
    yield daemon, make_receiver(refuse)
    daemon.stop()


def test_those_of_a_webhook_go_with_it(api):
    daemon, receiver = api
    for label in "one", "two":
        daemon.webhook("sales", receiver.url, label=label)
    daemon.accept(message(1))
    rows = {label: failed(daemon, 1, f"sales/{label}")[:1] for label in ("one", "two")}
    daemon.stop()
    assert set(stored(daemon)) == {"sales/one", "sales/two"}
    daemon.start()
    assert all(failed(daemon, 1, f"sales/{label}")[:1] == rows[label] for label in rows)
    daemon.ok("POST", "/api/events/webhook/sales", {"label": "one", "enabled": False})
    wait_for(lambda: set(stored(daemon)) == {"sales/two"})
    daemon.stop()
    assert set(stored(daemon)) == {"sales/two"}
    daemon.start()


def test_rekey_leaves_them_alone(api):
    daemon, receiver = api
    daemon.webhook("sales", receiver.url)
    daemon.accept(message(1))
    failed(daemon, 1, "sales/default")
    daemon.stop()
    with sqlite3.connect(daemon.folder / "hookswitch.db") as db:
        db.execute("update records set text = 'no JSON' where kind = 'attempts'")
        assert db.execute("select count(*) from records where kind = 'attempts'").fetchone() == (1,)
    key = daemon.folder / "key"
    key.write_text("ab" * 32)
    daemon.ini.write_text(daemon.ini.read_text().replace("ab" * 32, "cd" * 32))
    daemon.command("rekey", "--old-key-file", str(key))
    daemon.start()
    wait_for(lambda: "the stored attempts of a destination are damaged" in daemon.log_text())
