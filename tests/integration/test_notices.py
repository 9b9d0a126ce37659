# SPDX-License-Identifier: Apache-2.0
"""[server] notify_url: what the operator is told of sinks and of webhooks that the API made."""
import base64
import datetime
import hashlib
import hmac
import json
import threading
import time

import pytest
from api_rig import ApiDaemon
from rig import SLOW, message, wait_for, whole_lines

SECRET = "notice-SECRET-key-of-its-own"
DEADLINE_S = 10  # core/notice.c
DOWN = {"concurrency": 1, "failures_to_open": 2, "probe_interval": "50ms", "retry": "20ms, 20ms, 20ms"}


@pytest.fixture
def destination(make_receiver):
    return make_receiver()


@pytest.fixture
def start(make_daemon, operator, destination):
    def start(options=None, server="", **more):
        sinks = {"out": {"plugin": "webhook", "url": destination.url, **(options or {})}}
        return make_daemon(sinks, server=f"notify_url = {operator.url}\nnotify_secret = {SECRET}\n{server}", **more)
    return start


def metric(daemon, name):
    lines = daemon.request("GET", "/metrics")[2].decode().splitlines()
    return sum(int(line.split()[-1]) for line in lines if line.split(" ")[0] == name)


def notices(operator):
    return [json.loads(a.body) for a in operator.arrivals]


def types(operator):
    return [n["type"] for n in notices(operator)]


def test_circuit_opens_and_closes(start, operator, destination):
    destination.behave = lambda a, c: 503
    daemon = start(DOWN)
    daemon.accept(message(1))
    operator.wait(1)
    destination.behave = lambda a, c: 200
    operator.wait(2)
    opened, closed = notices(operator)
    assert [opened["type"], closed["type"]] == ["sink.circuit_opened", "sink.circuit_closed"]
    assert opened["data"]["sink"] == "out" and opened["data"]["api"] is False
    assert opened["data"]["plugin"] == "webhook" and opened["data"]["host"]
    assert opened["data"]["lastStatus"] == 503 and "503" in opened["data"]["lastError"]
    assert opened["data"]["failures"] == 2
    since = [datetime.datetime.fromisoformat(n["data"]["since"][:-1]) for n in (opened, closed)]
    assert abs(since[1] - since[0]) < datetime.timedelta(milliseconds=50)
    assert opened["timestamp"] <= closed["timestamp"]
    wait_for(lambda: metric(daemon, 'hookswitch_notices_total{result="sent"}') == 2)


def test_the_circuit_is_shown_by_status_and_metrics(start, destination):
    """Closed, open, one probe under way, closed."""
    answer = threading.Event()
    destination.behave = lambda a, c: 503
    daemon = start({**DOWN, "probe_interval": "3s", "timeout": "60s"})

    def shown():
        sink = daemon.sink("out")
        return (sink["circuit"], metric(daemon, 'hookswitch_sink_circuit{sink="out"}'),
                metric(daemon, 'hookswitch_sink_circuit_opened_total{sink="out"}'))

    def probe(arrival, connection):
        answer.wait(60)
        return 200
    assert shown() == ("closed", 0, 0)
    daemon.accept(message(1))
    wait_for(lambda: shown() == ("open", 2, 1), what="the open circuit is shown")
    assert metric(daemon, 'hookswitch_sink_retrying_events{sink="out"}') == 1
    destination.behave = probe
    wait_for(lambda: shown() == ("half-open", 1, 1), what="the probe is shown")
    row = next(line for line in daemon.command("status").stdout.splitlines() if line.startswith("out "))
    assert " half-open " in row
    answer.set()
    wait_for(lambda: shown() == ("closed", 0, 1), what="the circuit is closed")


def test_a_sink_that_is_gone_is_no_longer_shown_as_down(start, destination):
    destination.behave = lambda a, c: 503
    daemon = start(DOWN)
    daemon.accept(message(1))

    def gauges():
        return [metric(daemon, f'hookswitch_sink_{name}{{sink="out"}}')
                for name in ("circuit", "retrying_events", "lag_events", "concurrency")]
    wait_for(lambda: gauges()[0] == 2 and gauges()[3] > 0, what="the open circuit is shown")
    text = daemon.ini.read_text().replace("[sink out]", "[sink other]")
    daemon.write_ini(text)
    daemon.command("reload")
    assert gauges() == [0, 0, 0, 0]


def test_notices_are_signed(start, operator, destination):
    destination.behave = lambda a, c: 410
    start(DOWN).accept(message(1))
    operator.wait(1)
    arrival = operator.arrivals[0]
    head = arrival.headers
    assert head["content-type"] == "application/json"
    signed = f"{head['webhook-id']}.{head['webhook-timestamp']}.".encode() + arrival.body
    digest = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
    assert head["webhook-signature"] == "v1," + digest
    assert SECRET not in arrival.body.decode()


