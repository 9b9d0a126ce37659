# SPDX-License-Identifier: Apache-2.0
"""Receivers that are down, slow, wrong or hostile."""
import datetime
import json
import socket
import sqlite3
import time

import pytest

from rig import SLOW, Receiver, certificate, message, wait_for

RETRY = {"retry": "100ms, 200ms, 400ms", "timeout": "500ms"}


def answer(data, close=True):
    def behave(arrival, connection):
        connection.sendall(data)
        return None if close else True
    return behave


def hang(arrival, connection):
    time.sleep(1.5)
    return None


def endless(arrival, connection):
    connection.sendall(b"HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")


BAD = {
    "500": lambda a, c: 500,
    "404": lambda a, c: 404,
    "302": answer(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"),
    "garbage": answer(b"\x00\xff not http at all\r\n\r\n"),
    "closes early": lambda a, c: None,
    "half an answer": answer(b"HTTP/1.1 200 OK\r\nContent-Len"),
    "hangs": hang,
    "endless": endless,
}


@pytest.mark.parametrize("name", BAD)
def test_failures_are_retried_on_schedule_then_dead_and_replayed(name, make_receiver, make_daemon):
    bad, good = make_receiver(BAD[name]), make_receiver()
    daemon = make_daemon({"bad": {"plugin": "webhook", "url": bad.url, **RETRY},
                          "good": {"plugin": "webhook", "url": good.url}})
    event_id = daemon.accept(message(1))["ids"][0]
    good.wait(1)
    wait_for(lambda: daemon.status()["dead"].get("bad") == 1, 20, "the dead letter")
    assert [a.attempt for a in bad.arrivals] == [1, 2, 3, 4]
    assert {a.headers["webhook-id"] for a in bad.arrivals} == {event_id}
    began, ended = [a.at for a in bad.arrivals], [a.at for a in bad.arrivals]
    if name == "hangs":  # only the daemon knows when it gave an attempt up
        rows = [json.loads(line) for line in daemon.command("deliveries", "--json", "bad").stdout.splitlines()]
        ended = [datetime.datetime.fromisoformat(row["at"][:-1]).timestamp() for row in rows]
        began = [at - row["tookMs"] / 1000 for at, row in zip(ended, rows)]
    gaps = [after - before for before, after in zip(ended, began[1:])]
    for gap, wanted in zip(gaps, (0.1, 0.2, 0.4), strict=True):
        assert wanted * 0.9 - 0.02 <= gap <= wanted * 1.1 + 2 * SLOW, gaps
    assert len(good.arrivals) == 1 and good.arrivals[0].at < bad.arrivals[-1].at
    row = json.loads(daemon.command("dead", "list", "--json").stdout)
    assert row["id"] == event_id and row["sink"] == "bad" and row["attempts"] == 4
    shown = json.loads(daemon.command("dead", "show", event_id).stdout)
    assert shown["envelope"]["data"]["message"]["content"] == "n=1"
    bad.behave = lambda a, c: 200
    assert daemon.command("dead", "replay", "--sink", "bad", event_id).stdout.strip() == "replayed 1"
    bad.wait(5)
    wait_for(lambda: not daemon.status()["dead"] and daemon.sink("bad")["retrying"] == 0)
    assert daemon.command("dead", "replay", event_id, check=False).returncode == 1


def test_purged_dead_letters_are_gone(webhook):
    daemon, receiver = webhook(lambda a, c: 500, {"retry": "never"})
    for n in range(5):
        daemon.accept(message(n))
    wait_for(lambda: daemon.status()["dead"].get("out") == 5)
    assert daemon.command("dead", "purge", "--all").stdout.strip() == "purged 5"
    assert daemon.status()["dead"] == {}


@pytest.mark.parametrize("parameter", ["sink=%zz", "sink=out%", "id=%", "sink=out&id=%4"])
def test_what_is_malformed_purges_and_replays_nothing(webhook, parameter):
    daemon, receiver = webhook(lambda a, c: 500, {"retry": "never"})
    daemon.accept(message(1))
    wait_for(lambda: daemon.status()["dead"].get("out") == 1)
    for method, path in (("POST", "/dead/purge"), ("POST", "/dead/replay"), ("GET", "/dead"), ("POST", "/skip"),
                         ("GET", "/deliveries")):
        status, text = daemon.control(method, f"{path}?{parameter}")
        assert status == 400 and "two hex digits" in json.loads(text)["error"]["message"], (path, text)
    assert daemon.status()["dead"] == {"out": 1}


def test_certificates_are_checked(make_receiver, make_daemon, folder):
    context, cert = certificate(folder)
    receiver = make_receiver(context=context)
    daemon = make_daemon({
        "distrusts": {"plugin": "webhook", "url": receiver.url, "retry": "never"},
        "trusts": {"plugin": "webhook", "url": receiver.url, "ca_file": cert}})
    daemon.accept(message(1))
    receiver.wait(1)
    wait_for(lambda: daemon.status()["dead"].get("distrusts") == 1)
    assert len(receiver.arrivals) == 1
    assert "certificate" in daemon.sink("distrusts")["lastError"].lower()


def test_backlog_of_an_outage_drains_in_order(webhook):
    daemon, receiver = webhook(options={"retry": "1h, 1h", "probe_interval": "200ms", "concurrency": 4})
    receiver.close()
    for n in range(1, 301):
        daemon.accept(message(n, chat=n % 3))
    wait_for(lambda: daemon.sink("out")["state"] == "held")
    time.sleep(1)
    held = daemon.sink("out")
    assert held["retrying"] < 40 and held["lag"] >= 250
    receiver.open()
    receiver.wait(300)
    numbers = receiver.numbers()
    assert sorted(set(numbers)) == list(range(1, 301))
    for chat in range(3):
        of_chat = [n for n in numbers if n % 3 == chat]
        assert of_chat == sorted(of_chat)
    wait_for(lambda: daemon.sink("out")["state"] == "active" and daemon.sink("out")["lag"] == 0)


def test_a_hanging_receiver_holds_nobody_up_and_memory_stays_flat(make_receiver, make_daemon):
    bad, good = make_receiver(hang), make_receiver()
    daemon = make_daemon({"bad": {"plugin": "webhook", "url": bad.url, "timeout": "300ms", "retry": "1h"},
                          "good": {"plugin": "webhook", "url": good.url}})
    for n in range(200):
        daemon.accept(message(n, chat=n))
    before = daemon.rss_mib()
    for n in range(200, 2200):
        daemon.accept(message(n, chat=n % 100, text="x" * 1000))
    good.wait(2200)
    assert daemon.rss_mib() - before < 12 * SLOW * SLOW
    assert daemon.sink("bad")["lag"] >= 2000


def stored_retries(folder):
    with sqlite3.connect(f"file:{folder}/hookswitch.db?mode=ro", uri=True) as db:
        return db.execute("SELECT count(*) FROM retries").fetchone()[0]


def test_retries_survive_a_restart(webhook, folder):
    """With the time that they are due: the daemon is away for the half of it."""
    daemon, receiver = webhook(lambda a, c: 503, {"retry": "4s, 1h"})
    daemon.accept(message(1))
    receiver.wait(1)
    wait_for(lambda: stored_retries(folder) == 1)
    daemon.kill()
    receiver.behave = lambda a, c: 200
    time.sleep(2)
    started = time.monotonic()
    daemon.start()
    receiver.wait(2)
    assert receiver.arrivals[1].attempt == 2
    assert receiver.arrivals[0].at + 3.5 <= receiver.arrivals[1].at < started + 3.6


def test_retry_after_wins_when_it_is_longer(webhook):
    daemon, receiver = webhook(
        answer(b"HTTP/1.1 429 X\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n", close=False),
        {"retry": "50ms, 50ms"})
    daemon.accept(message(1))
    receiver.wait(2)
    assert receiver.arrivals[1].at - receiver.arrivals[0].at >= 0.95


def test_a_disabled_sink_is_enabled_by_the_command(webhook):
    daemon, receiver = webhook(lambda a, c: 410, {"concurrency": 1})
    for n in range(5):
        daemon.accept(message(n, chat=n))
    wait_for(lambda: daemon.sink("out")["state"] == "disabled")
    assert daemon.command("enable", "nobody", check=False).returncode == 1
    assert daemon.command("enable", "out").stdout == "enabled\n"
    wait_for(lambda: daemon.sink("out")["state"] == "disabled" and len(receiver.arrivals) == 2)
    receiver.behave = lambda a, c: 200
    assert daemon.command("enable", "out").stdout == "enabled\n"
    receiver.wait(7)
    wait_for(lambda: daemon.sink("out")["state"] == "active" and daemon.sink("out")["lag"] == 0)
    assert daemon.sink("out")["circuit"] == "closed"
    assert daemon.command("enable", "out").stdout == "it was not disabled\n"


def test_410_disables_and_keeps_the_events(webhook):
    daemon, receiver = webhook(lambda a, c: 410, {"concurrency": 1})
    for n in range(3):
        daemon.accept(message(n))
    wait_for(lambda: daemon.sink("out")["state"] == "disabled")
    time.sleep(0.3)
    assert len(receiver.arrivals) == 1
    receiver.behave = lambda a, c: 200
    daemon.stop()
    daemon.start()
    receiver.wait(4)
    assert sorted(receiver.numbers()[1:]) == [0, 1, 2]


def test_port_taken_by_someone_who_never_accepts(make_daemon):
    with socket.create_server(("127.0.0.1", 0), backlog=0) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        daemon = make_daemon({"out": {"plugin": "webhook", "url": url, "timeout": "200ms", "retry": "never"}})
        daemon.accept(message(1))
        wait_for(lambda: daemon.status()["dead"].get("out") == 1)
        assert "200 ms" in daemon.sink("out")["lastError"]
