# SPDX-License-Identifier: Apache-2.0
"""When failed deliveries are due again, by each policy and each form of `retry`, and what settles them."""
import datetime
import email.utils
import itertools
import json
import sqlite3
import time

from api_rig import ApiDaemon
from rig import message, wait_for

DAY = 86400
STANDARD = [5, 300, 1800, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, DAY]
# options of a sink: the waits in seconds, and whether the last one repeats
SCHEDULES = {
    "default": ({}, [1, 15, 240, 3600], False),
    "ryze": ({"policy": "ryze"}, [1, 15, 240, 3600], False),
    "eazewa": ({"policy": "eazewa", "retry_on": "4xx"}, [3], True),
    "standard": ({"policy": "standard-webhooks"}, STANDARD, False),
    "exponential": ({"retry": "exponential 1s..1h x5"}, [3600 ** (i / 4) for i in range(5)], False),
    "flat": ({"retry": "exponential 7m..7m x2"}, [420, 420], False),
    "list": ({"retry": "2s, 1m, 7d"}, [2, 60, 7 * DAY], False),
    "endless": ({"retry": "30s, 2h, forever"}, [30, 7200], True),
    "own": ({"policy": "standard-webhooks", "retry": "40s"}, [40], False),
    "never": ({"retry": "never"}, [], False),
}
JITTER = 0.1
ROUNDING_S = 0.05  # of the two clocks, and of milliseconds
AGAIN = 40         # attempts that an endless schedule is looked at after


def rows(daemon, sink):
    """What an operator sees of the sink's failed attempts, the oldest first."""
    text = daemon.command("deliveries", "--json", "--failed", sink).stdout
    return [json.loads(line) for line in text.splitlines()]


def rows_with(daemon, sink, numbers, skip=0):
    """The same, without the oldest ones, when each of these attempts is among them."""
    return wait_for(lambda: (r := rows(daemon, sink)[skip:]) and set(numbers) <= {x["attempt"] for x in r} and r,
                    what=f"attempts {numbers} of {sink}")


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def wait_of(row):
    """Seconds from the end of a failed attempt until the next one is due."""
    return instant(row["nextAt"]) - instant(row["at"])


def is_close(wait, step):
    return step * (1 - JITTER) - ROUNDING_S <= wait <= step * (1 + JITTER) + ROUNDING_S


def due_times(daemon):
    """{id of an event in retry: when it is due}, of the store"""
    with sqlite3.connect(f"file:{daemon.folder}/hookswitch.db?mode=ro", uri=True) as db:
        found = db.execute("select id, due_at from retries join events using (seq)").fetchall()
    return {f"evt_{bytes(id).hex()}": due / 1000 for id, due in found}


def wind_forward(daemon, attempts):
    """The retries of each sink: as if the first event had had one attempt, the second one two, ..., and all
    were due."""
    with sqlite3.connect(daemon.folder / "hookswitch.db") as db:
        for sink, wanted in attempts.items():
            found = db.execute("select destination, seq from retries join destinations on destination = id "
                               "where name = ? order by seq", (sink,)).fetchall()
            assert len(found) >= len(wanted), sink
            for (destination, seq), made in zip(found, wanted):
                db.execute("update retries set attempts = ?, due_at = 0 where destination = ? and seq = ?",
                           (made, destination, seq))


def test_schedules_are_those_of_the_policy_or_the_section(make_receiver, make_daemon):
    """Each event stands for one attempt of the schedule, so that nobody has to wait for a day."""
    receiver = make_receiver(lambda a, c: 422)  # about the event: it always counts
    common = {"plugin": "webhook", "url": receiver.url, "ordering": "none"}
    daemon = make_daemon({name: {**common, "retry": "1h"} for name in SCHEDULES})
    most = max(len(steps) for _, steps, _ in SCHEDULES.values())
    for n in range(most):
        daemon.accept(message(n, chat=n))
    wait_for(lambda: all(s["retrying"] == most and s["inFlight"] == 0 for s in daemon.status()["sinks"]))
    daemon.stop()
    wind_forward(daemon, {name: [*range(1, len(steps)), AGAIN if is_endless else len(steps)] if steps else []
                          for name, (_, steps, is_endless) in SCHEDULES.items()})
    daemon.configure({name: {**common, **options} for name, (options, _, _) in SCHEDULES.items()})
    daemon.start()
    daemon.accept(message(most, chat=most))
    for name, (_, steps, is_endless) in SCHEDULES.items():
        expected = dict(enumerate(steps, 1)) | ({AGAIN + 1: steps[-1]} if is_endless else {len(steps) + 1: None})
        for row in rows_with(daemon, name, expected, skip=most):
            step = expected.get(row["attempt"], steps[-1] if is_endless else None)
            assert ("nextAt" in row) is (step is not None), (name, row)
            assert step is None or is_close(wait_of(row), step), (name, row)
    dead = daemon.status()["dead"]
    assert {name: dead.get(name, 0) > 0 for name in SCHEDULES} == {
        name: not is_endless for name, (_, _, is_endless) in SCHEDULES.items()}


