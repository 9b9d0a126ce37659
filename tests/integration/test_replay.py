# SPDX-License-Identifier: Apache-2.0
"""The last attempts of a sink, and events that are delivered once more."""
import datetime
import json
import os
import pty
import re
import subprocess
import time

from api_rig import ApiDaemon
from rig import PROGRAM, message, number_of, wait_for

EVENT_TYPES = ["message.exchange", "message.status", "call.update", "group.flow", "instance.state", "label.update"]


def settled(daemon, sink="out"):
    wait_for(lambda: daemon.is_settled(sink), what=f"{sink} is settled")


def deliveries(daemon, *args):
    return [json.loads(line) for line in daemon.command("deliveries", "--json", *args).stdout.splitlines()]


def test_attempts_tell_what_came_back(webhook):
    answers = [500, 200]

    def behave(arrival, connection):
        status = answers.pop(0) if answers else 200
        if status == 200:
            return 200
        body = b"the database is away " + b"x" * 5000
        time.sleep(0.25)
        connection.sendall(b"HTTP/1.1 500 X\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        return True
    daemon, receiver = webhook(behave, {"retry": "50ms"})
    event_id = daemon.accept(message(1))["ids"][0]
    receiver.wait(2)
    settled(daemon)
    daemon.accept(message(2))
    receiver.wait(3)
    rows = wait_for(lambda: (r := deliveries(daemon, "out")) and len(r) == 3 and r)
    assert [(r["status"], r["outcome"], r["attempt"]) for r in rows] == [
        (500, "failed", 1), (200, "delivered", 2), (200, "delivered", 1)]
    assert rows[0]["id"] == rows[1]["id"] == event_id
    assert "the database is away" in rows[0]["error"] and 1000 <= len(rows[0]["error"]) <= 1024
    assert 250 <= rows[0]["tookMs"] < 5000 and all(0 <= r["tookMs"] < 5000 for r in rows[1:])
    assert not any(r["replay"] for r in rows)
    assert deliveries(daemon, "--failed", "out") == rows[:1]
    assert "the database is away" in daemon.command("deliveries", "out").stdout
    r = daemon.command("deliveries", "nobody", check=False)
    assert r.returncode == 1 and "none of that name" in r.stderr


def test_no_more_than_a_hundred_of_each_are_kept(webhook):
    daemon, receiver = webhook(lambda a, c: 200)
    for n in range(150):
        daemon.accept(message(n))
    receiver.wait(150)
    settled(daemon)
    rows = deliveries(daemon, "out")
    assert len(rows) == 100
    assert rows == sorted(rows, key=lambda r: r["at"])


def test_settled_events_are_replayed_and_marked(webhook):
    daemon, receiver = webhook()
    for n in range(40):
        daemon.accept(message(n, chat=n % 4))
    settled(daemon)
    time.sleep(1.1)
    half = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    for n in range(40, 60):
        daemon.accept(message(n, chat=n % 4))
    receiver.wait(60)
    settled(daemon)
    assert not any("webhook-replay" in a.headers for a in receiver.arrivals)

    def replay(*args):
        return daemon.command("replay", "--sink", "out", "--rate", "1000", *args).stdout.strip()
    assert replay("--since", "1h", "--dry-run") == "would replay 60"
    assert len(receiver.arrivals) == 60
    assert replay("--since", half) == "replayed 20"
    receiver.wait(80)
    assert sorted(receiver.numbers()[60:]) == list(range(40, 60))
    assert all(a.headers["webhook-replay"] == "1" and a.attempt == 1 for a in receiver.arrivals[60:])
    assert replay("--since", "1h", "--until", half, "--chat", "5511900000001@s.whatsapp.net",
                  "--event", "message.exchange") == "replayed 10"
    receiver.wait(90)
    assert receiver.numbers()[80:] == list(range(1, 40, 4))
    assert replay("--since", "1h", "--event", "call.update") == "replayed 0"
    settled(daemon)
    assert deliveries(daemon, "out")[-1]["replay"]


def test_a_replay_keeps_to_its_rate(webhook):
    daemon, receiver = webhook()
    for n in range(60):
        daemon.accept(message(n, chat=n))
    receiver.wait(60)
    settled(daemon)
    begin = time.monotonic()
    assert daemon.command("replay", "-s", "out", "--since", "1h", "--rate", "40/s").stdout == "replayed 60\n"
    assert time.monotonic() - begin >= 1.3


def test_a_replay_that_fails_is_still_one_after_a_restart(webhook):
    daemon, receiver = webhook(options={"retry": "1s, 1s, 1s"})
    daemon.accept(message(1))
    receiver.wait(1)
    settled(daemon)
    receiver.behave = lambda a, c: 500
    r = daemon.command("replay", "-s", "out", "--since", "1h", check=False)
    assert (r.returncode, r.stdout) == (1, "replayed 0 of 1: 1 in retry (0 not tried yet)\n")
    # In retry now: asked for again, it does not come twice.
    assert daemon.command("replay", "-s", "out", "--since", "1h").stdout == "replayed 0\n"
    daemon.stop()
    receiver.behave = lambda a, c: 200
    daemon.start()
    receiver.wait(3)
    assert receiver.arrivals[2].headers["webhook-replay"] == "1"
    assert receiver.arrivals[2].attempt == 2


def thirty_settled(daemon, receiver):
    for n in range(30):
        daemon.accept(message(n, chat=n))
    receiver.wait(30)
    settled(daemon)


def replay_all(daemon):
    return daemon.command("replay", "-s", "out", "--since", "1h", "--rate", "1000", check=False)


def test_replayed_events_that_are_refused_are_told_as_dead_letters(webhook):
    daemon, receiver = webhook(options={"retry": "never"})
    thirty_settled(daemon, receiver)
    receiver.behave = lambda a, c: 200 if number_of(a.envelope) < 10 else 400
    r = replay_all(daemon)
    assert (r.returncode, r.stdout) == (1, "replayed 10 of 30: 20 failed and are dead letters\n")
    # What died before is not counted once more.
    receiver.behave = lambda a, c: 200
    r = replay_all(daemon)
    assert (r.returncode, r.stdout) == (0, "replayed 30\n")


def test_a_dead_letter_that_is_replayed_among_others_is_none_any_more(webhook):
    """Else it would stand there as undelivered, and come again with the next replay of dead letters."""
    daemon, receiver = webhook(lambda a, c: 400 if number_of(a.envelope) % 3 else 200, {"retry": "never"})
    thirty_settled(daemon, receiver)

    def dead():
        return {json.loads(line)["seq"] for line in daemon.command("dead", "list", "--json").stdout.splitlines()}
    wait_for(lambda: len(dead()) == 20)
    receiver.behave = lambda a, c: 200 if number_of(a.envelope) != 10 else 400
    one_chat = ["--chat", message(1, chat=1)["data"]["key"]["remoteJid"]]
    before = dead()
    assert daemon.command("replay", "-s", "out", "--since", "1h", *one_chat).stdout == "replayed 1\n"
    assert before - dead() == {2}
    r = replay_all(daemon)
    assert (r.returncode, r.stdout) == (1, "replayed 29 of 30: 1 failed and are dead letters\n")
    assert dead() == {11}
    receiver.behave = lambda a, c: 200
    assert daemon.command("dead", "replay", "--all").stdout == "replayed 1\n"
    receiver.wait(30 + 1 + 30 + 1)


def test_a_disabled_sink_is_refused_by_replay(webhook):
    daemon, receiver = webhook()
    thirty_settled(daemon, receiver)
    receiver.behave = lambda a, c: 410
    r = replay_all(daemon)
    assert r.returncode == 1 and re.fullmatch(
        r"replayed 0 of 30: 30 in retry \(30 not tried yet\)\n", r.stdout), r.stdout
    assert "out is disabled" in r.stderr and "hookswitch enable out" in r.stderr
    wait_for(lambda: daemon.sink("out")["inFlight"] == 0)
    tried = len(receiver.arrivals)
    r = replay_all(daemon)
    assert (r.returncode, r.stdout) == (1, "")
    assert r.stderr == "hookswitch: sink: out is disabled, nothing was replayed: `hookswitch enable out` first\n"
    assert len(receiver.arrivals) == tried and daemon.sink("out")["retrying"] == 30
    assert daemon.command("replay", "-s", "out", "--since", "1h", "--dry-run").stdout == "would replay 0\n"
    receiver.behave = lambda a, c: 200
    daemon.command("enable", "out")
    wait_for(lambda: len({number_of(a.envelope) for a in receiver.arrivals[tried:]}) == 30)


def test_replay_warns_of_an_open_circuit(webhook):
    daemon, receiver = webhook(options={"retry": "1s, 1s", "failures_to_open": 2, "probe_interval": "1h"})
    thirty_settled(daemon, receiver)
    receiver.behave = lambda a, c: 503
    r = replay_all(daemon)
    told = re.fullmatch(r"replayed 0 of 30: 30 in retry \((\d+) not tried yet\)\n", r.stdout)
    assert r.returncode == 1 and told and 20 <= int(told[1]) < 30, r.stdout
    assert "the circuit of out is open" in r.stderr
    r = replay_all(daemon)
    assert (r.returncode, r.stdout) == (0, "replayed 0\n")
    assert r.stderr.startswith("hookswitch: warning: the circuit of out is open: its events wait")


def test_mistakes_of_replay_are_named(webhook):
    daemon, _ = webhook()
    for args, why in ((["--since", "1h"], "--sink is missing: which sink gets the events"),
                      (["-s", "out"], "--since is missing: such as --since 2h"),
                      (["-s", "out", "--since", "last week"], "--since: found `last week`"),
                      (["-s", "out", "--since", "1h", "now"], "`now` is none of its options"),
                      (["-s", "out", "--since", "1h", "--event", "message.foo"],
                       "--event: found `message.foo`, expected " + ", ".join(EVENT_TYPES) + ", or raw\n"),
                      (["-s", "out", "--since", "1h", "--rate", "0"],
                       "--rate: found `0`, expected a number from 1 to 1000000\n"),
                      (["-s", "out", "--since", "1h", "--limit", "0"],
                       "--limit: found `0`, expected a number from 1 to 1000000000\n")):
        r = daemon.command("replay", *args, check=False)
        assert (r.returncode, r.stderr.count("\n")) == (2, 1), r.stderr
        assert r.stderr.startswith("hookswitch replay: " + why), r.stderr
    r = daemon.command("replay", "-s", "nobody", "--since", "1h", check=False)
    assert r.returncode == 1 and "sink: there is none of that name; there are: out" in r.stderr


def at(seconds, zone=None, form="%Y-%m-%dT%H:%M:%S"):
    moment = datetime.datetime.fromtimestamp(time.time() + seconds, zone)
    return moment.strftime(form) + ("Z" if zone else "")


def test_since_may_be_written_in_several_ways(webhook, monkeypatch):
    daemon, receiver = webhook()
    daemon.accept(message(1))
    receiver.wait(1)
    settled(daemon)

    def count(since, *args):
        r = daemon.command("replay", "-s", "out", "--since", since, "--dry-run", *args)
        assert r.stderr == ""  # nobody looks at a terminal
        return r.stdout
    for zone in "UTC", "Pacific/Kiritimati", "America/Sao_Paulo":
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        for since in ("1h", "yesterday", "today", at(-60), at(-60, form="%Y-%m-%d %H:%M"), at(0, form="%Y-%m-%d"),
                      at(-60, datetime.timezone.utc)):
            assert count(since) == "would replay 1\n", (zone, since)
        assert count("1h", "--until", at(-60)) == "would replay 0\n", zone
    monkeypatch.delenv("TZ")
    time.tzset()


def test_times_that_cannot_be_meant_are_refused(webhook):
    daemon, _ = webhook()
    for args, why in ((["--since", at(60, datetime.timezone.utc)], "--since is in the future"),
                      (["--since", "1h", "--until", "2h"], "--since is after --until"),
                      (["--since", "2026-02-30"], "--since: found `2026-02-30`"),
                      (["--since", "1970-01-01T00:00:00Z", "--until", "1970-01-01T00:00:00Z"],
                       "--until is not after the beginning of 1970"),
                      (["--since", "1h", "--until", "later"], "--until: found `later`"),
                      (["--since", "1h", "--limit", "0"], "--limit"), (["--since", "1h", "--limit", "5x"], "--limit")):
        r = daemon.command("replay", "-s", "out", *args, check=False)
        assert r.returncode == 2 and why in r.stderr, args


def test_a_replay_is_limited_and_of_one_instance(make_receiver, make_daemon):
    receiver = make_receiver()
    daemon = make_daemon({"out": {"plugin": "webhook", "url": receiver.url}}, instances=("sales", "shop"))
    for number in range(20):
        daemon.accept(message(number, chat=number), instance="shop" if number % 4 == 0 else "sales")
    receiver.wait(20)
    settled(daemon)

    def replay(*args):
        return daemon.command("replay", "-s", "out", "--since", "1h", "--rate", "1000", *args).stdout
    assert replay("--instance", "shop", "--dry-run") == "would replay 5\n"
    assert replay("--instance", "shop", "--limit", "3") == "replayed 3\n"
    receiver.wait(23)
    assert sorted(number_of(a.envelope) for a in receiver.arrivals[20:]) == [0, 4, 8]
    assert replay("--limit", "7", "--dry-run") == "would replay 7\n"


def test_a_terminal_sees_how_far_it_is(webhook):
    daemon, receiver = webhook()
    for number in range(5):
        daemon.accept(message(number, chat=number))
    receiver.wait(5)
    settled(daemon)
    master, slave = pty.openpty()
    r = subprocess.run([PROGRAM, "replay", "-c", daemon.ini, "-s", "out", "--since", "1h"], stderr=slave,
                       stdout=subprocess.PIPE, text=True, timeout=60)
    os.close(slave)
    seen = os.read(master, 65536).decode()
    os.close(master)
    assert r.stdout == "replayed 5\n" and "[####################] 100 %  5 events" in seen


def test_an_instance_that_there_is_not_is_refused_but_for_its_events(folder, make_receiver):
    receiver = make_receiver()
    daemon = ApiDaemon(folder, {"out": {"plugin": "webhook", "url": receiver.url}}).start()
    try:
        daemon.ok("POST", "/api/instance/new", {"name": "gone"}, status=201)
        daemon.accept(message(1), instance="gone")
        receiver.wait(1)
        settled(daemon)
        wait_for(lambda: daemon.command("replay", "-s", "out", "--since", "1h").stdout != "replayed 0\n")
        daemon.command("instance", "rm", "gone")

        def replay(name):
            return daemon.command("replay", "-s", "out", "--since", "1h", "--instance", name, check=False)
        for args in ([], ["--dry-run"]):
            r = daemon.command("replay", "-s", "out", "--since", "1h", "--instance", "nosuch", *args, check=False)
            assert (r.returncode, r.stdout) == (1, "")
            assert r.stderr == "hookswitch: --instance: there is none of that name, and no such event of one\n"
        assert replay("sales").stdout == "replayed 0\n"
        assert replay("gone").stdout == "replayed 1\n"
    finally:
        daemon.stop()


def test_a_sink_that_there_is_not_is_told_with_those_there_are(folder, make_receiver):
    receiver = make_receiver()
    daemon = ApiDaemon(folder, {"out": {"plugin": "webhook", "url": receiver.url}}).start()
    daemon.webhook("sales", "http://example.com/", label="crm")
    for args in (["dead", "list", "-s", "nosuch"], ["dead", "purge", "-a", "-s", "nosuch"],
                 ["dead", "replay", "-a", "-s", "nosuch"], ["dead", "list", "-s", "sales/nosuch"],
                 ["deliveries", "nosuch"], ["enable", "nosuch"], ["replay", "-s", "nosuch", "--since", "1h"]):
        r = daemon.command(*args, check=False)
        assert r.returncode == 1, args
        assert r.stderr == "hookswitch: sink: there is none of that name; there are: out, sales/crm\n", args
    for name in "out", "sales/crm":
        assert daemon.command("dead", "list", "-s", name).returncode == 0
    daemon.stop()


def test_webhooks_of_the_api_by_name_and_by_id(folder, make_receiver):
    receiver = make_receiver()
    daemon = ApiDaemon(folder).start()
    try:
        shop = daemon.ok("POST", "/api/instance/new", {"name": "shop"}, status=201)["instance"]
        daemon.webhook("shop", receiver.url, label="crm", events=["message.exchange"])
        for n in range(5):
            daemon.accept(message(n), instance="shop")
            daemon.accept(message(n), instance="sales")
        receiver.wait(5)
        settled(daemon, "shop/crm")
        for name in ("shop/crm", shop["id"] + "/crm"):
            rows = deliveries(daemon, name)
            assert [r["outcome"] for r in rows] == ["delivered"] * 5
        assert "would replay 5" in daemon.command(
            "replay", "--sink", "shop/crm", "--since", "1h", "--dry-run").stdout
        assert "replayed 5" in daemon.command("replay", "--sink", shop["id"] + "/crm", "--since", "1h").stdout
        receiver.wait(10)
        again = receiver.arrivals[5:]
        assert sorted(a.envelope["id"] for a in again) == sorted(a.envelope["id"] for a in receiver.arrivals[:5])
        assert all(a.headers["webhook-replay"] == "1" for a in again)
        assert {a.envelope["instanceData"]["instance"] for a in again} == {"shop"}
        for name in ("shop/other", "nobody/crm", "/crm", "shop/", "shop"):
            r = daemon.command("replay", "--sink", name, "--since", "1h", check=False)
            assert r.returncode == 1 and "there is none of that name" in r.stderr, name
            assert daemon.command("deliveries", name, check=False).returncode == 1
        daemon.webhook("shop", receiver.url, label="crm", enabled=False)
        r = daemon.command("replay", "--sink", "shop/crm", "--since", "1h", check=False)
        assert r.returncode == 1 and "there is none of that name" in r.stderr
    finally:
        daemon.stop()
