# SPDX-License-Identifier: Apache-2.0
"""What each answer of a receiver does to the event, by policy, retry_on and drop_on."""
import datetime
import json
import threading
import time

import pytest

from rig import message, wait_for

NO_ANSWER = 0
# Options of a sink that has one event and two attempts, the status it gets, and what becomes of the event: a dead
# letter after so many attempts; "settled"; "disabled": the destination is, and keeps the event.
CASES = [({}, status, "settled") for status in (200, 204, 299)] + [
    ({}, status, 2) for status in (302, 400, 404, 422, 429, 500, 503, NO_ANSWER)] + [
    ({}, 410, "disabled"),
    *(({"retry_on": "429, 5xx"}, status, end) for status, end in (
        (429, 2), (500, 2), (503, 2), (NO_ANSWER, 2), (302, 1), (404, 1), (422, 1), (410, "disabled"))),
    ({"retry_on": "410"}, 410, 2), ({"retry_on": "4xx"}, 422, 2),
    *(({"drop_on": "400, 5xx"}, status, end) for status, end in (
        (400, 1), (503, 1), (404, 2), (422, 2), (NO_ANSWER, 2), (410, "disabled"))),
    ({"drop_on": "3xx"}, 302, 1), ({"drop_on": "410"}, 410, 1),
    ({"policy": "standard-webhooks"}, 422, 2), ({"policy": "standard-webhooks"}, 410, "disabled"),
    *(({"policy": "eazewa"}, status, end) for status, end in (
        (302, "settled"), (404, "settled"), (410, "settled"), (500, "settled"), (NO_ANSWER, 2))),
    ({"policy": "eazewa", "retry_on": "5xx"}, 503, 2), ({"policy": "eazewa", "retry_on": "5xx"}, 404, "settled"),
    ({"policy": "eazewa", "drop_on": "400"}, 400, 1), ({"policy": "eazewa", "drop_on": "400"}, 500, "settled"),
]


def test_each_answer_does_what_the_options_say(target, make_daemon):
    def behave(arrival, connection):
        return int(arrival.path.rpartition("/")[2]) or None
    receiver, url, common = target(behave)
    daemon = make_daemon({
        f"s{i}": {**common, "url": f"{url}/{i}/{status}", "retry": "20ms", **options}
        for i, (options, status, _) in enumerate(CASES)})
    event_id = daemon.accept(message(1))["ids"][0]

    def attempts_of(i):
        return [a.attempt for a in list(receiver.arrivals) if a.path.startswith(f"/{i}/")]

    def dead():
        listed = daemon.command("dead", "list", "--json").stdout.splitlines()
        return {row["sink"]: row for row in map(json.loads, listed)}
    expected_dead = {f"s{i}" for i, (_, _, end) in enumerate(CASES) if isinstance(end, int)}
    expected_disabled = {f"s{i}" for i, (_, _, end) in enumerate(CASES) if end == "disabled"}
    wait_for(lambda: expected_dead <= dead().keys(), what="the dead letters")
    wait_for(lambda: all(s["inFlight"] == 0 and s["lag"] == (s["name"] in expected_disabled)
                         for s in daemon.status()["sinks"]), what="all is settled")
    sinks = {s["name"]: s for s in daemon.status()["sinks"]}
    letters = dead()
    assert letters.keys() == expected_dead
    for i, (options, status, end) in enumerate(CASES):
        sink, case = sinks[f"s{i}"], (options, status, end)
        assert (sink["state"] == "disabled") is (end == "disabled"), case
        if isinstance(end, int):
            letter = letters[f"s{i}"]
            assert (letter["id"], letter["attempts"], letter["status"]) == (event_id, end, status), case
            assert attempts_of(i) == list(range(1, end + 1)), case
        else:
            assert attempts_of(i) == [1], case
        assert (sink["delivered"] == 1) is (end == "settled"), case
        assert (sink["lag"] == 0) is (end != "disabled"), case


@pytest.mark.parametrize("timeout", ["60s", "400ms"])
def test_an_answer_that_stops_behind_its_head_counts_by_its_status(target, make_daemon, timeout):
    """An overloaded proxy, or one that means no good: it says the status, and then no more."""
    over = threading.Event()

    def behave(arrival, connection):
        status = arrival.path.rpartition("/")[2]
        connection.sendall(f"HTTP/1.1 {status} X\r\nRetry-After: 3600\r\nContent-Length: 9\r\n\r\nso".encode())
        over.wait(120)
    receiver, url, common = target(behave)
    common |= {"timeout": timeout, "retry": "20ms"}
    daemon = make_daemon({
        "gone": {**common, "url": f"{url}/410"}, "busy": {**common, "url": f"{url}/429"},
        "wrong": {**common, "url": f"{url}/422", "drop_on": "422"},
        "any": {**common, "url": f"{url}/500", "policy": "eazewa"}})
    try:
        daemon.accept(message(1))
        wait_for(lambda: all(s["inFlight"] == 0 and s.get("lastStatus", 0) or s["delivered"]
                             for s in daemon.status()["sinks"]), what="all have their answer")
        sinks = {s["name"]: s for s in daemon.status()["sinks"]}
        assert sinks["gone"]["state"] == "disabled"
        assert sinks["any"]["delivered"] == 1
        assert "HTTP 422: so" in daemon.command("dead", "list", "--sink", "wrong").stdout
        busy = json.loads(daemon.command("deliveries", "--json", "busy").stdout)
        assert (busy["status"], busy["error"]) == (429, "HTTP 429: so")
        due, at = (datetime.datetime.fromisoformat(busy[key][:-1]) for key in ("nextAt", "at"))
        assert due - at > datetime.timedelta(minutes=50)
        assert len(receiver.arrivals) == 4
    finally:
        over.set()


def test_a_trailer_says_nothing_of_the_answer(target, make_daemon):
    """Not that it was another one, nor when to come again."""
    def behave(arrival, connection):
        status = arrival.path.rpartition("/")[2]
        connection.sendall(f"HTTP/1.1 {status} X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n".encode())
        time.sleep(0.2)
        connection.sendall(b"0\r\nHTTP/1.1 500: no\r\nHTTP/1.1 200: OK\r\nRetry-After: 3600\r\n")
        time.sleep(3)
    receiver, url, common = target(behave)
    daemon = make_daemon({f"s{status}": {**common, "url": f"{url}/{status}", "retry": "20ms"} for status in (200, 500)})
    for number in 1, 2:
        daemon.accept(message(number))
        wait_for(lambda: (s := daemon.sink("s500"))["lag"] == s["retrying"] == s["inFlight"] == 0, what="it is dead")
        wait_for(lambda: daemon.sink("s200")["lag"] == 0, what="it is delivered")
    letters = [json.loads(line) for line in daemon.command("dead", "list", "--json").stdout.splitlines()]
    assert [(x["sink"], x["attempts"], x["status"]) for x in letters] == [("s500", 2, 500)] * 2
    assert sorted(a.path for a in receiver.arrivals) == ["/200"] * 2 + ["/500"] * 4