def test_410_is_told_once_and_counted(start, operator, destination):
    destination.behave = lambda a, c: 410
    daemon = start({"concurrency": 4, "ordering": "none"})
    for n in range(4):
        daemon.accept(message(n))
    operator.wait(1)
    assert types(operator) == ["sink.disabled"]
    assert notices(operator)[0]["data"]["lastStatus"] == 410
    assert metric(daemon, 'hookswitch_sink_disabled_total{sink="out"}') == 1
    wait_for(lambda: metric(daemon, 'hookswitch_notices_total{result="sent"}') == 1)


def test_disable_after_is_told(start, operator, destination):
    destination.behave = lambda a, c: 503
    start({**DOWN, "disable_after": "200ms"}).accept(message(1))
    operator.wait(2)
    assert types(operator) == ["sink.circuit_opened", "sink.disabled"]
    opened, disabled = notices(operator)
    assert disabled["data"]["since"] < disabled["timestamp"]


def test_webhook_of_the_api(folder, operator, destination):
    destination.behave = lambda a, c: 410
    daemon = ApiDaemon(folder, server=f"notify_url = {operator.url}").start()
    try:
        daemon.webhook("sales", destination.url, label="crm")
        daemon.accept(message(1))
        operator.wait(1)
        data = notices(operator)[0]["data"]
        assert (data["sink"], data["api"], data["lastStatus"]) == ("sales/crm", True, 410)
        assert "webhook-signature" not in operator.arrivals[0].headers
    finally:
        daemon.stop()


def test_a_notice_is_tried_again_with_the_same_id(start, operator, destination):
    operator.behave = lambda a, c: 500 if len(operator.arrivals) < 2 else 200
    destination.behave = lambda a, c: 410
    daemon = start()
    daemon.accept(message(1))
    operator.wait(2)
    first, second = operator.arrivals
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert second.at - first.at >= 0.9
    wait_for(lambda: metric(daemon, 'hookswitch_notices_total{result="sent"}') == 1)


def test_a_notice_may_be_refused_slowly(start, operator, destination):
    def refuse(arrival, connection):
        connection.sendall(b"HTTP/1.1 500 X\r\nContent-Length: 9\r\n\r\nso")
        time.sleep(0.2)
        connection.sendall(b" and so")
        return True
    operator.behave = refuse
    destination.behave = lambda a, c: 410
    daemon = start()
    daemon.accept(message(1))
    operator.wait(2)
    assert operator.arrivals[0].headers["webhook-id"] == operator.arrivals[1].headers["webhook-id"]
    assert "a notice failed and will be tried again" in daemon.log_text()


def test_a_notice_that_is_given_up_leaves_nothing_behind(start, operator, destination):
    """Neither what was the deadline of its attempt does anything, nor is the next one held up."""
    operator.behave = destination.behave = lambda a, c: 410
    daemon = start()
    daemon.accept(message(1))
    wait_for(lambda: metric(daemon, 'hookswitch_notices_total{result="failed"}') == 1)
    time.sleep(DEADLINE_S + 1)
    assert len(operator.arrivals) == 1
    operator.behave = lambda a, c: 200
    daemon.command("enable", "out")
    operator.wait(2)
    wait_for(lambda: metric(daemon, 'hookswitch_notices_total{result="sent"}') == 1)
    assert types(operator) == ["sink.disabled"] * 2


def test_an_operator_that_is_down_holds_nothing(start, operator, destination):
    """Sixty-four wait; further ones are dropped, logged and counted, and events go on."""
    operator.close()
    destination.behave = lambda a, c: 400
    daemon = start({"retry": "never", "drop_on": "400", "ordering": "none"}, server="notify_dead_letters = 1")
    for n in range(70):
        daemon.accept(message(n))
    wait_for(lambda: metric(daemon, 'hookswitch_notices_total{result="dropped"}') == 6)
    assert "a notice is lost" in daemon.log_text()
    destination.behave = lambda a, c: 200
    daemon.accept(message(100))
    wait_for(lambda: destination.numbers()[-1:] == [100])
    daemon.stop()
    assert "notices are lost by the stop notices=64" in daemon.log_text()


def test_dead_letters_are_told_by_the_number(start, operator, destination):
    destination.behave = lambda a, c: 400
    daemon = start({"drop_on": "400", "ordering": "none"}, server="notify_dead_letters = 3")
    for n in range(7):
        daemon.accept(message(n))
    operator.wait(2)
    wait_for(lambda: daemon.status()["dead"].get("out") == 7)
    assert types(operator) == ["sink.dead_letters"] * 2
    assert [n["data"]["deadLetters"] for n in notices(operator)] == [3, 6]