def test_waits_are_spread_and_what_is_shown_is_what_is_stored(webhook):
    daemon, _ = webhook(lambda a, c: 500, {"retry": "1000s", "failures_to_open": "1000000", "ordering": "none"})
    for n in range(60):
        daemon.accept(message(n, chat=n))
    wait_for(lambda: daemon.sink("out")["retrying"] == 60 and len(due_times(daemon)) == 60)
    shown = {row["id"]: row for row in rows(daemon, "out")}
    waits = sorted(wait_of(row) for row in shown.values())
    assert len(waits) == 60 and all(is_close(wait, 1000) for wait in waits), waits
    assert waits[0] < 950 and waits[-1] > 1050 and len(set(waits)) > 50, waits
    stored = due_times(daemon)
    assert all(abs(stored[id] - instant(row["nextAt"])) < ROUNDING_S for id, row in shown.items())
    table = daemon.command("deliveries", "out").stdout.splitlines()
    assert table[0].split()[-2:] == ["NEXT", "ANSWER"]
    assert sum(row["nextAt"] in line and row["id"] in line for line in table for row in shown.values()) == 60


def http_dates(at):
    """The three forms of RFC 9110 section 5.6.7."""
    t = time.gmtime(at)
    return {"date": email.utils.formatdate(at, usegmt=True), "rfc850": time.strftime("%A, %d-%b-%y %H:%M:%S GMT", t),
            "asctime": time.strftime("%a %b ", t) + f"{t.tm_mday:2} " + time.strftime("%H:%M:%S %Y", t)}


def test_retry_after_is_kept_within_its_bounds(target, make_daemon):
    """By the path of a sink's URL: what is asked for, the sink's options, and the wait that follows (from, to)."""
    now = time.time()
    cases = {
        "seconds": ("120", {}, (120, 120)),
        "more-than-an-hour": ("7200", {}, (3600, 3600)),
        "limit": ("120", {"retry_after_max": "90s"}, (90, 90)),
        "limit-raised": ("7200", {"retry_after_max": "3h"}, (7200, 7200)),
        "limit-of-dates": (http_dates(now + 7200)["date"], {"retry_after_max": "90s"}, (90, 90)),
        "not-asked": ("120", {"retry_after_max": "0s"}, (9, 11)),
        "less-than-the-schedule": ("3", {}, (9, 11)),
        "past": (http_dates(now - 600)["date"], {}, (9, 11)),
        "fraction": ("120.5", {}, (9, 11)), "zero": ("0", {}, (9, 11)), "empty": ("", {}, (9, 11)),
        "huge": ("9" * 40, {}, (3600, 3600)), "spaces": ("  120 \t", {}, (120, 120)), "sign": ("+120", {}, (9, 11)),
        "unit": ("120s", {}, (9, 11)), "hex": ("0x78", {}, (9, 11)), "list": ("120, 130", {}, (9, 11)),
        "twice": ("5\r\nRetry-After: 120", {}, (120, 120)), "then-a-word": ("120\r\nretry-after: soon", {}, (9, 11)),
        "word": ("soon", {}, (9, 11)),
        "negative": ("-5", {}, (9, 11)),
        "eazewa": ("120", {"policy": "eazewa", "retry_on": "4xx, 5xx", "retry": "10s"}, (120, 120)),
        **{name: (text, {}, (1200 - 60, 1200)) for name, text in http_dates(now + 1200).items()},
    }

    def behave(arrival, connection):
        status, _, case = arrival.path[1:].partition("/")
        connection.sendall(f"HTTP/1.1 {status} X\r\nRetry-After: {cases[case][0]}\r\nContent-Length: 0\r\n\r\n".encode())
        return True
    _, url, common = target(behave)
    statuses = dict(zip(cases, itertools.cycle((429, 503, 500, 422))))
    daemon = make_daemon({case: {**common, "url": f"{url}/{statuses[case]}/{case}", "retry": "10s, 10s", **options}
                          for case, (_, options, _) in cases.items()})
    daemon.accept(message(1))
    for case, (_, _, (low, high)) in cases.items():
        row = rows_with(daemon, case, [1])[0]
        assert row["status"] == statuses[case] and low - ROUNDING_S <= wait_of(row) <= high + ROUNDING_S, (case, row)


def test_webhooks_of_the_api_have_the_first_schedule_and_show_it(make_receiver, tmp_path):
    def behave(arrival, connection):
        asked = "Retry-After: 7200\r\n" if arrival.path == "/asks" else ""
        connection.sendall(f"HTTP/1.1 503 X\r\n{asked}Content-Length: 0\r\n\r\n".encode())
        return True
    receiver = make_receiver(behave)
    daemon = ApiDaemon(tmp_path).start()
    try:
        for label in "asks", "fails":
            daemon.webhook("sales", f"http://127.0.0.1:{receiver.port}/{label}", label=label)
        daemon.accept(message(1))
        for label, steps in (("asks", [3600]), ("fails", [1, 15])):
            made = wait_for(lambda: (r := daemon.ok("GET", f"/api/deliveries/sales?label={label}")["webhooks"][0][
                "deliveries"]) and len(r) == len(steps) and r, what=label)
            made.reverse()
            assert made == rows(daemon, f"sales/{label}")
            assert all(is_close(wait_of(row), step) for row, step in zip(made, steps)), made
    finally:
        daemon.stop()