def test_lag_is_told_and_its_end(start, operator, destination):
    destination.behave = lambda a, c: 503
    daemon = start({**DOWN, "failures_to_open": 1}, server="notify_lag = 5")
    for n in range(8):
        daemon.accept(message(n))
    wait_for(lambda: "sink.lagging" in types(operator))
    lagging = [n for n in notices(operator) if n["type"] == "sink.lagging"]
    assert len(lagging) == 1 and lagging[0]["data"]["lag"] >= 5
    destination.behave = lambda a, c: 200
    wait_for(lambda: "sink.caught_up" in types(operator))


def test_without_notify_url_nobody_is_told(make_daemon, operator, destination):
    destination.behave = lambda a, c: 410
    daemon = make_daemon({"out": {"plugin": "webhook", "url": destination.url}})
    daemon.accept(message(1))
    wait_for(lambda: daemon.sink("out")["state"] == "disabled")
    assert operator.arrivals == []
    assert metric(daemon, 'hookswitch_sink_disabled_total{sink="out"}') == 1


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_circuit_that_was_open_when_the_last_run_ended_is_told_closed(end, start, operator, destination):
    destination.behave = lambda a, c: 503
    daemon = start({**DOWN, "probe_interval": "1h"})
    for n in range(3):
        daemon.accept(message(n, chat=n))
    operator.wait(1)
    wait_for(lambda: daemon.sink("out")["circuit"] == "open")
    time.sleep(0.3)
    getattr(daemon, end)()
    daemon.start()
    wait_for(lambda: daemon.sink("out")["state"] == "held")
    getattr(daemon, end)()
    destination.behave = lambda a, c: 200
    daemon.start()
    operator.wait(2)
    opened, closed = notices(operator)
    assert [opened["type"], closed["type"]] == ["sink.circuit_opened", "sink.circuit_closed"]
    assert closed["data"]["since"] == opened["data"]["since"]
    wait_for(lambda: daemon.sink("out")["retrying"] == 0)
    getattr(daemon, end)()
    daemon.start()
    daemon.accept(message(3))
    wait_for(lambda: daemon.sink("out")["delivered"] >= 1 and daemon.sink("out")["lag"] == 0)
    assert len(operator.arrivals) == 2


def test_a_circuit_is_told_closed_by_the_section_that_mends_it(make_daemon, operator, folder):
    """Also where no event was in retry: what sink-file cannot write waits in its place."""
    server = f"notify_url = {operator.url}\nnotify_lag = 2"
    daemon = make_daemon({"out": {"plugin": "file", "path": "/dev/full"}}, server=server)
    for n in range(3):
        daemon.accept(message(n))
    operator.wait(2)
    assert daemon.sink("out")["retrying"] == 0
    daemon.configure({"out": {"plugin": "file", "path": f"{folder}/out.ndjson"}}, server=server)
    daemon.command("reload")
    wait_for(lambda: len(whole_lines(f"{folder}/out.ndjson")) == 3, what="the events are written")
    operator.wait(4)
    assert sorted(types(operator)) == ["sink.caught_up", "sink.circuit_closed", "sink.circuit_opened", "sink.lagging"]
    since = {n["type"]: n["data"]["since"] for n in notices(operator)}
    assert since["sink.circuit_closed"] == since["sink.circuit_opened"]
    assert since["sink.caught_up"] == since["sink.lagging"]
    daemon.stop()
    daemon.start()
    assert daemon.sink("out")["circuit"] == "closed"


def test_a_changed_section_goes_on_with_the_circuit_open(start, operator, destination):
    destination.behave = lambda a, c: 503
    daemon = start({**DOWN, "probe_interval": "1h"})
    daemon.accept(message(1))
    operator.wait(1)
    attempts = len(destination.arrivals)
    daemon.configure({"out": {"plugin": "webhook", "url": destination.url, **DOWN, "probe_interval": "1h",
                              "disable_after": "1ms"}}, server=f"notify_url = {operator.url}\nnotify_secret = {SECRET}")
    daemon.command("reload")
    operator.wait(2)
    assert types(operator) == ["sink.circuit_opened", "sink.disabled"]
    assert len(destination.arrivals) == attempts + 1


def test_disable_after_counts_over_restarts(start, operator, destination):
    destination.behave = lambda a, c: 503
    disable_after = 3 * SLOW
    daemon = start({**DOWN, "disable_after": f"{disable_after}s", "probe_interval": "1h"})
    for n in range(3):
        daemon.accept(message(n, chat=n))
    operator.wait(1)
    opened = time.monotonic()
    for _ in range(2):
        daemon.stop()
        daemon.start()
        assert daemon.sink("out")["state"] != "disabled"
    time.sleep(max(0, opened + disable_after - time.monotonic()))
    daemon.stop()
    daemon.start()
    wait_for(lambda: daemon.sink("out")["state"] == "disabled", 5)
    operator.wait(2)
    assert types(operator) == ["sink.circuit_opened", "sink.disabled"]
